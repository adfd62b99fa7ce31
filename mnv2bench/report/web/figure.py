"""Pictures of HTML pages: SVG for every browser, and its specification for those that run scripts."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mnv2bench.report.svg import as_svg
from mnv2bench.report.web.document import inert_json

if TYPE_CHECKING:
    import altair as alt
    from markupsafe import Markup


@dataclass(frozen=True)
class Figure:
    """A picture: `svg` is drawn already, `wide` and `narrow` are specifications of Vega without the rows `rows`.

    `dataset` is the name that the rows have in both. `text` says what is seen.
    """

    text: str
    svg: "Markup"
    dataset: str
    wide: dict[str, Any]
    narrow: dict[str, Any]
    rows: list[dict[str, object]]

    @property
    def content(self) -> "Markup":
        """What the page's script needs to draw it."""
        return inert_json({"dataset": self.dataset, "wide": self.wide, "narrow": self.narrow, "rows": self.rows})


def figure(text: str, wide: "alt.LayerChart", narrow: "alt.LayerChart", dataset: str) -> Figure:
    """The picture of two charts of the same rows, for wide and for narrow screens."""
    from markupsafe import Markup

    specification, rows = _vega(wide, dataset)
    narrow_specification, _ = _vega(narrow, dataset)
    # the chart's library escapes every text in an SVG
    return Figure(text, Markup(as_svg(wide)), dataset, specification, narrow_specification, rows)


def still_figure(text: str, chart: "alt.LayerChart") -> Figure:
    """The picture of a chart for a page that has no program to draw it anew."""
    from markupsafe import Markup

    return Figure(text, Markup(as_svg(chart)), "", {}, {}, [])


def _vega(chart: "alt.LayerChart", dataset: str) -> tuple[dict[str, Any], list[dict[str, object]]]:
    """The chart compiled to Vega, without the rows of a dataset, and these rows."""
    import altair as alt
    import vl_convert

    with alt.data_transformers.enable("default", max_rows=None):
        specification: dict[str, Any] = vl_convert.vegalite_to_vega(chart.to_dict(validate=False))
    rows: list[dict[str, object]] = []
    for data in specification["data"]:
        if data["name"] == dataset:
            rows = data.pop("values")
    return specification, rows
