"""The tables of one campaign: evaluated records as Markdown."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from mnv2bench import networks, precisions
from mnv2bench.cases import EAGER, Kind, is_gpu
from mnv2bench.records import Record
from mnv2bench.report import column
from mnv2bench.report.cells import MARKS, NONE, escape, latency, one_decimal, result, table
from mnv2bench.report.column import Cell, Column, cells_in, shown_in
from mnv2bench.report.columns import COLUMNS, PUBLISHED_MS
from mnv2bench.report.evaluation import Evaluation
from mnv2bench.statistics.accuracy import accuracy_doubts, tested
from mnv2bench.statistics.fit import Fit, latency_fit, prediction_sentence, published_fit
from mnv2bench.statistics.processes import cold_path, memory
from mnv2bench.statistics.rounds import network_count

NOT_ASKED = "not asked"
FIT_HEADER = (
    "backend",
    "variants",
    "line, ms",
    "R² of the line",
    "power law, ms",
    "R² of the law",
    "farthest from the law",
)
Evaluations = Sequence[Evaluation]
Setting = tuple[str, str, int, int]


def settings(evaluations: Evaluations) -> list[Setting]:
    """Device, precision, threads and batch of each table: the cases of one table share them."""
    return sorted({setting(evaluation) for evaluation in evaluations}, key=_setting_order)


def _setting_order(setting: Setting) -> tuple[str, int, int, int]:
    """Precisions stand in the order in which they are declared, fp32 first."""
    device, precision, number_of_threads, batch = setting
    return device, precisions.NAMES.index(precision), number_of_threads, batch


def setting(evaluation: Evaluation) -> Setting:
    """Device, precision, threads and batch of a case."""
    case = evaluation.case
    return case.device, case.precision, case.threads, case.batch


def in_setting(evaluations: Evaluations, wanted: Setting) -> list[Evaluation]:
    """Those whose case has this device, precision, number of threads and batch."""
    return [evaluation for evaluation in evaluations if setting(evaluation) == wanted]


def title(device: str, precision: str, number_of_threads: int, batch: int) -> str:
    """The line above a table that says its setting."""
    wall = ", wall" if is_gpu(device) else ""  # one of several clocks there
    return f"batch {batch}, {threads(number_of_threads)}, {escape(device)}, {precision}{wall}"


def threads(count: int) -> str:
    """`1 thread`, `2 threads`."""
    return "1 thread" if count == 1 else f"{count} threads"


def backends(evaluations: Evaluations) -> list[str]:
    """The backends in the order of the columns: first the one that all others are compared with."""
    names = {evaluation.case.backend for evaluation in evaluations}
    return sorted(names, key=lambda name: (name != EAGER, name))


def variant(evaluation: Evaluation) -> str:
    """Name of the evaluated case's variant, as tables show it."""
    return evaluation.case.variant


def each_setting(evaluations: Evaluations, draw: Callable[[Evaluations], str]) -> str:
    """A table for each setting, below a line that names it; a setting whose table is empty is left out."""
    tables = [(title(*group), draw(in_setting(evaluations, group))) for group in settings(evaluations)]
    return "\n\n".join(f"**{line}**\n\n{body}" for line, body in tables if body)


def latency_table(evaluations: Evaluations) -> str:
    """Median latency of each backend in one setting, beside what was published of the variant."""
    least = fastest(evaluations)
    facts = cells_in(column.LATENCY, COLUMNS)
    published = f"{reference_device(evaluations)} ms{another_device(evaluations)}"
    headings = [published if heading == PUBLISHED_MS else heading for heading in facts]
    return wide(evaluations, dict(zip(headings, facts.values(), strict=True)), lambda e: latency(e, e.case.id in least))


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
    for network in references(evaluations):
        if law := published_fit(network.name):
            yield f"{network.reference_device}, published{another_device(evaluations)}", law


def another_device(evaluations: Evaluations) -> str:
    """What marks the device of published latencies beside numbers of this machine."""
    here = any(evaluation.case.kind == Kind.MEASURED_HERE for evaluation in evaluations)
    return " (another device)" if here else ""


def speedup_table(evaluations: Evaluations) -> str:
    """Speed-ups in one setting; empty where torch_eager has no number to compare with."""
    others = [evaluation for evaluation in evaluations if evaluation.case.backend != EAGER]
    if not any(evaluation.speedups.over_eager for evaluation in others):
        return ""
    body = wide(others, {}, _number_of(column.SPEEDUP))
    return f"Over {EAGER} in {others[0].case.precision}.\n\n{body}"


def precision_tables(evaluations: Evaluations) -> str:
    """What each precision is worth in time: a table for each variant, batch, number of threads and device."""
    return each_variant(evaluations, _precision_table)


