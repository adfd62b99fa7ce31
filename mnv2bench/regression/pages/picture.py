"""A case's nights as a picture: SVG by altair."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from mnv2bench.files import Sort
from mnv2bench.regression.history.points import Point
from mnv2bench.regression.pages.history import HINT, MARKS, height, mark, unit
from mnv2bench.report.cells import plain
from mnv2bench.report.svg import INK, as_picture

if TYPE_CHECKING:
    import altair as alt

SAVED = "saved, UTC"
PICTURE = Sort("picture of a history", earlier=SAVED)
WIDTH, HEIGHT = 900, 340  # pixels of the plot itself
PADDING = 12  # pixels between the outermost nights and the frame
TICKS = 9  # at most
LONGEST, MOST = 110, 8  # characters of an epoch's line, and how many have one
COLOURS = {"eligible": "#2f7fc1", "left out": "#7d858d", "REGRESSION": "#d9480f", "IMPROVEMENT": "#04925a"}
SHAPES = {"eligible": "circle", "left out": "circle", "REGRESSION": "triangle-up", "IMPROVEMENT": "triangle-down"}
NAMED = ("REGRESSION", "IMPROVEMENT")  # nights whose kind stands beside them in words
RULES = {"epoch": ([1, 0], INK), HINT: ([5, 4], "#a36a00")}


class NightMark(NamedTuple):
    """A night on the plot: when it was saved, its number, which of MARKS it is, and a text beside it."""

    saved: str
    number: float
    night: str
    text: str


class Rule(NamedTuple):
    """An upright line: at a night an epoch with its number, or before it the hint of a change point."""

    saved: str
    line: str
    label: str


def svg(case: str, points: Sequence[Point], hints: Sequence[str] = ()) -> str:
    """The picture; `hints` are the nights of change points. ValueError for a case that has no number."""
    import altair as alt

    nights = [
        NightMark(point.saved_at.isoformat(), number, mark(point), _verdict(point))
        for point in points
        if (number := height(point)) is not None
    ]
    if not nights:
        raise ValueError(f"no night of {case} has a number: leave --svg out")
    rules, ticks = _rules(points, hints), _ticks(points)
    upwards = _upwards(unit(points))
    layers = [_joined(nights, ticks, upwards), _points(nights, ticks, upwards), _verdicts(nights, ticks, upwards)]
    if rules:
        layers = [_lines(rules, ticks), _labels(rules, ticks), *layers]
    title = alt.TitleParams(plain(case), subtitle=_subtitle(points), anchor="start", offset=18)
    return as_picture(alt.layer(*layers).properties(width=WIDTH, height=HEIGHT, title=title))


def _subtitle(points: Sequence[Point]) -> list[str]:
    """The first and the last night, and the reason of each epoch, whose number stands above its line."""
    lines = [f"{len(points)} nights, {points[0].saved_at:%Y-%m-%d} to {points[-1].saved_at:%Y-%m-%d}"]
    epochs = [point for point in points if point.epochs]
    for number, point in list(enumerate(epochs, 1))[-MOST:]:
        text = plain(f"{number}: epoch of {point.saved_at:%Y-%m-%d}: {'; '.join(point.epochs)}")
        lines.append(text if len(text) <= LONGEST else text[: LONGEST - 1] + "…")
    return lines


def _verdict(point: Point) -> str:
    """What is written beside a night: what was confirmed there."""
    return point.verdict if point.verdict in NAMED else ""


def _rules(points: Sequence[Point], hints: Sequence[str]) -> list[Rule]:
    """Upright lines: at the night from which an epoch was accepted, and where a level jumps.

    A change point is a night that begins a level: the jump lies between the eligible night before it and that night.
    """
    rules: list[Rule] = []
    epochs, before = 0, points[0].saved_at
    for point in points:
        if point.epochs:
            epochs += 1
            rules.append(Rule(point.saved_at.isoformat(), "epoch", str(epochs)))
        if point.night in hints:
            rules.append(Rule((before + (point.saved_at - before) / 2).isoformat(), HINT, ""))
        if point.eligible:
            before = point.saved_at
    return rules


def _chart(rows: Sequence[NightMark] | Sequence[Rule], columns: Sequence[str], ticks: list[float]) -> "alt.Chart":
    """Over the time of saving; `ticks` are milliseconds since 1970."""
    import altair as alt
    import pandas as pd

    axis = alt.Axis(format="%Y-%m-%d", values=ticks, labelOverlap=True)
    saved = alt.X("saved:T", title=SAVED, scale=alt.Scale(type="utc", padding=PADDING), axis=axis)
    chart: alt.Chart = alt.Chart(pd.DataFrame(list(rows), columns=list(columns))).encode(x=saved)
    return chart


def _ticks(points: Sequence[Point]) -> list[float]:
    """At the nights themselves, as a day may have none and another two."""
    step = max(1, math.ceil(len(points) / TICKS))
    return [1e3 * point.saved_at.timestamp() for point in points[::step]]


def _points(nights: list[NightMark], ticks: list[float], upwards: "alt.Y") -> "alt.Chart":
    """A night left out is hollow."""
    import altair as alt

    shown = [name for name in MARKS if any(night.night == name for night in nights)]
    edge = alt.Scale(domain=shown, range=[COLOURS[name] for name in shown])
    inside = alt.Scale(domain=shown, range=["white" if name == "left out" else COLOURS[name] for name in shown])
    shapes = alt.Scale(domain=shown, range=[SHAPES[name] for name in shown])
    chart: alt.Chart = _chart(nights, NightMark._fields, ticks).mark_point(size=55, opacity=1)
    return chart.encode(
        y=upwards,
        stroke=alt.Stroke("night:N", title="night", scale=edge),
        fill=alt.Fill("night:N", title="night", scale=inside),
        shape=alt.Shape("night:N", title="night", scale=shapes),
    )


def _upwards(unit: str) -> "alt.Y":
    import altair as alt

    title = "ms (low quantile of the calls)" if unit == "ms" else f"{unit} of one call"
    return alt.Y("number:Q", title=title, scale=alt.Scale(zero=False, padding=PADDING))


def _joined(nights: list[NightMark], ticks: list[float], upwards: "alt.Y") -> "alt.Chart":
    """A line through the nights that were not left out."""
    joined = [night for night in nights if night.night != "left out"]
    chart: alt.Chart = _chart(joined, NightMark._fields, ticks).mark_line(
        color=COLOURS["eligible"], strokeWidth=1.5, opacity=0.7
    )
    return chart.encode(y=upwards)


def _verdicts(nights: list[NightMark], ticks: list[float], upwards: "alt.Y") -> "alt.Chart":
    """The words of what was confirmed, on the left of the night, above it."""
    chart: alt.Chart = _chart([night for night in nights if night.text], NightMark._fields, ticks).mark_text(
        align="right", baseline="bottom", dx=-7, dy=-6, color=INK
    )
    return chart.encode(y=upwards, text="text:N")


def _lines(rules: list[Rule], ticks: list[float]) -> "alt.Chart":
    import altair as alt

    shown = [name for name in RULES if any(rule.line == name for rule in rules)]
    dashes = alt.Scale(domain=shown, range=[RULES[name][0] for name in shown])
    colours = alt.Scale(domain=shown, range=[RULES[name][1] for name in shown])
    chart: alt.Chart = _chart(rules, Rule._fields, ticks).mark_rule(strokeWidth=1.2)
    return chart.encode(
        strokeDash=alt.StrokeDash("line:N", title="line", scale=dashes),
        color=alt.Color("line:N", title="line", scale=colours),
    )


def _labels(rules: list[Rule], ticks: list[float]) -> "alt.Chart":
    import altair as alt

    chart: alt.Chart = _chart(rules, Rule._fields, ticks).mark_text(baseline="bottom", dy=-3, color=RULES["epoch"][1])
    return chart.encode(y=alt.value(0), text="label:N")
