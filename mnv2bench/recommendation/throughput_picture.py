"""The picture of an answer for throughput: images a second over p99 of a request, of one variant, by altair."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from mnv2bench.recommendation.answer import Answer
from mnv2bench.recommendation.candidates import Candidate
from mnv2bench.recommendation.drawing import (
    ALONE,
    GAP,
    LIGHT,
    MARGIN,
    NOTHING_TO_DRAW,
    POINTS,
    Size,
    Theme,
    colours,
    configured,
    heading,
)
from mnv2bench.recommendation.phrases import place
from mnv2bench.recommendation.throughput import arrangement, parallelism, rate_text, request_text

if TYPE_CHECKING:
    import altair as alt

NO_TAIL = "no case has both an interval of images a second and a bound of p99: measure with more --rounds"
SHAPES = ("circle", "triangle-up", "square", "diamond", "triangle-down", "cross")
SIZES = (50, 260)  # square pixels of a point of the smallest batch and of the largest
LABEL_GAP = 11  # pixels between a point and its label
TEXTS = {"case": "case", "rate": "images/s (95 %)", "request": "request"}  # what stands over a point, and its name


@dataclass(frozen=True)
class Point:
    """A candidate on the picture: its place, its interval, and the texts that a reader sees over it."""

    case: str
    runtime: str
    precision: str
    device: str
    threads: int
    streams: int
    batch: int
    setting: str
    p99_ms: float
    images_per_s: float
    low: float
    high: float
    rate: str
    request: str


def chart(answer: Answer, theme: Theme = LIGHT, size: Size = ALONE) -> "alt.LayerChart":
    """The picture: a point for each candidate of the best one's variant, its interval as a bar.

    A colour is a runtime, a shape the streams and threads, a size the batch. ValueError where nothing can be drawn.
    """
    import altair as alt

    drawn = _drawn(answer)
    rows = [asdict(_point(candidate)) for candidate in drawn]
    tails = [row["p99_ms"] for row in rows]
    x = alt.X(
        "p99_ms:Q",
        title="upper bound of p99 of a request, ms",
        scale=alt.Scale(type="log", domain=[min(tails) / MARGIN, max(tails) * MARGIN * MARGIN], nice=False),
        axis=alt.Axis(format="~g"),
    )
    layers = [*_bounds(answer, tails, theme), *_points(rows, x, theme, size), *_labels(drawn, x, theme, size)]
    return configured(layers, theme, size, size.height, heading(answer, sentences(answer), size))


def sentences(answer: Answer) -> tuple[str, ...]:
    """What the picture is of, and how to read it."""
    drawn = _drawn(answer)
    variant, device = drawn[0].case.variant, drawn[0].case.device
    above = "Higher is more, further left answers sooner. The labels name what no other case beats in both."
    without = _of_variant(answer) - len(drawn)
    left_out = (f"{without:,} without a bound of p99 are left out.",) if without else ()
    return f"Images a second over p99 of a request, {variant}, {device}", above, *left_out


def _of_variant(answer: Answer) -> int:
    best = answer.best or answer.candidates[0]
    return sum(candidate.case.variant == best.case.variant for candidate in answer.candidates)


def _drawn(answer: Answer) -> Sequence[Candidate]:
    """The candidates of the best one's variant that have both numbers. ValueError where there are none."""
    chosen = (answer.best or answer.nearest) if answer.is_usable else None
    if chosen is None:
        raise ValueError(NOTHING_TO_DRAW)
    of_variant = [each for each in answer.candidates if each.case.variant == chosen.case.variant]
    drawn = [each for each in of_variant if each.percentile_ms(99) and each.images_per_s_interval]
    if not drawn:
        raise ValueError(NO_TAIL)
    return drawn


def _point(candidate: Candidate) -> Point:
    case = candidate.case
    low, high = candidate.images_per_s_interval or (math.nan, math.nan)
    return Point(
        case=case.id,
        runtime=case.backend,
        precision=case.precision,
        device=case.device,
        threads=case.threads,
        streams=case.streams,
        batch=case.batch,
        setting=parallelism(case),
        p99_ms=candidate.percentile_ms(99) or math.nan,
        images_per_s=candidate.images_per_s or math.nan,
        low=low,
        high=high,
        rate=rate_text(candidate),
        request=request_text(candidate),
    )