def each_variant(evaluations: Evaluations, draw: Callable[[Evaluations], str]) -> str:
    """A table for each variant, batch, number of threads and device, below a line that names them.

    One whose table is empty is left out.
    """
    groups: dict[tuple[str, str, int, int], list[Evaluation]] = {}
    for evaluation in sorted(evaluations, key=_by_size):
        device, _, number_of_threads, batch = setting(evaluation)
        groups.setdefault((variant(evaluation), device, number_of_threads, batch), []).append(evaluation)
    captions = {key: f"{key[0]}, batch {key[3]}, {threads(key[2])}, {escape(key[1])}" for key in groups}
    tables = [(captions[key], draw(group)) for key, group in groups.items()]
    return "\n\n".join(f"**{caption}**\n\n{body}" for caption, body in tables if body)


def _precision_table(evaluations: Evaluations) -> str:
    """A line for each backend and precision, with all columns of the table."""
    columns = shown_in(column.PRECISIONS, COLUMNS)
    return precisions_beside(evaluations, {"median ms": lambda e: latency(e, fastest=False)}, tuple(columns))


def precisions_beside(evaluations: Evaluations, numbers: dict[str, Cell], headings: Sequence[str]) -> str:
    """A line for each backend and precision: some numbers, and the columns of PRECISIONS with these headings.

    It has the backends that ran in another precision than fp32, or failed to, and torch_eager; empty without any.
    """
    several = {e.case.backend for e in evaluations if e.case.precision != precisions.FP32.name and _runs(e)}
    if not several:
        return ""
    columns = {name: pair for name, pair in shown_in(column.PRECISIONS, COLUMNS).items() if name in headings}
    order = backends(evaluations)
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


def accuracy_tables(evaluations: Evaluations) -> str:
    """What each backend got right of the labelled images; a table for each device and precision."""
    tables = []
    for device, precision in dict.fromkeys((device, precision) for device, precision, *_ in settings(evaluations)):
        there = [e for e in evaluations if (e.case.device, e.case.precision) == (device, precision)]
        if any(evaluation.record.accuracy for evaluation in there):
            tables.append(f"**{escape(device)}, {precision}**\n\n{wide(there, {}, _accuracy)}")
    return "\n\n".join(tables)


def _accuracy(evaluation: Evaluation) -> str:
    """`95.6 (99.8)`: right, and agreeing with eager fp32; the status of a test that ended badly."""
    accuracy, numbers = evaluation.record.accuracy, evaluation.of(tested)
    if numbers is None:
        return accuracy.status if accuracy else result(evaluation, NONE)
    lost = MARKS["accuracy"] if any(accuracy_doubts(evaluation.record)) else ""
    return f"{one_decimal(numbers.top1)} ({one_decimal(numbers.agreement)}) {lost}".rstrip()


def gmadds_table(evaluations: Evaluations) -> str:
    """Billions of multiply-adds a second in one setting."""
    return wide(evaluations, {}, _number_of(column.GMADDS))


def throughput_table(evaluations: Evaluations) -> str:
    """A line for each variant, batch and number of threads; a table for each device and precision."""
    facts: dict[str, Cell] = {"batch": lambda e: str(e.case.batch), "threads": lambda e: str(e.case.threads)}
    tables = []
    for device, precision in dict.fromkeys((device, precision) for device, precision, *_ in settings(evaluations)):
        there = [e for e in evaluations if (e.case.device, e.case.precision) == (device, precision)]
        in_flight = ", calls in flight" if is_gpu(device) else ""
        body = wide(there, facts, _number_of(column.THROUGHPUT))
        tables.append(f"**{escape(device)}, {precision}{in_flight}**\n\n{body}")
    return "\n\n".join(tables)


def memory_table(evaluations: Evaluations) -> str:
    """Resident memory, measured and computed, of the cases whose processes could read it."""
    return long([e for e in evaluations if e.of(memory)], cells_in(column.MEMORY, COLUMNS))


def cold_table(evaluations: Evaluations) -> str:
    """From nothing to the first result, of the cases that had a first inference."""
    started = [e for e in evaluations if e.of(cold_path).first_s is not None]
    return long(started, cells_in(column.COLD_PATH, COLUMNS))


def tail_table(evaluations: Evaluations) -> str:
    """Percentiles, noise and error of the cases that have a latency; energy where the machine counts it."""
    timed = [e for e in evaluations if e.latency]
    cells = cells_in(column.TAILS, COLUMNS)
    if all(cells[column.ENERGY](e) == NONE for e in timed):
        del cells[column.ENERGY]
    return long(timed, cells)


