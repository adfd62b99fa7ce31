"""The tables of one campaign: evaluated records as Markdown."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from mnv2bench import networks, precisions
from mnv2bench.case import EAGER, Kind, is_gpu
from mnv2bench.records import Record
from mnv2bench.report import column
from mnv2bench.report.cells import MARKS, NONE, escape, latency, one_decimal, percent, rate_interval, result, table
from mnv2bench.report.column import Cell, Column, cells_in, shown_in
from mnv2bench.report.columns import COLUMNS, PUBLISHED_MS
from mnv2bench.report.evaluation import Evaluation
from mnv2bench.report.layout import (
    Evaluations,
    by_size,
    each_place,
    each_setting,
    each_sweep,
    each_variant,
    labels,
    long,
    struck,
    varying,
    wide,
)
from mnv2bench.report.ranking import Ranking
from mnv2bench.statistics.accuracy import accuracy_doubts, tested
from mnv2bench.statistics.fit import Fit, latency_fit, prediction_sentence, published_fit
from mnv2bench.statistics.processes import cold_path, memory
from mnv2bench.statistics.rounds import throughput
from mnv2bench.statistics.time_spent import time_spent
from mnv2bench.texts import short_name

FIT_HEADER = (
    "backend",
    "variants",
    "line, ms",
    "R² of the line",
    "power law, ms",
    "R² of the law",
    "farthest from the law",
)
ALL_NETWORKS = "all networks"
TIME_HEADER = ("backend", "processes", "wall s", "opening s", "warm-up s", "rounds s", "in rounds")


def latency_tables(evaluations: Evaluations, ranking: Ranking) -> str:
    """Median latency of each backend in each setting, beside the published accuracy of the variant."""
    return each_setting(evaluations, partial(_latency_table, ranking=ranking))


def _latency_table(evaluations: Evaluations, ranking: Ranking) -> str:
    fastest = ranking.fastest(evaluations)
    facts = cells_in(column.LATENCY, COLUMNS).items()
    known = {name: cell for name, cell in facts if any(cell(evaluation) != NONE for evaluation in evaluations)}
    return wide(evaluations, known, lambda e: latency(e, e.case.id in fastest), ranking)


def variants_table(evaluations: Evaluations) -> str:
    """A line for each variant that was timed: what is counted of it, and what was published."""
    first_of_each = {evaluation.case.variant: evaluation for evaluation in reversed(evaluations)}
    if not first_of_each:
        return ""
    cells, label = cells_in(column.VARIANTS, COLUMNS), labels(evaluations)
    if not references(evaluations):
        del cells[PUBLISHED_MS]
    headings = [_published_heading(evaluations) if heading == PUBLISHED_MS else heading for heading in cells]
    shown = sorted(first_of_each.values(), key=by_size)
    lines = [[label(evaluation), *(cell(evaluation) for cell in cells.values())] for evaluation in shown]
    return table(["variant", *headings], lines)


def _published_heading(evaluations: Evaluations) -> str:
    return f"{reference_device(evaluations)} ms{another_device(evaluations)}"


def references(evaluations: Evaluations) -> tuple[networks.Network, ...]:
    """The networks whose published latencies stand beside these cases; none where their families have no latency."""
    names = dict.fromkeys(networks.reference(evaluation.case.network).name for evaluation in evaluations)
    return tuple(network for network in map(networks.network, names) if network.reference_device)


def reference_device(evaluations: Evaluations) -> str:
    """Where the published latencies beside these cases were measured."""
    devices = dict.fromkeys(network.reference_device for network in references(evaluations))
    return " / ".join(devices) or "published"


def published_fits(evaluations: Evaluations) -> Iterator[tuple[str, Fit]]:
    """The fits of the published latencies beside these cases, by the name that each has in the table."""
    several = len({evaluation.case.network for evaluation in evaluations}) > 1
    for network in references(evaluations):
        if law := published_fit(network.name):
            published = f"{network.name} as published" if several else "published"
            yield f"{network.reference_device}, {published}{another_device(evaluations)}", law


def another_device(evaluations: Evaluations) -> str:
    """What marks the device of published latencies beside numbers of this machine."""
    here = any(evaluation.case.kind == Kind.MEASURED_HERE for evaluation in evaluations)
    return " (another device)" if here else ""


def speedup_tables(evaluations: Evaluations, ranking: Ranking) -> str:
    """Speed-ups in each setting where torch_eager has a number to compare with."""
    return each_setting(evaluations, partial(_speedup_table, ranking=ranking))


def _speedup_table(evaluations: Evaluations, ranking: Ranking) -> str:
    others = [evaluation for evaluation in evaluations if evaluation.case.backend != EAGER]
    if not any(evaluation.speedups.over_eager for evaluation in others):
        return ""
    body = wide(others, {}, _number_of(column.SPEEDUP), ranking)
    return f"Over {EAGER} in {others[0].case.precision}.\n\n{body}"


def precision_tables(evaluations: Evaluations, ranking: Ranking) -> str:
    """What each precision is worth in time: a table for each variant, batch, number of threads and device."""
    return each_variant(evaluations, partial(_precision_table, ranking=ranking))


def _precision_table(evaluations: Evaluations, ranking: Ranking) -> str:
    """A line for each backend and precision, with all columns of the table."""
    columns = shown_in(column.PRECISIONS, COLUMNS)
    numbers: dict[str, Cell] = {"median ms": lambda e: latency(e, fastest=False)}
    return precisions_beside(evaluations, numbers, tuple(columns), ranking)


def precisions_beside(
    evaluations: Evaluations, numbers: dict[str, Cell], headings: Sequence[str], ranking: Ranking
) -> str:
    """A line for each backend and precision: some numbers, and the columns of PRECISIONS with these headings.

    It has the backends that ran in another precision than fp32, or failed to, and torch_eager; empty without any.
    """
    several = {e.case.backend for e in evaluations if e.case.precision != precisions.FP32.name and _runs(e)}
    if not several:
        return ""
    columns = {name: pair for name, pair in shown_in(column.PRECISIONS, COLUMNS).items() if name in headings}
    order = ranking.backends(evaluations)
    shown = [e for e in evaluations if e.case.backend in several | {EAGER}]
    shown.sort(key=lambda e: (order.index(e.case.backend), precisions.NAMES.index(e.case.precision)))
    lines = []
    for evaluation in shown:
        first = [cell(evaluation) for cell in numbers.values()]
        others = [_text(evaluation, *pair) for pair in columns.values()]
        lines.append([escape(evaluation.case.backend), evaluation.case.precision, *first, *others])
    return table(["backend", "precision", *numbers, *columns], lines, texts=2)


def _runs(evaluation: Evaluation) -> bool:
    """Whether the machine and the runtime do it at all."""
    return evaluation.record.status not in ("unsupported", "unavailable")


def accuracy_tables(evaluations: Evaluations, ranking: Ranking) -> str:
    """What each backend got right of the labelled images; a table for each device and precision."""
    return each_place(evaluations, partial(_accuracy_table, ranking=ranking))


def _accuracy_table(evaluations: Evaluations, ranking: Ranking) -> str:
    if not any(evaluation.record.accuracy for evaluation in evaluations):
        return ""
    return wide(evaluations, {}, _accuracy, ranking)


def _accuracy(evaluation: Evaluation) -> str:
    """`95.6 (99.8)`: right, and agreeing with eager fp32; the status of a test that ended badly."""
    accuracy, numbers = evaluation.record.accuracy, evaluation.of(tested)
    if numbers is None:
        return accuracy.status if accuracy else result(evaluation, NONE)
    lost = MARKS["accuracy"] if any(accuracy_doubts(evaluation.record)) else ""
    return f"{one_decimal(numbers.top1)} ({one_decimal(numbers.agreement)}) {lost}".rstrip()


def gmadds_tables(evaluations: Evaluations, ranking: Ranking) -> str:
    """Billions of multiply-adds a second in each setting."""
    return each_setting(evaluations, lambda group: wide(group, {}, _number_of(column.GMADDS), ranking))


def throughput_tables(evaluations: Evaluations, ranking: Ranking) -> str:
    """A line for each variant, batch and number of threads; a table for each device and precision."""
    number = _number_of(column.THROUGHPUT)
    return each_place(evaluations, lambda group: wide(group, varying(group), number, ranking), _in_flight)


def sweep_tables(evaluations: Evaluations, ranking: Ranking) -> str:
    """Images a second of each runtime by batch, threads and streams, and what a request takes meanwhile."""
    ended = [evaluation for evaluation in evaluations if evaluation.record.status in ("ok", "wrong")]
    return each_sweep(ended, partial(_sweep_table, ranking=ranking))


def _sweep_table(evaluations: Evaluations, ranking: Ranking) -> str:
    order, cells = ranking.backends(evaluations), cells_in(column.SWEEP, COLUMNS)
    best = ranking.most_images_per_s(evaluations)
    lines = []
    for evaluation in sorted(evaluations, key=lambda e: _sweep_order(e, order)):
        case = evaluation.case
        rate = rate_interval(evaluation.measured(throughput), evaluation.images_per_s_interval, case == best)
        numbers = [struck(evaluation, text) for text in (rate, *(cell(evaluation) for cell in cells.values()))]
        setting = (str(case.batch), f"{case.streams} x {case.threads}")
        lines.append([escape(case.backend), case.precision, *setting, *numbers])
    return table(["runtime", "precision", "batch", "streams x threads", "images/s (95 %)", *cells], lines, texts=2)


def _sweep_order(evaluation: Evaluation, backends: Sequence[str]) -> tuple[int, int, int, int, int]:
    case = evaluation.case
    places = backends.index(case.backend), precisions.NAMES.index(case.precision)
    return *places, case.batch, case.streams, case.threads


def _in_flight(device: str) -> str:
    return ", calls in flight" if is_gpu(device) else ""


def memory_tables(evaluations: Evaluations, ranking: Ranking) -> str:
    """Resident memory, measured and computed, of the cases whose processes could read it."""
    return long([e for e in evaluations if e.of(memory)], cells_in(column.MEMORY, COLUMNS), ranking)


def cold_tables(evaluations: Evaluations, ranking: Ranking) -> str:
    """From nothing to the first result, of the cases that had a first inference."""
    started = [e for e in evaluations if e.of(cold_path).first_s is not None]
    return long(started, cells_in(column.COLD_PATH, COLUMNS), ranking)


def tail_tables(evaluations: Evaluations, ranking: Ranking) -> str:
    """Percentiles, noise and error of the cases that have a latency; energy where the machine counts it."""
    timed = [e for e in evaluations if e.latency]
    cells = cells_in(column.TAILS, COLUMNS)
    if all(cells[column.ENERGY](e) == NONE for e in timed):
        del cells[column.ENERGY]
    return long(timed, cells, ranking)


def time_table(evaluations: Evaluations) -> str:
    """What the processes of each backend ran for; empty where nothing was timed."""
    rows = time_spent(evaluation.record for evaluation in evaluations)
    if not any(row.timed_s for row in rows):
        return ""
    lines = []
    for row in rows:
        seconds = (row.wall_s, row.opening_s, row.warmup_s, row.timed_s)
        lines.append([escape(row.backend), str(row.processes), *map(one_decimal, seconds), percent(row.timed_share)])
    return table(TIME_HEADER, lines)


def reasons_table(evaluations: Evaluations) -> str:
    """For which reasons a campaign with a time budget ran its processes, and how long; "" without a budget."""
    seconds: dict[str, list[float]] = {}
    for evaluation in evaluations:
        for process, reason in zip(evaluation.record.processes, evaluation.reasons, strict=False):
            seconds.setdefault(reason, []).append(process.wall_s)
    lines = [[reason, str(len(walls)), one_decimal(sum(walls))] for reason, walls in seconds.items()]
    return table(["reason", "processes", "wall s"], lines) if lines else ""


def refused_table(evaluations: Evaluations, most: int) -> str:
    """What did not run, and what ran and is wrong: a line for each reason, `most` at most; empty where all are ok."""
    cases: dict[tuple[str, str], list[str]] = {}
    for record in (evaluation.record for evaluation in evaluations if evaluation.record.status != "ok"):
        cases.setdefault((record.status, record.reason), []).append(record.case.id)
    lines = [[_cases(ids), status, escape(reason)] for (status, reason), ids in cases.items()]
    if not lines:
        return ""
    body = table(["case", "status", "reason"], lines[:most], texts=3)
    return body if len(lines) <= most else f"{body}\n\n{len(lines) - most:,} more reasons stand in the CSV."


def _cases(ids: Sequence[str]) -> str:
    """The id of a case, or how many there are and the first one."""
    return escape(ids[0]) if len(ids) == 1 else f"{len(ids):,} cases, such as {escape(ids[0])}"


def fits(records: Sequence[Record]) -> Iterator[tuple[str, Fit]]:
    """The fit of each backend and network with three variants or more, by the name it has in the table.

    Of several networks also that of each backend over all of them, first.
    """
    several = len({record.case.network for record in records}) > 1
    backends = sorted({record.case.backend for record in records}, key=lambda name: (name != EAGER, name))
    for backend in backends if several else ():
        if fit := latency_fit(record for record in records if record.case.backend == backend):
            yield escape(f"{backend}, {ALL_NETWORKS}"), fit
    for network in sorted({record.case.network for record in records}):
        for backend in backends:
            if fit := latency_fit(r for r in records if (r.case.network, r.case.backend) == (network, backend)):
                yield escape(f"{backend}, {short_name(network)}" if several else backend), fit


def fit_tables(evaluations: Evaluations) -> str:
    """The laws of each setting, published ones first, and a sentence on each backend; empty without a backend's."""
    return each_setting(evaluations, _fit_table)


