"""The section on phones, boards and emulated processors: counts, devices, delegation, results of other tools."""

from collections.abc import Callable, Iterator, Sequence

from mnv2bench.cases import Kind
from mnv2bench.paper.devices import NCNN_CONDITIONS, NCNN_SOURCE, of_soc
from mnv2bench.records import Record
from mnv2bench.remote.columns import instructions_per_madd
from mnv2bench.remote.conditions import Condition, ThermalReading, condition, delegation, names, target
from mnv2bench.remote.counts import count_fit, counted
from mnv2bench.report import column, tables
from mnv2bench.report.cells import NONE, escape, number, result, scaled, table, text_or_dash
from mnv2bench.report.column import cells_in
from mnv2bench.report.columns import COLUMNS as COLUMNS_OF_EVERY_CASE
from mnv2bench.report.evaluation import Evaluation
from mnv2bench.report.tables import Evaluations
from mnv2bench.statistics.rounds import madds

COUNTS = (
    "Guest instructions of one call under an emulator, in millions, and in brackets per multiply-add. A count is no "
    "time: it knows no cache, no pipeline and no frequency, and counts of two processor models do not say which is "
    "faster. ≈: the processes did not repeat to the instruction."
)
DEVICES = "The worst that any process saw, before it and after it. Throttled: processes that ran while it was too hot."
DELEGATION = "Operators that ran in the delegate, of all; the others fell back to the runtime's own kernels."
EXTERNAL = (
    "What a tool of other people printed of itself: outputs not checked, no raw samples. Nothing is ranked with it."
)
SAME_SOC = f"Other people's, at the same number of threads, means ({NCNN_SOURCE}: {NCNN_CONDITIONS})."


def mobile(evaluations: Evaluations, level: str) -> str:
    """Sections under headings of that level, each only where there is something of it; empty without any."""
    records = [evaluation.record for evaluation in evaluations]
    parts = (
        (column.INSTRUCTIONS, COUNTS, _counts(evaluations)),
        ("Devices", DEVICES, _devices(records)),
        ("Delegation", DELEGATION, _delegation(records)),
        ("Told by other tools", EXTERNAL, _external_results(records)),
        ("Published for the same SoC", SAME_SOC, _same_soc(evaluations)),
    )
    return "\n\n".join(f"{level} {title}\n\n{text}\n\n{body}" for title, text, body in parts if body)


def _counts(evaluations: Evaluations) -> str:
    """A table for each processor model, precision, threads and batch, and below it how counts follow MAdds."""
    return tables.each_setting([e for e in evaluations if e.case.kind == Kind.COUNTED], _counts_of_setting)


def _counts_of_setting(evaluations: Evaluations) -> str:
    body = tables.wide(evaluations, cells_in(column.INSTRUCTIONS, COLUMNS_OF_EVERY_CASE), _count)
    lines = "\n".join(_of_backends([evaluation.record for evaluation in evaluations]))
    return f"{body}\n\n{lines}" if lines else body


def _count(evaluation: Evaluation) -> str:
    """`121.0 (0.402)`."""
    counts = evaluation.of(counted)
    if counts is None:
        return result(evaluation, NONE)
    about = "≈" if counts.repeats is False else ""
    return f"{about}{_millions(counts.instructions)} ({number(instructions_per_madd(evaluation), 3)})"


def _millions(instructions: int) -> str:
    return number(instructions / 1e6, 3 if instructions < 100e6 else 1)


def _of_backends(records: Sequence[Record]) -> Iterator[str]:
    """How the counts of each backend follow MAdds, and the facts that they depend on."""
    for backend in sorted({record.case.backend for record in records}):
        name = escape(backend)
        of_backend = [record for record in records if record.case.backend == backend]
        fit = count_fit(of_backend)
        if fit:
            yield (
                f"- {name}: {fit.intercept_m:.3g} million + {fit.slope:.4g} x MAdds, over {fit.variants} "
                f"variants (R² {fit.r2:.4f})"
            )
        counts = filter(None, map(counted, of_backend))
        for facts in dict.fromkeys(tuple(counts_of_case.facts.items()) for counts_of_case in counts):
            if facts:
                yield f"- {name} with {', '.join(f'{escape(fact)} {escape(value)}' for fact, value in facts)}"


