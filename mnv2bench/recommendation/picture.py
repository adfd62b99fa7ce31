"""The picture of an answer: accuracy over latency, memory or energy, with the Pareto front, by altair."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING

from mnv2bench.files import Sort
from mnv2bench.precisions import NAMES
from mnv2bench.recommendation import throughput_picture
from mnv2bench.recommendation.answer import Answer
from mnv2bench.recommendation.candidates import PUBLISHED, Candidate
from mnv2bench.recommendation.drawing import (
    ALONE,
    DARK,
    GAP,
    LIGHT,
    MARGIN,
    NARROW,
    NOTHING_TO_DRAW,
    PAGE,
    POINTS,
    WIDE,
    Size,
    Theme,
    colours,
    configured,
    heading,
)
from mnv2bench.recommendation.goal import Cost, Goal
from mnv2bench.recommendation.phrases import latency_text, setting_text
from mnv2bench.report.cells import NONE, plain
from mnv2bench.report.svg import as_picture, as_svg
from mnv2bench.report.web.figure import Figure, figure, still_figure

if TYPE_CHECKING:
    import altair as alt

PICTURE = Sort("picture of an answer", ".answer.svg")
PICTURE_OF_RATES = Sort("picture of throughput", ".throughput.svg")
MOST_DRAWN = 1000  # candidates, so that no picture freezes its reader
PADDING = 14  # pixels between the outermost points and the frame
LINE = 26  # pixels of a variant's line, where no accuracy is known
LEAST_GAP = 11  # pixels between the labels of the front
CHARACTER, BESIDE = 6.5, 8  # pixels of a character of a label, and between a label and its point
MOST_ROOM = 0.25  # of the plot's width: longer labels make no room for themselves
SHAPES = dict(zip(NAMES, ("circle", "triangle-down", "square", "triangle-up", "diamond"), strict=True))
TITLES = {
    Cost.LATENCY: "latency of one call, ms: median, and its 95 % interval as a bar",
    Cost.MEMORY: "peak of resident memory, MB: median over processes, and its 95 % interval as a bar",
    Cost.ENERGY: "energy of the processor, mJ an image: median over processes, and its 95 % interval as a bar",
}
TEXTS = {  # what stands over a point, and its name there
    "case": "case",
    "latency": "latency (95 %)",
    "memory": "peak memory",
    "agreement": "kept of fp32",
}


@dataclass(frozen=True)
class Point:
    """A candidate on the picture: its place, its interval, and the texts that a reader sees over it.

    `place` is its accuracy in per cent, or the name of its variant where no accuracy is known.
    """

    case: str
    place: float | str | None
    cost: float
    low: float | None
    high: float | None
    runtime: str
    precision: str
    device: str
    threads: int
    batch: int
    latency: str
    memory: str
    agreement: str


def svg(answer: Answer, dark: bool = False) -> str:
    """The picture as SVG: light or dark as its reader's pages are, or always dark. ValueError where there is none."""
    return as_svg(chart(answer, DARK)) if dark else as_picture(chart(answer))


def answer_figure(answer: Answer) -> Figure:
    """The picture for an HTML page. ValueError where nothing can be drawn."""
    return figure(_caption(answer), chart(answer, PAGE, WIDE), chart(answer, PAGE, NARROW), POINTS)


def still_answer_figure(answer: Answer) -> Figure:
    """The same for a page that has no program to draw it anew."""
    return still_figure(_caption(answer), chart(answer, PAGE, WIDE))


def _caption(answer: Answer) -> str:
    first, *others = _sentences(answer)
    return plain(f"{first}. {' '.join(others)}")


