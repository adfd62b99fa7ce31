"""The rounds of a case in the order of time, as lines of characters and as a picture."""

import math
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from mnv2bench.files import Sort
from mnv2bench.report.cells import plain, scaled
from mnv2bench.report.svg import INK, as_picture
from mnv2bench.statistics.strip import RoundTail

if TYPE_CHECKING:
    import altair as alt

PICTURE = Sort("picture of tails", ".tails.svg")
STEPS = "▁▂▃▄▅▆▇█"
LINES = ("p50", "p90", "p99", "slowest")  # a line of the strip for each
LEFT_OUT, KEPT = "x", " "
LABEL = 8  # characters before a line
LEAST_RANGE = 1.1  # the end of the scale over its begin: so that noise of a few per cent stays low
WIDTH, HEIGHT = 820, 340  # pixels of the plot itself
COLOURS = {"p50": "#169edb", "p90": "#04a962", "p99": "#a88c0c", "slowest": "#d9480f"}
SHAPES = {"p50": "circle", "p90": "square", "p99": "diamond", "slowest": "triangle-up"}
GAP = 1  # rounds between two processes


def seconds(tail: RoundTail, line: str) -> float:
    """What a line of the strip shows of a round."""
    return {"p50": tail.p50_s, "p90": tail.p90_s, "p99": tail.p99_s, "slowest": tail.max_s}[line]


def scale(tails: Sequence[RoundTail]) -> tuple[float, float]:
    """Seconds at both ends of the scale, which all lines share and which is logarithmic."""
    low = min(tail.p50_s for tail in tails)
    return low, max(LEAST_RANGE * low, *(tail.max_s for tail in tails))


def strip(tails: Sequence[RoundTail], width: int) -> str:
    """A character for each round, a line for p50, p90, p99 and the slowest call, the processes side by side.

    Processes that have no room in the width stand below the others.
    """
    low, high = scale(tails)
    processes = [list(rounds) for _, rounds in groupby(tails, key=lambda tail: tail.process)]
    parts = [
        f"Each character is a round, in the order of time.\n{STEPS} is {scaled(1e3 * low)} to {scaled(1e3 * high)} ms, "
        f"each step {(high / low) ** (1 / len(STEPS)):.2f} times the one before it.",
    ]
    for together in _rows(processes, width - LABEL):
        lines = [_line(line, (_characters(rounds, line, low, high) for rounds in together)) for line in LINES]
        if not all(tail.is_used for rounds in together for tail in rounds):
            lines.append(_line("left out", (_left_out(rounds) for rounds in together)))
        heads = " ".join(str(rounds[0].process).ljust(len(rounds)) for rounds in together)
        parts.append("\n".join([_line("process", [heads]), *lines]))
    if not all(tail.is_used for tail in tails):
        parts.append(f"left out: {LEFT_OUT} below a round says that another program disturbed it; it does not count.")
    return "\n\n".join(parts)


def _rows(processes: Sequence[list[RoundTail]], room: int) -> Iterator[list[list[RoundTail]]]:
    """As many processes beside each other as there is room for; the rounds of one that is too long are divided."""
    row: list[list[RoundTail]] = []
    for process in processes:
        for begin in range(0, len(process), max(1, room - 1)):
            rounds = process[begin : begin + max(1, room - 1)]
            if row and sum(len(other) + 1 for other in row) + len(rounds) > room:
                yield row
                row = []
            row.append(rounds)
    yield row


def _line(name: str, parts: Sequence[str] | Iterator[str]) -> str:
    return f"{name.ljust(LABEL)} {' '.join(parts)}".rstrip()


def _characters(rounds: Sequence[RoundTail], line: str, low: float, high: float) -> str:
    return "".join(STEPS[_step(seconds(tail, line), low, high)] for tail in rounds)


def _step(value: float, low: float, high: float) -> int:
    place = math.log(value / low) / math.log(high / low)
    return min(len(STEPS) - 1, max(0, int(place * len(STEPS))))


def _left_out(rounds: Sequence[RoundTail]) -> str:
    return "".join(KEPT if tail.is_used else LEFT_OUT for tail in rounds)


class Mark(NamedTuple):
    """A number of a round on the picture: which one stands in `call`; `counts` is whether the round does."""

    place: int
    process: int
    ms: float
    call: str
    counts: bool


