"""A case over time on one machine, as the places of points in a picture; each point is a link to its file."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mnv2bench.recommendation.candidates import UNUSABLE
from mnv2bench.regression.judging.pairs import BOTH
from mnv2bench.report.cells import NONE, interval, scaled
from mnv2bench.texts import counted
from mnv2bench.website.rows import Place, Row

WIDTH, HEIGHT = 880, 250  # of the picture, in units of its own
LEFT, RIGHT, TOP, BOTTOM = 78, 866, 22, 214  # the plot in it
DATES, STEPS = 6, 5  # labels at most, across and upwards
DIGIT_WIDTH = 8
MOST_POINTS = 150  # of the newest files of a machine
LEAST_RANGE = 0.02  # of the largest number: noise of less than that stays flat
LEFT_OUT, USUAL = "left out", "measured"


@dataclass(frozen=True)
class Mark:
    """A point: its place, the ends of its interval, what it is, the text over it, and the address of its file."""

    x: float
    y: float
    low_y: float
    high_y: float
    what: str
    text: str
    address: str


@dataclass(frozen=True)
class Tick:
    """A label of an axis, and its place on it."""

    place: float
    text: str


@dataclass(frozen=True)
class Chart:
    """The picture of a case on a machine. `epochs` are upright lines with their numbers; `text` says what is seen."""

    text: str
    unit: str
    marks: tuple[Mark, ...]
    line: str
    across: tuple[Tick, ...]
    upwards: tuple[Tick, ...]
    epochs: tuple[Tick, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class _Scale:
    """Where a number lies between two places of the picture."""

    low: float
    high: float
    begin: float
    end: float

    def place(self, value: float) -> float:
        """The place of a number, to a tenth."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.begin + share * (self.end - self.begin), 1)


def number(row: Row) -> float | None:
    """What the picture shows of a case: its latency, or its instructions; None where it has no right number."""
    return (row.latency_ms if row.latency_ms is not None else row.instructions) if row.is_ok else None


def mark_of(place: Place) -> str:
    """What a point is: a confirmed change, a case whose numbers nobody should choose by, or the usual."""
    if place.verdict in BOTH:
        return place.verdict
    return LEFT_OUT if any(name in UNUSABLE for name in place.row.flag_names) else USUAL


def chart(places: Sequence[Place], up: str) -> Chart | None:
    """The picture of the places of a case on a machine, in order; None without a number that has a date.

    `up` leads from the page to the site's root.
    """
    dated = [p for p in places if p.file.summary.saved_at and number(p.row) is not None][-MOST_POINTS:]
    if not dated:
        return None
    times, values = [_seconds(place) for place in dated], [_numbers(place.row) for place in dated]
    across = _scale(min(times), max(times), 86_400, LEFT + 14, RIGHT - 14)
    least, most = min(low for low, _, _ in values), max(high for _, _, high in values)
    upwards = _scale(least, most, LEAST_RANGE * most, BOTTOM - 10, TOP + 10)
    marks = []
    for place, when, (low, value, high) in zip(dated, times, values, strict=True):
        ends = upwards.place(low), upwards.place(high)
        address = up + place.file.address if place.file.address else ""
        marks.append(Mark(across.place(when), upwards.place(value), *ends, mark_of(place), point_text(place), address))
    begins = [place for place in dated if place.epochs]
    usual = [mark for mark in marks if mark.what != LEFT_OUT]
    return Chart(
        text=f"{counted(len(dated), 'file')}, {' to '.join(dict.fromkeys((dated[0].file.day, dated[-1].file.day)))}",
        unit="ms" if dated[0].row.latency_ms is not None else "instructions",
        marks=tuple(marks),
        line=" ".join(f"{mark.x:g},{mark.y:g}" for mark in usual),
        across=_dates(across, times),
        upwards=tuple(Tick(upwards.place(value), scaled(value)) for value in _steps(upwards)),
        epochs=tuple(Tick(across.place(_seconds(place)), str(count)) for count, place in enumerate(begins, 1)),
        reasons=tuple(f"{place.file.day}: {'; '.join(place.epochs)}" for place in begins),
    )


def number_text(row: Row) -> str:
    """`6.13 (6.05–6.22)`, or the instructions of a counted case; a dash where there is no right number."""
    if not row.is_ok:
        return NONE
    if row.latency_ms is None:
        return NONE if row.instructions is None else f"{row.instructions:,}"
    return interval(row.latency_ms, row.latency_low_ms, row.latency_high_ms)


def point_text(place: Place) -> str:
    """What a reader sees over a point, as one line."""
    when = place.file.summary.saved_at
    shown = f"{when:%Y-%m-%d %H:%M}" if when else "no date"
    unit = "ms" if place.row.latency_ms is not None else "instructions"
    parts = [f"{shown}: {number_text(place.row)} {unit}", place.verdict, place.row.flags or "", place.file.name]
    return "; ".join(filter(None, parts))


def _numbers(row: Row) -> tuple[float, float, float]:
    """The lower end, the number and the upper end; three times the number where it has no interval."""
    value = number(row) or 0.0
    if row.latency_ms is None or row.latency_low_ms is None or row.latency_high_ms is None:
        return value, value, value
    return row.latency_low_ms, value, row.latency_high_ms


def _seconds(place: Place) -> float:
    when = place.file.summary.saved_at
    return when.timestamp() if when else 0.0


def _scale(low: float, high: float, least: float, begin: float, end: float) -> _Scale:
    """A scale of at least this range, which holds both numbers."""
    spare = max(0.0, least - (high - low)) / 2 or (0.0 if high > low else 1.0)
    return _Scale(low - spare, high + spare, begin, end)


def _steps(scale: _Scale) -> list[float]:
    """Round numbers on a scale."""
    rough = (scale.high - scale.low) / STEPS
    unit = 10 ** math.floor(math.log10(rough))
    step = next(unit * size for size in (1, 2, 5, 10) if unit * size >= rough)
    first, last = math.ceil(scale.low / step), math.floor(scale.high / step)
    return [step * count for count in range(first, last + 1)]


def _dates(scale: _Scale, times: Sequence[float]) -> tuple[Tick, ...]:
    """The dates of some of the files, each with room for its text."""
    ticks: list[Tick] = []
    least = (scale.end - scale.begin) / DATES
    for when in sorted(set(times)):
        place = scale.place(when)
        if not ticks or place - ticks[-1].place >= least:
            ticks.append(Tick(place, f"{datetime.fromtimestamp(when, UTC):%Y-%m-%d}"))
    return tuple(ticks)
