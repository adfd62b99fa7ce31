"""The work of layers, whoever computes them: multiply-adds, and the bytes that are read and written once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mnv2bench.case import Case
from mnv2bench.networks import IMAGE, Layer
from mnv2bench.precisions import named


@dataclass(frozen=True)
class Moved:
    """Bytes that are read or written once for the whole batch, at the case's precision."""

    activations: int
    weights: int  # with the biases that the network has
    folded_biases: int  # those that batch norm becomes where it is folded

    @property
    def bytes(self) -> int:
        return self.activations + self.weights + self.folded_biases


def madds(layers: Iterable[Layer], case: Case) -> int:
    """Multiply-adds of these layers for the whole batch."""
    return case.batch * sum(layer.madds for layer in layers)


def madds_of_pixels(layer: Layer) -> int:
    """Multiply-adds of a layer for one image without those of the zeros around it, which nobody has to compute."""
    if not layer.madds:
        return 0
    inside = every = 1
    for axis in (0, 1):
        start, stride, kernel = -layer.pads[axis][0], layer.stride[axis], layer.kernel[axis]
        starts = range(start, start + stride * layer.out_size[axis], stride)
        inside *= sum(max(0, min(start + kernel, layer.in_size[axis]) - max(start, 0)) for start in starts)
        every *= kernel * layer.out_size[axis]
    return layer.madds * inside // every


def moved(layers: Sequence[Layer], computed: Sequence[Layer], case: Case, net: Sequence[Layer]) -> Moved:
    """What one operator moves that works on these layers of `net` and does the own work of those in `computed`.

    Its activations are the tensors from outside of these layers, and the last result. Where another operator computed
    the first layer, that layer's result is an input too.
    """
    if not layers:
        return Moved(0, 0, 0)
    sizes = {IMAGE: net[0].in_elements} | {layer.name: layer.out_elements for layer in net}
    inside = {layer.name for layer in layers}
    outside = dict.fromkeys(source for layer in computed for source in layer.inputs if source not in inside)
    elements = sum(sizes[source] for source in outside) + layers[-1].out_elements
    if layers[0] not in computed:
        elements += layers[0].out_elements
    size = named(case.precision).element_bytes
    return Moved(
        activations=size * case.batch * elements,
        weights=size * sum(layer.params for layer in computed),
        folded_biases=size * sum(layer.bn_params // 2 for layer in computed),
    )
