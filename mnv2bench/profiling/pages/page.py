"""The page of profiles: where the time of each case goes, on the network's own blocks, and what it loses."""

from collections.abc import Iterator, Sequence

from mnv2bench import networks
from mnv2bench.files import Sort
from mnv2bench.precisions import named
from mnv2bench.profiling.pages.profiled import ProfiledCase
from mnv2bench.profiling.pages.roofline import limit
from mnv2bench.profiling.pages.tables import per_operator, per_setting
from mnv2bench.profiling.records import Probes
from mnv2bench.profiling.remarks import remarks
from mnv2bench.records import Machine, Record
from mnv2bench.report.cells import NONE, escape, number, plain, scaled, table
from mnv2bench.report.machine import machine
from mnv2bench.statistics.processes import memory

PAGE = Sort("profile page", ".profile.md", earlier="# MobileNetV2 profiles\n")
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
ROLES = "The same over all blocks: all expansions together, all depthwise layers together."
OPERATORS = "As each runtime names them; the slowest of each case. Times are microseconds."
MEMORY = (
    "Resident in a clean worker without a profiler, medians over processes: bare interpreter, after importing the "
    "runtime (floor), after opening the model, after the first inference, peak, and peak without the floor. Artifact "
    "is the file that is opened. Computed, at the case's precision and for the whole batch: weights, the largest "
    "activation, input and output of the largest layer, and all that is alive at once, a residual's input included. "
    "Arena is what the runtime says it planned for activations, in its words."
)


def page(cases: Sequence[ProfiledCase], probes: Sequence[Probes], records: Sequence[Record], name: str) -> str:
    """The page of the file `name`; sections without content are left out."""
    sections = [
        "\n".join([f"## {title}\n", *([f"{text}\n"] if text else []), f"{body.rstrip()}\n"])
        for title, text, body in _sections(cases, probes, records, name)
        if body
    ]
    title = f"# {escape(networks.title(profiled.case.network for profiled in cases))} profiles\n"
    return "\n".join([title, *sections])


def terminal_lines(
    cases: Sequence[ProfiledCase], records: Sequence[Record]
) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """For a terminal: the row of each case under COLUMNS, and its sentences: why it has no profile, and its remarks.

    Sentences are one line each, and not escaped.
    """
    lines = []
    for profiled in cases:
        sentences = (*_reasons(profiled), *_remarks(profiled, records))
        lines.append((_case(profiled), tuple(map(plain, sentences))))
    return lines


def _reasons(profiled: ProfiledCase) -> Iterator[str]:
    if profiled.profile.status != "ok":
        yield f"{profiled.profile.status}: {profiled.profile.reason}"


def _sections(
    cases: Sequence[ProfiledCase], probes: Sequence[Probes], records: Sequence[Record], name: str
) -> Iterator[tuple[str, str, str]]:
    """The title of each section, what a reader must know, and the body."""
    yield "The machine", "", machine(name, records) if records else ""
    yield "How to read this", "", HOW_TO_READ if cases else ""
    yield "Cases", "", _cases(cases)
    yield "Could not be profiled", "", _refused(cases)
    yield "Remarks", "", "\n".join(_remark_lines(cases, records))
    yield "Per block", BLOCKS, per_setting(cases, lambda profiled: profiled.profile.blocks, "block")
    yield "Per layer role", ROLES, per_setting(cases, lambda profiled: profiled.profile.roles, "role")
    yield "The limit", "", limit(cases, probes)
    yield "Per operator", OPERATORS, per_operator(cases)
    yield "Memory, MB", MEMORY, _memory(cases)
    yield "What the profilers say of themselves", "", "\n".join(_notes(cases))


def _cases(cases: Sequence[ProfiledCase]) -> str:
    rows = [_case(profiled) for profiled in cases if profiled.profile.status == "ok"]
    body = [[escape(name), *numbers] for name, *numbers in rows]
    return table(COLUMNS, body) if body else ""


def _case(profiled: ProfiledCase) -> tuple[str, ...]:
    """The row of a case under COLUMNS."""
    profile, median = profiled.profile, profiled.profile.median_s
    if profile.status != "ok":
        return (profiled.case.id, *[NONE] * (len(COLUMNS) - 1))
    return (
        profiled.case.id,
        _ms(median),
        _ms(profile.sum_s),
        _percent(profile.sum_s / median if median else None, 0),
        _percent(profile.profiled_s / median if median else None, 0),
        _percent(profile.mapped_share),
        _percent(profile.layout_share),
        _percent(profile.unmapped_share),
        _percent(profiled.limit_share),
        _mb(profile.arena_bytes),
        str(profile.processes),
        str(profile.calls),
    )


def _refused(cases: Sequence[ProfiledCase]) -> str:
    body = [
        [escape(profiled.case.id), profiled.profile.status, escape(profiled.profile.reason)]
        for profiled in cases
        if profiled.profile.status != "ok"
    ]
    return table(["case", "status", "reason"], body, texts=3) if body else ""


def _remark_lines(cases: Sequence[ProfiledCase], records: Sequence[Record]) -> Iterator[str]:
    for profiled in cases:
        for sentence in _remarks(profiled, records):
            yield f"- {escape(profiled.case.id)}: {escape(sentence)}"


def _remarks(profiled: ProfiledCase, records: Sequence[Record]) -> tuple[str, ...]:
    return remarks(profiled.profile, profiled.record, records[0].machine if records else Machine())


def _memory(cases: Sequence[ProfiledCase]) -> str:
    header = ["case", "interpreter", "floor", "loaded", "first inference", "peak", "peak − floor"]
    body = [line for profiled in cases if profiled.record and (line := _resident(profiled, profiled.record))]
    header += ["artifact", "weights", "largest tensor", "in + out", "alive", "arena"]
    return table(header, body) if body else ""


def _resident(profiled: ProfiledCase, record: Record) -> list[str]:
    """The row of a case's memory; empty where no process reported its memory."""
    resident, case = memory(record), profiled.case
    if resident is None:
        return []
    counted = case.count
    computed = networks.peaks(networks.activations(*case.spec))
    of_fp32 = named(case.precision).size_ratio
    words = f" ({escape(profiled.profile.arena)})" if profiled.profile.arena else ""
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
        _mb(profiled.profile.arena_bytes) + words,
    ]


def _notes(cases: Sequence[ProfiledCase]) -> Iterator[str]:
    """The profilers and their notes, each once for all cases of a runtime."""
    yield from dict.fromkeys(
        f"- {escape(profiled.case.backend)}: {escape(note)}"
        for profiled in cases
        for note in (profiled.profile.profiler, *profiled.profile.notes)
        if note
    )


def _percent(share: float | None, places: int = 1) -> str:
    return NONE if share is None else f"{share:.{places}%}"


def _ms(seconds: float | None) -> str:
    return scaled(None if seconds is None else 1e3 * seconds)


def _mb(size: float | None) -> str:
    """Bytes in megabytes."""
    return number(None if size is None else size / 1e6, 1)
