"""Numbers that a process has once: its cold path, its memory, the error of its outputs, an external latency."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from mnv2bench.records import ExternalResult, GpuMemory, Memory, Record
from mnv2bench.statistics.rounds import measured

M = TypeVar("M", Memory, GpuMemory)


@dataclass(frozen=True, slots=True)
class ColdPath:
    """Seconds from nothing to the first result; None where there is no such step or nothing was measured.

    `export_s`: making the artifact, once. `import_s`: of the runtime. `cold_open_s`: open with nothing compiled yet,
    for a backend that keeps what it compiles. `open_s`: every later open. `first_s`: the first inference.
    """

    export_s: float | None
    import_s: float | None
    cold_open_s: float | None
    open_s: float | None
    first_s: float | None


def cold_path(record: Record) -> ColdPath:
    """The medians over fresh processes."""
    processes = measured(record)
    return ColdPath(
        export_s=record.artifact.export_s if record.artifact else None,
        import_s=_median(s.import_s for s in processes),
        cold_open_s=_median(s.cold_open_s for s in processes),
        open_s=_median(s.open_s for s in processes if not s.cold),
        first_s=_median(s.first_s for s in processes),
    )


def memory(record: Record) -> Memory | None:
    """Medians over processes, each field by itself; None where no process could read it."""
    return medians_by_field([s.memory for s in measured(record) if s.memory])


def process_seconds(record: Record) -> tuple[float, ...]:
    """How long each process ran, seconds."""
    return tuple([process.wall_s for process in record.processes])


def peaks(record: Record) -> list[int]:
    """The peak of resident memory of each process, bytes; of those that could read it."""
    return [samples.memory.peak for samples in measured(record) if samples.memory]


def medians_by_field(readings: Sequence[M]) -> M | None:
    """Medians in bytes, each field over the readings that have it; None without readings."""
    if not readings:
        return None
    fields = readings[0].__struct_fields__
    medians = {name: _median(getattr(reading, name) for reading in readings) for name in fields}
    return type(readings[0])(**{name: None if size is None else int(size) for name, size in medians.items()})  # type: ignore[arg-type]


def output_error(record: Record) -> float | None:
    """The largest difference from eager fp32 in any process, over the largest logit; None where none was compared."""
    return max(output_errors(record), default=None)


def output_errors(record: Record) -> list[float]:
    """The largest error of each process whose outputs were compared, before or after anything was timed."""
    measured = [p.counts or p.samples for p in record.processes]
    errors = [(m.error, m.checks.error if m.checks else None) for m in measured]
    known = [[error for error in pair if error is not None] for pair in errors]
    return [max(pair) for pair in known if pair]


def external_ms(results: Iterable[ExternalResult]) -> float | None:
    """The median of the medians that other tools reported of their processes; of means where they report no median."""
    return _median(result.mean_ms if result.median_ms is None else result.median_ms for result in results)


def _median(values: Iterable[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return statistics.median(known) if known else None
