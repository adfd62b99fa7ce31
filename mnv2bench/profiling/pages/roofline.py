"""The limit of the machine: what its probes reached, what each case loses to that, and the roofline as a picture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mnv2bench.files import Sort
from mnv2bench.precisions import FP32, NAMES
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
from mnv2bench.profiling.roofline import Ceiling, Curve, Loss, Roof, ceilings, losses, roof
from mnv2bench.report.cells import NONE, escape, interval, number, scaled, table
from mnv2bench.report.tables import threads

if TYPE_CHECKING:
    import altair as alt

TITLE = "What this machine can do, and what the network's blocks reach"
PICTURE = Sort("picture of the roofline", ".roofline.svg", earlier=TITLE)
UNITS = {"flop": "GFLOP/s", "byte": "GB/s"}
ACCESSES = ("copy", "read")
BEYOND = " (probe too low)"
MOST = 3  # blocks named that lose most
PROBED = (
    "Kernels of well-kept libraries, in processes of their own among the cases: the median over processes and its 95 % "
    "interval. A multiply-add is two FLOP; a copy moves its bytes twice, once read and once written."
)
MULTIPLIED = (
    "Matrix products of well-kept libraries, in processes of their own among the cases: the best round of any process "
    "at the best of {shapes} shapes, and in brackets the best of each process. A multiply-add is two FLOP, in int8 two "
    "operations on whole numbers. A precision without a row has no instructions here."
)
MOVED = (
    "Copies and reads of a working set by the same processes: the best round of any. A copy moves its bytes twice, "
    "once read and once written. The limit is the faster of both, of this working set and of every larger one."
)
LOST_OF_LEVELS = (
    "Attainable is the larger of compute and memory for each layer, summed: the network as its layers run one by one, "
    "each at the highest ceiling of its kind. Taken is the undisturbed median, and the sum of operators where there is "
    "none; of a block it is the profiled time. A share above 100 % is a fused operator that does not move what lies "
    "between its layers, one that mostly reads weights, where a copy writes as much as it reads, or a probe that was "
    "disturbed: see its doubt."
)
LOST = (
    "Attainable is the larger of compute and memory for each layer, summed: its multiply-adds at the best product, and "
    "its weights, inputs and outputs at the limit of its own working set. An addition only reads its other input, "
    "because it is the last step of the layer before. Taken is the undisturbed median, and the sum of operators where "
    "there is none; of a block it is the profiled time, of which many profilers cut off parts of a microsecond for "
    "each operator."
)
TOO_LOW = (
    "**The probe is too low, and what is below is no limit:** {cases} beyond the interval, the most {worst}. Measure "
    "again on an idle machine, with more `--processes`."
)
NOT_DRAWN = "no profiled block has a roof of its number of threads: run `mnv2bench roofline` on these cases first"
WIDTH, HEIGHT, CURVE_HEIGHT = 760, 460, 180  # pixels of a panel
ONE_LEVEL = 0.8  # of the speed of a level: what is slower is another level
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
    limited = [profiled for profiled in cases if profiled.profile.status == "ok" and profiled.whole()]
    parts = [_too_low(limited), "\n".join([*failed, *notes])]
    measured = [(count, ceilings(probes, count)) for count in sorted({p.threads for p in probes})]
    if of_levels := [_ceiling(count, c) for count, of_threads in measured for c in of_threads if not c.is_best]:
        header = ["probe", "library", "doubt", "threads", "buffers MB", "speed (95 % interval)", "processes"]
        parts += [PROBED, table(header, of_levels, texts=3)]
    for count, of_threads in measured:
        parts += _products(count, [c for c in of_threads if c.is_best and c.unit == "flop"])
        parts += _curve(count, [c for c in of_threads if c.is_best and c.access])
    parts += _caches(probes)
    if lost := [_lost(profiled) for profiled in limited]:
        header = ["case", f"the {MOST} blocks that lose most, ms", "bound by", "attainable ms", "taken ms", "share"]
        parts += [LOST if any(p.roof and p.roof.curve for p in limited) else LOST_OF_LEVELS]
        parts += [table(header, lost, texts=3)]
    parts += [f"**{title}**\n\n{_blocks(group)}" for title, group in settings(limited)]
    return "\n\n".join(part for part in parts if part)


def _too_low(cases: Sequence[ProfiledCase]) -> str:
    """The headline where a case is faster than the limit; "" where none is."""
    beyond = [profiled for profiled in cases if profiled.limit_doubt]
    if not beyond:
        return ""
    worst = max(beyond, key=lambda profiled: profiled.limit_share or 0.0)
    number_of_cases = f"{len(beyond)} of {len(cases)} cases {'is' if len(beyond) == 1 else 'are'} faster than it"
    return TOO_LOW.format(cases=number_of_cases, worst=f"{escape(worst.case.id)}, {worst.limit_share:.1%} of it")


def _products(count: int, products: Sequence[Ceiling]) -> list[str]:
    """The best product of each precision and library."""
    best: dict[tuple[str, str], Ceiling] = {}
    for ceiling in products:
        key = (ceiling.precision, ceiling.library)
        if key not in best or ceiling.per_s > best[key].per_s:
            best[key] = ceiling
    if not best:
        return []
    header = ["precision", "library", "best shape", "threads", "GFLOP/s (of each process)", "processes"]
    body = [
        [
            escape(ceiling.precision),
            escape(ceiling.library),
            escape(ceiling.name.rpartition(" ")[2]),
            str(count),
            _speed(ceiling),
            str(ceiling.processes),
        ]
        for ceiling in sorted(best.values(), key=lambda ceiling: (_place(ceiling.precision), -ceiling.per_s))
    ]
    shapes = len({ceiling.name for ceiling in products if ceiling.precision == products[0].precision})
    return [MULTIPLIED.format(shapes=shapes), table(header, body, texts=3)]


def _place(precision: str) -> int:
    """The place of a precision in lists; behind all others, that of a file that names one unknown here."""
    return NAMES.index(precision) if precision in NAMES else len(NAMES)


def _curve(count: int, moving: Sequence[Ceiling]) -> list[str]:
    """The speeds of copies and reads by working set, beside the limit that follows from them."""
    if not moving:
        return []
    limits = dict(roof(moving, count, {}).curve)
    of_size: dict[int, dict[str, Ceiling]] = {}
    for ceiling in moving:
        of_size.setdefault(ceiling.bytes, {})[ceiling.access] = ceiling
    body = [
        [
            binary(size),
            *(_speed(by_access[access]) if access in by_access else NONE for access in ACCESSES),
            scaled(limits[size] / 1e9),
        ]
        for size, by_access in sorted(of_size.items())
    ]
    header = [f"working set, {threads(count)}", *(f"{access}, GB/s" for access in ACCESSES), "limit, GB/s"]
    return [MOVED, table(header, body)]


def binary(size: int) -> str:
    """Bytes in the units in which caches are counted: 512 KiB, 32 MiB."""
    return f"{size / 2**20:,.3g} MiB" if size >= 2**20 else f"{size / 2**10:,.3g} KiB"


def _speed(ceiling: Ceiling) -> str:
    """Billions a second, with the range where there are several processes."""
    return interval(
        ceiling.per_s / 1e9,
        ceiling.low / 1e9 if ceiling.processes > 1 else None,
        ceiling.high / 1e9 if ceiling.processes > 1 else None,
    )


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
    """The sizes of the caches as the system reports them, which in a virtual machine are those of its host."""
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
        NONE if profiled.limit_share is None else f"{profiled.limit_share:.1%}{BEYOND if profiled.limit_doubt else ''}",
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
    """The picture: for each number of threads a panel of its roof, and one of its bandwidth where that is a curve.

    Raises ValueError where no block has a roof, ModuleNotFoundError where altair or vl-convert-python is not installed.
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
        if roof_of[count].curve:
            panels.append(_curve_panel(roof_of[count], ceilings(probes, count)))
    return drawn(alt.vconcat(*panels, spacing=30), TITLE)


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

    madds = {name: per_s / 2e9 for name, per_s in drawn_flops(roof).items()}
    bytes = {name: per_s / 1e9 for name, per_s in (plateaus(roof.curve) or roof.bandwidth).items()}
    area = _area(points, madds, bytes)
    axes = _axes(area)
    slope = math.atan2(HEIGHT / math.log(area.high / area.low), WIDTH / math.log(area.right / area.left))
    speeds = [(f"{name}: {per_s:,.3g} GMAdds/s", area.right, per_s) for name, per_s in madds.items()]
    bandwidths = [(f"{name}: {per_s:,.3g} GB/s", *_start(area, per_s)) for name, per_s in bytes.items()]
    labels = [*_labels(axes, speeds, -STEP, 0), *_labels(axes, bandwidths, STEP, -math.degrees(slope))]
    ruled = alt.Chart(pd.DataFrame(_lines(area, madds, bytes))).mark_line(color="#444444", strokeWidth=1.3, clip=True)
    placed = alt.Chart(pd.DataFrame(list(points))).mark_point(filled=True, size=46, opacity=0.75, clip=True)
    return alt.layer(ruled.encode(**axes, detail="line:N"), placed.encode(**axes, **marks), *labels).properties(
        width=WIDTH, height=HEIGHT, title=threads(roof.threads)
    )


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
    layers = [alt.Chart(limits).mark_line(color="#444444", strokeWidth=1.3, interpolate="step-after").encode(**axes)]
    for access, shape in zip(ACCESSES, ("circle", "square"), strict=True):
        measured = [{"KiB": c.bytes / 2**10, "GB/s": c.per_s / 1e9} for c in highest if c.access == access]
        points = alt.Chart(pd.DataFrame(measured, columns=["KiB", "GB/s"]))
        layers.append(points.mark_point(color="#1f77b4", filled=True, size=46, shape=shape).encode(**axes))
    title = f"Bandwidth, {threads(roof.threads)}: copies (circles), reads (squares) and the limit (line)"
    return alt.layer(*layers).properties(width=WIDTH, height=CURVE_HEIGHT, title=title)


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
