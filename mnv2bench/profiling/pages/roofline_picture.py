"""The roofline as a picture: SVG by altair. For each setting, the machine's limits and the blocks below them."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from mnv2bench.files import Sort
from mnv2bench.precisions import FP32
from mnv2bench.profiling.pages.profiled import ProfiledCase, gmadds_per_s, madds_per_byte, roofs, settings
from mnv2bench.profiling.pages.roofline import ACCESSES, binary
from mnv2bench.profiling.pages.shares import drawn
from mnv2bench.profiling.records import Probes
from mnv2bench.profiling.roofline import Ceiling, Curve, Roof, ceilings, held_to
from mnv2bench.report.layout import threads
from mnv2bench.report.palette import runtime_colours, runtime_shapes
from mnv2bench.report.svg import GRID, INK

if TYPE_CHECKING:
    import altair as alt

TITLE = "What this machine can do, and what the network's blocks reach"
PICTURE = Sort("picture of the roofline", ".roofline.svg", earlier=TITLE)
EXPLAINED = (
    "A point is a block of the network. A level line is the best matrix product of a precision, dashed where the panel "
    "is of another one.",
    "A rising line is the speed at which a working set up to that size is moved.",
)
NOT_DRAWN = "no profiled block has a roof of its number of threads: run `mnv2bench roofline` on these cases first"
WIDTH, HEIGHT, CURVE_HEIGHT = 760, 400, 180  # pixels of a panel
LANE = 76  # pixels at the bottom of a panel, below all points, for the names of the blocks
ONE_LEVEL = 0.8  # of the speed of a level: what is slower is another level
ROOM = 1.6  # times what is outermost
EDGE = 24  # pixels from the side of a panel to the text on a line
LINE = 15  # pixels between two lines whose texts do not touch
STEP = 150  # pixels that a text is moved along its line where they do
NAME = 11  # pixels between the names of two blocks
LONGEST = 15  # characters of a name in the lane
DASHES = [4, 3]
Axes = dict[str, "alt.X | alt.Y"]
Marks = dict[str, "alt.Color | alt.Shape"]


@dataclass(frozen=True)
class _Point:
    """A block of a case in the picture: x is MAdds per byte, y GMAdds/s."""

    runtime: str
    block: str
    x: float
    y: float


@dataclass(frozen=True)
class _Area:
    """The part of the plane that a panel shows, on logarithmic scales."""

    left: float
    right: float
    low: float
    high: float

    @property
    def across(self) -> float:
        """Pixels of a factor of e, to the right."""
        return WIDTH / math.log(self.right / self.left)

    @property
    def upwards(self) -> float:
        """Pixels of a factor of e, upwards."""
        return HEIGHT / math.log(self.high / self.low)

    @property
    def floor(self) -> float:
        """The least speed above the lane."""
        return self.low * math.exp(LANE / self.upwards)


@dataclass(frozen=True)
class _Limit:
    """A line of a panel: its text, its speed in the units of the axes, and whether the panel's cases are held to it."""

    text: str
    speed: float
    holds: bool


def svg(cases: Sequence[ProfiledCase], probes: Sequence[Probes]) -> str:
    """The picture: a panel for each setting, and for each number of threads its bandwidth where that is a curve.

    Raises ValueError where no block has a roof.
    """
    import altair as alt

    drawable = [profiled for profiled in cases if _complete(profiled.roof) and _points(profiled)]
    if not drawable:
        raise ValueError(NOT_DRAWN)
    marks = _marks(profiled.case.backend for profiled in drawable)
    panels = [_panel(title, group, marks) for title, group in settings(drawable)]
    roof_of = roofs(probes)
    for count in sorted({profiled.case.threads for profiled in drawable}):
        if roof_of[count].curve:
            panels.append(_curve_panel(roof_of[count], ceilings(probes, count)))
    return drawn(alt.vconcat(*panels, spacing=30), TITLE, EXPLAINED)


def _complete(roof: Roof | None) -> bool:
    """Whether a roof has both limits, of compute and of memory."""
    return bool(roof and roof.flops and roof.moves)


def _points(profiled: ProfiledCase) -> list[_Point]:
    """The blocks that multiply, of a case that has a whole profile."""
    if profiled.profile.status != "ok":
        return []
    points = []
    for row in profiled.profile.blocks:
        x, y = madds_per_byte(row), gmadds_per_s(row)
        if x and y:
            points.append(_Point(profiled.case.backend, row.name, x, y))
    return points


def _marks(backends: Iterable[str]) -> Marks:
    """A colour and a shape for each runtime, the same in each panel."""
    import altair as alt

    names = list(backends)
    colours, shapes = runtime_colours(names), runtime_shapes(names)
    return {
        "color": alt.Color("runtime:N", scale=alt.Scale(domain=list(colours), range=list(colours.values()))),
        "shape": alt.Shape("runtime:N", scale=alt.Scale(domain=list(shapes), range=list(shapes.values()))),
    }


