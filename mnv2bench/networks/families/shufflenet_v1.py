"""ShuffleNet (arXiv:1707.01083) with 3 groups, in the paper's reading of a unit, at the widths of its authors' table.

The channels are shuffled before the depthwise convolution, the convolutions come first in a concatenation, and the
classifier has a bias. The authors' later code shuffles after the depthwise convolution, has the pooled input first and
no such bias: the same multiply-adds, but weights do not carry over. Module paths are pytorchcv's.
"""

from collections.abc import Mapping
from functools import cache

from mnv2bench.networks.family import Counting, Network, Published, Size, published_rows
from mnv2bench.networks.graph import Graph
from mnv2bench.networks.layer import IMAGE, Layer
from mnv2bench.networks.shapes import ImageShape

STEMS = {0.5: 12, 1.0: 24, 1.5: 24, 2.0: 48}  # channels by width; they do not simply scale
WIDTHS = tuple(STEMS)
RESOLUTIONS = (224,)
PUBLISHED = tuple((width, 224) for width in WIDTHS)
GRIDS = {"brief": (PUBLISHED[0], PUBLISHED[-1]), "quick": PUBLISHED, "published": PUBLISHED, "full": PUBLISHED}
GROUPS = 3
STAGE_CHANNELS, UNITS = (240, 480, 960), (4, 8, 4)  # arXiv:1707.01083, Table 1
BOTTLENECK = 4  # a unit computes on a quarter of its output channels
# The authors' table rounds, and prints 138 for the 137.46 of width 1.0. Its parameters are those of the authors' code.
COUNTING = Counting(norm_vectors=2, classifier_bias=False, rounds=True, misprints=frozenset({(1.0, 224)}))


def layers(width: float, image: ImageShape, classes: int) -> tuple[Layer, ...]:
    """The network in the order it runs: stem, unit1.compress, unit1.shuffle ... unit16.add, pool, classifier."""
    graph = Graph(image)
    path = "features.init_block"
    modules = (f"{path}.conv", f"{path}.bn", f"{path}.activ")
    output = graph.conv("stem.conv", IMAGE, STEMS[width], 3, 2, activation="relu", modules=modules)
    output = graph.pool("stem.pool", output, "max", 3, 2, pads=(1, 1), modules=(f"{path}.pool",))
    channels, number = STEMS[width], 0
    for stage, (base, units) in enumerate(zip(STAGE_CHANNELS, UNITS, strict=True), start=1):
        for unit in range(1, units + 1):
            number += 1
            widened = int(base * width)
            path = f"features.stage{stage}.unit{unit}"
            groups = 1 if number == 1 else GROUPS
            output = _unit(graph, f"unit{number}", path, output, channels, widened, groups, halves=unit == 1)
            channels = widened
    output = graph.pool("pool", output, modules=("",))
    graph.linear("classifier", output, classes, modules=("output",))
    return tuple(graph.layers)


def _unit(
    graph: Graph, name: str, path: str, source: str, inputs: int, channels: int, groups: int, *, halves: bool
) -> str:
    """A unit of figure 2: (b), or (c) where it halves the sides. `groups` are those of its first convolution."""
    middle = channels // BOTTLENECK
    modules = (f"{path}.compress_conv1", f"{path}.compress_bn1", f"{path}.compress_activ")
    output = graph.conv(f"{name}.compress", source, middle, groups=groups, activation="relu", modules=modules)
    output = graph.shuffle(f"{name}.shuffle", output, GROUPS, modules=(f"{path}.c_shuffle",))
    stride, widened = (2, channels - inputs) if halves else (1, channels)
    depthwise = (f"{path}.dw_conv2", f"{path}.dw_bn2")
    output = graph.depthwise(f"{name}.depthwise", output, 3, stride, modules=depthwise)
    expand = (f"{path}.expand_conv3", f"{path}.expand_bn3")
    output = graph.conv(f"{name}.expand", output, widened, groups=GROUPS, modules=expand)
    joined = (path, f"{path}.activ")
    if not halves:
        return graph.add(f"{name}.add", (source, output), activation="relu", modules=joined)
    pooled = graph.pool(f"{name}.average", source, "average", 3, 2, pads=(1, 1), modules=(f"{path}.avgpool",))
    return graph.concat(f"{name}.concat", (output, pooled), activation="relu", modules=joined)


@cache
def official() -> Mapping[Size, Published]:
    """The four rows with 3 groups of the authors' own table."""
    return {(row.width, row.resolution): row for row in published_rows("shufflenet_v1_published")}


NETWORKS = (
    Network(
        "shufflenet_v1",
        layers,
        WIDTHS,
        RESOLUTIONS,
        GRIDS,
        official,
        counting=COUNTING,
        paper_name="ShuffleNet",
        any_width=False,
    ),
)
