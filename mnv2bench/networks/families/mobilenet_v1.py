"""MobileNetV1 (arXiv:1704.04861) as its authors' code builds it: every layer is narrowed, and every ReLU is a ReLU6.

Module paths are timm's (`mobilenetv1_100`), and so is the padding. Widths and resolutions are those of the authors' own
table of checkpoints. The paper's Table 1 prints stride 2 for the last depthwise convolution; everyone builds stride 1.
"""

from collections.abc import Mapping
from functools import cache
from itertools import product
from typing import NamedTuple

from mnv2bench.networks.family import Counting, Network, Published, Size, published_rows
from mnv2bench.networks.graph import Graph
from mnv2bench.networks.layer import IMAGE, Layer
from mnv2bench.networks.shapes import ImageShape

WIDTHS = (0.25, 0.5, 0.75, 1.0)
RESOLUTIONS = (224, 192, 160, 128)
PUBLISHED = tuple(product(WIDTHS, RESOLUTIONS))
GRIDS = {
    "brief": ((0.25, 128), (1.0, 224)),
    "quick": ((0.25, 128), (0.5, 160), (0.5, 224), (0.75, 192), (1.0, 160), (1.0, 224)),
    "published": PUBLISHED,
    "full": PUBLISHED,
}
OFFICIAL_VARIANT = "float32"  # of the authors' own table, beside its quantised rows and those of the paper
# Of the authors' table, what its architecture does not give. The paper prints 325 for 0.75 at 224, and 149 for 0.5.
MISPRINTS = frozenset({*product((0.75,), RESOLUTIONS), (0.5, 224), (0.25, 192)})
# The parameters of the authors' table follow from these rules. No source states them.
COUNTING = Counting(classes=1001, norm_vectors=3, rounds=True, misprints=MISPRINTS)


class Stage(NamedTuple):
    """Blocks of the same channels, the first with the stride."""

    channels: int
    stride: int
    blocks: int


# arXiv:1704.04861, Table 1: the 13 blocks, by the stages of timm's layout.
STEM_CHANNELS, LEAST_CHANNELS = 32, 8
STAGES = (Stage(64, 1, 1), Stage(128, 2, 2), Stage(256, 2, 2), Stage(512, 2, 6), Stage(1024, 2, 2))


def layers(width: float, image: ImageShape, classes: int) -> tuple[Layer, ...]:
    """The network in the order it runs: stem, block1.depthwise, block1.pointwise ... pool, classifier.

    Blocks have the numbers of the authors' code, where the stem is 0.
    """
    graph = Graph(image)
    modules = ("conv_stem", "bn1", "act1")
    output = graph.conv("stem", IMAGE, _narrowed(STEM_CHANNELS, width), 3, 2, activation="relu6", modules=modules)
    places = [(stage, number, row) for stage, row in enumerate(STAGES) for number in range(row.blocks)]
    for index, (stage, number, row) in enumerate(places, start=1):
        name, path = f"block{index}", f"blocks.{stage}.{number}"
        stride = 1 if number else row.stride
        modules = (f"{path}.conv_dw", f"{path}.bn1", f"{path}.act1")
        output = graph.depthwise(f"{name}.depthwise", output, 3, stride, activation="relu6", modules=modules)
        modules = (f"{path}.conv_pw", f"{path}.bn2", f"{path}.act2")
        channels = _narrowed(row.channels, width)
        output = graph.conv(f"{name}.pointwise", output, channels, activation="relu6", modules=modules)
    output = graph.pool("pool", output, modules=("",))
    graph.linear("classifier", output, classes, modules=("classifier",))
    return tuple(graph.layers)


def _narrowed(channels: int, width: float) -> int:
    """The authors' code cuts fractions off and does not round to multiples of 8."""
    return max(int(channels * width), LEAST_CHANNELS)


@cache
def official() -> Mapping[Size, Published]:
    """The 16 float checkpoints of the authors' own table."""
    rows = published_rows("mobilenet_v1_published")
    return {(row.width, row.resolution): row for row in rows if row.variant == OFFICIAL_VARIANT}


NETWORKS = (
    Network("mobilenet_v1", layers, WIDTHS, RESOLUTIONS, GRIDS, official, counting=COUNTING, paper_name="MobileNetV1"),
)