def chart(answer: Answer, theme: Theme = LIGHT, size: Size = ALONE) -> "alt.LayerChart":
    """The picture: a point for each candidate, its interval as a bar, the Pareto front as steps.

    A colour is a runtime and a shape is a precision. Where no accuracy is known, each variant has a line of its own.
    An answer for throughput has a picture of its own. ValueError where no candidate has a cost, and where the numbers
    are not to be used.
    """
    if answer.goal.is_for_throughput:
        return throughput_picture.chart(answer, theme, size)
    drawn = _drawn(answer) if answer.is_usable else ()
    if not drawn:
        raise ValueError(NOTHING_TO_DRAW)
    axes = _axes(answer, drawn, size)
    layers = [*_budgets(answer.goal, axes, theme), *_front(answer, axes, theme)]
    layers += _points(answer, drawn, axes, theme, size)
    if axes.has_accuracy:
        layers += _labels(answer, drawn, axes, theme, size)
    return configured(layers, theme, size, axes.height, _title(answer, size))


@dataclass(frozen=True)
class _Axes:
    """What all layers share: the axis of costs, the axis of accuracies or of variants, and the range of both.

    `cost` gives the axis of costs for a field of a layer's rows.
    """

    cost: "Callable[[str], alt.X]"
    y: "alt.Y"
    has_accuracy: bool
    accuracies: tuple[float, float]
    costs: tuple[float, float]
    height: int


