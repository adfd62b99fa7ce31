"""Which processes and rounds of a record count, and the rates that follow from them."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from mnv2bench.networks import Count
from mnv2bench.records import ENDED, Record, Samples
from mnv2bench.records.rounds import Round, undisturbed_rounds

MIN_UNDISTURBED = 0.5  # docs/thresholds.md#rounds
T = TypeVar("T")


def remembers_last(function: Callable[[Record], T]) -> Callable[[Record], T]:
    """The function, which remembers what it returned for the last record: a row's numbers are computed one by one."""
    last: tuple[Record | None, T | None] = (None, None)

    @wraps(function)
    def remembered(record: Record) -> T:
        nonlocal last
        of_record, value = last
        if of_record is not record:
            value = function(record)
            last = (record, value)
        return value  # type: ignore[return-value]

    return remembered


@remembers_last
def measured(record: Record) -> tuple[Samples, ...]:
    """The samples of the processes that came to their rounds, whether their outputs were right or wrong.

    A wrong result has numbers, so that a table can strike them out; it is for the caller not to rank them.
    """
    return tuple(p.samples for p in record.processes if p.status in ENDED and p.samples.rounds)


def timed_processes(record: Record) -> int:
    """How many processes came to their rounds."""
    return len(measured(record))


def require_measured(record: Record) -> tuple[Samples, ...]:
    """`measured`, or ValueError where no process came to its rounds."""
    samples = measured(record)
    if not samples:
        raise ValueError(f"{record.case.id} was not measured ({record.status}): nothing to compute")
    return samples


class HasRounds(Protocol):
    """The rounds that one process measured: samples of a case, or a probe."""

    @property
    def rounds(self) -> tuple[Round, ...]: ...


@dataclass(frozen=True)
class UsedRounds:
    """The rounds of one process whose times are used, and how many of all its rounds nothing contended with.

    Those are the undisturbed rounds; all of them in a noisy process, which has too few to choose from.
    """

    rounds: tuple[Round, ...]
    undisturbed: int
    undisturbed_share: float

    @property
    def noisy(self) -> bool:
        """Whether most rounds of the process were disturbed."""
        return self.undisturbed_share < MIN_UNDISTURBED


def select_rounds(samples: HasRounds, threads: int) -> UsedRounds:
    """Which rounds of a process are used, from what the machine did meanwhile and never from their times."""
    undisturbed = undisturbed_rounds(samples.rounds, threads)
    share = len(undisturbed) / len(samples.rounds)
    return UsedRounds(undisturbed if share >= MIN_UNDISTURBED else samples.rounds, len(undisturbed), share)


@remembers_last
def used_of_each(record: Record) -> tuple[UsedRounds, ...]:
    """Which rounds of each measured process of a record are used."""
    return tuple([select_rounds(samples, record.case.total_threads) for samples in measured(record)])


def require_used(record: Record) -> list[tuple[Round, ...]]:
    """The used rounds of each measured process; ValueError where no process came to its rounds."""
    require_measured(record)
    return [process.rounds for process in used_of_each(record)]


def undisturbed_share(samples: HasRounds, threads: int) -> float:
    """The part of a process's rounds in which nothing contended with it; it is noisy below MIN_UNDISTURBED."""
    return select_rounds(samples, threads).undisturbed_share


def used_rounds(samples: HasRounds, threads: int) -> tuple[Round, ...]:
    """The rounds of a process whose times are used: see `UsedRounds`."""
    return select_rounds(samples, threads).rounds


def record_undisturbed_share(record: Record) -> float:
    """Undisturbed rounds over all rounds of all processes; 0 where nothing was measured."""
    processes = measured(record)
    if not processes:
        return 0.0
    undisturbed = sum([process.undisturbed for process in used_of_each(record)])
    return undisturbed / sum([len(samples.rounds) for samples in processes])


def durations_ns(rounds: Iterable[Round]) -> NDArray[np.int64]:
    """Every iteration of the rounds, in order."""
    return np.concatenate([np.array(r.durations_ns, dtype=np.int64) for r in rounds])


def rounds_median(rounds: Sequence[Round]) -> float:
    """The median of every iteration in these rounds, seconds."""
    return middle(ordered_ns(rounds)) / 1e9


def ordered_ns(rounds: Iterable[Round]) -> list[int]:
    """Every iteration of the rounds, the fastest first."""
    return sorted([duration for r in rounds for duration in r.durations_ns])


def middle(ordered: Sequence[int]) -> float:
    """The median of what stands in its order."""
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def throughput(record: Record) -> float:
    """Images a second: batch x iterations over the wall time of the used rounds; the median over processes.

    On a GPU of the pass in which several calls are in flight.
    """
    return statistics.median(throughput_per_process(record))


def throughput_per_process(record: Record) -> list[float]:
    """`throughput` of each measured process. ValueError where nothing was measured."""
    return [_images_per_s(rounds, record) for rounds in require_used(record)]


def cpu_ms_per_image(record: Record) -> float:
    """Milliseconds of CPU time for an image, of all threads and streams, in the used rounds: the median over processes.

    Time in which a thread spins and waits is in it. ValueError where nothing was measured.
    """
    return statistics.median(
        [
            sum([r.cpu_ns for r in rounds]) / 1e6 / (record.case.batch * sum([len(r.durations_ns) for r in rounds]))
            for rounds in require_used(record)
        ]
    )


def _images_per_s(rounds: tuple[Round, ...], record: Record) -> float:
    queued = [r.gpu for r in rounds if r.gpu]
    if queued:
        return record.case.batch * sum(p.in_flight_calls for p in queued) / (sum(p.in_flight_ns for p in queued) / 1e9)
    iterations = sum([len(r.durations_ns) for r in rounds])
    return record.case.batch * iterations / (sum([r.wall_ns for r in rounds]) / 1e9)


def cpu_mj_per_image(record: Record) -> float | None:
    """Millijoules of the processor's packages for an image, in the used rounds: the median over processes.

    Whatever else ran on the packages is in it. None where a round has no reading.
    """
    of_processes = cpu_mj_per_process(record)
    return statistics.median(of_processes) if of_processes else None


def cpu_mj_per_process(record: Record) -> list[float]:
    """Millijoules for an image in the used rounds of each process; empty where a round has no reading."""
    rounds_of_each = [process.rounds for process in used_of_each(record)]
    if any(r.cpu_energy_uj is None for rounds in rounds_of_each for r in rounds):
        return []
    return [
        sum(r.cpu_energy_uj or 0 for r in rounds) / 1e3 / (record.case.batch * sum(len(r.durations_ns) for r in rounds))
        for rounds in rounds_of_each
    ]


def threads_used(record: Record) -> float:
    """CPU time over wall time: the median over the used rounds of all processes."""
    return statistics.median([r.cpu_share for rounds in require_used(record) for r in rounds])


def network_count(record: Record) -> Count:
    """Multiply-adds, parameters and memory of the record's network, of one image."""
    case = record.case
    return case.count


def madds(record: Record) -> int:
    """Multiply-adds of one call: of the whole batch."""
    return record.case.batch * network_count(record).madds
