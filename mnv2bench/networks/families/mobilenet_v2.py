"""MobileNetV2 (arXiv:1801.04381) in two readings of its Table 2: the authors' code, and an article that differs.

Module paths are torchvision's. Widths and resolutions are those of the authors' own table of checkpoints.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from itertools import product
from typing import NamedTuple

from mnv2bench.networks.family import Counting, Network, Published, Size, published_rows
from mnv2bench.networks.graph import Graph
from mnv2bench.networks.layer import IMAGE, Layer
from mnv2bench.networks.shapes import ImageShape

WIDTHS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
RESOLUTIONS = (224, 192, 160, 128, 96)
GRIDS = {
    "brief": ((0.35, 96), (1.0, 224)),
    "quick": ((0.35, 96), (0.5, 128), (0.5, 192), (1.0, 160), (1.0, 224), (1.4, 224)),
    "published": (*product(WIDTHS[:4], RESOLUTIONS), (1.3, 224), (1.4, 224)),
    "full": tuple(product(WIDTHS, RESOLUTIONS)),
}
OFFICIAL_SOURCE = "tensorflow/models research/slim/nets/mobilenet/README.md"
COUNTING = Counting(classes=1001)  # the official checkpoints have a class for the background


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
NARROWEST = min(STEM_CHANNELS, *(row.c for row in ROWS))


def make_divisible(channels: float, divisor: int = 8) -> int:
    """The nearest multiple of `divisor`, at least one of them and never below 90 % of `channels`."""
    nearest = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return nearest if nearest >= 0.9 * channels else nearest + divisor


@dataclass(frozen=True)
class Reading:
    """How Table 2 is read at widths other than 1.0."""

    round_channels: Callable[[float], int]
    head_shrinks: bool  # the paper shrinks every layer but the last convolution
    expands_at_t1: bool  # an expansion conv that expands nothing, in block 0


AUTHORS = Reading(make_divisible, head_shrinks=False, expands_at_t1=False)
ARTICLE = Reading(int, head_shrinks=True, expands_at_t1=True)


def layers(reading: Reading, width: float, image: ImageShape, classes: int) -> tuple[Layer, ...]:
    """The network in the order it runs: stem, block0.expand ... block16.add, head, pool, classifier."""
    graph = Graph(image)
    channels = reading.round_channels(STEM_CHANNELS * width)
    output = graph.conv("stem", IMAGE, channels, 3, 2, activation="relu6", modules=_three("features.0"))
    strides = [(row.t, row.c, row.s if first else 1) for row in ROWS for first in [True] + [False] * (row.n - 1)]
    for index, (t, c, stride) in enumerate(strides):
        widened = reading.round_channels(c * width)
        output = _block(graph, reading, index, output, t, channels, widened, stride)
        channels = widened
    head = reading.round_channels(HEAD_CHANNELS * (width if reading.head_shrinks else max(1.0, width)))
    path = f"features.{len(strides) + 1}"
    output = graph.conv("head", output, head, activation="relu6", modules=_three(path))
    output = graph.pool("pool", output, modules=("",))
    graph.linear("classifier", output, classes, dropout=0.2, modules=("classifier.0", "classifier.1"))
    return tuple(graph.layers)


def _block(
    graph: Graph, reading: Reading, index: int, source: str, t: int, inputs: int, channels: int, stride: int
) -> str:
    """An inverted residual with a linear bottleneck (the paper's section 3.4, figure 4d)."""
    name, path, output, place = f"block{index}", f"features.{index + 1}", source, 0
    if t > 1 or reading.expands_at_t1:
        modules = _three(f"{path}.conv.{place}")
        output = graph.conv(f"{name}.expand", output, t * inputs, activation="relu6", modules=modules)
        place += 1
    modules = _three(f"{path}.conv.{place}")
    output = graph.depthwise(f"{name}.depthwise", output, 3, stride, activation="relu6", modules=modules)
    modules = (f"{path}.conv.{place + 1}", f"{path}.conv.{place + 2}")
    output = graph.conv(f"{name}.project", output, channels, modules=modules)
    if stride == 1 and inputs == channels:
        output = graph.add(f"{name}.add", (source, output), modules=(path,))
    return output


def _three(path: str) -> tuple[str, ...]:
    """The convolution, its batch norm and its ReLU6."""
    return f"{path}.0", f"{path}.1", f"{path}.2"


@cache
def official() -> Mapping[Size, Published]:
    """The 22 float checkpoints of the authors' own table."""
    rows = published_rows("mobilenet_v2_published")
    return {(row.width, row.resolution): row for row in rows if row.source.startswith(OFFICIAL_SOURCE)}


NETWORKS = (
    Network(
        "mobilenet_v2",
        partial(layers, AUTHORS),
        WIDTHS,
        RESOLUTIONS,
        GRIDS,
        official,
        reference_device="Pixel 1",
        reference_conditions="TF-Lite, large core",
        counting=COUNTING,
        paper_name="MobileNetV2",
    ),
    Network(
        "mobilenet_v2_article",
        partial(layers, ARTICLE),
        WIDTHS,
        RESOLUTIONS,
        GRIDS,
        reference_device="Pixel 1",
        reference_conditions="TF-Lite, large core",
        reference="mobilenet_v2",
        min_width=1 / NARROWEST,
    ),
)
