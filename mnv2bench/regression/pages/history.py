"""A history as rows of tables, and a case's nights as a plot of characters."""

import math
from collections.abc import Sequence

from mnv2bench.regression.history.points import Point
from mnv2bench.regression.history.standings import CountedStanding, TimedStanding
from mnv2bench.regression.judging.count_texts import size_text
from mnv2bench.regression.pages.counts import whole_number
from mnv2bench.report.cells import NONE, plain, scaled

TIMED_COLUMNS = ("case", "nights", "eligible", "doubtful", "ms", "change", "sd", "since", "gate")
TIMED_CAPTION = (
    "The epoch that began in the night of `since`: `eligible` nights may be in a baseline, `doubtful` ones not.\n"
    "ms: the statistic that finds changes, of the last night (a low quantile of its calls, not the median latency).\n"
    "change: against the median of the other eligible nights. sd: from night to night. gate: its last verdict."
)
COUNTED_COLUMNS = ("case", "nights", "counted", "instructions", "change", "since", "gate")
COUNTED_CAPTION = (
    "Instructions of one call in the last night that has a count, under an emulator and no time.\n"
    "change: against the night before that. gate: its last verdict."
)
COUNTED_NIGHT_COLUMNS = ("night", "saved UTC", "commit", "instructions", "change", "doubt", "gate", "epoch", "changed")
COUNTED_NIGHT_CAPTION = (
    "Instructions of one call, under an emulator and no time. change: against the last night before that has a count.\n"
    "epoch: what a person accepted. changed: libraries, plan and what counts depend on, since the night before."
)
TIMED_NIGHT_COLUMNS = ("night", "saved UTC", "commit", "ms", "sd", "doubt", "gate", "epoch", "changed")
TIMED_NIGHT_CAPTION = (
    "ms: the statistic that finds changes (a low quantile of a night's calls, not the median latency). sd: of the\n"
    "processes. epoch: what a person accepted. changed: libraries and plan since the night before."
)
MARKS = {"eligible": "•", "left out": "○", "REGRESSION": "▲", "IMPROVEMENT": "▼"}
HINT = "change point"
COMMIT = 10
SIZE = (100, 20)  # characters; plotext takes fewer where the terminal has fewer


def timed_row(standing: TimedStanding) -> tuple[str, ...]:
    """A row under TIMED_COLUMNS. Texts are on one line, not yet escaped."""
    return (
        plain(standing.case),
        str(standing.nights),
        str(standing.eligible),
        str(standing.doubtful),
        " ".join(filter(None, (_ms(standing.latest_s), plain(standing.latest_doubt)))),
        NONE if standing.change is None else f"{standing.change:+.1%}",
        _percent(standing.sd),
        plain(standing.start or "the first"),
        plain(standing.verdict) or NONE,
    )


def counted_row(standing: CountedStanding) -> tuple[str, ...]:
    """A row under COUNTED_COLUMNS, not yet escaped."""
    return (
        plain(standing.case),
        str(standing.nights),
        str(standing.counted),
        whole_number(standing.last.after) if standing.last else NONE,
        size_text(standing.last) if standing.last else NONE,
        plain(standing.start or "the first"),
        plain(standing.verdict) or NONE,
    )


def night_row(point: Point, hinted: bool = False, counted: bool = False) -> tuple[str, ...]:
    """A row under TIMED_NIGHT_COLUMNS, or COUNTED_NIGHT_COLUMNS; `hinted` where a change point begins."""
    refused = "" if point.status == "ok" else f"{point.status}: {point.reason}"
    left_out = f"left out as {point.doubt}" if point.doubt else ""
    marks = [f"epoch: {epoch}" for epoch in point.epochs]
    if hinted:
        marks.append(f"{HINT}?")
    if counted:
        numbers = (whole_number(point.count.after), size_text(point.count)) if point.count else (NONE, NONE)
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


def mark(point: Point) -> str:
    """How a night is drawn, one of MARKS: what was confirmed, else whether it may be in a baseline."""
    if point.verdict in MARKS:
        return point.verdict
    return "eligible" if point.eligible or point.count else "left out"


def height(point: Point) -> float | None:
    """Where a night is drawn: milliseconds, or millions of instructions; None where it has no number."""
    if point.count and point.count.after is not None:
        return point.count.after / 1e6
    return None if point.level is None else 1e3 * math.exp(point.level)


def unit(points: Sequence[Point]) -> str:
    """The unit of `height`."""
    return "M instructions" if any(point.count for point in points) else "ms"


def plot(case: str, points: Sequence[Point], hints: Sequence[str] = ()) -> str:
    """Lines of characters without colours; `hints` are the nights of change points.

    ModuleNotFoundError where plotext is not installed.
    """
    import plotext

    heights = [(place, height(point), mark(point)) for place, point in enumerate(points)]
    drawn = [(place, number, name) for place, number, name in heights if number is not None]
    if not drawn:
        return "no night of this case has a number: nothing to plot"
    figure = plotext.figure
    figure.clear()
    figure.theme("colorless")
    figure.plot_size(*SIZE)
    figure.title(f"{plain(case)}, {unit(points)}")
    for place, point in enumerate(points):
        if point.epochs:
            figure.line(place, "vertical")
        elif point.night in hints:
            figure.line(place, "vertical", style="dotted")
    for name, character in MARKS.items():
        marked = [(place, number) for place, number, drawn_as in drawn if drawn_as == name]
        if marked:
            figure.draw(figure.signal(*map(list, zip(*marked, strict=True)), marker=character))
    ends = sorted({0, len(points) // 2, len(points) - 1})
    figure.ruler("x").ticks(ends, [f"{points[place].saved_at:%Y-%m-%d}" for place in ends])
    picture = "\n".join(line.rstrip() for line in plotext.uncolorize(str(figure.build())).splitlines())
    return f"{picture}\n{_legend(points, drawn, hints)}"


def _legend(points: Sequence[Point], drawn: Sequence[tuple[int, float, str]], hints: Sequence[str]) -> str:
    names = {name for _, _, name in drawn}
    entries = [f"{character} {name}" for name, character in MARKS.items() if name in names]
    if any(point.epochs for point in points):
        entries.append("│ epoch")
    if hints:
        entries.append(f"┆ {HINT}")
    return "   ".join(entries)


def _ms(seconds: float | None) -> str:
    return scaled(None if seconds is None else 1e3 * seconds)


def _percent(part: float | None) -> str:
    return NONE if part is None else f"{part:.1%}"
