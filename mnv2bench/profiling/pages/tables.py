"""The tables of profiles: per block, per layer role and per operator, with a column for each runtime."""

from collections.abc import Callable, Sequence

from mnv2bench.profiling.case_profile import LAYOUT, UNMAPPED, ProfileRow, Spread
from mnv2bench.profiling.pages.profiled import (
    LAST,
    ProfiledCase,
    gmadds_per_s,
    in_order,
    madds_per_byte,
    network_layers,
    settings,
)
from mnv2bench.report.cells import NONE, escape, interval, number, scaled, table

SLOWEST = 20  # operators on the page; the CSV has all
NOTHING = "0"  # the time of what did not run
Rows = Callable[[ProfiledCase], Sequence[ProfileRow]]


def per_setting(cases: Sequence[ProfiledCase], rows: Rows, name: str) -> str:
    """Two tables for each setting: times and shares beside what is computed, and speeds in GMAdds/s."""
    of_settings = (
        f"**{title}**\n\n{_times(group, rows, name)}\n\n{_speeds(group, rows, name)}"
        for title, group in settings(cases)
    )
    return "\n\n".join(of_settings)


def per_operator(cases: Sequence[ProfiledCase]) -> str:
    """A table for each case, its slowest operators first."""
    whole = [profiled for profiled in cases if profiled.profile.status == "ok"]
    return "\n\n".join(f"**{escape(profiled.case.id)}**\n\n{_operators(profiled)}" for profiled in whole)


def time(spread: Spread, per_s: float) -> str:
    """A time such as `0.512 (0.498–0.530)`, in units of which a second has `per_s`; "0" where it took no time."""
    if not spread.high_s:
        return NOTHING
    return interval(per_s * spread.median_s, per_s * spread.low_s, per_s * spread.high_s)


def same(values: Sequence[float | None]) -> str:
    """A computed number, or its smallest and largest value where runtimes fuse differently."""
    known = sorted({scaled(value) if value else NOTHING for value in values if value is not None}, key=_size)
    return "–".join([known[0], known[-1]] if len(known) > 1 else known) or NONE


def backends(group: Sequence[ProfiledCase]) -> list[str]:
    """Column headings: the backend of each profiled case."""
    return [escape(profiled.case.backend) for profiled in group]


def _size(shown: str) -> float:
    return float(shown.replace(",", ""))


def _named(group: Sequence[ProfiledCase], rows: Rows) -> list[tuple[str, list[ProfileRow | None]]]:
    """Each name with its row in each case, None where a runtime has no such row."""
    of_case = [{row.name: row for row in rows(profiled)} for profiled in group]
    names = in_order((name for by_name in of_case for name in by_name), network_layers(group))
    return [(name, [by_name.get(name) for by_name in of_case]) for name in names]


def _times(group: Sequence[ProfiledCase], rows: Rows, name: str) -> str:
    body = [
        [key, *_computed([row for row in rows_of_name if row]), *(_time_and_share(key, row) for row in rows_of_name)]
        for key, rows_of_name in _named(group, rows)
    ]
    return table([name, "MAdds M", "MB", "MAdds/byte", *(f"{b}, ms" for b in backends(group))], body)


def _computed(rows: Sequence[ProfileRow]) -> list[str]:
    """Multiply-adds, bytes and their ratio; nothing is known of layout and unmapped rows."""
    of_layers = [row for row in rows if row.layers]
    return [
        same([row.madds / 1e6 for row in of_layers]),
        same([row.bytes / 1e6 for row in of_layers]),
        same([madds_per_byte(row) for row in of_layers]),
    ]


def _time_and_share(key: str, row: ProfileRow | None) -> str:
    if row is None:
        return NOTHING if key in LAST else NONE
    return f"{time(row.time, 1e3)} {row.share:.1%}"


def _speeds(group: Sequence[ProfiledCase], rows: Rows, name: str) -> str:
    body = [
        [key, *(scaled(gmadds_per_s(row) if row else None) for row in rows_of_name)]
        for key, rows_of_name in _named(group, rows)
        if any(row and row.madds for row in rows_of_name)
    ]
    return table([name, *(f"{b}, GMAdds/s" for b in backends(group))], body)


def _operators(profiled: ProfiledCase) -> str:
    slowest = sorted(profiled.profile.operators, key=lambda row: -row.time.median_s)
    body = [
        [
            escape(row.name),
            row.type,
            layers_of(row),
            time(row.time, 1e6),
            f"{row.share:.1%}",
            number(row.madds / 1e6) if row.madds else NONE,
            scaled(gmadds_per_s(row)),
        ]
        for row in slowest[:SLOWEST]
    ]
    drawn = table(["operator", "type", "layers", "µs", "share", "MAdds M", "GMAdds/s"], body, texts=3)
    left = len(slowest) - SLOWEST
    return f"{drawn}\n\n{left} more, none of them slower than these, are in the CSV." if left > 0 else drawn


def layers_of(row: ProfileRow) -> str:
    """The network's layers that an operator computes, else the row without layers that counts it."""
    return ", ".join(row.layers) or (LAYOUT if row.type == LAYOUT else UNMAPPED)