def _panel(title: str, group: Sequence[ProfiledCase], marks: Marks) -> "alt.LayerChart | alt.FacetChart":
    """The limits of one setting, the blocks below them, and the blocks' names at the bottom."""
    import altair as alt
    import pandas as pd

    roof, precision = group[0].roof, held_to(group[0].case.precision)
    assert roof  # of every drawable case
    points = [point for profiled in group for point in _points(profiled)]
    flops, moves = drawn_flops(roof), plateaus(roof.curve) or roof.bandwidth
    computes = [
        _Limit(f"{name}: {per_s / 2e9:,.3g} GMAdds/s", per_s / 2e9, name == precision) for name, per_s in flops.items()
    ]
    bandwidths = [_Limit(f"{name}: {per_s / 1e9:,.3g} GB/s", per_s / 1e9, True) for name, per_s in moves.items()]
    area = _area(points, computes, bandwidths)
    axes = _axes(area)
    slope = math.degrees(math.atan2(area.upwards, area.across))
    placed = alt.Chart(pd.DataFrame(points)).mark_point(filled=True, size=52, opacity=0.85, clip=True)
    return alt.layer(
        *_names(axes, area, points),
        *_lines(axes, area, computes, bandwidths),
        placed.encode(**axes, **marks),
        *_texts(axes, area, [(limit, area.right, limit.speed) for limit in computes], -1, 0),
        *_texts(axes, area, [(limit, *_start(area, limit)) for limit in bandwidths], 1, -slope),
    ).properties(width=WIDTH, height=HEIGHT, title=alt.TitleParams(title, anchor="start", frame="group"))


def drawn_flops(roof: Roof) -> dict[str, float]:
    """FLOP a second by precision, without one that is slower than fp32: the processor has no instructions for it.

    Before schema 5 bf16 was measured on every processor, as torch emulates it.
    """
    return {name: per_s for name, per_s in roof.flops.items() if per_s >= roof.flops.get(FP32.name, 0.0)}


def plateaus(curve: Curve) -> dict[str, float]:
    """Bytes a second at the levels of a curve, each with the largest working set that moves at about its speed."""
    levels: list[list[tuple[int, float]]] = []
    for size, per_s in curve:
        if levels and per_s >= ONE_LEVEL * levels[-1][0][1]:
            levels[-1].append((size, per_s))
        else:
            levels.append([(size, per_s)])
    named = {f"up to {binary(level[-1][0])}": level[0][1] for level in levels[:-1]}
    return named | ({"larger": levels[-1][0][1]} if levels else {})


def _curve_panel(roof: Roof, highest: Sequence[Ceiling]) -> "alt.LayerChart | alt.FacetChart":
    """The speeds of copies and reads by working set, and the limit that follows from them."""
    import altair as alt
    import pandas as pd

    sizes = [size / 2**10 for size, _ in roof.curve]
    across = alt.Scale(type="log", base=2, domain=[sizes[0], sizes[-1]], nice=False)
    axes = {
        "x": alt.X("KiB:Q", title="working set, KiB", scale=across, axis=alt.Axis(values=sizes[::2], format=",d")),
        "y": alt.Y("GB/s:Q", title="GB/s", scale=alt.Scale(zero=True)),
    }
    limits = pd.DataFrame([{"KiB": size / 2**10, "GB/s": per_s / 1e9} for size, per_s in roof.curve])
    layers = [alt.Chart(limits).mark_line(color=INK, strokeWidth=1.3, interpolate="step-after").encode(**axes)]
    colours = runtime_colours(ACCESSES)
    for access, shape in zip(ACCESSES, ("circle", "square"), strict=True):
        measured = [{"KiB": c.bytes / 2**10, "GB/s": c.per_s / 1e9} for c in highest if c.access == access]
        points = alt.Chart(pd.DataFrame(measured, columns=["KiB", "GB/s"]))
        layers.append(points.mark_point(color=colours[access], filled=True, size=46, shape=shape).encode(**axes))
    text = f"Bandwidth, {threads(roof.threads)}: copies (circles), reads (squares) and the limit (line)"
    title = alt.TitleParams(text, anchor="start", frame="group")
    return alt.layer(*layers).properties(width=WIDTH, height=CURVE_HEIGHT, title=title)


def _area(points: Sequence[_Point], computes: Sequence[_Limit], bandwidths: Sequence[_Limit]) -> _Area:
    """An area that holds all points, all speeds, the places where bandwidths meet the highest speed, and the lane."""
    top = max(limit.speed for limit in computes)
    xs = [*(point.x for point in points), *(top / limit.speed for limit in bandwidths)]
    ys = [*(point.y for point in points), *(limit.speed for limit in computes)]
    low, high = min(ys) / ROOM, max(ys) * ROOM
    return _Area(min(xs) / ROOM, max(xs) * ROOM, low * (low / high) ** (LANE / (HEIGHT - LANE)), high)


