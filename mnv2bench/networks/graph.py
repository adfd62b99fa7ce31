"""A network's layers as data, and what follows from them: multiply-adds, parameters and activation memory."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Literal

from msgspec import Struct

from mnv2bench.networks.shapes import ImageShape, Sides

FP32_BYTES = 4
ACTIVATIONS = {  # as pages name them; families have the first two alone
    "relu": "ReLU",
    "relu6": "ReLU6",
    "clip": "Clip",
    "elu": "ELU",
    "gelu": "GELU",
    "hardsigmoid": "Hardsigmoid",
    "hardswish": "Hardswish",
    "leaky_relu": "LeakyReLU",
    "mish": "Mish",
    "prelu": "PReLU",
    "sigmoid": "Sigmoid",
    "silu": "SiLU",
    "softplus": "Softplus",
    "tanh": "Tanh",
}
IMAGE = "image"  # stands among a layer's inputs for the network's own input
NORM = ("weight", "bias", "running_mean", "running_var")  # tensors of a batch norm with a value for each channel
NORM_EPS = 1e-5  # torch's default
BATCHES_TRACKED = "num_batches_tracked"  # of a batch norm: how many batches it was trained on; it changes no output

NO_PADS = ((0, 0), (0, 0))
NUMBERED_PATH = re.compile(r"(.*?\.\d+(?:\.\d+)*)\.(.+)")  # blocks.1.0 and conv_pw; features.3 and conv.0.0

LayerType = Literal[
    "conv", "depthwise", "transposed", "linear", "matmul", "add", "concat", "shuffle", "pool", "activation", "other"
]
WITH_WEIGHTS = ("conv", "depthwise", "transposed", "linear")
Activation = Literal[
    "",
    "relu",
    "relu6",
    "clip",
    "elu",
    "gelu",
    "hardsigmoid",
    "hardswish",
    "leaky_relu",
    "mish",
    "prelu",
    "sigmoid",
    "silu",
    "softplus",
    "tanh",
]
Pool = Literal["", "average", "max"]
Pads = tuple[Sides, Sides]  # of the height and of the width: zeros before and after


class Layer(Struct, frozen=True):
    """One layer for one image; sizes are height and width, elements are counted without the batch.

    `name` is BLOCK.ROLE, such as unit3.squeeze, or one word for a layer that is a block of its own. With an `operator`
    it is a path in a foreign network, whose block ends with the path's first numbers: features.3 of
    features.3.conv.0.0. `inputs` are the
    names of earlier layers, or IMAGE. `in_channels` is that of one input where the layer adds, and the sum of all where
    it concatenates. `pads` are the zeros before and after each column, and before and after each row. An average pool
    counts them where `counts_pads`. `norm` and `activation` are the batch norm and the activation that follow the layer
    and belong to it.

    A linear layer of several positions has them as its size, and so has a matmul, whose two inputs both come from
    images: (rows, 1). `operator` is what the source of a network calls the layer, where no family declares it: "" else.
    A layer of the type other computes anything else, and has no multiply-adds. `further_params` are the learned numbers
    that are no weights, no bias and none of a batch norm, such as those of a layer norm. `norm_eps` is what the batch
    norm adds to the variance. `shared_role` is the role where several layers of a block have one.

    `modules` are its paths in exports, in the order in which they run: of the dropout before it, of itself, of its
    batch norm and of its activation, as far as it has them. A layer without a module of its own, such as an add, has
    the path of the module whose forward computes it; "" is the whole network.
    """

    name: str
    type: LayerType
    inputs: tuple[str, ...]
    in_channels: int
    out_channels: int
    in_size: Sides
    out_size: Sides
    kernel: Sides = (1, 1)
    stride: Sides = (1, 1)
    pads: Pads = NO_PADS
    groups: int = 1
    has_bias: bool = False
    norm: bool = False
    activation: Activation = ""
    pool: Pool = ""
    dropout: float = 0.0
    modules: tuple[str, ...] = ()
    counts_pads: bool = True
    operator: str = ""
    further_params: int = 0
    norm_eps: float = NORM_EPS
    shared_role: str = ""

    @property
    def block(self) -> str:
        """What it is a part of: unit3 of unit3.squeeze; a layer without a block is its own."""
        return self._parts[0] or self.name

    @property
    def role(self) -> str:
        """Its part in its block: squeeze of unit3.squeeze. Layers of one role are summed in tables of profiles."""
        return self.shared_role or self._parts[1]

    @property
    def _parts(self) -> tuple[str, str]:
        numbered = NUMBERED_PATH.fullmatch(self.name) if self.operator else None
        if numbered:
            return numbered[1], numbered[2]
        block, _, role = self.name.rpartition(".")
        return block, role

    @property
    def weights(self) -> int:
        if self.type not in WITH_WEIGHTS:
            return 0
        return self.in_channels * self.out_channels // self.groups * area(self.kernel)

    @property
    def bias(self) -> int:
        """Elements of the bias: batch norm does its work where there is one."""
        return self.out_channels if self.has_bias else 0

    @property
    def madds(self) -> int:
        if self.type == "matmul":
            return self.in_channels * self.out_elements
        return self.weights * area(self.in_size if self.type == "transposed" else self.out_size)

    @property
    def params(self) -> int:
        return self.weights + self.bias + self.further_params

    @property
    def bn_params(self) -> int:
        """Weight and bias of the batch norm that follows the layer."""
        return 2 * self.out_channels if self.norm else 0

    @property
    def in_elements(self) -> int:
        """Elements of the input; of one of the inputs where the layer adds."""
        return self.in_channels * area(self.in_size)

    @property
    def out_elements(self) -> int:
        return self.out_channels * area(self.out_size)


def area(sides: Sides) -> int:
    """The number of pixels."""
    return sides[0] * sides[1]


class Graph:
    """A list of layers that grows by one with each call; sizes and channels follow from the inputs.

    Each method returns the name of the new layer, to be an input of later ones.
    """

    def __init__(self, image: ImageShape, norm_eps: float = NORM_EPS) -> None:
        self.layers: list[Layer] = []
        self._norm_eps = norm_eps
        self._shapes = {IMAGE: (image.channels, image.sides)}

    def conv(
        self,
        name: str,
        source: str,
        channels: int,
        kernel: int = 1,
        stride: int = 1,
        *,
        groups: int = 1,
        pads: Sides | Literal["same"] | None = None,
        norm: bool = True,
        bias: bool | None = None,
        activation: Activation = "",
        modules: tuple[str, ...] = (),
    ) -> str:
        """A convolution, with batch norm instead of a bias unless `norm` is False; padded by half a kernel.

        `pads` are the zeros before and after each row and column, or "same" for those of TensorFlow's SAME. `bias` says
        whether there is one, where that is not so.
        """
        inputs, size = self._shapes[source]
        padding = _pads(size, kernel, stride, (kernel // 2, kernel // 2) if pads is None else pads)
        layer_type: LayerType = "depthwise" if groups == inputs == channels else "conv"
        return self._append(
            Layer(
                name,
                layer_type,
                (source,),
                inputs,
                channels,
                size,
                _out_size(size, kernel, stride, padding),
                (kernel, kernel),
                (stride, stride),
                padding,
                groups,
                has_bias=not norm if bias is None else bias,
                norm=norm,
                activation=activation,
                modules=modules,
                norm_eps=self._norm_eps,
            )
        )

    def depthwise(
        self,
        name: str,
        source: str,
        kernel: int,
        stride: int = 1,
        *,
        pads: Sides | Literal["same"] | None = None,
        norm: bool = True,
        bias: bool | None = None,
        activation: Activation = "",
        modules: tuple[str, ...] = (),
    ) -> str:
        """A convolution of each channel by itself, with batch norm unless `norm` is False."""
        channels, _ = self._shapes[source]
        return self.conv(
            *(name, source, channels, kernel, stride),
            groups=channels,
            pads=pads,
            norm=norm,
            bias=bias,
            activation=activation,
            modules=modules,
        )

    def linear(
        self, name: str, source: str, channels: int, *, dropout: float = 0.0, modules: tuple[str, ...] = ()
    ) -> str:
        inputs, size = self._shapes[source]
        return self._append(
            Layer(
                name, "linear", (source,), inputs, channels, size, size, has_bias=True, dropout=dropout, modules=modules
            )
        )

    def add(
        self, name: str, sources: Sequence[str], *, activation: Activation = "", modules: tuple[str, ...] = ()
    ) -> str:
        channels, size = self._shapes[sources[0]]
        return self._append(
            Layer(name, "add", tuple(sources), channels, channels, size, size, activation=activation, modules=modules)
        )

    def concat(
        self,
        name: str,
        sources: Sequence[str],
        *,
        norm: bool = False,
        activation: Activation = "",
        modules: tuple[str, ...] = (),
    ) -> str:
        """The channels of all inputs, in their order; with `norm` a batch norm of them all."""
        size = self._shapes[sources[0]][1]
        channels = sum(self._shapes[source][0] for source in sources)
        return self._append(
            Layer(
                name,
                "concat",
                tuple(sources),
                channels,
                channels,
                size,
                size,
                norm=norm,
                activation=activation,
                modules=modules,
                norm_eps=self._norm_eps,
            )
        )

    def shuffle(self, name: str, source: str, groups: int, *, modules: tuple[str, ...] = ()) -> str:
        """The same channels in the order that takes one of each group in turn."""
        channels, size = self._shapes[source]
        return self._append(
            Layer(name, "shuffle", (source,), channels, channels, size, size, groups=groups, modules=modules)
        )

    def activate(self, name: str, source: str, activation: Activation, *, modules: tuple[str, ...] = ()) -> str:
        """An activation that no other layer owns, such as one before a convolution."""
        channels, size = self._shapes[source]
        return self._append(
            Layer(name, "activation", (source,), channels, channels, size, size, activation=activation, modules=modules)
        )

    def pool(
        self,
        name: str,
        source: str,
        pool: Pool = "average",
        kernel: int = 0,
        stride: int = 1,
        *,
        pads: Sides | Literal["same"] = (0, 0),
        counts_pads: bool = True,
        modules: tuple[str, ...] = (),
    ) -> str:
        """Of the whole image where no kernel is named. Padded zeros count in an average where `counts_pads`."""
        channels, size = self._shapes[source]
        if not kernel:
            return self._append(
                Layer(name, "pool", (source,), channels, channels, size, (1, 1), size, pool=pool, modules=modules)
            )
        padding = _pads(size, kernel, stride, pads)
        out_size = _out_size(size, kernel, stride, padding)
        return self._append(
            Layer(
                name,
                "pool",
                (source,),
                channels,
                channels,
                size,
                out_size,
                (kernel, kernel),
                (stride, stride),
                padding,
                pool=pool,
                modules=modules,
                counts_pads=counts_pads,
            )
        )

    def _append(self, layer: Layer) -> str:
        if layer.name in self._shapes:
            raise ValueError(f"two layers are called {layer.name}: give each a name of its own")
        self._shapes[layer.name] = (layer.out_channels, layer.out_size)
        self.layers.append(layer)
        return layer.name


def _pads(size: Sides, kernel: int, stride: int, pads: Sides | Literal["same"]) -> Pads:
    """The zeros before and after each column and each row."""
    if pads != "same":
        return pads, pads
    return same(size[0], kernel, stride), same(size[1], kernel, stride)


def same(side: int, kernel: int, stride: int) -> Sides:
    """As TensorFlow's SAME pads: where the number is odd, one more at the end."""
    total = max(0, (-(-side // stride) - 1) * stride + kernel - side)
    return total // 2, total - total // 2


def _out_size(size: Sides, kernel: int, stride: int, pads: Pads) -> Sides:
    height, width = ((side + sum(zeros) - kernel) // stride + 1 for side, zeros in zip(size, pads, strict=True))
    return height, width


def blocks(layers: Sequence[Layer]) -> tuple[str, ...]:
    """The blocks in the order in which they run."""
    return tuple(dict.fromkeys(layer.block for layer in layers))


def roles(layers: Sequence[Layer]) -> tuple[str, ...]:
    """The roles in the order in which they run within a block; a role that only later blocks have is among them."""
    order: list[str] = []
    for _, block in groupby(layers, key=lambda layer: layer.block):
        names = [layer.role for layer in block]
        for place, role in enumerate(names):
            if role not in order:
                later = [order.index(name) for name in names[place + 1 :] if name in order]
                order.insert(min(later, default=len(order)), role)
    return tuple(order)


def folded(layers: Sequence[Layer]) -> str:
    """What these counts take as parts of the layers before, in words: batch norm and ReLU6."""
    names = dict.fromkeys(ACTIVATIONS[layer.activation] for layer in layers if layer.activation)
    return " and ".join(["batch norm", *names])


def module_layers(layers: Sequence[Layer]) -> dict[str, str]:
    """The layer of each module path: a layer's own paths, and those that hold modules of that layer alone.

    A path that two layers name is the path of neither.
    """
    paths = Counter(path for layer in layers for path in layer.modules)
    owners = {path: layer.name for layer in layers for path in layer.modules if paths[path] == 1}
    inside: dict[str, set[str]] = {}
    for layer in layers:
        for path in layer.modules:
            parts = path.split(".")
            for length in range(1, len(parts)):
                inside.setdefault(".".join(parts[:length]), set()).add(layer.name)
    for path, names in inside.items():
        if len(names) == 1 and path not in paths:
            owners.setdefault(path, *names)
    return owners


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


def state_shapes(layers: Sequence[Layer]) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor in the network's state dict by its name, in the order in which the layers run."""
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in layers:
        if layer.type not in WITH_WEIGHTS and not layer.norm:
            continue
        own, *others = layer.modules[1:] if layer.dropout else layer.modules
        if layer.type in WITH_WEIGHTS:
            kernel = () if layer.type == "linear" else layer.kernel
            shapes[f"{own}.weight"] = (layer.out_channels, layer.in_channels // layer.groups, *kernel)
        if layer.has_bias:
            shapes[f"{own}.bias"] = (layer.out_channels,)
        if layer.norm:
            shapes |= {f"{others[0]}.{part}": (layer.out_channels,) for part in NORM}
            shapes[f"{others[0]}.{BATCHES_TRACKED}"] = ()
    return shapes
