"""NASNet-A mobile, "4 @ 1056" (arXiv:1707.07012): cells that a search found, as the authors' code builds them for 224.

ReLU stands before convolutions, batch norm behind them with eps 0.001, and paddings are those of TensorFlow's SAME. The
auxiliary classifier is for training only and is left out. Module paths are those of timm's large NASNet-A.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from msgspec.structs import replace

from mnv2bench.networks.family import Counting, Network, Published, Size, published_rows
from mnv2bench.networks.graph import Graph
from mnv2bench.networks.layer import IMAGE, Layer, Pool
from mnv2bench.networks.shapes import ImageShape

WIDTHS = (1.0,)
RESOLUTIONS = (224,)
PUBLISHED = ((1.0, 224),)
STEM_CHANNELS = 32
NORM_EPS = 0.001
COUNTING = Counting(classes=1001, rounds=True)
NUMBERED_STEP = re.compile(r".*_|\d+$")


class Cell(NamedTuple):
    """A cell: its name, its module path, the filters of each of its parts, and whether it halves the sides."""

    name: str
    path: str
    filters: int
    halves: bool = False


CELLS = (
    Cell("stem0", "cell_stem_0", 11, halves=True),
    Cell("stem1", "cell_stem_1", 22, halves=True),
    *(Cell(f"cell{index}", f"cell_{index}", 44) for index in range(4)),
    Cell("reduction0", "reduction_cell_0", 88, halves=True),
    *(Cell(f"cell{index}", f"cell_{index}", 88) for index in range(4, 8)),
    Cell("reduction1", "reduction_cell_1", 176, halves=True),
    *(Cell(f"cell{index}", f"cell_{index}", 176) for index in range(8, 12)),
)


def layers(width: float, image: ImageShape, classes: int) -> tuple[Layer, ...]:
    """The network in the order it runs: stem, the 16 cells of CELLS, head, pool, classifier.

    A layer of a cell is called by its combination and its side, as cell0.comb1_left_depthwise2; its role is depthwise.
    """
    graph = Graph(image, NORM_EPS)
    stem = graph.conv("stem", IMAGE, STEM_CHANNELS, 3, 2, pads=(0, 0), modules=("conv0.conv", "conv0.bn"))
    outputs = [stem]  # each cell reads the last two
    shrinks = False  # whether the earlier one of the two is twice as large
    for cell in CELLS:
        outputs.append(_cell(_Builder(graph, cell), outputs, shrinks=shrinks))
        shrinks = cell.halves
    output = graph.activate("head", outputs[-1], "relu", modules=("act",))
    output = graph.pool("pool", output, modules=("",))
    graph.linear("classifier", output, classes, modules=("last_linear",))
    return tuple(replace(layer, shared_role=NUMBERED_STEP.sub("", layer.role)) for layer in graph.layers)


class _Builder:
    """The parts of one cell, as layers of a graph; `name` in each method is the part's, and its module path's."""

    def __init__(self, graph: Graph, cell: Cell) -> None:
        self.graph, self.cell = graph, cell

    def named(self, name: str) -> str:
        return f"{self.cell.name}.{name}"

    def path(self, *parts: str) -> tuple[str, ...]:
        return tuple(f"{self.cell.path}.{part}" for part in parts)

    def squeeze(self, name: str, source: str, path: str) -> str:
        """ReLU, 1x1 convolution to the cell's filters, batch norm."""
        output = self.graph.activate(self.named(f"{name}_relu"), source, "relu", modules=self.path(f"{path}.act"))
        modules = self.path(f"{path}.conv", f"{path}.bn")
        return self.graph.conv(self.named(f"{name}_squeeze"), output, self.cell.filters, modules=modules)

    def shrink(self, name: str, source: str) -> str:
        """ReLU, two 1x1 convolutions that read every second pixel from the first and from the second on, batch norm."""
        graph, half = self.graph, self.cell.filters // 2
        source = graph.activate(self.named(f"{name}_relu"), source, "relu", modules=self.path("act"))
        halves = [
            graph.conv(self.named(f"{name}_path{number}"), source, half, 1, 2, pads=pads, norm=False, bias=False,
                       modules=self.path(f"path_{number}.conv"))
            for number, pads in ((1, (0, 0)), (2, (-1, 1)))
        ]  # fmt: skip
        modules = self.path("path_concat", "final_path_bn")
        return graph.concat(self.named(f"{name}_concat"), halves, norm=True, modules=modules)

    def separable(self, name: str, source: str, kernel: int, stride: int = 1) -> str:
        """Twice: ReLU, depthwise convolution, 1x1 convolution, batch norm. The stride is in the first."""
        graph, path = self.graph, f"comb_iter_{name.removeprefix('comb')}"
        for turn, step in ((1, stride), (2, 1)):
            modules = self.path(f"{path}.act_{turn}")
            source = graph.activate(self.named(f"{name}_relu{turn}"), source, "relu", modules=modules)
            modules = self.path(f"{path}.separable_{turn}.depthwise_conv2d")
            place = self.named(f"{name}_depthwise{turn}")
            source = graph.depthwise(place, source, kernel, step, pads="same", norm=False, bias=False, modules=modules)
            modules = self.path(f"{path}.separable_{turn}.pointwise_conv2d", f"{path}.bn_sep_{turn}")
            source = graph.conv(self.named(f"{name}_pointwise{turn}"), source, self.cell.filters, modules=modules)
        return source

    def pool(self, name: str, source: str, pool: Pool, stride: int = 1) -> str:
        modules = self.path(f"comb_iter_{name.removeprefix('comb')}")
        place = self.named(f"{name}_{pool}")
        return self.graph.pool(place, source, pool, 3, stride, pads="same", counts_pads=False, modules=modules)

    def add(self, name: str, left: str, right: str) -> str:
        modules = self.path(f"comb_iter_{name.removeprefix('comb')}")
        return self.graph.add(self.named(f"{name}_add"), (left, right), modules=modules)

    def concat(self, sources: list[str]) -> str:
        return self.graph.concat(self.named("concat"), sources, modules=(self.cell.path,))


