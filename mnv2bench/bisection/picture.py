"""The ratio of each release to the good one as a picture: SVG by altair."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from mnv2bench.bisection.answers import CaseAnswer
from mnv2bench.bisection.pages import FASTER, LIKE_GOOD, SKIPPED, SLOWER, verdict
from mnv2bench.bisection.search import Direction
from mnv2bench.bisection.sentences import answer_sentence
from mnv2bench.bisection.subject import Subject
from mnv2bench.files import Sort
from mnv2bench.report.cells import plain
from mnv2bench.report.svg import INK, as_picture

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

PICTURE = Sort("picture of a bisection")
WIDTH, HEIGHT = 860, 260  # pixels of a case's plot itself
MOST_CASES = 12
LEGEND = "to the good one"
LINE, MOST_LINES = 120, 4  # characters of a line of the answer above a plot, and lines
COLOURS = {LIKE_GOOD: "#2f7fc1", SLOWER: "#d9480f", FASTER: "#04925a", SKIPPED: "#7d858d"}
SHAPES = {LIKE_GOOD: "circle", SLOWER: "triangle-up", FASTER: "triangle-down", SKIPPED: "cross"}


class ReleaseMark(NamedTuple):
    """A release on the plot: its ratio with the interval, which of COLOURS it is, and a text beside it."""

    release: str
    ratio: float
    low: float
    high: float
    mark: str
    text: str


def svg(subject: Subject, direction: Direction, answers: Sequence[CaseAnswer]) -> str:
    """The picture, a plot for each of the first cases. ValueError where no release has a ratio."""
    import altair as alt

    measured = [answer for answer in answers if any(row.ratio is not None for row in answer.rows)]
    if not measured:
        raise ValueError("no release was measured against the good one")
    plots = [_plot(subject, direction, answer) for answer in measured[:MOST_CASES]]
    return as_picture(alt.vconcat(*plots))


def _plot(subject: Subject, direction: Direction, answer: CaseAnswer) -> "alt.LayerChart | alt.FacetChart":
    import altair as alt
    import pandas as pd

    marks = [_mark(subject, answer, number) for number in range(len(answer.rows))]
    shown = pd.DataFrame([mark for mark in marks if mark], columns=list(ReleaseMark._fields))
    names = [release.name for release in subject.releases]
    across = alt.X("release:N", title=subject.noun, scale=alt.Scale(domain=names), sort=names, axis=_axis())
    title = f"time over that of {names[0]}"
    upwards = alt.Y("ratio:Q", title=title, scale=alt.Scale(zero=False, padding=26))
    base = alt.Chart(shown).encode(x=across)
    layers = [
        alt.Chart(pd.DataFrame({"ratio": [1.0]})).mark_rule(color=INK, strokeDash=[5, 4]).encode(y="ratio:Q"),
        base.mark_rule(color=INK, strokeWidth=1.5).encode(y=alt.Y("low:Q", title=title), y2="high:Q"),
        base.mark_point(size=90, filled=True, opacity=1).encode(y=upwards, color=_colour(shown), shape=_shape(shown)),
        base.mark_text(baseline="bottom", dy=-9, color=INK).encode(y=upwards, text="text:N"),
    ]
    answer_lines = textwrap.wrap(plain(answer_sentence(answer, subject, direction)), LINE)[:MOST_LINES]
    heading = alt.TitleParams(plain(answer.case), subtitle=answer_lines, anchor="start", offset=14)
    return alt.layer(*layers).properties(width=WIDTH, height=HEIGHT, title=heading)


def _mark(subject: Subject, answer: CaseAnswer, number: int) -> ReleaseMark | None:
    """The mark of a release; None where it was neither measured against the good one nor skipped."""
    row = answer.rows[number]
    name = subject.releases[number].name
    if row.skipped:
        return ReleaseMark(name, 1.0, 1.0, 1.0, SKIPPED, SKIPPED)
    if number == 0:
        return ReleaseMark(name, 1.0, 1.0, 1.0, LIKE_GOOD, "good")
    if row.ratio is None or row.low is None or row.high is None:
        return None
    kind = next(kind for kind in (SLOWER, FASTER, LIKE_GOOD) if verdict(row, answer).startswith(kind))
    text = "the first" if number == answer.ended.first else ""
    return ReleaseMark(name, row.ratio, row.low, row.high, kind, text)


def _axis() -> "alt.Axis":
    import altair as alt

    return alt.Axis(labelAngle=-35, labelOverlap=True)


def _colour(shown: "pd.DataFrame") -> "alt.Color":
    import altair as alt

    kinds = _kinds(shown)
    scale = alt.Scale(domain=kinds, range=[COLOURS[kind] for kind in kinds])
    return alt.Color("mark:N", title=LEGEND, scale=scale)


def _shape(shown: "pd.DataFrame") -> "alt.Shape":
    import altair as alt

    kinds = _kinds(shown)
    return alt.Shape("mark:N", title=LEGEND, scale=alt.Scale(domain=kinds, range=[SHAPES[kind] for kind in kinds]))


def _kinds(shown: "pd.DataFrame") -> list[str]:
    return [kind for kind in COLOURS if kind in set(shown["mark"])]
