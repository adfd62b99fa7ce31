"""The tables of profiles: per block, per kind and per operator, a column for each runtime."""

from collections.abc import Callable, Sequence

from mnv2bench.profiling.case_profile import LAYOUT, UNMAPPED, Row, Spread
from mnv2bench.profiling.pages.profiled import (
    LAST,
    Profiled,
    gmadds_per_s,
    in_order,
    madds_per_byte,
    network_layers,
    settings,
)
from mnv2bench.report.cells import NONE, escape, interval, number, scaled, table

SLOWEST = 20  # operators on the page; the CSV has all
NOTHING = "0"  # what never ran took no time
Rows = Callable[[Profiled], Sequence[Row]]


def per_setting(found: Sequence[Profiled], rows: Rows, name: str) -> str:
    """Two tables under each setting's title: time and share beside what is computed, and GMAdds/s."""
    drawn = (
        f"**{title}**\n\n{_times(group, rows, name)}\n\n{_speeds(group, rows, name)}"
        for title, group in settings(found)
    )
    return "\n\n".join(drawn)


def per_operator(found: Sequence[Profiled]) -> str:
    """The slowest of each case first, under its id."""
    whole = [one for one in found if one.profile.status == "ok"]
    return "\n\n".join(f"**{escape(one.case.id)}**\n\n{_operators(one)}" for one in whole)


def time(spread: Spread, per_s: float) -> str:
    """`0.512 (0.498–0.530)` in units of which a second has `per_s`; a plain 0 of what took none."""
    if not spread.high_s:
        return NOTHING
    return interval(per_s * spread.median_s, per_s * spread.low_s, per_s * spread.high_s)


def same(values: Sequence[float | None]) -> str:
    """What is computed of one name: a number, or from where to where, as runtimes fuse differently."""
    known = sorted({scaled(value) if value else NOTHING for value in values if value is not None}, key=_size)
    return "–".join([known[0], known[-1]] if len(known) > 1 else known) or NONE


def backends(group: Sequence[Profiled]) -> list[str]:
    return [escape(one.case.backend) for one in group]


def _size(shown: str) -> float:
    return float(shown.replace(",", ""))


def _named(group: Sequence[Profiled], rows: Rows) -> list[tuple[str, list[Row | None]]]:
    """The row of each name in each case, None where a runtime has none of it."""
    of_case = [{row.name: row for row in rows(one)} for one in group]
    names = in_order((name for mine in of_case for name in mine), network_layers(group))
    return [(name, [mine.get(name) for mine in of_case]) for name in names]


def _times(group: Sequence[Profiled], rows: Rows, name: str) -> str:
    body = [
        [key, *_computed([row for row in mine if row]), *(_time_and_share(key, row) for row in mine)]
        for key, mine in _named(group, rows)
    ]
    return table([name, "MAdds M", "MB", "MAdds/byte", *(f"{b}, ms" for b in backends(group))], body)


def _computed(mine: Sequence[Row]) -> list[str]:
    """Multiply-adds, bytes and their ratio; of layout and unmapped nothing is known."""
    of_layers = [row for row in mine if row.layers]
    return [
        same([row.madds / 1e6 for row in of_layers]),
        same([row.bytes / 1e6 for row in of_layers]),
        same([madds_per_byte(row) for row in of_layers]),
    ]


def _time_and_share(key: str, row: Row | None) -> str:
    if row is None:
        return NOTHING if key in LAST else NONE
    return f"{time(row.time, 1e3)} {row.share:.1%}"


def _speeds(group: Sequence[Profiled], rows: Rows, name: str) -> str:
    body = [
        [key, *(scaled(gmadds_per_s(row) if row else None) for row in mine)]
        for key, mine in _named(group, rows)
        if any(row and row.madds for row in mine)
    ]
    return table([name, *(f"{b}, GMAdds/s" for b in backends(group))], body)


def _operators(one: Profiled) -> str:
    slowest = sorted(one.profile.operators, key=lambda row: -row.time.median_s)
    body = [
        [
            escape(row.name),
            row.kind,
            layers_of(row),
            time(row.time, 1e6),
            f"{row.share:.1%}",
            number(row.madds / 1e6) if row.madds else NONE,
            scaled(gmadds_per_s(row)),
        ]
        for row in slowest[:SLOWEST]
    ]
    drawn = table(["operator", "kind", "layers", "µs", "share", "MAdds M", "GMAdds/s"], body, texts=3)
    left = len(slowest) - SLOWEST
    return f"{drawn}\n\n{left} more, none of them slower than these, are in the CSV." if left > 0 else drawn


def layers_of(row: Row) -> str:
    """The network's layers that an operator computes, else which of the last rows it is counted in."""
    return ", ".join(row.layers) or (LAYOUT if row.kind == LAYOUT else UNMAPPED)
