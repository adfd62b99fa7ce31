"""The limit of the machine: what its probes reached, what each case loses to that, and the roofline as a picture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mnv2bench.files import Sort
from mnv2bench.profiling.pages.profiled import (
    LAST,
    ProfiledCase,
    gmadds_per_s,
    in_order,
    madds_per_byte,
    network_layers,
    roofs,
    settings,
)
from mnv2bench.profiling.pages.shares import drawn
from mnv2bench.profiling.pages.tables import backends, same
from mnv2bench.profiling.records import Probes
from mnv2bench.profiling.roofline import Ceiling, Loss, Roof, ceilings, losses
from mnv2bench.report.cells import NONE, escape, number, scaled, table
from mnv2bench.report.tables import threads

if TYPE_CHECKING:
    import altair as alt

TITLE = "What this machine can do, and what the network's blocks reach"
PICTURE = Sort("picture of the roofline", ".roofline.svg", earlier=TITLE)
UNITS = {"flop": "GFLOP/s", "byte": "GB/s"}
MOST = 3  # blocks named that lose most
PROBED = (
    "Kernels of well-kept libraries, in processes of their own among the cases: the median over processes and its 95 % "
    "interval. A multiply-add is two FLOP; a copy moves its bytes twice, once read and once written."
)
LOST = (
    "Attainable is the larger of compute and memory for each layer, summed: the network as its layers run one by one, "
    "each at the highest ceiling of its kind. Taken is the undisturbed median, and the sum of operators where there is "
    "none; of a block it is the profiled time. A share above 100 % is a fused operator that does not move what lies "
    "between its layers, one that mostly reads weights, where a copy writes as much as it reads, or a probe that was "
    "disturbed: see its doubt."
)
NOT_DRAWN = "no profiled block has a roof of its number of threads: run `mnv2bench roofline` on these cases first"
WIDTH, HEIGHT = 760, 460  # pixels of a panel
ROOM = 1.6  # times what is outermost
EDGE = 24  # pixels from the side of a panel to the first text on a line
STEP = 150  # pixels from the text on a line to that on the next
COLOURS = (  # of runtimes, eager first
    "#111111", "#1f77b4", "#d62728", "#2ca02c", "#ff7f0e", "#9467bd",
    "#17becf", "#e377c2", "#8c564b", "#9aa61e", "#0b3d91", "#7a0019",
)  # fmt: skip
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-left", "triangle-right")


def limit(cases: Sequence[ProfiledCase], probes: Sequence[Probes]) -> str:
    """Ceilings, what each case loses, and each block beside what it could take; empty without probes."""
    bad = [p for p in probes if p.status != "ok"]
    failed = [f"- Probes with {threads(p.threads)}: {p.status}, {escape(p.reason)}" for p in bad]
    notes = dict.fromkeys(f"- Probes: {escape(note)}" for p in probes for note in p.notes)
    measured = [(count, ceilings(probes, count)) for count in sorted({p.threads for p in probes})]
    body = [_ceiling(count, ceiling) for count, ceilings in measured for ceiling in ceilings]
    parts = ["\n".join([*failed, *notes])]
    if body:
        header = ["probe", "library", "doubt", "threads", "buffers MB", "speed (95 % interval)", "processes"]
        parts += [PROBED, table(header, body, texts=3), *_caches(probes)]
    limited = [profiled for profiled in cases if profiled.profile.status == "ok" and profiled.whole()]
    if lost := [_lost(profiled) for profiled in limited]:
        header = ["case", f"the {MOST} blocks that lose most, ms", "bound by", "attainable ms", "taken ms", "share"]
        parts += [LOST, table(header, lost, texts=3)]
    parts += [f"**{title}**\n\n{_blocks(group)}" for title, group in settings(limited)]
    return "\n\n".join(part for part in parts if part)


def _ceiling(count: int, ceiling: Ceiling) -> list[str]:
    low, high = ceiling.low / 1e9, ceiling.high / 1e9
    within = f" ({scaled(low)}–{scaled(high)})" if ceiling.processes > 1 else ""
    return [
        escape(ceiling.name),
        escape(ceiling.library),
        escape("; ".join(ceiling.doubts)) or NONE,
        str(count),
        number(ceiling.bytes / 1e6),
        f"{scaled(ceiling.per_s / 1e9)}{within} {UNITS[ceiling.unit]}",
        str(ceiling.processes),
    ]


def _caches(probes: Sequence[Probes]) -> list[str]:
    """The sizes of the caches as the system reports them, by which the probes' buffers were chosen."""
    sizes = {level: size for p in probes for level, size in p.caches.items()}
    listed = ", ".join(f"{escape(level)} {size / 2**20:,.3g} MiB" for level, size in sorted(sizes.items()))
    return [f"Caches, as the system reports: {listed}."] if listed else []


