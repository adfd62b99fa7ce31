"""The page of profiles: where the time of each case goes, on the network's own blocks, and what it loses."""

from collections.abc import Iterator, Sequence

from mnv2bench.networks import activations, count, peaks
from mnv2bench.precisions import named
from mnv2bench.profiling.pages.profiled import Profiled
from mnv2bench.profiling.pages.roofline import limit
from mnv2bench.profiling.pages.tables import per_operator, per_setting
from mnv2bench.profiling.records import Probes
from mnv2bench.profiling.remarks import remarks
from mnv2bench.records import Machine, Record
from mnv2bench.report.cells import NONE, escape, number, plain, scaled, table
from mnv2bench.report.machine import machine
from mnv2bench.statistics.processes import memory

TITLE = "# MobileNetV2 profiles\n"
COLUMNS = (
    *("case", "median ms", "operators ms", "sum/median", "call/median", "mapped", "layout", "unmapped"),
    *("of the roofline", "arena MB", "processes", "calls"),
)
HOW_TO_READ = """\
- Every time is of one call on the whole batch with the runtime's own profiler on. **None of them is a latency**: that
  is the undisturbed median, of other processes without a profiler.
- A time is the median over processes of the mean of the middle half of its calls; in brackets the quartiles over all
  profiled calls. A share is of the sum of all operators of that case, and so is comparable where times are not.
- Sum/median is the sum of a call's operators over the undisturbed median: above 100 % is what the profiler itself
  costs, below it is time outside of any operator. Call/median is the profiled call as a whole over the same.
- "layout" moves or reorders numbers; "unmapped" belongs to no layer that the runtime names. They are never spread over
  the others. Batch norm and activations are in the layer before them.
- A row such as project+add is an operator that fuses those layers: its time is in no other row, and "–" says that a
  runtime has no such row. Compare blocks first: whatever a runtime fuses, a block is the same work.
- MAdds and bytes are computed, not measured: each operator reads its inputs and weights once and writes its outputs
  once, at the case's precision, the whole batch. A fused one does not move what lies between its layers, and its MAdds
  are in its own row: where runtimes fuse differently, a cell says from where to where ("0.21–0.35"). MB are 1e6 bytes.
"""
BLOCKS = "ms of a call, quartiles, and the share of all operators of that runtime; below it the speed of the same rows."
KINDS = "The same over all blocks: all expansions together, all depthwise layers together."
OPERATORS = "As each runtime names them; the slowest of each case. Times are microseconds."
MEMORY = (
    "Resident in a clean worker without a profiler, medians over processes: bare interpreter, after importing the "
    "runtime (floor), after opening the model, after the first inference, peak, and peak without the floor. Artifact "
    "is the file that is opened. Computed, at the case's precision and for the whole batch: weights, the largest "
    "activation, input and output of the hungriest layer, and all that is alive at once, a residual's input included. "
    "Arena is what the runtime says it planned for activations, in its words."
)


def page(found: Sequence[Profiled], probes: Sequence[Probes], records: Sequence[Record], name: str) -> str:
    """Of one file, `name`; sections without anything in them are left out."""
    sections = [
        "\n".join([f"## {title}\n", *([f"{text}\n"] if text else []), f"{body.rstrip()}\n"])
        for title, text, body in _sections(found, probes, records, name)
        if body
    ]
    return "\n".join([TITLE, *sections])


def told(found: Sequence[Profiled], records: Sequence[Record]) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """For a terminal: of each case its row under COLUMNS, and its sentences: why it has no profile, and remarks.

    On one line, and as their files have them: escape them.
    """
    return [(_case(one), tuple(map(plain, (*_reasons(one), *_remarks(one, records))))) for one in found]


def _reasons(one: Profiled) -> Iterator[str]:
    if one.profile.status != "ok":
        yield f"{one.profile.status}: {one.profile.reason}"