def _cell(build: _Builder, outputs: list[str], *, shrinks: bool) -> str:
    """A cell of figure 4 of the last output and of the one before it, made to fit; the first has the last alone."""
    if len(outputs) == 1:
        return _reduction(build, build.squeeze("last", outputs[-1], "conv_1x1"), outputs[-1])
    if shrinks:
        earlier = build.shrink("earlier", outputs[-2])
    else:
        earlier = build.squeeze("earlier", outputs[-2], "conv_prev_1x1")
    last = build.squeeze("last", outputs[-1], "conv_1x1")
    return (_reduction if build.cell.halves else _normal)(build, last, earlier)


def _normal(build: _Builder, last: str, earlier: str) -> str:
    sums = [
        build.add("comb0", build.separable("comb0_left", last, 5), build.separable("comb0_right", earlier, 3)),
        build.add("comb1", build.separable("comb1_left", earlier, 5), build.separable("comb1_right", earlier, 3)),
        build.add("comb2", build.pool("comb2_left", last, "average"), earlier),
        build.add("comb3", build.pool("comb3_left", earlier, "average"), build.pool("comb3_right", earlier, "average")),
        build.add("comb4", build.separable("comb4_left", last, 3), last),
    ]
    return build.concat([earlier, *sums])


def _reduction(build: _Builder, last: str, earlier: str) -> str:
    """The stride is where a part reads the cell's own inputs."""
    first = build.add("comb0", build.separable("comb0_left", last, 5, 2), build.separable("comb0_right", earlier, 7, 2))
    second = build.add("comb1", build.pool("comb1_left", last, "max", 2), build.separable("comb1_right", earlier, 7, 2))
    third = build.add(
        "comb2", build.pool("comb2_left", last, "average", 2), build.separable("comb2_right", earlier, 5, 2)
    )
    fourth = build.add("comb3", build.pool("comb3_right", first, "average"), second)
    fifth = build.add("comb4", build.separable("comb4_left", first, 3), build.pool("comb4_right", last, "max", 2))
    return build.concat([second, third, fourth, fifth])


@cache
def official() -> Mapping[Size, Published]:
    """The row of the mobile network in the authors' own table."""
    return {(row.width, row.resolution): row for row in published_rows("nasnet_a_published")}


NETWORKS = (
    Network(
        "nasnet_a",
        layers,
        WIDTHS,
        RESOLUTIONS,
        dict.fromkeys(("brief", "quick", "published", "full"), PUBLISHED),
        official,
        counting=COUNTING,
        paper_name="NASNet-A",
        any_width=False,
    ),
)