def _lost(profiled: ProfiledCase) -> list[str]:
    whole, profile = profiled.whole(), profiled.profile
    assert whole
    taken = profile.median_s or profile.sum_s
    most = [loss for loss in _losses(profiled) if loss.block not in LAST and loss.lost_s > 0][:MOST]
    return [
        escape(profiled.case.id),
        ", ".join(f"{loss.block} {scaled(1e3 * loss.lost_s)}" for loss in most) or NONE,
        whole.bound,
        scaled(1e3 * whole.seconds),
        scaled(1e3 * taken),
        NONE if profiled.limit_share is None else f"{profiled.limit_share:.1%}",
    ]


def _losses(profiled: ProfiledCase) -> Sequence[Loss]:
    return losses(profiled.roof, profiled.profile) if profiled.roof else ()


def _blocks(group: Sequence[ProfiledCase]) -> str:
    """What each block could take, beside what it takes in each runtime and the share of that."""
    of_case = [{loss.block: loss for loss in _losses(profiled)} for profiled in group]
    body = []
    for name in in_order((block for by_block in of_case for block in by_block), network_layers(group)):
        losses_of_name = [by_block.get(name) for by_block in of_case]
        least = [1e3 * loss.attainable_s for loss in losses_of_name if loss]
        body.append([name, NONE if name in LAST else same(least), *(_taken(name, loss) for loss in losses_of_name)])
    return table(["block", "attainable ms", *(f"{b}, ms" for b in backends(group))], body)


def _taken(name: str, loss: Loss | None) -> str:
    if loss is None or not loss.taken_s:
        return "0" if loss or name in LAST else NONE
    return scaled(1e3 * loss.taken_s) + ("" if name in LAST else f" ({loss.share:.0%})")


@dataclass(frozen=True)
class _Point:
    """A block of a case in the picture: x is MAdds per byte, y GMAdds/s."""

    runtime: str
    variant: str
    x: float
    y: float


@dataclass(frozen=True)
class _Area:
    """The part of the plane that a panel shows."""

    left: float
    right: float
    low: float
    high: float


def svg(cases: Sequence[ProfiledCase], probes: Sequence[Probes]) -> str:
    """The picture, a panel for each number of threads. Raises ValueError where no block has a roof.

    Raises ModuleNotFoundError where altair or vl-convert-python is not installed.
    """
    import altair as alt

    roof_of = roofs(probes)
    drawable = [profiled for profiled in cases if _complete(profiled.roof) and _points(profiled)]
    if not drawable:
        raise ValueError(NOT_DRAWN)
    marks = _marks(drawable)
    panels = []
    for count in sorted({profiled.case.threads for profiled in drawable}):
        points = [point for profiled in drawable if profiled.case.threads == count for point in _points(profiled)]
        panels.append(_panel(roof_of[count], points, marks))
    return drawn(alt.vconcat(*panels, spacing=30), TITLE)


def _complete(roof: Roof | None) -> bool:
    """Whether a roof has both limits, of compute and of memory."""
    return bool(roof and roof.flops and roof.bandwidth)


def _points(profiled: ProfiledCase) -> list[_Point]:
    """The blocks that multiply, of a case that has a whole profile."""
    if profiled.profile.status != "ok":
        return []
    points = []
    for row in profiled.profile.blocks:
        x, y = madds_per_byte(row), gmadds_per_s(row)
        if x and y:
            points.append(_Point(profiled.case.backend, _variant(profiled), x, y))
    return points


def _variant(profiled: ProfiledCase) -> str:
    return f"{profiled.case.variant}, batch {profiled.case.batch}, {profiled.case.precision}"


def _marks(cases: Sequence[ProfiledCase]) -> "dict[str, alt.Color | alt.Shape]":
    """Colours and shapes, the same in each panel; they are repeated where there are not enough of them."""
    import altair as alt

    runtimes = list(dict.fromkeys(profiled.case.backend for profiled in cases))
    variants = list(dict.fromkeys(map(_variant, cases)))
    colours = alt.Scale(domain=runtimes, range=[COLOURS[n % len(COLOURS)] for n in range(len(runtimes))])
    shapes = alt.Scale(domain=variants, range=[SHAPES[n % len(SHAPES)] for n in range(len(variants))])
    return {
        "color": alt.Color("runtime:N", scale=colours),
        "shape": alt.Shape("variant:N", scale=shapes, legend=alt.Legend(labelLimit=260)),
    }