def refused_table(evaluations: Evaluations) -> str:
    """What did not run, and what ran and is wrong; empty where every case is ok."""
    records = [evaluation.record for evaluation in evaluations if evaluation.record.status != "ok"]
    lines = [[escape(record.case.id), record.status, escape(record.reason)] for record in records]
    return table(["case", "status", "reason"], lines, texts=3) if lines else ""


def fits(records: Sequence[Record]) -> Iterator[tuple[str, Fit]]:
    """The fit of each backend and network with three variants or more, by the name it has in the table."""
    groups = {(r.case.network, r.case.backend) for r in records}
    several = len({network for network, _ in groups}) > 1
    for network, backend in sorted(groups, key=lambda group: (group[0], group[1] != EAGER, group[1])):
        fit = latency_fit(r for r in records if (r.case.network, r.case.backend) == (network, backend))
        if fit:
            yield escape(f"{backend}, {network}" if several else backend), fit


def fit_table(evaluations: Evaluations) -> str:
    """The laws of one setting, published ones first, and a sentence on each backend; empty without a backend's."""
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


def fastest(evaluations: Evaluations) -> set[str]:
    """The cases with the least median of their variant, where it has two or more to choose from."""
    ranked: dict[str, list[tuple[float, str]]] = {}
    for evaluation in evaluations:
        times = evaluation.latency
        if evaluation.record.status == "ok" and times:
            ranked.setdefault(variant(evaluation), []).append((times.median_s, evaluation.case.id))
    return {min(medians)[1] for medians in ranked.values() if len(medians) > 1}


def wide(evaluations: Evaluations, facts: dict[str, Cell], cell: Cell) -> str:
    """A line for each variant and different set of facts, a column for each backend."""
    ordered = sorted(evaluations, key=lambda e: (*_by_size(e), e.case.batch, e.case.threads))
    lines: dict[tuple[str, ...], dict[str, str]] = {}
    for evaluation in ordered:
        key = (variant(evaluation), *(fact(evaluation) for fact in facts.values()))
        lines.setdefault(key, {})[evaluation.case.backend] = cell(evaluation)
    names = backends(evaluations)
    return table(
        ["variant", *facts, *map(escape, names)],
        [[*key, *(cells.get(name, NOT_ASKED) for name in names)] for key, cells in lines.items()],
    )


def long(evaluations: Evaluations, columns: dict[str, Cell]) -> str:
    """A line for each case that was measured to its end, a table for each device and precision; empty without any."""
    ended = ordered([evaluation for evaluation in evaluations if evaluation.record.status in ("ok", "wrong")])
    places = list(dict.fromkeys(_place(evaluation) for evaluation in ended))
    tables = []
    for place in places:
        there = [evaluation for evaluation in ended if _place(evaluation) == place]
        lines = [_line(evaluation, [cell(evaluation) for cell in columns.values()]) for evaluation in there]
        body = table(["variant", "backend", "batch", "threads", *columns], lines, texts=2)
        tables.append(f"**{place}**\n\n{body}")
    return "\n\n".join(tables)


def ordered(evaluations: Evaluations) -> list[Evaluation]:
    """By setting, the largest network first, backends as in the columns of the other tables."""
    order = backends(evaluations)
    return sorted(evaluations, key=lambda e: (*_setting_order(setting(e)), *_by_size(e), order.index(e.case.backend)))


def _by_size(evaluation: Evaluation) -> tuple[int, str]:
    return -evaluation.of(network_count).madds, variant(evaluation)


def _place(evaluation: Evaluation) -> str:
    """The device and the precision."""
    return f"{escape(evaluation.case.device)}, {evaluation.case.precision}"


def _line(evaluation: Evaluation, numbers: Sequence[str]) -> list[str]:
    name = escape(evaluation.case.backend)
    if evaluation.record.status == "wrong":
        name = f"{name} (wrong)"
    texts = [_number(evaluation, number) for number in numbers]
    return [variant(evaluation), name, str(evaluation.case.batch), str(evaluation.case.threads), *texts]


def _text(evaluation: Evaluation, column: Column[Any], cell: Cell) -> str:
    """A column's text, with the numbers of a wrong result struck out."""
    return cell(evaluation) if column.is_text else _number(evaluation, cell(evaluation))


def _number(evaluation: Evaluation, number: str) -> str:
    """The number of a case, struck out where its result is wrong."""
    return f"~~{number}~~" if evaluation.record.status == "wrong" and number != NONE else number


def _number_of(table: str) -> Cell:
    """The cell of a table whose columns are backends and whose numbers are one column of the CSV."""
    (number,) = cells_in(table, COLUMNS).values()
    return lambda evaluation: result(evaluation, number(evaluation))
