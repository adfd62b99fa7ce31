"""The picture of an answer: accuracy over latency, memory or energy, with the Pareto front, by altair."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from mnv2bench.cases import Case
from mnv2bench.files import Sort
from mnv2bench.precisions import NAMES
from mnv2bench.recommendation.answer import Answer
from mnv2bench.recommendation.candidates import PUBLISHED, Candidate
from mnv2bench.recommendation.goal import Cost, Goal
from mnv2bench.report.cells import NONE, plain, scaled
from mnv2bench.report.svg import as_svg

if TYPE_CHECKING:
    import altair as alt

PICTURE = Sort("picture of an answer", ".answer.svg")
POINTS = "points"  # the name of the rows of candidates in the picture's specification
NOTHING_TO_DRAW = "no case can be chosen by: there is no picture"
MOST_DRAWN = 1000  # candidates, so that no picture freezes its reader
PADDING = 14  # pixels between the outermost points and the frame
MARGINS = 1.6, 1.15  # factors between the outermost costs and the ends of their axis; labels need room on the left
LINE = 26  # pixels of a variant's line, where no accuracy is known
LEAST_GAP = 11  # pixels between the labels of the front
SHAPES = dict(zip(NAMES, ("circle", "triangle-down", "square", "triangle-up", "diamond"), strict=True))
LATENCY = "latency of one call, ms: median, and its 95 % interval as a bar"
TEXTS = {  # what stands over a point, and its name there
    "case": "case",
    "latency": "latency (95 %)",
    "memory": "peak memory",
    "agreement": "kept of fp32",
}
TITLES = {Cost.MEMORY: "peak of resident memory, MB", Cost.ENERGY: "energy of the processor, mJ an image"}


@dataclass(frozen=True)
class Theme:
    """The colours of a picture. `runtimes` are those of the first eight; later ones are the same, hollow."""

    ink: str
    faint: str
    background: str
    runtimes: tuple[str, ...]


# The colours of Okabe and Ito, which the colour-blind can tell apart; darker on white and lighter on black, so that
# each has a contrast of at least 3 to its background (WCAG 2.2, 1.4.11).
LIGHT = Theme(
    ink="#1f2328",
    faint="#d9dde2",
    background="#ffffff",
    runtimes=("#0072b2", "#c25700", "#008a63", "#b0558f", "#1f2328", "#2f8fc4", "#8a7a00", "#8f3b00"),
)
DARK = Theme(
    ink="#e6edf3",
    faint="#30363d",
    background="#0d1117",
    runtimes=("#3f9fe0", "#ff8a3d", "#1fc293", "#e08fc1", "#e6edf3", "#8fd0f5", "#f0e442", "#c9743a"),
)


@dataclass(frozen=True)
class Size:
    """The pixels of the plot itself, and how many entries stand side by side in its legends."""

    width: int
    height: int
    legend_columns: int
    precisions_at: Literal["top", "bottom"]


WIDE = Size(width=820, height=420, legend_columns=4, precisions_at="bottom")
NARROW = Size(width=290, height=340, legend_columns=2, precisions_at="top")


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
    latency: str
    memory: str
    agreement: str


def svg(answer: Answer, dark: bool = False) -> str:
    """The picture as SVG, for a light or a dark page. ValueError where nothing can be drawn."""
    return as_svg(chart(answer, DARK if dark else LIGHT))


def chart(answer: Answer, theme: Theme = LIGHT, size: Size = WIDE) -> "alt.LayerChart":
    """The picture: a point for each candidate, its interval as a bar, the Pareto front as steps.

    A colour is a runtime and a shape is a precision. Where no accuracy is known, each variant has a line of its own.
    ValueError where no candidate has a cost.
    """
    import altair as alt

    drawn = _drawn(answer)
    if not drawn:
        raise ValueError(NOTHING_TO_DRAW)
    axes = _axes(answer, drawn, size)
    layers = [*_budgets(answer.goal, axes, theme), *_front(answer, axes, theme)]
    layers += _points(answer, drawn, axes, theme, size)
    if axes.has_accuracy:
        layers += _labels(answer, drawn, axes, theme, size)
    chart: alt.LayerChart = (
        alt.layer(*layers)
        .properties(width=size.width, height=axes.height, title=_title(answer, len(drawn), size), padding=10)
        .configure(background=theme.background, font="system-ui, sans-serif", aria=False)
        .configure_view(stroke=None)
        .configure_title(color=theme.ink, subtitleColor=theme.ink, fontSize=15, subtitleFontSize=12)
        .configure_axis(
            gridColor=theme.faint,
            domainColor=theme.ink,
            tickColor=theme.ink,
            labelColor=theme.ink,
            titleColor=theme.ink,
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
        )
        .configure_legend(
            labelColor=theme.ink,
            titleColor=theme.ink,
            labelFontSize=12,
            symbolSize=90,
            symbolLimit=0,
            labelLimit=200,
        )
    )
    return chart


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


def _title(answer: Answer, drawn: int, size: Size) -> "alt.TitleParams":
    import altair as alt

    setting = answer.setting
    of_threads = "1 thread" if setting.threads == 1 else f"{setting.threads} threads"
    machine = answer.candidates[0].evaluation.record.machine
    model = plain(machine.cpu_model or "unknown processor")
    where = f"{model}, {plain(setting.device)}, {of_threads}, batch {setting.batch}"
    lines = [where, "The steps are the Pareto front: no other case has its accuracy for less."]
    if drawn < len(answer.candidates):
        lines.append(f"{drawn:,} of {len(answer.candidates):,} cases are drawn.")
    title = f"Accuracy over {answer.goal.cost}"
    return alt.TitleParams(title, subtitle=lines, anchor="start", offset=12, limit=size.width)


def _axes(answer: Answer, drawn: Sequence[Candidate], size: Size) -> _Axes:
    import altair as alt

    costs = [cost for candidate in drawn for cost in _span(candidate, answer.goal)]
    lowest, highest = min(costs) / MARGINS[0], max(costs) * MARGINS[1]
    cost = partial(
        alt.X,
        title=_cost_title(answer.goal),
        scale=alt.Scale(type="log", domain=[lowest, highest], nice=False),
        axis=alt.Axis(values=_ticks(lowest, highest) or alt.Undefined, format="~g"),
    )
    accuracies = [candidate.accuracy for candidate in drawn if candidate.accuracy is not None]
    if accuracies:
        y = alt.Y("place:Q", title=_accuracy_title(drawn), scale=alt.Scale(zero=False, nice=False, padding=PADDING))
        return _Axes(cost, y, True, (min(accuracies), max(accuracies)), (lowest, highest), size.height)
    variants = list(dict.fromkeys(_variant(candidate.evaluation.case) for candidate in drawn))
    y = alt.Y("place:N", title=None, sort=variants, axis=alt.Axis(labelLimit=160))
    return _Axes(cost, y, False, (0.0, 0.0), (lowest, highest), LINE * len(variants))


def _cost_title(goal: Goal) -> str:
    if goal.cost != Cost.LATENCY:
        return TITLES[goal.cost]
    return LATENCY if goal.percentile is None else f"upper bound of the {goal.percentile}th percentile of latency, ms"


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
    if goal.cost == Cost.LATENCY and goal.percentile is None:
        return (candidate.median_ms, *(candidate.interval_ms or ()))
    return (candidate.cost(goal) or 0.0,)


def _points(answer: Answer, drawn: Sequence[Candidate], axes: _Axes, theme: Theme, size: Size) -> list["alt.Chart"]:
    """The intervals as bars, and on them the points."""
    import altair as alt

    rows = [asdict(_point(candidate, answer.goal, axes)) for candidate in drawn]
    points = alt.InlineData(values=rows, name=POINTS)
    runtimes = sorted({candidate.evaluation.case.backend for candidate in answer.candidates})
    edges, insides = _colours(runtimes, theme)
    shown = {candidate.evaluation.case.precision for candidate in answer.candidates}
    precisions = [name for name in NAMES if name in shown]
    legend = alt.Legend(orient="bottom", columns=size.legend_columns, symbolOpacity=1)
    legend_of_precisions = alt.Legend(
        orient=size.precisions_at,
        columns=size.legend_columns,
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


def _colours(runtimes: Sequence[str], theme: Theme) -> tuple[list[str], list[str]]:
    """The edge and the inside of each runtime's points: after as many as there are colours, they are hollow."""
    number = len(theme.runtimes)
    edges = [theme.runtimes[place % number] for place in range(len(runtimes))]
    return edges, [edge if place < number else theme.background for place, edge in enumerate(edges)]