def _panel(
    roof: Roof, points: Sequence[_Point], marks: "dict[str, alt.Color | alt.Shape]"
) -> "alt.LayerChart | alt.FacetChart":
    """The lines of a roof and the points below them."""
    import altair as alt
    import pandas as pd

    madds = {name: per_s / 2e9 for name, per_s in roof.flops.items()}
    bytes = {name: per_s / 1e9 for name, per_s in roof.bandwidth.items()}
    area = _area(points, madds, bytes)
    axes = _axes(area)
    slope = math.atan2(HEIGHT / math.log(area.high / area.low), WIDTH / math.log(area.right / area.left))
    speeds = [(f"{name}: {2 * per_s:,.3g} GFLOP/s", area.right, per_s) for name, per_s in madds.items()]
    bandwidths = [(f"{name}: {per_s:,.3g} GB/s", *_start(area, per_s)) for name, per_s in bytes.items()]
    labels = [*_labels(axes, speeds, -STEP, 0), *_labels(axes, bandwidths, STEP, -math.degrees(slope))]
    ruled = alt.Chart(pd.DataFrame(_lines(area, madds, bytes))).mark_line(color="#444444", strokeWidth=1.3, clip=True)
    placed = alt.Chart(pd.DataFrame(list(points))).mark_point(filled=True, size=46, opacity=0.75, clip=True)
    return alt.layer(ruled.encode(**axes, detail="line:N"), placed.encode(**axes, **marks), *labels).properties(
        width=WIDTH, height=HEIGHT, title=threads(roof.threads)
    )


def _area(points: Sequence[_Point], madds: dict[str, float], bytes: dict[str, float]) -> _Area:
    """An area that holds all points, all speeds, and the places where bandwidths meet the highest speed."""
    top = max(madds.values())
    xs = [*(point.x for point in points), *(top / per_s for per_s in bytes.values())]
    ys = [*(point.y for point in points), *madds.values()]
    return _Area(min(xs) / ROOM, max(xs) * ROOM, min(ys) / ROOM, max(ys) * ROOM)


def _axes(area: _Area) -> "dict[str, alt.X | alt.Y]":
    import altair as alt

    across = alt.Scale(type="log", domain=[area.left, area.right], nice=False)
    upwards = alt.Scale(type="log", domain=[area.low, area.high], nice=False)
    return {
        "x": alt.X("x:Q", title="MAdds per byte, computed", scale=across),
        "y": alt.Y("y:Q", title="GMAdds/s (2 FLOP each)", scale=upwards),
    }


def _lines(area: _Area, madds: dict[str, float], bytes: dict[str, float]) -> list[dict[str, str | float]]:
    """Both ends of each line: a level line for each speed of compute, a rising one for each bandwidth."""
    top, fastest = max(madds.values()), max(bytes.values())
    ends: list[dict[str, str | float]] = []
    for name, per_s in madds.items():
        ends.append({"line": name, "x": max(area.left, per_s / fastest), "y": per_s})
        ends.append({"line": name, "x": area.right, "y": per_s})
    for name, per_s in bytes.items():
        ends.append({"line": name, "x": area.left, "y": area.left * per_s})
        ends.append({"line": name, "x": top / per_s, "y": top})
    return ends


def _start(area: _Area, per_s: float) -> tuple[float, float]:
    """Where a line of bandwidth enters the panel: at its left side, or through its bottom."""
    x = max(area.left, area.low / per_s)
    return x, x * per_s


def _labels(
    axes: "dict[str, alt.X | alt.Y]", lines: Sequence[tuple[str, float, float]], step: int, angle: float
) -> "list[alt.Chart]":
    """A text on each line, each further along than the one before, so that none covers another."""
    import altair as alt
    import pandas as pd

    return [
        alt.Chart(pd.DataFrame([{"label": label, "x": x, "y": y}]))
        .mark_text(
            align="left" if step > 0 else "right",
            baseline="bottom",
            angle=angle % 360,
            color="#444444",
            dx=math.copysign(EDGE, step) + number * step,
            dy=-3,
        )
        .encode(**axes, text="label:N")
        for number, (label, x, y) in enumerate(lines)
    ]
