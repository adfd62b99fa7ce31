"""A case's nights as a picture: SVG by altair."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from mnv2bench.files import Sort
from mnv2bench.regression.history.points import Point
from mnv2bench.regression.pages.history import HINT, MARKS, height, mark, unit
from mnv2bench.report.cells import plain
from mnv2bench.report.svg import as_svg

if TYPE_CHECKING:
    import altair as alt

SAVED = "saved, UTC"
PICTURE = Sort("picture of a history", earlier=SAVED)
WIDTH, HEIGHT = 900, 340  # pixels of the plot itself
PADDING = 12  # pixels between the outermost nights and the frame
TICKS = 9  # at most
LONGEST, MOST = 110, 8  # characters of an epoch's line, and how many have one
COLOURS = {"eligible": "#1f5f99", "left out": "#8a8a8a", "REGRESSION": "#c62828", "IMPROVEMENT": "#2e7d32"}
RULES = {"epoch": ([1, 0], "#444444"), HINT: ([5, 4], "#b26a00")}


class NightMark(NamedTuple):
    """A night on the plot: when it was saved, its number, and which of MARKS it is."""

    saved: str
    number: float
    night: str


class Rule(NamedTuple):
    """An upright line at a night: an epoch with its number, or the hint of a change point."""

    saved: str
    line: str
    label: str


def svg(case: str, points: Sequence[Point], hints: Sequence[str] = ()) -> str:
    """The picture; `hints` are the nights of change points. ValueError for a case that has no number.

    ModuleNotFoundError where altair or vl-convert-python is not installed.
    """
    import altair as alt

    nights = [
        NightMark(point.saved_at.isoformat(), number, mark(point))
        for point in points
        if (number := height(point)) is not None
    ]
    if not nights:
        raise ValueError(f"no night of {case} has a number: leave --svg out")
    rules, ticks = _rules(points, hints), _ticks(points)
    layers = [*([_lines(rules, ticks), _labels(rules, ticks)] if rules else []), _points(nights, ticks, unit(points))]
    title = alt.TitleParams(plain(case), subtitle=_subtitle(points), anchor="start", offset=18)
    chart = (
        alt.layer(*layers)
        .properties(width=WIDTH, height=HEIGHT, title=title, background="white", padding=12)
        .configure_axis(gridColor="#ececec")
    )
    return as_svg(chart)


def _subtitle(points: Sequence[Point]) -> list[str]:
    """The first and the last night, and the reason of each epoch, whose number stands above its line."""
    lines = [f"{len(points)} nights, {points[0].saved_at:%Y-%m-%d} to {points[-1].saved_at:%Y-%m-%d}"]
    epochs = [point for point in points if point.epochs]
    for number, point in list(enumerate(epochs, 1))[-MOST:]:
        text = plain(f"{number}: epoch of {point.saved_at:%Y-%m-%d}: {'; '.join(point.epochs)}")
        lines.append(text if len(text) <= LONGEST else text[: LONGEST - 1] + "…")
    return lines


def _rules(points: Sequence[Point], hints: Sequence[str]) -> list[Rule]:
    """Upright lines: where an epoch was accepted, else where a change point is."""
    rules, epochs = [], 0
    for point in points:
        saved = point.saved_at.isoformat()
        if point.epochs:
            epochs += 1
            rules.append(Rule(saved, "epoch", str(epochs)))
        elif point.night in hints:
            rules.append(Rule(saved, HINT, ""))
    return rules


def _chart(rows: Sequence[NightMark] | Sequence[Rule], ticks: list[float]) -> "alt.Chart":
    """Over the time of saving; `ticks` are milliseconds since 1970."""
    import altair as alt
    import pandas as pd

    axis = alt.Axis(format="%Y-%m-%d", values=ticks, labelOverlap=True)
    saved = alt.X("saved:T", title=SAVED, scale=alt.Scale(type="utc", padding=PADDING), axis=axis)
    chart: alt.Chart = alt.Chart(pd.DataFrame(rows)).encode(x=saved)
    return chart


def _ticks(points: Sequence[Point]) -> list[float]:
    """At the nights themselves, as a day may have none and another two."""
    step = max(1, math.ceil(len(points) / TICKS))
    return [1e3 * point.saved_at.timestamp() for point in points[::step]]


def _points(nights: list[NightMark], ticks: list[float], unit: str) -> "alt.Chart":
    """A night left out is hollow."""
    import altair as alt

    shown = [name for name in MARKS if any(night.night == name for night in nights)]
    edge = alt.Scale(domain=shown, range=[COLOURS[name] for name in shown])
    inside = alt.Scale(domain=shown, range=["white" if name == "left out" else COLOURS[name] for name in shown])
    says = "ms (low quantile of the calls)" if unit == "ms" else f"{unit} of one call"
    chart: alt.Chart = _chart(nights, ticks).mark_point(size=45, opacity=1)
    return chart.encode(
        y=alt.Y("number:Q", title=says, scale=alt.Scale(zero=False, padding=PADDING)),
        stroke=alt.Stroke("night:N", title="night", scale=edge),
        fill=alt.Fill("night:N", title="night", scale=inside),
    )


def _lines(rules: list[Rule], ticks: list[float]) -> "alt.Chart":
    import altair as alt

    shown = [name for name in RULES if any(rule.line == name for rule in rules)]
    dashes = alt.Scale(domain=shown, range=[RULES[name][0] for name in shown])
    colours = alt.Scale(domain=shown, range=[RULES[name][1] for name in shown])
    chart: alt.Chart = _chart(rules, ticks).mark_rule(strokeWidth=1.2)
    return chart.encode(
        strokeDash=alt.StrokeDash("line:N", title="line", scale=dashes),
        color=alt.Color("line:N", title="line", scale=colours),
    )


def _labels(rules: list[Rule], ticks: list[float]) -> "alt.Chart":
    import altair as alt

    chart: alt.Chart = _chart(rules, ticks).mark_text(baseline="bottom", dy=-3, color=RULES["epoch"][1])
    return chart.encode(y=alt.value(0), text="label:N")