def _sections(
    found: Sequence[Profiled], probes: Sequence[Probes], records: Sequence[Record], name: str
) -> Iterator[tuple[str, str, str]]:
    """Title, what a reader must know, and the body."""
    yield "The machine", "", machine(name, records[0]) if records else ""
    yield "How to read this", "", HOW_TO_READ if found else ""
    yield "Cases", "", _cases(found)
    yield "Could not be profiled", "", _refused(found)
    said = [f"- {escape(one.case.id)}: {escape(sentence)}" for one in found for sentence in _remarks(one, records)]
    yield "Remarks", "", "\n".join(said)
    yield "Per block", BLOCKS, per_setting(found, lambda one: one.profile.blocks, "block")
    yield "Per kind", KINDS, per_setting(found, lambda one: one.profile.kinds, "kind")
    yield "The limit", "", limit(found, probes)
    yield "Per operator", OPERATORS, per_operator(found)
    yield "Memory, MB", MEMORY, _memory(found)
    yield "What the profilers say of themselves", "", "\n".join(_notes(found))


def _cases(found: Sequence[Profiled]) -> str:
    body = [[escape(name), *numbers] for name, *numbers in (_case(one) for one in found if one.profile.status == "ok")]
    return table(COLUMNS, body) if body else ""


def _case(one: Profiled) -> tuple[str, ...]:
    """Under COLUMNS."""
    profile, median = one.profile, one.profile.median_s
    if profile.status != "ok":
        return (one.case.id, *[NONE] * (len(COLUMNS) - 1))
    return (
        one.case.id,
        _ms(median),
        _ms(profile.sum_s),
        _percent(profile.sum_s / median if median else None, 0),
        _percent(profile.profiled_s / median if median else None, 0),
        _percent(profile.mapped_share),
        _percent(profile.layout_share),
        _percent(profile.unmapped_share),
        _percent(one.limit_share),
        _mb(profile.arena_bytes),
        str(profile.processes),
        str(profile.calls),
    )


def _refused(found: Sequence[Profiled]) -> str:
    body = [
        [escape(one.case.id), one.profile.status, escape(one.profile.reason)]
        for one in found
        if one.profile.status != "ok"
    ]
    return table(["case", "status", "reason"], body, texts=3) if body else ""


def _remarks(one: Profiled, records: Sequence[Record]) -> tuple[str, ...]:
    return remarks(one.profile, one.record, records[0].machine if records else Machine())


def _memory(found: Sequence[Profiled]) -> str:
    header = ["case", "interpreter", "floor", "loaded", "first inference", "peak", "peak − floor"]
    body = [line for one in found if one.record and (line := _resident(one, one.record))]
    header += ["artifact", "weights", "largest tensor", "in + out", "alive", "arena"]
    return table(header, body) if body else ""


def _resident(one: Profiled, record: Record) -> list[str]:
    """Empty where nobody read the memory of a process."""
    resident, case = memory(record), one.case
    if resident is None:
        return []
    counted = count(case.network, case.width, case.resolution)
    computed = peaks(activations(case.network, case.width, case.resolution))
    of_fp32 = named(case.precision).size_ratio
    words = f" ({escape(one.profile.arena)})" if one.profile.arena else ""
    return [
        escape(case.id),
        _mb(resident.interpreter),
        _mb(resident.floor),
        _mb(resident.loaded),
        _mb(resident.first),
        _mb(resident.peak),
        _mb(resident.peak - resident.floor),
        _mb(record.artifact.bytes if record.artifact else None),
        _mb(of_fp32 * counted.weight_bytes),
        *(_mb(of_fp32 * case.batch * peak.bytes) for peak in (computed.tensor, computed.op, computed.live)),
        _mb(one.profile.arena_bytes) + words,
    ]


def _notes(found: Sequence[Profiled]) -> Iterator[str]:
    """Each once for all the cases of a runtime."""
    yield from dict.fromkeys(
        f"- {escape(one.case.backend)}: {escape(said)}"
        for one in found
        for said in (one.profile.profiler, *one.profile.notes)
        if said
    )


def _percent(share: float | None, places: int = 1) -> str:
    return NONE if share is None else f"{share:.{places}%}"


def _ms(seconds: float | None) -> str:
    return scaled(None if seconds is None else 1e3 * seconds)


def _mb(size: float | None) -> str:
    """Bytes in megabytes."""
    return number(None if size is None else size / 1e6, 1)