def _point(candidate: Candidate, goal: Goal, axes: _Axes) -> Point:
    case = candidate.evaluation.case
    cost, *interval = _span(candidate, goal)
    low, high = interval or (None, None)
    place = candidate.accuracy if axes.has_accuracy else _variant(case)
    agreement, peak = candidate.fp32_agreement, candidate.peak_mb
    return Point(
        case=case.id,
        place=place,
        cost=cost,
        low=low,
        high=high,
        runtime=case.backend,
        precision=case.precision,
        latency=_latency(candidate),
        memory=NONE if peak is None else f"{peak:.0f} MB",
        agreement=NONE if agreement is None else f"{agreement:.1f} %",
    )


def _latency(candidate: Candidate) -> str:
    median = f"{scaled(candidate.median_ms)} ms"
    if candidate.interval_ms is None:
        return median
    low, high = candidate.interval_ms
    return f"{median} ({scaled(low)}–{scaled(high)})"


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

    lowest_cost: dict[float | None, float] = {}  # of an accuracy: labels stand to the left of all its intervals
    for candidate in drawn:
        costs = (*_span(candidate, answer.goal), lowest_cost.get(candidate.accuracy, math.inf))
        lowest_cost[candidate.accuracy] = min(costs)
    lowest, highest = axes.accuracies
    per_point = size.height / max(highest - lowest, 1e-9)
    labels: list[tuple[float, float, str]] = []
    for candidate in answer.front:
        height = candidate.accuracy
        if height is None or (labels and (labels[-1][1] - height) * per_point < LEAST_GAP):
            continue
        labels.append((lowest_cost[height], height, _variant(candidate.evaluation.case)))
    if not labels:
        return []
    chart = alt.Chart(pd.DataFrame(labels, columns=["cost", "place", "label"]))
    text = chart.mark_text(align="right", baseline="middle", dx=-8, color=theme.ink, fontSize=11)
    return [text.encode(x=axes.cost("cost:Q"), y=axes.y, text="label:N")]


def _variant(case: Case) -> str:
    """The variant as short as a table has it: its width and its resolution."""
    return f"{float(case.width)}@{case.resolution}"


def _budgets(goal: Goal, axes: _Axes, theme: Theme) -> Iterator["alt.Chart"]:
    """A dashed line at each budget that an axis shows."""
    import altair as alt
    import pandas as pd

    most = {Cost.LATENCY: goal.latency_ms, Cost.MEMORY: goal.memory_mb}.get(goal.cost)
    if most is not None and axes.costs[0] <= most <= axes.costs[1]:
        line = alt.Chart(pd.DataFrame({"cost": [most]})).mark_rule(strokeDash=[5, 4], color=theme.ink)
        yield line.encode(x=axes.cost("cost:Q"))
    if goal.accuracy is not None and axes.has_accuracy:
        line = alt.Chart(pd.DataFrame({"place": [goal.accuracy]})).mark_rule(strokeDash=[5, 4], color=theme.ink)
        yield line.encode(y=axes.y)
