"""Share of time beside share of multiply-adds, per kind of layer, as a picture: SVG by altair."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from mnv2bench.networks import count, layers
from mnv2bench.profiling.case_profile import LAYOUT, UNMAPPED
from mnv2bench.profiling.pages.profiled import Profiled, in_order, settings
from mnv2bench.report.svg import as_svg

if TYPE_CHECKING:
    import altair as alt

MADDS = "MAdds"  # the bar on top
WIDTH, BAR = 720, 26  # pixels
TOLD = 0.045  # the least share that has room for its number
NOT_DRAWN = "no case was profiled to its end: there are no shares to draw"
COLOURS = {
    "stem": "#6a4c93",
    "expand": "#2f6db3",
    "depthwise": "#d9822b",
    "project": "#2e8b57",
    "add": "#c9a227",
    "head": "#b0447c",
    "pool": "#2a9d9d",
    "classifier": "#a63d2f",
    LAYOUT: "#b5b5b5",
    UNMAPPED: "#5a5a5a",
}
TINT = 0.38  # how far towards white a fused kind is from the kind that it begins with


def svg(found: Sequence[Profiled]) -> str:
    """The picture: a panel for each setting. ValueError where no case was profiled to its end.

    ModuleNotFoundError where altair or vl-convert-python is not installed.
    """
    import altair as alt

    groups = settings(found)
    if not groups:
        raise ValueError(NOT_DRAWN)
    of_panel = [(title, [*_madds(group[0]), *(p for one in group for p in _time(one))]) for title, group in groups]
    shown = colours(part["kind"] for _, parts in of_panel for part in parts)
    panels = [_panel(title, parts, shown) for title, parts in of_panel]
    return drawn(alt.vconcat(*panels, spacing=26), "Share of profiled time, beside share of multiply-adds")


def drawn(chart: "alt.VConcatChart", title: str) -> str:
    """As SVG, under that title and on white."""
    import altair as alt

    whole = chart.properties(
        title=alt.TitleParams(title, anchor="start", fontSize=16, offset=16), background="white", padding=12
    ).configure_axis(gridColor="#ececec", labelLimit=260)
    return as_svg(whole)


def colours(kinds: Iterable[str]) -> dict[str, str]:
    """The colour of each kind, as the network runs; those that begin alike are tints of one colour."""
    found: dict[str, str] = {}
    shown = {*kinds}
    for kind in (kind for kind in in_order(shown) if kind in shown):
        first, *fused = kind.split("+")
        tints = sum(name.startswith(f"{first}+") for name in found) + 1 if fused else 0
        found[kind] = _towards_white(COLOURS[first], 1 - (1 - TINT) ** tints)
    return found


def _towards_white(colour: str, part: float) -> str:
    channels = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{round(channel + part * (255 - channel)):02x}" for channel in channels)


def _time(one: Profiled) -> list[dict[str, Any]]:
    return _stacked(one.case.backend, {row.kind: row.share for row in one.profile.kinds})


def _madds(one: Profiled) -> list[dict[str, Any]]:
    """Counted of the network: no runtime fuses anything here."""
    case, by_kind = one.case, dict[str, int]()
    for layer in layers(case.network, case.width, case.resolution):
        kind = layer.name.split(".")[-1]
        by_kind[kind] = by_kind.get(kind, 0) + layer.madds
    whole = count(case.network, case.width, case.resolution).madds
    return _stacked(MADDS, {kind: madds / whole for kind, madds in by_kind.items()})


def _stacked(bar: str, shares: dict[str, float]) -> list[dict[str, Any]]:
    """The parts of a bar, one behind the other, and the number of each that has room for it."""
    parts, begin = [], 0.0
    for kind in in_order(shares):
        if share := shares.get(kind, 0.0):
            number = f"{share:.0%}" if share >= TOLD else ""
            ends = {"begin": begin, "end": begin + share, "middle": begin + share / 2}
            parts.append({"bar": bar, "kind": kind, "number": number, **ends})
            begin += share
    return parts


def _panel(title: str, parts: Sequence[dict[str, Any]], kinds: dict[str, str]) -> "alt.LayerChart | alt.FacetChart":
    import altair as alt
    import pandas as pd

    bars = list(dict.fromkeys(part["bar"] for part in parts))
    axis = alt.Axis(format="%", tickCount=10)
    whole = alt.Scale(domain=[0, 1])
    scale = alt.Scale(domain=list(kinds), range=list(kinds.values()))
    chart = alt.Chart(pd.DataFrame(list(parts))).encode(y=alt.Y("bar:N", sort=bars, title=None))
    bar = chart.mark_bar(height=BAR - 6, stroke="white", strokeWidth=0.6, clip=True).encode(
        x=alt.X("begin:Q", title=None, axis=axis, scale=whole),
        x2="end:Q",
        color=alt.Color("kind:N", title="kind", scale=scale, legend=alt.Legend(symbolLimit=0)),
    )
    numbers = chart.mark_text(fontSize=10).encode(
        x=alt.X("middle:Q", scale=whole),
        text="number:N",
        color=alt.value("#111111"),
    )
    return alt.layer(bar, numbers).properties(
        width=WIDTH, height=BAR * len(bars), title=alt.TitleParams(title, anchor="start")
    )
