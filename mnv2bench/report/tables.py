"""The tables of one campaign: rows -> Markdown."""

from collections.abc import Callable, Iterator, Sequence

from mnv2bench.cases import Kind, is_gpu
from mnv2bench.records import Record
from mnv2bench.report.cells import NONE, derived, escape, latency, number, scaled, table
from mnv2bench.report.rows import Row
from mnv2bench.statistics.fit import Fit, latency_fit, pixel1_fit, verdict
from mnv2bench.statistics.latency import EAGER

NOT_ASKED = "not asked"
Rows = Sequence[Row]
Setting = tuple[str, str, int, int]
Cell = Callable[[Row], str]


def settings(rows: Rows) -> list[Setting]:
    """Device, precision, threads, batch: rows of one table share them."""
    return sorted({setting(row) for row in rows})


def setting(row: Row) -> Setting:
    return row.device, row.precision, row.threads, row.batch


def title(device: str, precision: str, number_of_threads: int, batch: int) -> str:
    wall = ", wall" if is_gpu(device) else ""  # one of several clocks there
    return f"batch {batch}, {threads(number_of_threads)}, {escape(device)}, {precision}{wall}"


def threads(count: int) -> str:
    return f"{count} thread{'s' * (count != 1)}"


def backends(rows: Rows) -> list[str]:
    """In the order of the columns: what all is compared with comes first."""
    return sorted({row.backend for row in rows}, key=lambda name: (name != EAGER, name))


def variant(row: Row) -> str:
    return f"{row.network}_{row.width}_{row.resolution}"


def latency_table(rows: Rows) -> str:
    """Of one setting: median ms per backend beside what was published of the variant."""
    least = fastest(rows)
    header = ["variant", "MAdds M", "params M", "top-1 %", f"Pixel 1 ms{another_device(rows)}"]
    facts: list[Cell] = [
        variant,
        lambda row: number(row.madds_m, 1),
        lambda row: number(row.params / 1e6),
        lambda row: number(row.published_top1, 1),
        lambda row: number(row.published_pixel1_ms, 1),
    ]
    return wide(rows, header, facts, lambda row: latency(row, row.case in least))


def another_device(rows: Rows) -> str:
    """What marks the Pixel 1 beside numbers of this machine, which is no phone."""
    return " (another device)" if any(row.kind == Kind.MEASURED_HERE for row in rows) else ""


def speedup_table(rows: Rows) -> str:
    """Of one setting; empty where eager has no number to compare with."""
    others = [row for row in rows if row.backend != EAGER]
    if not any(row.speedup_over_eager for row in others):
        return ""
    body = wide(others, ["variant"], [variant], lambda row: derived(row, row.speedup_over_eager))
    return f"Over {EAGER} in {others[0].precision}.\n\n{body}"


def gmadds_table(rows: Rows) -> str:
    return wide(rows, ["variant"], [variant], lambda row: derived(row, row.gmadds_per_s))


def throughput_table(rows: Rows) -> str:
    """A line for each variant, batch and number of threads; a table for each device and precision."""
    facts: list[Cell] = [variant, lambda row: str(row.batch), lambda row: str(row.threads)]
    drawn = []
    for device, precision in sorted({(row.device, row.precision) for row in rows}):
        mine = [row for row in rows if (row.device, row.precision) == (device, precision)]
        body = wide(mine, ["variant", "batch", "threads"], facts, lambda r: derived(r, r.throughput_images_per_s))
        queued = ", calls in flight" if is_gpu(device) else ""
        drawn.append(f"**{escape(device)}, {precision}{queued}**\n\n{body}")
    return "\n\n".join(drawn)


def memory_table(rows: Rows) -> str:
    columns: dict[str, Cell] = {
        "interpreter": lambda row: number(row.interpreter_rss_mb, 1),
        "floor": lambda row: number(row.floor_rss_mb, 1),
        "loaded": lambda row: number(row.loaded_rss_mb, 1),
        "first inference": lambda row: number(row.first_rss_mb, 1),
        "peak": lambda row: number(row.peak_rss_mb, 1),
        "artifact": lambda row: number(row.artifact_mb, 1),
        "weights": lambda row: number(row.weights_mb, 1),
        "activations": lambda row: number(row.activation_peak_mb, 1),
    }
    return long([row for row in rows if row.peak_rss_mb is not None], columns)


def cold_table(rows: Rows) -> str:
    columns: dict[str, Cell] = {
        "export s": lambda row: number(row.export_s),
        "import s": lambda row: number(row.import_s),
        "cold open s": lambda row: number(row.cold_open_s),
        "open s": lambda row: number(row.open_s),
        "first inference ms": lambda row: scaled(row.first_ms),
    }
    return long([row for row in rows if row.first_ms is not None], columns)


