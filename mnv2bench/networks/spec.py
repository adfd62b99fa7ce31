"""The paper's network as data: its layers, multiply-adds, parameters and activation memory, without torch."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

FP32_BYTES = 4

MAX_WIDTH = 10
MIN_RESOLUTION, MAX_RESOLUTION = 32, 4096  # below 32 the five strides leave less than one pixel


class Row(NamedTuple):
    """One bottleneck row of Table 2: n blocks of c channels, expanded t times, the first with stride s."""

    t: int
    c: int
    n: int
    s: int


# arXiv:1801.04381, Table 2, as printed.
STEM_CHANNELS = 32
ROWS = (
    Row(t=1, c=16, n=1, s=1),
    Row(t=6, c=24, n=2, s=2),
    Row(t=6, c=32, n=3, s=2),
    Row(t=6, c=64, n=4, s=2),
    Row(t=6, c=96, n=3, s=1),
    Row(t=6, c=160, n=3, s=2),
    Row(t=6, c=320, n=1, s=1),
)
HEAD_CHANNELS = 1280


def make_divisible(channels: float, divisor: int = 8) -> int:
    """The nearest multiple of `divisor`, at least one of them and never below 90 % of `channels`."""
    nearest = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return nearest if nearest >= 0.9 * channels else nearest + divisor


@dataclass(frozen=True)
class Spec:
    """How a family of networks reads Table 2 at widths other than 1.0."""

    round_channels: Callable[[float], int]
    head_shrinks: bool  # the paper shrinks every layer but the last convolution
    expands_at_t1: bool  # an expansion conv that expands nothing, in block 0


SPECS = {
    "mobilenet_v2": Spec(make_divisible, head_shrinks=False, expands_at_t1=False),
    "mobilenet_v2_article": Spec(int, head_shrinks=True, expands_at_t1=True),
}


@dataclass(frozen=True)
class Layer:
    """One layer for one image; sizes are side lengths, elements are counted without the batch."""

    name: str
    kind: Literal["conv", "depthwise", "add", "pool", "linear"]
    in_channels: int
    out_channels: int
    kernel: int
    stride: int
    in_size: int
    out_size: int
    relu: bool = False

    @property
    def block(self) -> str:
        """What it is a part of: block3 of block3.expand; stem, head, pool and classifier are their own."""
        return self.name.partition(".")[0]

    @property
    def weights(self) -> int:
        match self.kind:
            case "conv":
                return self.in_channels * self.out_channels * self.kernel**2
            case "depthwise":
                return self.out_channels * self.kernel**2
            case "linear":
                return self.in_channels * self.out_channels
            case _:
                return 0

    @property
    def bias(self) -> int:
        """Elements of the bias: only the classifier has one, elsewhere batch norm does its work."""
        return self.out_channels if self.kind == "linear" else 0

    @property
    def madds(self) -> int:
        return self.weights * self.out_size**2

    @property
    def params(self) -> int:
        return self.weights + self.bias

    @property
    def bn_params(self) -> int:
        """Weight and bias of the batch norm that follows every convolution."""
        return 2 * self.out_channels if self.kind in ("conv", "depthwise") else 0

    @property
    def in_elements(self) -> int:
        """Elements of the input; of one of the two inputs where the layer adds."""
        return self.in_channels * self.in_size**2

    @property
    def out_elements(self) -> int:
        return self.out_channels * self.out_size**2


@dataclass(frozen=True)
class Count:
    """Totals of one image in fp32; batch norm's running statistics are buffers and are not counted anywhere.

    `madds`: conv and linear layers only. `params`: with batch norm's weight and bias. `weight_bytes`: of all `params`.
    `peak_in_out_bytes`: input plus output of the hungriest conv or linear layer, batch norm and ReLU6 folded into it.
    """

    madds: int
    params: int
    params_without_bn: int
    largest_tensor_bytes: int
    peak_in_out_bytes: int
    weight_bytes: int


@dataclass(frozen=True)
class TorchinfoTotals:
    """What `torchinfo.summary` prints for one fp32 image."""

    mult_adds: int
    input_bytes: int
    forward_backward_bytes: int
    params_bytes: int

    @property
    def total_bytes(self) -> int:
        return self.input_bytes + self.forward_backward_bytes + self.params_bytes


def check(network: str, width: float, resolution: int) -> None:
    """Raises ValueError, in one line, where the network cannot be built."""
    if network not in SPECS:
        raise ValueError(f"unknown network {network!r}; known networks: {', '.join(SPECS)}")
    if isinstance(width, bool) or not isinstance(width, int | float) or not 0 < width <= MAX_WIDTH:
        raise ValueError(f"width must be a number above 0 and at most {MAX_WIDTH}, such as 1.0, not {width!r}")
    narrowest = min(STEM_CHANNELS, *(row.c for row in ROWS))
    if SPECS[network].round_channels(narrowest * width) < 1:
        raise ValueError(f"width {width!r} leaves {network} a layer without channels; use at least {1 / narrowest}")
    if (
        isinstance(resolution, bool)
        or not isinstance(resolution, int)
        or not MIN_RESOLUTION <= resolution <= MAX_RESOLUTION
    ):
        raise ValueError(
            f"resolution must be a whole number from {MIN_RESOLUTION} to {MAX_RESOLUTION}, such as 224, "
            f"not {resolution!r}"
        )


def layers(network: str, width: float, resolution: int, classes: int = 1000) -> tuple[Layer, ...]:
    """The network in the order it runs: stem, block0.expand ... block16.add, head, pool, classifier."""
    check(network, width, resolution)
    if classes < 1:
        raise ValueError(f"classes must be at least 1, not {classes!r}")
    return tuple(_layers(SPECS[network], width, resolution, classes))


def _layers(spec: Spec, width: float, resolution: int, classes: int) -> Iterator[Layer]:
    channels, size = spec.round_channels(STEM_CHANNELS * width), _strided(resolution, 2)
    yield Layer("stem", "conv", 3, channels, 3, 2, resolution, size, relu=True)
    blocks = [(row.t, row.c, row.s if first else 1) for row in ROWS for first in [True] + [False] * (row.n - 1)]
    for index, (t, c, stride) in enumerate(blocks):
        block = _block(spec, f"block{index}", t, channels, spec.round_channels(c * width), stride, size)
        yield from block
        channels, size = block[-1].out_channels, block[-1].out_size
    head = spec.round_channels(HEAD_CHANNELS * (width if spec.head_shrinks else max(1.0, width)))
    yield Layer("head", "conv", channels, head, 1, 1, size, size, relu=True)
    yield Layer("pool", "pool", head, head, size, 1, size, 1)
    yield Layer("classifier", "linear", head, classes, 1, 1, 1, 1)


def _block(spec: Spec, name: str, t: int, inputs: int, outputs: int, stride: int, size: int) -> list[Layer]:
    """An inverted residual with a linear bottleneck (the paper's section 3.4, figure 4d)."""
    hidden, out_size = t * inputs, _strided(size, stride)
    block = []
    if t > 1 or spec.expands_at_t1:
        block.append(Layer(f"{name}.expand", "conv", inputs, hidden, 1, 1, size, size, relu=True))
    block.append(Layer(f"{name}.depthwise", "depthwise", hidden, hidden, 3, stride, size, out_size, relu=True))
    block.append(Layer(f"{name}.project", "conv", hidden, outputs, 1, 1, out_size, out_size))
    if stride == 1 and inputs == outputs:
        block.append(Layer(f"{name}.add", "add", outputs, outputs, 1, 1, out_size, out_size))
    return block


def _strided(size: int, stride: int) -> int:
    return math.ceil(size / stride)


@lru_cache(maxsize=None, typed=True)  # typed: True is no width, though it equals 1.0
def count(network: str, width: float, resolution: int, classes: int = 1000) -> Count:
    """Multiply-adds, parameters and memory of one image.

    `madds` truncated to millions equals every official row of paper/mobilenet_v2_published.csv, and so does
    `params_without_bn` at 1001 classes truncated to two decimals of a million.
    """
    all_layers = layers(network, width, resolution, classes)
    params_without_bn = sum(layer.params for layer in all_layers)
    params = params_without_bn + sum(layer.bn_params for layer in all_layers)
    return Count(
        madds=sum(layer.madds for layer in all_layers),
        params=params,
        params_without_bn=params_without_bn,
        largest_tensor_bytes=FP32_BYTES * max(max(layer.in_elements, layer.out_elements) for layer in all_layers),
        peak_in_out_bytes=FP32_BYTES
        * max(layer.in_elements + layer.out_elements for layer in all_layers if layer.params),
        weight_bytes=FP32_BYTES * params,
    )


def torchinfo_totals(network: str, width: float, resolution: int) -> TorchinfoTotals:
    """The same network by torchinfo's rules, which also count what `count` leaves out.

    Batch norm's parameters and the classifier's bias count as one multiply-add each; batch norm's output is a tensor
    of its own; every output counts twice, for the backward pass that inference never makes.
    """
    all_layers = layers(network, width, resolution)
    outputs = sum(layer.out_elements * (2 if layer.bn_params else 1) for layer in all_layers if layer.params)
    return TorchinfoTotals(
        mult_adds=sum(layer.madds + layer.bn_params + layer.bias for layer in all_layers),
        input_bytes=FP32_BYTES * all_layers[0].in_elements,
        forward_backward_bytes=2 * FP32_BYTES * outputs,
        params_bytes=FP32_BYTES * sum(layer.params + layer.bn_params for layer in all_layers),
    )
