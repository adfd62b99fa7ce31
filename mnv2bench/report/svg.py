"""The SVG text of an altair chart."""

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import altair as alt

INK, GRID = "#444444", "#ececec"  # of lines and texts that are no data, and of the grid
PADDING = {"left": 24, "right": 44, "top": 12, "bottom": 20}  # pixels; texts are wider in a browser with another font
DARK = {  # what is no data, on a dark background; a mark of data keeps its colour, which is readable on both
    "white": "#0d1117",
    "black": "#e6edf3",
    "#000": "#e6edf3",
    INK: "#b1bac4",
    GRID: "#262c36",
    "#ddd": "#30363d",
    "#888": "#8b949e",
}


def as_svg(chart: "alt.TopLevelMixin") -> str:
    """The chart as SVG, with any number of rows."""
    import altair as alt

    svg = io.StringIO()
    with alt.data_transformers.enable("default", max_rows=None):
        chart.save(svg, format="svg")
    return svg.getvalue()


def as_picture(chart: "alt.LayerChart | alt.FacetChart | alt.VConcatChart") -> str:
    """The chart as the SVG of a file: on a background of its own, which is dark where the reader's pages are."""
    whole = chart.properties(background="white", padding=PADDING).configure_axis(gridColor=GRID, labelLimit=260)
    head, end, body = as_svg(whole).partition(">")
    return head + end + _style() + body


def _style() -> str:
    """The rules that exchange the colours of DARK."""
    rules = [f'[{what}="{light}"]{{{what}:{dark}}}' for light, dark in DARK.items() for what in ("fill", "stroke")]
    return f"<style>@media (prefers-color-scheme: dark){{{''.join(rules)}}}</style>"
