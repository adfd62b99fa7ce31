"""Everything that a reader must know before believing a number, from the samples, the device and the GPU."""

from collections.abc import Iterator

from mnv2bench.gpu.doubts import gpu_doubts
from mnv2bench.records import Record
from mnv2bench.remote.conditions import heat_doubts
from mnv2bench.statistics.accuracy import accuracy_doubts
from mnv2bench.statistics.doubts import (
    drift_limit,
    kernel_doubts,
    oversubscribed,
    precision_doubts,
    selection_doubts,
    thread_doubts,
    warm_up_doubts,
    weights_doubts,
)
from mnv2bench.statistics.floor import Floor
from mnv2bench.statistics.layers import layer_doubts
from mnv2bench.statistics.rounds import measured, used_of_each


def flags(record: Record, floor: Floor | None = None) -> tuple[str, ...]:
    """Short phrases, each beginning with its name; empty for a case without measured rounds and without counts.

    `floor` is what identical campaigns of the machine differ by, which `unsteady` is judged by.

    noisy, unsteady, throttled, threads, oversubscribed, kernel, warm-up, precision, layers, accuracy, subnormal; of
    a GPU also shared, unwatched, enqueue-bound, unsteady gpu. Of counts only precision, layers and accuracy, as the
    others are of times.
    """
    if measured(record):
        return tuple(_flags(record, floor))
    return tuple(_arithmetic_flags(record)) if record.counts else ()


def _flags(record: Record, floor: Floor | None) -> Iterator[str]:
    yield from selection_doubts(used_of_each(record), drift_limit(floor, record.case))
    yield from heat_doubts(record)
    yield from thread_doubts(record)
    yield from oversubscribed(record.case, record.machine)
    yield from kernel_doubts(record)
    yield from warm_up_doubts(record)
    yield from gpu_doubts(record)
    yield from _arithmetic_flags(record)
    yield from weights_doubts(record)


def _arithmetic_flags(record: Record) -> Iterator[str]:
    """The flags on what the numbers were computed in."""
    yield from precision_doubts(record)
    yield from layer_doubts(record)
    yield from accuracy_doubts(record)
