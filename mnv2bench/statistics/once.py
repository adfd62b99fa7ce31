"""What happens once a process and not once an inference: the cold path, memory, the check of the outputs."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from mnv2bench.records import GpuMemory, Memory, Record, Told
from mnv2bench.statistics.rounds import measured

M = TypeVar("M", Memory, GpuMemory)


@dataclass(frozen=True)
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
    """Medians over fresh processes."""
    processes = measured(record)
    return ColdPath(
        export_s=record.artifact.export_s if record.artifact else None,
        import_s=_median(s.import_s for s in processes),
        cold_open_s=_median(s.cold_open_s for s in processes),
        open_s=_median(s.open_s for s in processes if not s.cold),
        first_s=_median(s.first_s for s in processes),
    )


def memory(record: Record) -> Memory | None:
    """Medians over processes, each field by itself; None where /proc told nothing."""
    return by_field([s.memory for s in measured(record) if s.memory])


def by_field(seen: Sequence[M]) -> M | None:
    """Medians of bytes, each field over those that told it; None of nothing."""
    if not seen:
        return None
    medians = {name: _median(getattr(one, name) for one in seen) for name in seen[0].__dataclass_fields__}
    return type(seen[0])(**{name: None if bytes is None else int(bytes) for name, bytes in medians.items()})  # type: ignore[arg-type]


def output_error(record: Record) -> float | None:
    """The largest difference from eager fp32 in any process, over the largest logit; None where none was compared."""
    return max(output_errors(record), default=None)


def output_errors(record: Record) -> list[float]:
    """Of each process whose outputs were compared."""
    errors = [(p.counts or p.samples).error for p in record.processes]
    return [error for error in errors if error is not None]


def told_ms(told: Iterable[Told]) -> float | None:
    """Of what other tools printed, the median over processes of their medians, of means where they print no median."""
    return _median(one.mean_ms if one.median_ms is None else one.median_ms for one in told)


def _median(values: Iterable[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return statistics.median(known) if known else None