def _devices(records: Sequence[Record]) -> str:
    """A line for each device on which something was measured."""
    header = ("device", "what it is", "cores", "governor", "before", "after", "cooled for", "throttled")
    on_devices = [record for record in records if record.case.kind == Kind.MEASURED_ON_DEVICE]
    lines = []
    for device in sorted({record.case.device for record in on_devices}):
        of_device = [record for record in on_devices if record.case.device == device]
        state = condition(of_device)
        if state:
            lines.append(_device_line(device, of_device, state))
    return table(header, lines, texts=6) if lines else ""


def _device_line(device: str, records: Sequence[Record], state: Condition) -> list[str]:
    """`records` are those of the device."""
    description = next(filter(None, map(target, records)), None)
    return [
        escape(device),
        text_or_dash(description),
        text_or_dash(state.mask and f"mask {state.mask}"),
        text_or_dash(state.governors),
        _reading(state.before),
        _reading(state.after),
        NONE if state.waited_s is None else f"{state.waited_s:.0f} s",
        f"**{state.throttled} of {state.processes}**" if state.throttled else "no",
    ]


def _reading(reading: ThermalReading) -> str:
    status = f"status {reading.thermal_status}" if reading.thermal_status is not None else ""
    celsius = f"{reading.celsius:.1f} °C" if reading.celsius is not None else ""
    return ", ".join(filter(None, (status, celsius))) or NONE


def _delegation(records: Sequence[Record]) -> str:
    """A line for each case whose runtime reports a delegate."""
    header = ("backend", "variant", "batch", "threads", "delegate", "delegated", "fell back")
    return _each_device(records, header, _delegation_lines, texts=2)


def _delegation_lines(record: Record) -> Iterator[list[str]]:
    delegated = delegation(record)
    if delegated is None:
        return
    case = record.case
    yield [
        escape(case.backend),
        escape(case.variant),
        str(case.batch),
        str(case.threads),
        text_or_dash(delegated.delegate),
        delegated.text or NONE,
        NONE if delegated.outside is None else str(delegated.outside),
    ]


def _external_results(records: Sequence[Record]) -> str:
    """A line for each run of another tool."""
    header = ("case", "tool", "notes", "runs", "mean ms", "median ms", "min ms", "max ms")
    return _each_device(records, header, _external_lines, texts=3)


def _external_lines(record: Record) -> Iterator[list[str]]:
    for result_of_tool in record.told:
        yield [
            escape(record.case.id),
            text_or_dash(result_of_tool.tool),
            text_or_dash("; ".join(map(str, result_of_tool.notes))),
            text_or_dash(str(result_of_tool.count)),
            scaled(result_of_tool.mean_ms),
            scaled(result_of_tool.median_ms),
            scaled(result_of_tool.min_ms),
            scaled(result_of_tool.max_ms),
        ]


def _each_device(
    records: Sequence[Record], header: Sequence[str], lines: Callable[[Record], Iterator[list[str]]], texts: int
) -> str:
    """A table for each device and precision, backends in the order of their names, the largest network first."""
    by_place: dict[str, list[list[str]]] = {}
    for record in sorted(records, key=lambda record: (record.case.backend, -madds(record), record.case.id)):
        place = f"{escape(record.case.device)}, {record.case.precision}"
        for line in lines(record):
            by_place.setdefault(place, []).append(line)
    return "\n\n".join(f"**{place}**\n\n{table(header, by_place[place], texts)}" for place in sorted(by_place))


def _same_soc(evaluations: Evaluations) -> str:
    """What was published of a SoC that is known, beside what was measured on it here; nothing is said of others."""
    lines = []
    for evaluation in evaluations:
        case, times = evaluation.case, evaluation.latency
        published_case = (case.network, case.width, case.resolution, case.batch) == ("mobilenet_v2", 1.0, 224, 1)
        measured_on_device = case.kind == Kind.MEASURED_ON_DEVICE and evaluation.record.status == "ok"
        if not (measured_on_device and times and published_case):
            continue
        published = of_soc(names(evaluation.record), case.threads)
        groups = dict.fromkeys((row.device, row.cores) for row in published)
        for device, cores in groups:
            means = sorted(row.mean_ms for row in published if (row.device, row.cores) == (device, cores))
            span = NONE.join(dict.fromkeys((scaled(means[0]), scaled(means[-1]))))
            lines.append(
                f"- {escape(case.id)}: yours {scaled(1e3 * times.median_s)} ms; published for this SoC {span} ms "
                f"(conditions differ): {escape(device)}, {tables.threads(case.threads)}, {cores}"
            )
    return "\n".join(lines)
