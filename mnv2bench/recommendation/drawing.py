"""What the pictures of answers share: colours of light and dark screens, sizes, titles, and the look of axes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mnv2bench.recommendation.answer import Answer
from mnv2bench.recommendation.machines import machine_name
from mnv2bench.report.cells import plain
from mnv2bench.report.palette import runtime_colours
from mnv2bench.report.svg import GRID, INK

if TYPE_CHECKING:
    import altair as alt

POINTS = "points"  # the name of the rows of candidates in a picture's specification
NOTHING_TO_DRAW = "no case can be chosen by"
MARGIN = 1.15  # the largest cost and the end of the axis differ by this factor
GAP = 18  # pixels between the columns of a legend: fonts differ from browser to browser


@dataclass(frozen=True)
class Theme:
    """The colours of what is no data; those of runtimes are readable on every background."""

    ink: str
    faint: str
    background: str


LIGHT = Theme(ink=INK, faint=GRID, background="white")
DARK = Theme(ink="#e6edf3", faint="#30363d", background="#0d1117")
PAGE = Theme(ink="var(--ink)", faint="var(--faint)", background="var(--background)")  # an HTML page's style has both


@dataclass(frozen=True)
class Size:
    """The pixels of the plot itself, its legends, and whether it has a title or stands under a text.

    `room` is the factor between the least cost and the begin of the axis: labels stand there. A narrow one breaks
    long lines, and has its legends above and below the plot.
    """

    width: int
    height: int
    legend_columns: int
    room: float = 1.6
    is_titled: bool = False
    is_narrow: bool = False


ALONE = Size(width=820, height=420, legend_columns=4, is_titled=True)
WIDE = Size(width=820, height=340, legend_columns=4)
NARROW = Size(width=290, height=340, legend_columns=2, room=3.0, is_narrow=True)


def configured(
    layers: Sequence["alt.Chart"], theme: Theme, size: Size, height: int, title: "alt.TitleParams"
) -> "alt.LayerChart":
    """The layers as one picture in the colours of a theme; the title is left out where a text stands over it."""
    import altair as alt

    chart: alt.LayerChart = (
        alt.layer(*layers)
        .properties(width=size.width, height=height, padding=10)
        .configure(background=theme.background, font="system-ui, sans-serif", aria=False)
        .configure_mark(aria=False)  # the picture as a whole has a text, and tables have its numbers
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
    return chart.properties(title=title) if size.is_titled else chart


def heading(answer: Answer, sentences: Sequence[str], size: Size) -> "alt.TitleParams":
    """The first sentence as a title, and below it the machine and the others."""
    import altair as alt

    first, *others = map(plain, sentences)
    machine = plain(machine_name(answer.candidates[0].evaluation.record.machine))
    return alt.TitleParams(first, subtitle=[machine, *others], anchor="start", offset=12, limit=size.width)


def colours(runtimes: Sequence[str], theme: Theme) -> tuple[list[str], list[str]]:
    """The edge and the inside of each runtime's points: where two have the same colour, the later one is hollow."""
    colours = runtime_colours(runtimes)
    edges = [colours[runtime] for runtime in runtimes]
    insides = [theme.background if edge in edges[:place] else edge for place, edge in enumerate(edges)]
    return edges, insides
