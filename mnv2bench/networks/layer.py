"""A layer of a network as data, and what the layers of one are together: blocks, roles, module paths, tensors."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import Literal

from msgspec import Struct

from mnv2bench.networks.shapes import Sides

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
ACTIVATIONS: dict[Activation, str] = {  # as pages name them; families have the first two alone
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
Pool = Literal["", "average", "max"]
Pads = tuple[Sides, Sides]  # of the height and of the width: zeros before and after


class Layer(Struct, frozen=True):
    """One layer for one image; sizes are height and width, elements are counted without the batch.

    `name` is BLOCK.ROLE, such as unit3.squeeze, or one word for a layer that is a block of its own. With an `operator`
    it is a path in a foreign network, whose block ends with the path's first numbers: features.3 of
    features.3.conv.0.0. `inputs` are the names of earlier layers, or IMAGE. `in_channels` is that of one input where
    the layer adds, and the sum of all where it concatenates. `pads` are the zeros before and after each column, and
    before and after each row. An average pool counts them where `counts_pads`. `norm` and `activation` are the batch
    norm and the activation that follow the layer and belong to it.

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