def _drawn(answer: Answer) -> Sequence[Candidate]:
    """The candidates that have a cost, and an accuracy where any has; of too many, the front and an even choice."""
    priced = [candidate for candidate in answer.candidates if candidate.cost(answer.goal)]
    placed = [candidate for candidate in priced if candidate.accuracy is not None] or priced
    front = [candidate for candidate in placed if candidate in answer.front]
    others = [candidate for candidate in placed if candidate not in answer.front]
    step = -(-len(others) // MOST_DRAWN) or 1
    return (*front, *others[::step])


def _sentences(answer: Answer) -> tuple[str, ...]:
    """What the picture is of, and how to read it."""
    if answer.goal.is_for_throughput:
        return throughput_picture.sentences(answer)
    drawn, number = len(_drawn(answer)), len(answer.candidates)
    title = f"Accuracy over {answer.goal.cost_name}, {setting_text(answer.setting)}"
    steps = "The steps are the Pareto front: no other case has its accuracy for less."
    return (title, steps) if drawn == number else (title, steps, f"{drawn:,} of {number:,} cases are drawn.")


def _title(answer: Answer, size: Size) -> "alt.TitleParams":
    return heading(answer, _sentences(answer), size)


def _axes(answer: Answer, drawn: Sequence[Candidate], size: Size) -> _Axes:
    import altair as alt

    costs = [cost for candidate in drawn for cost in _span(candidate, answer.goal)]
    highest = max(costs) * MARGIN
    begins = [_begin(*label, highest, size) for label in _placed_labels(answer, drawn)]
    lowest = min([min(costs) / size.room, *filter(None, begins)])
    title = _cost_title(answer.goal)
    cost = partial(
        alt.X,
        title=title.split(": ") if size.is_narrow else title,
        scale=alt.Scale(type="log", domain=[lowest, highest], nice=False),
        axis=alt.Axis(values=_ticks(lowest, highest) or alt.Undefined, format="~g"),
    )
    accuracies = [candidate.accuracy for candidate in drawn if candidate.accuracy is not None]
    if accuracies:
        y = alt.Y("place:Q", title=_accuracy_title(drawn), scale=alt.Scale(zero=False, nice=False, padding=PADDING))
        return _Axes(cost, y, True, (min(accuracies), max(accuracies)), (lowest, highest), size.height)
    variants = list(dict.fromkeys(candidate.variant for candidate in drawn))
    y = alt.Y("place:N", title=None, sort=variants, axis=alt.Axis(labelLimit=160))
    return _Axes(cost, y, False, (0.0, 0.0), (lowest, highest), LINE * len(variants))


def _begin(cost: float, label: str, highest: float, size: Size) -> float | None:
    """Where the axis must begin so that a label has room on it; None for a label that is too long for that."""
    width = _pixels(label)
    if width > MOST_ROOM * size.width:
        return None
    return highest * math.pow(cost / highest, size.width / (size.width - width))


def _pixels(label: str) -> float:
    """About how far a label and what is between it and its point reach."""
    return BESIDE + CHARACTER * len(label)


def _has_room(cost: float, label: str, axes: "_Axes", size: Size) -> bool:
    """Whether a label stands on the plot whole."""
    lowest, highest = axes.costs
    place = math.log(cost / lowest) / math.log(highest / lowest)
    return _pixels(label) <= place * size.width + 1


def _cost_title(goal: Goal) -> str:
    if goal.cost == Cost.LATENCY and goal.percentile is not None:
        return f"upper bound of the {goal.percentile:g}th percentile of latency, ms"
    return TITLES[goal.cost]


def _accuracy_title(drawn: Sequence[Candidate]) -> str:
    """Whose accuracy it is: the published one, or that on a user's images."""
    sources = list(dict.fromkeys(candidate.accuracy_source for candidate in drawn if candidate.accuracy is not None))
    if sources == [PUBLISHED]:
        return "top-1 on ImageNet as published for fp32, %"
    return f"top-1, %: {plain(' and '.join(sources))}"


def _ticks(lowest: float, highest: float) -> list[float]:
    """Steps of 1, 2 and 5; none where fewer than three are in the range, and the library chooses others."""
    powers = range(math.floor(math.log10(lowest)), math.ceil(math.log10(highest)) + 1)
    steps = [step * 10.0**power for power in powers for step in (1, 2, 5)]
    inside = [step for step in steps if lowest <= step <= highest]
    return inside if len(inside) >= 3 else []


def _span(candidate: Candidate, goal: Goal) -> tuple[float, ...]:
    """Where the point of a candidate stands, and the ends of its interval where it has one."""
    if goal.cost == Cost.LATENCY and goal.percentile is not None:
        return (candidate.percentile_ms(goal.percentile) or 0.0,)
    middles = {
        Cost.LATENCY: candidate.median_ms,
        Cost.MEMORY: candidate.peak_mb,
        Cost.ENERGY: candidate.mj_per_image,
    }
    return (middles[goal.cost] or 0.0, *(candidate.cost_interval(goal) or ()))


def _points(answer: Answer, drawn: Sequence[Candidate], axes: _Axes, theme: Theme, size: Size) -> list["alt.Chart"]:
    """The intervals as bars, and on them the points."""
    import altair as alt

    rows = [asdict(_point(candidate, answer.goal, axes)) for candidate in drawn]
    points = alt.InlineData(values=rows, name=POINTS)
    runtimes = sorted({candidate.evaluation.case.backend for candidate in answer.candidates})
    edges, insides = colours(runtimes, theme)
    shown = {candidate.evaluation.case.precision for candidate in answer.candidates}
    precisions = [name for name in NAMES if name in shown]
    legend = alt.Legend(orient="bottom", columns=size.legend_columns, columnPadding=GAP, symbolOpacity=1)
    legend_of_precisions = alt.Legend(
        orient="top" if size.is_narrow else "bottom",
        columns=size.legend_columns,
        columnPadding=GAP,
        padding=0 if size.is_narrow else GAP,
        symbolFillColor=theme.ink,
        symbolStrokeColor=theme.ink,
    )
    edge = alt.Scale(domain=runtimes, range=edges)
    inside = alt.Scale(domain=runtimes, range=insides)
    shape = alt.Scale(domain=precisions, range=[SHAPES[name] for name in precisions])
    texts = [alt.Tooltip(f"{name}:N", title=title) for name, title in TEXTS.items()]
    chart = alt.Chart(points)
    bars = chart.transform_filter("datum.low != null").mark_rule(strokeWidth=1.6, opacity=0.75)
    marks = chart.mark_point(size=70, strokeWidth=1.8, opacity=1)
    return [
        bars.encode(
            x=axes.cost("low:Q"),
            x2="high:Q",
            y=axes.y,
            stroke=alt.Stroke("runtime:N", title="runtime", scale=edge, legend=legend),
        ),
        marks.encode(
            x=axes.cost("cost:Q"),
            y=axes.y,
            stroke=alt.Stroke("runtime:N", title="runtime", scale=edge, legend=legend),
            fill=alt.Fill("runtime:N", title="runtime", scale=inside, legend=legend),
            shape=alt.Shape("precision:N", title="precision", scale=shape, legend=legend_of_precisions),
            tooltip=texts,
        ),
    ]


def _point(candidate: Candidate, goal: Goal, axes: _Axes) -> Point:
    case = candidate.evaluation.case
    cost, *interval = _span(candidate, goal)
    low, high = interval or (None, None)
    place = candidate.accuracy if axes.has_accuracy else candidate.variant
    agreement, peak = candidate.fp32_agreement, candidate.peak_mb
    return Point(
        case=case.id,
        place=place,
        cost=cost,
        low=low,
        high=high,
        runtime=case.backend,
        precision=case.precision,
        device=case.device,
        threads=case.threads,
        batch=case.batch,
        latency=f"{latency_text(candidate)} ms",
        memory=NONE if peak is None else f"{peak:.0f} MB",
        agreement=NONE if agreement is None else f"{agreement:.1f} %",
    )


def _front(answer: Answer, axes: _Axes, theme: Theme) -> list["alt.Chart"]:
    """The most accuracy that a budget buys, as steps through the upper bounds of the front."""
    import altair as alt
    import pandas as pd

    steps = [(candidate.cost(answer.goal), candidate.accuracy) for candidate in reversed(answer.front)]
    if not axes.has_accuracy or len(steps) < 2:
        return []
    chart = alt.Chart(pd.DataFrame(steps, columns=["cost", "place"]))
    line = chart.mark_line(interpolate="step-after", color=theme.ink, strokeWidth=1.2, opacity=0.7)
    return [line.encode(x=axes.cost("cost:Q"), y=axes.y)]


def _labels(answer: Answer, drawn: Sequence[Candidate], axes: _Axes, theme: Theme, size: Size) -> list["alt.Chart"]:
    """The variants of the front, to the left of their points, where there is room."""
    import altair as alt
    import pandas as pd

    lowest, highest = axes.accuracies
    per_point = size.height / max(highest - lowest, 1e-9)
    labels: list[tuple[float, float, str]] = []
    for candidate, (cost, label) in zip(answer.front, _placed_labels(answer, drawn), strict=True):
        height = candidate.accuracy or 0.0
        covers = bool(labels) and (labels[-1][1] - height) * per_point < LEAST_GAP
        if not covers and _has_room(cost, label, axes, size):
            labels.append((cost, height, label))
    if not labels:
        return []
    chart = alt.Chart(pd.DataFrame(labels, columns=["cost", "place", "label"]))
    text = chart.mark_text(align="right", baseline="middle", dx=-BESIDE, color=theme.ink, fontSize=11)
    return [text.encode(x=axes.cost("cost:Q"), y=axes.y, text="label:N")]


def _placed_labels(answer: Answer, drawn: Sequence[Candidate]) -> list[tuple[float, str]]:
    """The label of each candidate of the front, and the cost that it ends at: left of all intervals of its accuracy."""
    least: dict[float | None, float] = {}
    for candidate in drawn:
        costs = (*_span(candidate, answer.goal), least.get(candidate.accuracy, math.inf))
        least[candidate.accuracy] = min(costs)
    return [(least[candidate.accuracy], candidate.variant) for candidate in answer.front]


def _budgets(goal: Goal, axes: _Axes, theme: Theme) -> Iterator["alt.Chart"]:
    """A dashed line at each budget that an axis shows."""
    import altair as alt
    import pandas as pd

    if goal.budget is not None and axes.costs[0] <= goal.budget <= axes.costs[1]:
        line = alt.Chart(pd.DataFrame({"cost": [goal.budget]})).mark_rule(strokeDash=[5, 4], color=theme.ink)
        yield line.encode(x=axes.cost("cost:Q"))
    if goal.accuracy is not None and axes.has_accuracy:
        line = alt.Chart(pd.DataFrame({"place": [goal.accuracy]})).mark_rule(strokeDash=[5, 4], color=theme.ink)
        yield line.encode(y=axes.y)
