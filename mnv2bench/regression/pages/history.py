"""A history as cells of tables, and a case's nights as a plot of characters."""

import math
from collections.abc import Sequence

from mnv2bench.regression.judging.trend import Cell, CountCell, Point
from mnv2bench.regression.pages.counts import moved, whole
from mnv2bench.report.cells import NONE, plain, scaled

CELLS = ("case", "nights", "accepted", "doubtful", "ms", "change", "sd", "since", "gate")
CELLS_SAY = (
    "Of the epoch that began in the night of `since`: `accepted` nights count for a baseline, `doubtful` ones do not.\n"
    "ms: the statistic that finds changes, of the last night (a low quantile of its calls, not the median latency).\n"
    "change: against the median of the other accepted nights. sd: from night to night. gate: what it said last."
)
COUNT_CELLS = ("case", "nights", "counted", "instructions", "change", "since", "gate")
COUNT_CELLS_SAY = (
    "Instructions of one call in the last night that has a count, under an emulator and no time.\n"
    "change: against the night before that. gate: what it said last."
)
COUNT_NIGHTS = ("night", "saved UTC", "commit", "instructions", "change", "doubt", "gate", "epoch", "changed")
COUNT_NIGHTS_SAY = (
    "Instructions of one call, under an emulator and no time. change: against the last night before that has a count.\n"
    "epoch: what a person accepted. changed: libraries, plan and what counts depend on, since the night before."
)
NIGHTS = ("night", "saved UTC", "commit", "ms", "sd", "doubt", "gate", "epoch", "changed")
NIGHTS_SAY = (
    "ms: the statistic that finds changes (a low quantile of a night's calls, not the median latency). sd: of the\n"
    "processes. epoch: what a person accepted. changed: libraries and plan since the night before."
)
MARKS = {"counts": "•", "left out": "○", "REGRESSION": "▲", "IMPROVEMENT": "▼"}
HINT = "change point"
COMMIT = 10
SIZE = (100, 20)  # characters; plotext takes fewer where the terminal has fewer


def cell_row(cell: Cell) -> tuple[str, ...]:
    """A row under CELLS. Texts are on one line and as their files have them: escape them."""
    return (
        plain(cell.case),
        str(cell.nights),
        str(cell.accepted),
        str(cell.doubtful),
        _ms(cell.latest_s) + f" {plain(cell.latest_doubt)}" * bool(cell.latest_doubt),
        NONE if cell.change is None else f"{cell.change:+.1%}",
        _percent(cell.sd),
        plain(cell.start or "the first"),
        plain(cell.verdict) or NONE,
    )


def count_cell_row(cell: CountCell) -> tuple[str, ...]:
    """A row under COUNT_CELLS, as `cell_row`."""
    return (
        plain(cell.case),
        str(cell.nights),
        str(cell.counted),
        whole(cell.last.after) if cell.last else NONE,
        moved(cell.last) if cell.last else NONE,
        plain(cell.start or "the first"),
        plain(cell.verdict) or NONE,
    )


def night_row(point: Point, hinted: bool = False, counted: bool = False) -> tuple[str, ...]:
    """A row under NIGHTS, or COUNT_NIGHTS where the case is `counted`; `hinted` where a change point begins."""
    refused = "" if point.status == "ok" else f"{point.status}: {point.reason}"
    left_out = f"left out as {point.doubt}" * bool(point.doubt)
    marks = [*(f"epoch: {said}" for said in point.accepted), *([f"{HINT}?"] if hinted else [])]
    if counted:
        numbers = (whole(point.count.after), moved(point.count)) if point.count else (NONE, NONE)
    else:
        numbers = (NONE if point.level is None else _ms(math.exp(point.level)), _percent(point.process_sd))
    return (
        plain(point.night),
        f"{point.saved_at:%Y-%m-%d %H:%M}",
        plain(point.commit or NONE)[:COMMIT],
        *numbers,
        plain("; ".join(filter(None, (refused, left_out, point.flags)))) or NONE,
        plain(point.verdict) or NONE,
        plain("; ".join(marks)) or NONE,
        plain(", ".join(point.changed)) or NONE,
    )


def kind(point: Point) -> str:
    """How a night is drawn, one of MARKS: what was confirmed, else whether it counts for a baseline."""
    if point.verdict in MARKS:
        return point.verdict
    return "counts" if point.counts or point.count else "left out"


def height(point: Point) -> float | None:
    """Where a night is drawn: milliseconds, or millions of instructions; None where it has no number."""
    if point.count and point.count.after is not None:
        return point.count.after / 1e6
    return None if point.level is None else 1e3 * math.exp(point.level)


def unit(points: Sequence[Point]) -> str:
    return "M instructions" if any(point.count for point in points) else "ms"


def plot(case: str, points: Sequence[Point], hints: Sequence[str] = ()) -> str:
    """Lines of characters without colours; `hints` are the nights of change points.

    ModuleNotFoundError where plotext is not installed.
    """
    import plotext

    heights = [(place, height(p), kind(p)) for place, p in enumerate(points)]
    drawn = [(place, number, kind) for place, number, kind in heights if number is not None]
    if not drawn:
        return "no night of this case has a number: nothing to plot"
    figure = plotext.figure
    figure.clear()
    figure.theme("colorless")
    figure.plot_size(*SIZE)
    figure.title(f"{plain(case)}, {unit(points)}")
    for place, point in enumerate(points):
        if point.accepted:
            figure.line(place, "vertical")
        elif point.night in hints:
            figure.line(place, "vertical", style="dotted")
    for name, mark in MARKS.items():
        mine = [(place, number) for place, number, kind in drawn if kind == name]
        if mine:
            figure.draw(figure.signal(*map(list, zip(*mine, strict=True)), marker=mark))
    ends = sorted({0, len(points) // 2, len(points) - 1})
    figure.ruler("x").ticks(ends, [f"{points[place].saved_at:%Y-%m-%d}" for place in ends])
    picture = "\n".join(line.rstrip() for line in plotext.uncolorize(str(figure.build())).splitlines())
    return f"{picture}\n{_legend(points, drawn, hints)}"


def _legend(points: Sequence[Point], drawn: Sequence[tuple[int, float, str]], hints: Sequence[str]) -> str:
    kinds = {kind for _, _, kind in drawn}
    shown = [f"{mark} {name}" for name, mark in MARKS.items() if name in kinds]
    shown += ["│ epoch"] * any(point.accepted for point in points) + [f"┆ {HINT}"] * bool(hints)
    return "   ".join(shown)


def _ms(seconds: float | None) -> str:
    return scaled(None if seconds is None else 1e3 * seconds)


def _percent(part: float | None) -> str:
    return NONE if part is None else f"{part:.1%}"
