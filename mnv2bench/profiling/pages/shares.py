"""The picture of shares: time beside multiply-adds by layer role, as SVG by altair."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mnv2bench.files import Sort
from mnv2bench.networks import Layer, roles
from mnv2bench.profiling.case_profile import LAYOUT, UNMAPPED
from mnv2bench.profiling.pages.profiled import ProfiledCase, in_order, network_layers, settings
from mnv2bench.report.palette import COLOURS
from mnv2bench.report.svg import as_picture

if TYPE_CHECKING:
    import altair as alt

TITLE = "Share of profiled time, beside share of multiply-adds"
PICTURE = Sort("picture of shares", ".shares.svg", earlier=TITLE)
MADDS = "MAdds"  # the bar on top
WIDTH, BAR = 720, 26  # pixels
CHARACTER, MARGIN = 6.2, 4  # pixels of a text, and on both sides of it
NOT_DRAWN = "no case was profiled to its end: there are no shares to draw"
NO_LAYER = {LAYOUT: "#8f959b", UNMAPPED: "#5c6166"}
DARK_TEXT, LIGHT_TEXT = "#111111", "#ffffff"
TINT = 0.38  # how far towards white a fused role is from the role that it begins with


@dataclass(frozen=True)
class _Part:
    """The share of a role in a bar, from `begin` to `end`; `text` is what it has room for, the role and the share."""

    bar: str
    role: str
    text: str
    begin: float
    end: float
    middle: float


def svg(cases: Sequence[ProfiledCase]) -> str:
    """The picture, a panel for each setting. Raises ValueError where no case has a whole profile."""
    import altair as alt

    groups = settings(cases)
    if not groups:
        raise ValueError(NOT_DRAWN)
    of_panel = [
        (title, [*_madds(group[0]), *(p for profiled in group for p in _time(profiled))]) for title, group in groups
    ]
    net = network_layers(profiled for _, group in groups for profiled in group)
    shown = colours((part.role for _, parts in of_panel for part in parts), net)
    panels = [_panel(title, parts, shown) for title, parts in of_panel]
    return drawn(alt.vconcat(*panels, spacing=26), TITLE)


def drawn(chart: "alt.VConcatChart", title: str, explained: Sequence[str] = ()) -> str:
    """A chart as SVG, with a title and the lines that explain it."""
    import altair as alt

    head = alt.TitleParams(title, subtitle=list(explained), anchor="start", fontSize=16, offset=16)
    return as_picture(chart.properties(title=head))


def colours(names: Iterable[str], net: Sequence[Layer]) -> dict[str, str]:
    """The colour of each role, as the network runs; fused roles that begin alike are tints of one colour."""
    of_role = {role: COLOURS[place % len(COLOURS)] for place, role in enumerate(roles(net))} | NO_LAYER
    shown = {*names}
    chosen: dict[str, str] = {}
    for name in (name for name in in_order(shown, net) if name in shown):
        first, *fused = name.split("+")
        tints = sum(other.startswith(f"{first}+") for other in chosen) + 1 if fused else 0
        chosen[name] = _towards_white(of_role[first], 1 - (1 - TINT) ** tints)
    return chosen


def _towards_white(colour: str, part: float) -> str:
    channels = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{round(channel + part * (255 - channel)):02x}" for channel in channels)


def _time(profiled: ProfiledCase) -> list[_Part]:
    """The bar of a case's time."""
    shares = {row.type: row.share for row in profiled.profile.roles}
    return _stacked(profiled.case.backend, shares, network_layers([profiled]))


def _madds(profiled: ProfiledCase) -> list[_Part]:
    """The bar of multiply-adds, which are counted from the network without any fusing."""
    net = network_layers([profiled])
    by_role: dict[str, int] = {}
    for layer in net:
        by_role[layer.role] = by_role.get(layer.role, 0) + layer.madds
    whole = sum(by_role.values())
    return _stacked(MADDS, {role: madds / whole for role, madds in by_role.items()}, net)


def _stacked(bar: str, shares: dict[str, float], net: Sequence[Layer]) -> list[_Part]:
    """The parts of a bar, one behind the other, with the number of each that has room for it."""
    parts, begin = [], 0.0
    for role in in_order(shares, net):
        if share := shares.get(role, 0.0):
            text = _fitting(role, share)
            parts.append(_Part(bar, role, text, begin=begin, end=begin + share, middle=begin + share / 2))
            begin += share
    return parts


def _fitting(role: str, share: float) -> str:
    """The role and its share, the share alone, or nothing: what a part of a bar has room for."""
    texts = (f"{role} {share:.0%}", f"{share:.0%}")
    return next((text for text in texts if CHARACTER * len(text) + 2 * MARGIN <= WIDTH * share), "")


def _text_colour(colour: str) -> str:
    """The colour of a text on that colour."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return DARK_TEXT if 0.299 * red + 0.587 * green + 0.114 * blue > 110 else LIGHT_TEXT


def _panel(title: str, parts: Sequence[_Part], colours: dict[str, str]) -> "alt.LayerChart | alt.FacetChart":
    import altair as alt
    import pandas as pd

    bars = list(dict.fromkeys(part.bar for part in parts))
    axis = alt.Axis(format="%", tickCount=10)
    whole = alt.Scale(domain=[0, 1])
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    rows = pd.DataFrame(parts).assign(text_colour=[_text_colour(colours[part.role]) for part in parts])
    chart = alt.Chart(rows).encode(y=alt.Y("bar:N", sort=bars, title=None))
    bar = chart.mark_bar(height=BAR - 6, stroke="white", strokeWidth=0.6, clip=True).encode(
        x=alt.X("begin:Q", title=None, axis=axis, scale=whole),
        x2="end:Q",
        color=alt.Color("role:N", title="layer role", scale=scale, legend=alt.Legend(symbolLimit=0)),
    )
    texts = chart.mark_text(fontSize=10).encode(
        x=alt.X("middle:Q", scale=whole),
        text="text:N",
        color=alt.Color("text_colour:N", scale=None),
    )
    return alt.layer(bar, texts).properties(
        width=WIDTH, height=BAR * len(bars), title=alt.TitleParams(title, anchor="start", frame="group")
    )
