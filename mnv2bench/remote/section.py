"""The page's section on remote devices: counts, conditions of devices, delegation, results of external tools."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from mnv2bench.case import Kind
from mnv2bench.paper.devices import NCNN_CONDITIONS, NCNN_SOURCE, NCNN_VARIANT, of_soc
from mnv2bench.records import Record
from mnv2bench.remote.columns import instructions_per_madd
from mnv2bench.remote.conditions import ThermalReading, condition, delegation, names, target
from mnv2bench.remote.counts import count_fit, counted, relative_to_fp32
from mnv2bench.report import column, layout, tables
from mnv2bench.report.cells import NONE, escape, marks, number, result, scaled, table, text_or_dash
from mnv2bench.report.column import Cell, cells_in
from mnv2bench.report.columns import COLUMNS as COLUMNS_OF_EVERY_CASE
from mnv2bench.report.evaluation import Evaluation
from mnv2bench.report.layout import Evaluations
from mnv2bench.report.ranking import Ranking
from mnv2bench.statistics.rounds import madds

COUNTS = (
    "Guest instructions of one call under an emulator, in millions, and in brackets per multiply-add. A count is not a "
    "time: caches, pipeline and frequency do not enter it, and counts of two processor models do not say which is "
    "faster. ≈: the processes did not repeat to the instruction."
)
PRECISIONS = "The same counts, and in a fraction of those of the same backend in fp32."
OF_COUNTS = ("layers", "agrees %", "error", "file MB")  # no column of a time
DEVICES = (
    "The worst reading of any process, before it and after it. Throttled: processes that ran while the device was too "
    "hot."
)
DELEGATION = "Operators that ran in the delegate, of all; the others ran in the runtime's own kernels."
EXTERNAL = (
    "Results that external tools printed of their own measurements: outputs are not checked and there are no raw "
    "samples, so they stand in no ranking."
)
SAME_SOC = f"Published means at the same number of threads ({NCNN_SOURCE}: {NCNN_CONDITIONS})."


def mobile(evaluations: Evaluations, level: str, ranking: Ranking) -> str:
    """The sections, under headings of that level; "" where no case ran on a remote device."""
    campaign = [evaluation.record for evaluation in evaluations]
    parts = (
        (column.INSTRUCTIONS, COUNTS, _counts(evaluations, ranking)),
        ("Instructions by precision", PRECISIONS, _counts_of_precisions(evaluations, ranking)),
        ("Devices", DEVICES, _devices(campaign)),
        ("Delegation", DELEGATION, _delegation(campaign)),
        ("Reported by external tools", EXTERNAL, _external_results(campaign)),
        ("Published for the same SoC", SAME_SOC, _same_soc(evaluations)),
    )
    return "\n\n".join(f"{level} {title}\n\n{text}\n\n{body}" for title, text, body in parts if body)


def _counts(evaluations: Evaluations, ranking: Ranking) -> str:
    """A table for each processor model, precision, threads and batch, and below it the fit of counts over MAdds."""
    there = [evaluation for evaluation in evaluations if evaluation.case.kind == Kind.COUNTED]
    return layout.each_setting(there, partial(_counts_of_setting, ranking=ranking))


def _counts_of_setting(evaluations: Evaluations, ranking: Ranking) -> str:
    body = layout.wide(evaluations, cells_in(column.INSTRUCTIONS, COLUMNS_OF_EVERY_CASE), _count, ranking)
    lines = "\n".join(_of_backends([evaluation.record for evaluation in evaluations]))
    return f"{body}\n\n{lines}" if lines else body


def _count(evaluation: Evaluation) -> str:
    """The cell of a count: `121.0 (0.402)`."""
    counts = evaluation.of(counted)
    if counts is None:
        return result(evaluation, NONE)
    about = "≈" if counts.repeats is False else ""
    marked = "".join(marks(evaluation.flags))
    shown = f"{about}{_millions(counts.instructions)} ({number(instructions_per_madd(evaluation), 3)})"
    return f"{shown} {marked}" if marked else shown


def _counts_of_precisions(evaluations: Evaluations, ranking: Ranking) -> str:
    """The counts of each backend in each precision, for each variant; empty where all are of fp32."""
    there = [evaluation for evaluation in evaluations if evaluation.case.kind == Kind.COUNTED]
    of_fp32 = relative_to_fp32([evaluation.record for evaluation in there])
    numbers: dict[str, Cell] = {
        "M instructions": _count,
        "of own fp32": lambda e: number(of_fp32.get(e.case)),
    }
    return layout.each_variant(there, lambda group: tables.precisions_beside(group, numbers, OF_COUNTS, ranking))


def _millions(instructions: int) -> str:
    return number(instructions / 1e6, 3 if instructions < 100e6 else 1)


def _of_backends(records: Sequence[Record]) -> Iterator[str]:
    """Lines for each backend: the fit of its counts over MAdds, and the facts that its counts depend on."""
    for backend in sorted({record.case.backend for record in records}):
        of_backend = [record for record in records if record.case.backend == backend]
        if fit := count_fit(of_backend):
            yield (
                f"- {escape(backend)}: {fit.intercept_m:.3g} million + {fit.slope:.4g} x MAdds, over {fit.variants} "
                f"variants (R² {fit.r2:.4f})"
            )
        counts = filter(None, map(counted, of_backend))
        for facts in dict.fromkeys(tuple(count.facts.items()) for count in counts):
            if facts:
                yield f"- {escape(backend)} with {', '.join(f'{escape(name)} {escape(fact)}' for name, fact in facts)}"


def _devices(campaign: Sequence[Record]) -> str:
    header = ("device", "what it is", "cores", "governor", "before", "after", "cooled for", "throttled")
    devices = sorted({r.case.device for r in campaign if r.case.kind == Kind.MEASURED_ON_DEVICE})
    lines = [_device(device, [r for r in campaign if r.case.device == device]) for device in devices]
    rows = [line for line in lines if line]
    return table(header, rows, texts=6) if rows else ""


def _device(device: str, records: Sequence[Record]) -> list[str]:
    """The row of one device; [] where none of its processes ran to its end."""
    over_all = condition(records)
    if over_all is None:
        return []
    throttled = f"**{over_all.throttled} of {over_all.processes}**" if over_all.throttled else "no"
    return [
        text_or_dash(device),
        text_or_dash(next(filter(None, map(target, records)), NONE)),
        text_or_dash(f"mask {over_all.mask}" if over_all.mask else ""),
        text_or_dash(over_all.governors),
        _reading(over_all.before),
        _reading(over_all.after),
        NONE if over_all.waited_s is None else f"{over_all.waited_s:.0f} s",
        throttled,
    ]


def _reading(reading: ThermalReading) -> str:
    status = f"status {reading.thermal_status}" if reading.thermal_status is not None else ""
    celsius = f"{reading.celsius:.1f} °C" if reading.celsius is not None else ""
    return ", ".join(filter(None, (status, celsius))) or NONE


def _delegation(campaign: Sequence[Record]) -> str:
    header = ("backend", "variant", "batch", "threads", "delegate", "delegated", "fell back")
    return _each_device(campaign, header, _delegation_lines, texts=2)


def _delegation_lines(record: Record) -> Iterator[list[str]]:
    """A line for a record whose runtime speaks of delegates."""
    reported = delegation(record)
    if reported is not None:
        yield [
            escape(record.case.backend),
            escape(record.case.variant),
            str(record.case.batch),
            str(record.case.threads),
            text_or_dash(reported.delegate),
            reported.text or NONE,
            NONE if reported.outside is None else str(reported.outside),
        ]


def _external_results(campaign: Sequence[Record]) -> str:
    header = ("case", "tool", "notes", "runs", "mean ms", "median ms", "min ms", "max ms")
    return _each_device(campaign, header, _external_lines, texts=3)


def _external_lines(record: Record) -> Iterator[list[str]]:
    """A line for each time that an external tool ran."""
    for external in record.external_results:
        yield [
            text_or_dash(record.case.id),
            text_or_dash(external.tool),
            text_or_dash("; ".join(map(str, external.notes))),
            text_or_dash(str(external.count)),
            scaled(external.mean_ms),
            scaled(external.median_ms),
            scaled(external.min_ms),
            scaled(external.max_ms),
        ]


def _each_device(
    campaign: Sequence[Record], header: Sequence[str], lines: Callable[[Record], Iterator[list[str]]], texts: int
) -> str:
    """A table for each device and precision, backends in the order of their names, the largest network first."""
    rows: dict[str, list[list[str]]] = {}
    for record in sorted(campaign, key=lambda record: (record.case.backend, -madds(record), record.case.id)):
        caption = f"{escape(record.case.device)}, {record.case.precision}"
        for line in lines(record):
            rows.setdefault(caption, []).append(line)
    return "\n\n".join(
        f"**{caption}**\n\n{layout.without_shared(header, rows[caption], texts)}" for caption in sorted(rows)
    )


def _same_soc(evaluations: Evaluations) -> str:
    """Latencies measured here beside those published for the same SoC; "" where no SoC was published."""
    return "\n".join(line for evaluation in evaluations for line in _published_lines(evaluation))


def _published_lines(evaluation: Evaluation) -> Iterator[str]:
    """A line for each device and set of cores with this case's SoC, where ncnn's list has its network."""
    case, times = evaluation.case, evaluation.latency
    comparable = case.variant == NCNN_VARIANT and case.batch == 1 and case.kind == Kind.MEASURED_ON_DEVICE
    if not comparable or times is None or evaluation.record.status != "ok":
        return
    published = of_soc(names(evaluation.record), case.threads)
    for device, cores in dict.fromkeys((row.device, row.cores) for row in published):
        means = sorted(row.mean_ms for row in published if (row.device, row.cores) == (device, cores))
        span = NONE.join(dict.fromkeys((scaled(means[0]), scaled(means[-1]))))
        yield (
            f"- {escape(case.id)}: yours {scaled(1e3 * times.median_s)} ms; published for this SoC {span} ms "
            f"(conditions differ): {escape(device)}, {layout.threads(case.threads)}, {cores}"
        )
