"""Live activation memory along the network as a picture: SVG by altair."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mnv2bench.files import Sort
from mnv2bench.networks import Variant, activations, peaks
from mnv2bench.report.memory import all_folded, frame, name
from mnv2bench.report.svg import as_picture

if TYPE_CHECKING:
    import altair as alt

TITLE = "Activation memory along the network"
PICTURE = Sort("picture of memory", earlier=TITLE)
WIDTH, HEIGHT = 900, 190  # pixels of a panel
PARTS = {"read_bytes": "input", "written_bytes": "output", "held_bytes": "held for the residual"}  # from the bottom up
COLOURS = ("#8fb4d9", "#2a6cab", "#e08a00")
MARK = "#d9480f"
ABOVE = 1.18  # space for the mark, in parts of the highest bar


def svg(variants: Sequence[Variant]) -> str:
    """A panel for each variant, each with a scale of its own. ValueError without any."""
    import altair as alt

    if not variants:
        raise ValueError("no variant to draw: leave --svg out")
    title = alt.TitleParams(
        TITLE,
        subtitle=f"computed for one fp32 image, {all_folded(variants)} folded: what is alive while a layer runs",
        anchor="start",
        offset=14,
    )
    return as_picture(alt.vconcat(*map(_panel, variants), spacing=26).properties(title=title))


def _panel(variant: Variant) -> "alt.LayerChart | alt.FacetChart":
    """Bars layer by layer, the highest one marked."""
    import altair as alt
    import pandas as pd

    whole = frame([variant])
    bars = whole.melt(["layer", "place"], list(PARTS), "part", "bytes")
    bars = bars.assign(mb=bars["bytes"] / 1e6, part=bars["part"].map(PARTS), order=bars["part"].map(list(PARTS).index))
    peak = peaks(activations(*variant)).live
    mark = pd.DataFrame(
        [{"layer": peak.layer, "mb": peak.bytes / 1e6, "label": f"{peak.bytes / 1e6:.2f} MB at {peak.layer}"}]
    )
    layer = alt.X("layer:N", sort=list(whole["layer"]), title=None, axis=alt.Axis(labelAngle=-90, labelFontSize=8))
    megabytes = alt.Y("mb:Q", title="MB alive", scale=alt.Scale(domainMax=ABOVE * peak.bytes / 1e6, nice=False))
    parts = alt.Color("part:N", title=None, scale=alt.Scale(domain=list(PARTS.values()), range=list(COLOURS)))
    stacked = alt.Chart(bars).mark_bar().encode(x=layer, y=megabytes, color=parts, order=alt.Order("order:Q"))
    label = alt.Chart(mark).mark_text(align="left", baseline="bottom", dx=-8, dy=-3, color=MARK, fontWeight="bold")
    marked = label.encode(x=layer, y="mb:Q", text="label:N")
    return alt.layer(stacked, marked).properties(width=WIDTH, height=HEIGHT, title=name(variant))
