"""What follows from the layers of a network: multiply-adds, parameters and activation memory."""

from collections.abc import Callable, Sequence

from msgspec import Struct

from mnv2bench.networks.layer import IMAGE, Layer

FP32_BYTES = 4


class Count(Struct, frozen=True):
    """Totals of one image in fp32; batch norm's running statistics are buffers and are not counted anywhere.

    `madds`: conv and linear layers only. `params`: with batch norm's weight and bias. `weight_bytes`: of all `params`.
    `peak_in_out_bytes`: input plus output of the largest conv or linear layer, its batch norm and activation folded.
    """

    madds: int
    params: int
    params_without_bn: int
    largest_tensor_bytes: int
    peak_in_out_bytes: int
    weight_bytes: int


def count(layers: Sequence[Layer]) -> Count:
    """Multiply-adds, parameters and memory of one image."""
    params_without_bn = sum(layer.params for layer in layers)
    params = params_without_bn + sum(layer.bn_params for layer in layers)
    return Count(
        madds=sum(layer.madds for layer in layers),
        params=params,
        params_without_bn=params_without_bn,
        largest_tensor_bytes=FP32_BYTES * max(max(layer.in_elements, layer.out_elements) for layer in layers),
        peak_in_out_bytes=FP32_BYTES
        * max((layer.in_elements + layer.out_elements for layer in layers if layer.madds), default=0),
        weight_bytes=FP32_BYTES * params,
    )


class TorchinfoTotals(Struct, frozen=True):
    """What `torchinfo.summary` prints for one fp32 image."""

    mult_adds: int
    input_bytes: int
    forward_backward_bytes: int
    params_bytes: int

    @property
    def total_bytes(self) -> int:
        return self.input_bytes + self.forward_backward_bytes + self.params_bytes


def torchinfo_totals(layers: Sequence[Layer]) -> TorchinfoTotals:
    """The same layers by torchinfo's rules, which also count what `count` leaves out.

    Batch norm's parameters and the classifier's bias count as one multiply-add each; batch norm's output is a tensor
    of its own; every output counts twice, for the backward pass that inference never makes.
    """
    outputs = sum(layer.out_elements * (bool(layer.params) + bool(layer.bn_params)) for layer in layers)
    return TorchinfoTotals(
        mult_adds=sum(layer.madds + layer.bn_params + layer.bias for layer in layers),
        input_bytes=FP32_BYTES * layers[0].in_elements,
        forward_backward_bytes=2 * FP32_BYTES * outputs,
        params_bytes=FP32_BYTES * sum(layer.params + layer.bn_params for layer in layers),
    )


class Live(Struct, frozen=True):
    """Bytes of fp32 that are alive while one layer computes one image; batch norm and activation are folded into it.

    `read` is the layer's inputs; `written` its output; `held` the earlier tensors that it does not read and that a
    later layer does, such as the input of a block with a residual until the add. Weights are not counted.
    """

    layer: str
    read: int
    written: int
    held: int

    @property
    def op(self) -> int:
        """Input and output of the operation."""
        return self.read + self.written

    @property
    def live(self) -> int:
        return self.op + self.held


class Peak(Struct, frozen=True):
    """The highest number of bytes, and the first layer that has it."""

    layer: str
    bytes: int


class Peaks(Struct, frozen=True):
    """Of the largest tensor, of the input and output of one operation, and of all that is alive during one.

    A tensor goes by the layer that writes it; the image, which none does, by the one that reads it.
    """

    tensor: Peak
    op: Peak
    live: Peak


def activations(layers: Sequence[Layer]) -> tuple[Live, ...]:
    """Activation memory of each layer, in the order in which they run."""
    last_reader = {source: place for place, layer in enumerate(layers) for source in layer.inputs}
    sizes = {IMAGE: FP32_BYTES * layers[0].in_elements}
    along = []
    for place, layer in enumerate(layers):
        read = sum(sizes[source] for source in dict.fromkeys(layer.inputs))
        held = [name for name in sizes if name not in layer.inputs and last_reader.get(name, -1) > place]
        written = FP32_BYTES * layer.out_elements
        along.append(Live(layer.name, read, written, sum(sizes[name] for name in held)))
        sizes[layer.name] = written
    return tuple(along)


def peaks(along: Sequence[Live]) -> Peaks:
    """The highest values of a whole network."""
    written = _highest(along, lambda live: live.written)
    image = Peak(along[0].layer, along[0].read)
    tensor = written if written.bytes >= image.bytes else image
    return Peaks(tensor, _highest(along, lambda live: live.op), _highest(along, lambda live: live.live))


def _highest(along: Sequence[Live], size: Callable[[Live], int]) -> Peak:
    highest = max(along, key=size)
    return Peak(highest.layer, size(highest))
