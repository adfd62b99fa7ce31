"""What phones, boards and emulated processors add to the page: counts, devices, delegation, and what others told."""

from collections.abc import Callable, Iterator, Sequence

from mnv2bench.cases import Kind
from mnv2bench.paper.devices import NCNN_CONDITIONS, NCNN_SOURCE, of_soc
from mnv2bench.records import Record
from mnv2bench.remote.columns import instructions_per_madd
from mnv2bench.remote.conditions import ThermalReading, condition, delegation, names, target
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
TOLD = "What a tool of other people printed of itself: outputs not checked, no raw samples. Nothing is ranked with it."
SAME_SOC = f"Other people's, at the same number of threads, means ({NCNN_SOURCE}: {NCNN_CONDITIONS})."


def mobile(evaluations: Evaluations, level: str) -> str:
    """Sections under headings of that level, each only where there is something of it; empty without any."""
    campaign = [evaluation.record for evaluation in evaluations]
    parts = (
        (column.INSTRUCTIONS, COUNTS, _counts(evaluations)),
        ("Devices", DEVICES, _devices(campaign)),
        ("Delegation", DELEGATION, _delegation(campaign)),
        ("Told by other tools", TOLD, _told(campaign)),
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
    """How the counts of each follow MAdds, and what they depend on."""
    for backend in sorted({record.case.backend for record in records}):
        mine = [record for record in records if record.case.backend == backend]
        if fit := count_fit(mine):
            yield (
                f"- {escape(backend)}: {fit.intercept_m:.3g} million + {fit.slope:.4g} x MAdds, over {fit.variants} "
                f"variants (R² {fit.r2:.4f})"
            )
        for facts in dict.fromkeys(tuple(found.facts.items()) for r in mine if (found := counted(r))):
            if facts:
                yield f"- {escape(backend)} with {', '.join(f'{escape(name)} {escape(fact)}' for name, fact in facts)}"


def _devices(campaign: Sequence[Record]) -> str:
    header = ("device", "what it is", "cores", "governor", "before", "after", "cooled for", "throttled")
    lines = []
    for device in sorted({r.case.device for r in campaign if r.case.kind == Kind.MEASURED_ON_DEVICE}):
        mine = [record for record in campaign if record.case.device == device]
        found = condition(mine)
        if found:
            what = next(filter(None, map(target, mine)), NONE)
            texts = (device, what, found.mask and f"mask {found.mask}", found.governors)
            hot = f"**{found.throttled} of {found.processes}**" if found.throttled else "no"
            waited = NONE if found.waited_s is None else f"{found.waited_s:.0f} s"
            lines.append([*map(text_or_dash, texts), _reading(found.before), _reading(found.after), waited, hot])
    return table(header, lines, texts=6) if lines else ""


def _reading(reading: ThermalReading) -> str:
    status = f"status {reading.thermal_status}" if reading.thermal_status is not None else ""
    celsius = f"{reading.celsius:.1f} °C" if reading.celsius is not None else ""
    return ", ".join(filter(None, (status, celsius))) or NONE


def _delegation(campaign: Sequence[Record]) -> str:
    header = ("backend", "variant", "batch", "threads", "delegate", "delegated", "fell back")

    def lines(record: Record) -> Iterator[list[str]]:
        said = delegation(record)
        if said is not None:
            case, outside = record.case, NONE if said.outside is None else str(said.outside)
            which = [escape(case.backend), escape(case.variant), str(case.batch), str(case.threads)]
            yield [*which, text_or_dash(said.delegate), said.text or NONE, outside]

    return _each_device(campaign, header, lines, texts=2)


def _told(campaign: Sequence[Record]) -> str:
    """A line for each time that a tool ran."""
    header = ("case", "tool", "notes", "runs", "mean ms", "median ms", "min ms", "max ms")

    def lines(record: Record) -> Iterator[list[str]]:
        for told in record.told:
            texts = (record.case.id, told.tool, "; ".join(map(str, told.notes)))
            numbers = (told.mean_ms, told.median_ms, told.min_ms, told.max_ms)
            yield [*map(text_or_dash, texts), text_or_dash(str(told.count)), *map(scaled, numbers)]

    return _each_device(campaign, header, lines, texts=3)


def _each_device(
    campaign: Sequence[Record], header: Sequence[str], lines: Callable[[Record], Iterator[list[str]]], texts: int
) -> str:
    """A table for each device and precision, backends in the order of their names, the largest network first."""
    drawn: dict[str, list[list[str]]] = {}
    for record in sorted(campaign, key=lambda record: (record.case.backend, -madds(record), record.case.id)):
        for line in lines(record):
            drawn.setdefault(f"{escape(record.case.device)}, {record.case.precision}", []).append(line)
    return "\n\n".join(f"**{place}**\n\n{table(header, drawn[place], texts)}" for place in sorted(drawn))


def _same_soc(evaluations: Evaluations) -> str:
    """What was published of a SoC that is known, beside what was measured on it here; nothing is said of others."""
    lines = []
    for evaluation in evaluations:
        case, times = evaluation.case, evaluation.latency
        like_theirs = (case.network, case.width, case.resolution, case.batch) == ("mobilenet_v2", 1.0, 224, 1)
        measured_there = case.kind == Kind.MEASURED_ON_DEVICE and evaluation.record.status == "ok"
        if not (measured_there and times and like_theirs):
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