def _points(rows: Sequence[dict[str, object]], x: "alt.X", theme: Theme, size: Size) -> list["alt.Chart"]:
    """The intervals as bars, and on them the points."""
    import altair as alt

    runtimes = sorted({str(row["runtime"]) for row in rows})
    settings = list(dict.fromkeys(str(row["setting"]) for row in sorted(rows, key=_by_setting)))
    batches = sorted({int(str(row["batch"])) for row in rows})
    edges, insides = colours(runtimes, theme)
    of_runtimes = alt.Legend(orient="bottom", columns=size.legend_columns, columnPadding=GAP, symbolOpacity=1)
    of_settings = alt.Legend(
        orient="top" if size.is_narrow else "bottom",
        columns=1 if size.is_narrow else size.legend_columns,
        columnPadding=GAP,
        padding=0 if size.is_narrow else GAP,
        symbolFillColor=theme.ink,
        symbolStrokeColor=theme.ink,
    )
    y = alt.Y("images_per_s:Q", title="images/s: median, and its 95 % interval as a bar", scale=alt.Scale(zero=True))
    stroke = alt.Stroke("runtime:N", title="runtime", scale=alt.Scale(domain=runtimes, range=edges), legend=of_runtimes)
    shapes = [SHAPES[place % len(SHAPES)] for place in range(len(settings))]
    areas = [SIZES[0] + (SIZES[1] - SIZES[0]) * place / max(1, len(batches) - 1) for place in range(len(batches))]
    area = alt.Scale(type="ordinal", domain=batches, range=areas)  # of another type, one batch alone has no area
    points = alt.Chart(alt.InlineData(values=list(rows), name=POINTS))
    return [
        points.mark_rule(strokeWidth=1.6, opacity=0.75).encode(x=x, y=alt.Y("low:Q"), y2="high:Q", stroke=stroke),
        points.mark_point(strokeWidth=1.8, opacity=1).encode(
            x=x,
            y=y,
            stroke=stroke,
            fill=alt.Fill(
                "runtime:N", title="runtime", scale=alt.Scale(domain=runtimes, range=insides), legend=of_runtimes
            ),
            shape=alt.Shape(
                "setting:N",
                title="streams and threads",
                scale=alt.Scale(domain=settings, range=shapes),
                legend=of_settings,
            ),
            size=alt.Size("batch:O", title="batch", scale=area, legend=of_settings),
            tooltip=[alt.Tooltip(f"{name}:N", title=text) for name, text in TEXTS.items()],
        ),
    ]


def _by_setting(row: dict[str, object]) -> tuple[object, object]:
    return row["streams"], row["threads"]


def _labels(drawn: Sequence[Candidate], x: "alt.X", theme: Theme, size: Size) -> list["alt.Chart"]:
    """Where the candidates run that no other one beats in images a second and p99; the best alone on a narrow one.

    A label stands on the side of its point where there is more room.
    """
    import altair as alt
    import pandas as pd

    tails = [candidate.percentile_ms(99) or math.nan for candidate in drawn]
    middle = math.sqrt(min(tails) * max(tails))
    front = _front(drawn)
    charts: list[alt.Chart] = []
    for is_right in (True, False):
        rows = [
            (candidate.percentile_ms(99), candidate.images_per_s, _label(candidate, size))
            for candidate in (front[-1:] if size.is_narrow else front)
            if ((candidate.percentile_ms(99) or 0.0) <= middle) == is_right
        ]
        table = pd.DataFrame(rows, columns=["p99_ms", "images_per_s", "label"])
        text = alt.Chart(table).mark_text(
            align="left" if is_right else "right",
            dx=LABEL_GAP if is_right else -LABEL_GAP,
            dy=-LABEL_GAP,
            color=theme.ink,
            fontSize=11,
        )
        charts += [text.encode(x=x, y=alt.Y("images_per_s:Q"), text="label:N")] if rows else []
    return charts


def _label(candidate: Candidate, size: Size) -> str:
    return place(candidate) if size.is_narrow else f"{place(candidate)}, {arrangement(candidate)}"


def _front(drawn: Sequence[Candidate]) -> list[Candidate]:
    """The candidates that no other one beats in images a second and p99, the least p99 first."""
    front: list[Candidate] = []
    for candidate in sorted(drawn, key=lambda each: (each.percentile_ms(99) or 0.0, -(each.images_per_s or 0.0))):
        if not front or (candidate.images_per_s or 0.0) > (front[-1].images_per_s or 0.0):
            front.append(candidate)
    return front


def _bounds(answer: Answer, tails: Sequence[float], theme: Theme) -> list["alt.Chart"]:
    """A dashed line at the bound of latency, where it is of p99 and the axis shows it."""
    import altair as alt
    import pandas as pd

    bound = answer.goal.latency_ms
    if bound is None or answer.goal.percentile != 99 or not min(tails) <= bound <= max(tails):
        return []
    line = alt.Chart(pd.DataFrame({"p99_ms": [bound]})).mark_rule(strokeDash=[5, 4], color=theme.ink)
    return [line.encode(x=alt.X("p99_ms:Q"))]
