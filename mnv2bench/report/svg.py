"""The SVG text of an altair chart."""

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import altair as alt


def as_svg(chart: "alt.TopLevelMixin") -> str:
    """The chart as SVG, with any number of rows. ModuleNotFoundError where vl-convert-python is not installed."""
    import altair as alt
    import vl_convert  # noqa: F401  altair would say that it is missing in its own words

    svg = io.StringIO()
    with alt.data_transformers.enable("default", max_rows=None):
        chart.save(svg, format="svg")
    return svg.getvalue()
