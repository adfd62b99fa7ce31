"""The picture of latency over multiply-adds across networks: a panel for each runtime, with the law through all."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mnv2bench.comparison.table4 import Place, Runtime, published
from mnv2bench.files import Sort
from mnv2bench.report.cells import plain
from mnv2bench.report.layout import title
from mnv2bench.report.palette import COLOURS, SHAPES
from mnv2bench.report.svg import INK, as_picture
from mnv2bench.statistics.architectures import Law

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

TITLE = "Do multiply-adds predict latency across networks?"
PICTURE = Sort("picture of the paper's Table 4")
COLUMNS, WIDTH, HEIGHT = 3, 230, 170  # panels of a line, and the pixels of a panel
STEPS = 1.15  # between the outermost points and the frame
NOTHING_TO_DRAW = "no setting has two networks of Table 4 that may be compared: leave --svg out, or measure them"


def svg(places: Sequence[Place]) -> str:
    """Panels for each machine and setting below each other. ValueError without any."""
    import altair as alt

    drawn = [place for place in places if any(runtime.timed for runtime in place.runtimes)]
    if not drawn:
        raise ValueError(NOTHING_TO_DRAW)
    networks = list(dict.fromkeys(timed.network for place in drawn for r in place.runtimes for timed in r.timed))
    every = [_place(place, networks) for place in drawn]
    heading = alt.TitleParams(
        TITLE,
        subtitle="Both axes are logarithmic. The line is the power law through all points.",
        anchor="start",
        offset=14,
    )
    return as_picture(alt.vconcat(*every, spacing=30).properties(title=heading))


def _place(place: Place, networks: Sequence[str]) -> "alt.ConcatChart":
    import altair as alt

    runtimes = [published(), *(runtime for runtime in place.runtimes if runtime.timed)]
    panels = [_panel(runtime, networks) for runtime in runtimes]
    heading = alt.TitleParams(plain(f"{place.machine}: {title(place.setting)}"), anchor="start", fontSize=12)
    return alt.concat(*panels, columns=COLUMNS, spacing=18).properties(title=heading)


def _panel(runtime: Runtime, networks: Sequence[str]) -> "alt.LayerChart | alt.FacetChart":
    """The points of a runtime, each with its name, and the law through them where there is one."""
    import altair as alt
    import pandas as pd

    points = pd.DataFrame([{"network": t.network, "madds": t.madds_m, "ms": t.ms} for t in runtime.timed])
    x = alt.X("madds:Q", title="million MAdds", scale=_scale(points["madds"]), axis=_axis())
    y = alt.Y("ms:Q", title="ms", scale=_scale(points["ms"]), axis=_axis())
    colour = alt.Scale(domain=list(networks), range=_cycled(COLOURS, len(networks)))
    shape = alt.Scale(domain=list(networks), range=_cycled(SHAPES, len(networks)))
    legend = alt.Legend(orient="bottom", title=None, symbolOpacity=1)
    marks = (
        alt.Chart(points)
        .mark_point(size=70, filled=True, opacity=1)
        .encode(
            x=x,
            y=y,
            color=alt.Color("network:N", scale=colour, legend=legend),
            shape=alt.Shape("network:N", scale=shape, legend=legend),
        )
    )
    layers = [_line(law, points, x, y), marks] if (law := runtime.law) else [marks]
    how = f": R² {law.fit.power_r2:.2f}" if law else ""
    heading = alt.TitleParams(plain(f"{runtime.name}{how}"), anchor="start", fontSize=12, fontWeight="normal")
    return alt.layer(*layers).properties(width=WIDTH, height=HEIGHT, title=heading)


def _line(law: Law, points: "pd.DataFrame", x: "alt.X", y: "alt.Y") -> "alt.Chart":
    import altair as alt
    import pandas as pd

    ends = [float(points["madds"].min()), float(points["madds"].max())]
    line = pd.DataFrame({"madds": ends, "ms": [law.fit.factor_ms * end**law.fit.exponent for end in ends]})
    chart: alt.Chart = alt.Chart(line).mark_line(color=INK, strokeWidth=1.2).encode(x=x, y=y)
    return chart


def _scale(values: "pd.Series[float]") -> "alt.Scale":
    import altair as alt

    return alt.Scale(type="log", domain=[float(values.min()) / STEPS, float(values.max()) * STEPS], nice=False)


def _axis() -> "alt.Axis":
    import altair as alt

    return alt.Axis(format="~g", tickCount=5)


def _cycled(values: Sequence[str], number: int) -> list[str]:
    return [values[place % len(values)] for place in range(number)]