def _axes(area: _Area) -> Axes:
    import altair as alt

    across = alt.Scale(type="log", domain=[area.left, area.right], nice=False)
    upwards = alt.Scale(type="log", domain=[area.low, area.high], nice=False)
    return {
        "x": alt.X("x:Q", title="MAdds per byte, computed", scale=across),
        "y": alt.Y("y:Q", title="GMAdds/s (2 FLOP each)", scale=upwards),
    }


def _lines(axes: Axes, area: _Area, computes: Sequence[_Limit], bandwidths: Sequence[_Limit]) -> "list[alt.Chart]":
    """A level line for each speed of compute, dashed where it is of another precision, and a rising one for each
    bandwidth."""
    import altair as alt
    import pandas as pd

    top = max(limit.speed for limit in computes)
    fastest = max(limit.speed for limit in bandwidths)
    ends = [
        (limit, (max(area.left, limit.speed / fastest), limit.speed), (area.right, limit.speed)) for limit in computes
    ]
    ends += [(limit, _start(area, limit), (top / limit.speed, top)) for limit in bandwidths]
    return [
        alt.Chart(pd.DataFrame([begin, end], columns=["x", "y"]))
        .mark_line(color=INK, strokeWidth=1.3, strokeDash=[1, 0] if limit.holds else DASHES, clip=True)
        .encode(**axes)
        for limit, begin, end in ends
    ]


def _start(area: _Area, limit: _Limit) -> tuple[float, float]:
    """Where a line of bandwidth begins: at the left side of the panel, or above the lane."""
    x = max(area.left, area.floor / limit.speed)
    return x, x * limit.speed


def _texts(
    axes: Axes, area: _Area, lines: Sequence[tuple[_Limit, float, float]], along: int, angle: float
) -> "list[alt.Chart]":
    """A text on each line from its end on, `along` is 1 to the right; further where the line before is too near."""
    charts = []
    number, before = 0, math.inf
    for limit, x, y in sorted(lines, key=lambda line: -line[0].speed):
        near = area.upwards * math.log(before / limit.speed) < LINE if before < math.inf else False
        number, before = (number + 1 if near else 0), limit.speed
        charts += _text(axes, limit.text, x, y, along * (EDGE + number * STEP), angle)
    return charts


def _text(axes: Axes, text: str, x: float, y: float, dx: int, angle: float) -> "list[alt.Chart]":
    """A text above a line, with a white edge around its letters where it covers others."""
    import altair as alt
    import pandas as pd

    chart = alt.Chart(pd.DataFrame([{"label": text, "x": x, "y": y}]))
    place = partial(
        chart.mark_text, align="left" if dx > 0 else "right", baseline="bottom", angle=angle % 360, dx=dx, dy=-3
    )
    edge = place(stroke="white", strokeWidth=4, opacity=0.8)
    return [layer.encode(**axes, text="label:N") for layer in (edge, place(color=INK))]


def _names(axes: Axes, area: _Area, points: Sequence[_Point]) -> "list[alt.Chart]":
    """The blocks' names in the lane, upright, each with a line to its highest point."""
    import altair as alt
    import pandas as pd

    rows = [{"name": name, "x": x, "y": area.low, "top": top} for name, x, top in _places(area, points)]
    chart = alt.Chart(pd.DataFrame(rows))
    upright = chart.mark_text(align="left", baseline="middle", angle=270, dx=5, fontSize=9.5, color=INK)
    lines = chart.mark_rule(color=GRID, strokeWidth=1)
    return [lines.encode(**axes, y2="top:Q"), upright.encode(**axes, text="name:N")]


def _places(area: _Area, points: Sequence[_Point]) -> list[tuple[str, float, float]]:
    """The name, the place and the highest point of what has a name: blocks too near for two names share one."""
    of_block: dict[str, list[_Point]] = {}
    for point in points:
        of_block.setdefault(point.block, []).append(point)
    groups: list[tuple[float, list[str], float]] = []
    for name, of_name in sorted(of_block.items(), key=lambda item: min(point.x for point in item[1])):
        x, top = min(point.x for point in of_name), max(point.y for point in of_name)
        if groups and area.across * math.log(x / groups[-1][0]) < NAME:
            first, names, highest = groups[-1]
            groups[-1] = (first, [*names, name], max(highest, top))
        else:
            groups.append((x, [name], top))
    return [(_joined(names), x, top) for x, names, top in groups]


def _joined(names: Sequence[str]) -> str:
    """Names of blocks as one text, such as `block4–6, head`; cut off where it is too long for the lane."""
    numbers: dict[str, list[int]] = {}
    for name in names:
        beginning, number = re.fullmatch(r"(.*?)(\d*)", name, re.DOTALL).groups()  # type: ignore[union-attr]  # any text matches
        numbers.setdefault(beginning, []).extend([int(number)] if number else [])
    text = ", ".join(beginning + ", ".join(_runs(sorted(of_name))) for beginning, of_name in numbers.items())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _runs(numbers: Sequence[int]) -> list[str]:
    """Numbers in their order as texts, those that follow one another as one, such as `4–6`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return [str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs]