def _fit_table(evaluations: Evaluations) -> str:
    by_backend = list(fits([evaluation.record for evaluation in evaluations]))
    if not by_backend:
        return ""
    lines = [_fit_line(name, fit) for name, fit in [*published_fits(evaluations), *by_backend]]
    sentences = (f"- {name}: {prediction_sentence(fit)}" for name, fit in by_backend)
    return "\n".join([table(FIT_HEADER, lines), "", *sentences])


def _fit_line(name: str, fit: Fit) -> list[str]:
    return [
        name,
        str(fit.variants),
        f"{fit.intercept_ms:.3g} + {fit.slope_ms:.3g} x M",
        f"{fit.linear_r2:.3f}",
        f"{fit.factor_ms:.3g} x M^{fit.exponent:.3f}",
        f"{fit.power_r2:.3f}",
        f"{fit.farthest} ({fit.farthest_off:+.0%})",
    ]


def _text(evaluation: Evaluation, column: Column[Any], cell: Cell) -> str:
    """A column's text, with the numbers of a wrong result struck out."""
    return cell(evaluation) if column.is_text else struck(evaluation, cell(evaluation))


def _number_of(table: str) -> Cell:
    """The cell of a table whose columns are backends and whose numbers are one column of the CSV."""
    (number,) = cells_in(table, COLUMNS).values()
    return lambda evaluation: result(evaluation, number(evaluation))