class Begin(NamedTuple):
    """Where a process begins on the picture."""

    place: float
    label: str


def svg(case: str, tails: Sequence[RoundTail]) -> str:
    """The picture as SVG, light or dark as its reader's pages are.

    ModuleNotFoundError where altair or vl-convert-python is not installed.
    """
    import altair as alt

    marks, begins = _marks(tails), _begins(tails)
    title = alt.TitleParams(plain(case), subtitle=_subtitle(tails), anchor="start", offset=18)
    layers = [
        _rules(begins),
        _labels(begins),
        _joined(marks),
        _points(marks, counts=True),
        _points(marks, counts=False),
    ]
    return as_picture(alt.layer(*layers).properties(width=WIDTH, height=HEIGHT, title=title))


def _subtitle(tails: Sequence[RoundTail]) -> str:
    left_out = sum(not tail.is_used for tail in tails)
    hollow = f"; {left_out} hollow ones were disturbed and do not count" if left_out else ""
    return f"{len(tails)} rounds of {tails[-1].process} processes in the order of time{hollow}"


def _places(tails: Sequence[RoundTail]) -> list[int]:
    """The place of each round, with a gap before each process."""
    return [number + GAP * (tail.process - 1) for number, tail in enumerate(tails, 1)]


def _marks(tails: Sequence[RoundTail]) -> list[Mark]:
    return [
        Mark(place, tail.process, 1e3 * seconds(tail, line), line, tail.is_used)
        for place, tail in zip(_places(tails), tails, strict=True)
        for line in LINES
    ]


def _begins(tails: Sequence[RoundTail]) -> list[Begin]:
    firsts: dict[int, int] = {}
    for place, tail in zip(_places(tails), tails, strict=True):
        firsts.setdefault(tail.process, place)
    return [Begin(place - 0.5 - GAP / 2, str(process)) for process, place in firsts.items()]


def _chart(rows: Sequence[Mark] | Sequence[Begin], columns: Sequence[str]) -> "alt.Chart":
    import altair as alt
    import pandas as pd

    axis = alt.Axis(labels=False, ticks=False, grid=False)
    places = alt.Scale(nice=False, padding=12)
    across = alt.X("place:Q", title="rounds; numbers are of processes", axis=axis, scale=places)
    chart: alt.Chart = alt.Chart(pd.DataFrame(list(rows), columns=list(columns))).encode(x=across)
    return chart


def _colour() -> "alt.Color":
    import altair as alt

    shown = alt.Scale(domain=list(LINES[::-1]), range=[COLOURS[line] for line in LINES[::-1]])
    return alt.Color("call:N", title="of a round", scale=shown)


def _upwards() -> "alt.Y":
    import altair as alt

    axis = alt.Axis(labelExpr="format(datum.value, '.3~g')")  # else a logarithmic axis leaves some of them out
    return alt.Y("ms:Q", title="ms of one call", axis=axis, scale=alt.Scale(type="log", nice=False, padding=12))


def _joined(marks: list[Mark]) -> "alt.Chart":
    """A line through the rounds of each process."""
    import altair as alt

    chart: alt.Chart = _chart(marks, Mark._fields).mark_line(strokeWidth=1, opacity=0.45)
    return chart.encode(y=_upwards(), color=_colour(), detail=["call:N", "process:N"])


def _points(marks: list[Mark], counts: bool) -> "alt.Chart":
    """The rounds that count, or the others, which are hollow."""
    import altair as alt

    shown = [mark for mark in marks if mark.counts == counts]
    shapes = alt.Scale(domain=list(LINES[::-1]), range=[SHAPES[line] for line in LINES[::-1]])
    chart: alt.Chart = _chart(shown, Mark._fields).mark_point(size=34, opacity=1, filled=counts)
    return chart.encode(y=_upwards(), color=_colour(), shape=alt.Shape("call:N", title="of a round", scale=shapes))


def _rules(begins: list[Begin]) -> "alt.Chart":
    chart: alt.Chart = _chart(begins, Begin._fields).mark_rule(color=INK, strokeWidth=0.6, strokeDash=[3, 3])
    return chart


def _labels(begins: list[Begin]) -> "alt.Chart":
    import altair as alt

    chart: alt.Chart = _chart(begins, Begin._fields).mark_text(align="left", baseline="bottom", dx=3, dy=-3, color=INK)
    return chart.encode(y=alt.value(0), text="label:N")
