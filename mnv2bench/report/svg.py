"""A chart of altair's as SVG: what every picture ends in."""

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import altair as alt


def as_svg(chart: "alt.TopLevelMixin") -> str:
    """Of any number of rows. ModuleNotFoundError where vl-convert-python is not installed."""
    import altair as alt
    import vl_convert  # noqa: F401  altair would say that it is missing in its own words

    written = io.StringIO()
    with alt.data_transformers.enable("default", max_rows=None):
        chart.save(written, format="svg")
    return written.getvalue()