def tail_table(rows: Rows) -> str:
    columns: dict[str, Cell] = {
        "median ms": lambda row: scaled(row.latency_ms),
        "min ms": lambda row: scaled(row.min_ms),
        "p90 ms": lambda row: scaled(row.p90_ms),
        "p99 ms": lambda row: scaled(row.p99_ms),
        "rounds kept": lambda row: NONE if row.kept_share is None else f"{row.kept_share:.0%}",
        "threads used": lambda row: number(row.threads_used),
        "processes": lambda row: str(row.processes),
        "iterations": lambda row: str(row.iterations),
        "output error": lambda row: NONE if row.output_error is None else f"{row.output_error:.0e}",
    }
    return long([row for row in rows if row.latency_ms is not None], columns)


def refused_table(rows: Rows) -> str:
    """What did not run, and what ran and is wrong; empty where every case is ok."""
    refused = [[escape(row.case), row.status, escape(row.reason)] for row in rows if row.status != "ok"]
    return table(["case", "status", "reason"], refused, texts=3) if refused else ""


def fits(records: Sequence[Record]) -> Iterator[tuple[str, Fit]]:
    """Of each backend and network that has three variants or more, by the name it has in the table."""
    groups = {(r.case.network, r.case.backend) for r in records}
    for network, backend in sorted(groups, key=lambda group: (group[0], group[1] != EAGER, group[1])):
        found = latency_fit(r for r in records if (r.case.network, r.case.backend) == (network, backend))
        if found:
            several = len({network for network, _ in groups}) > 1
            yield escape(f"{backend}, {network}" if several else backend), found


def fit_table(rows: Rows, campaign: Sequence[Record]) -> str:
    """Of one setting, the law of the Pixel 1 first, and a sentence on each backend; empty without any fit."""
    cases = {row.case for row in rows}
    found = list(fits([record for record in campaign if record.case.id in cases]))
    if not found:
        return ""
    header = [
        "backend",
        "variants",
        "line, ms",
        "R² of the line",
        "power law, ms",
        "R² of the law",
        "farthest from the law",
    ]
    lines = [
        [
            name,
            str(fit.variants),
            f"{fit.intercept_ms:.3g} + {fit.slope_ms:.3g} x M",
            f"{fit.linear_r2:.3f}",
            f"{fit.factor_ms:.3g} x M^{fit.exponent:.3f}",
            f"{fit.power_r2:.3f}",
            f"{fit.farthest} ({fit.farthest_off:+.0%})",
        ]
        for name, fit in [(f"Pixel 1, published{another_device(rows)}", pixel1_fit()), *found]
    ]
    sentences = (f"- {name}: {verdict(fit)}" for name, fit in found)
    return "\n".join([table(header, lines), "", *sentences])


def fastest(rows: Rows) -> set[str]:
    """The cases with the least median of their variant, where it has two or more to choose from."""
    ranked: dict[str, list[tuple[float, str]]] = {}
    for row in rows:
        if row.status == "ok" and row.latency_ms is not None:
            ranked.setdefault(variant(row), []).append((row.latency_ms, row.case))
    return {min(medians)[1] for medians in ranked.values() if len(medians) > 1}


def wide(rows: Rows, header: Sequence[str], facts: Sequence[Cell], cell: Cell) -> str:
    """A line for each different set of facts, a column for each backend."""
    ordered = sorted(rows, key=lambda row: (-row.madds, variant(row), row.batch, row.threads))
    lines: dict[tuple[str, ...], dict[str, str]] = {}
    for row in ordered:
        lines.setdefault(tuple(fact(row) for fact in facts), {})[row.backend] = cell(row)
    columns = backends(rows)
    return table(
        [*header, *map(escape, columns)],
        [[*facts, *(cells.get(name, NOT_ASKED) for name in columns)] for facts, cells in lines.items()],
    )


def long(rows: Rows, columns: dict[str, Cell]) -> str:
    """A line for each case that was measured to its end, a table for each device and precision; empty without any."""
    found = ordered([row for row in rows if row.status in ("ok", "wrong")])
    places = list(dict.fromkeys(_place(row) for row in found))
    drawn = []
    for place in places:
        lines = [_line(row, [cell(row) for cell in columns.values()]) for row in found if _place(row) == place]
        body = table(["variant", "backend", "batch", "threads", *columns], lines, texts=2)
        drawn.append(f"**{place}**\n\n{body}")
    return "\n\n".join(drawn)


def ordered(rows: Rows) -> list[Row]:
    """By setting, the largest network first, backends as in the columns of the other tables."""
    order = backends(rows)
    return sorted(rows, key=lambda row: (*setting(row), -row.madds, variant(row), order.index(row.backend)))


def _place(row: Row) -> str:
    """The device and the precision."""
    return f"{escape(row.device)}, {row.precision}"


def _line(row: Row, numbers: Sequence[str]) -> list[str]:
    name = escape(row.backend)
    if row.status == "wrong":
        name, numbers = f"{name} (wrong)", [n if n == NONE else f"~~{n}~~" for n in numbers]
    return [variant(row), name, str(row.batch), str(row.threads), *numbers]
