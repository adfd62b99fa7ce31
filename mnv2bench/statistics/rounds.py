"""Which processes and rounds count, and how often images went through in them."""

import json
import statistics
from collections.abc import Iterable
from dataclasses import asdict
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mnv2bench.networks import Count, count
from mnv2bench.records import ENDED, Record, Samples
from mnv2bench.records.rounds import Round, kept

MIN_UNDISTURBED = 0.5  # docs/thresholds.md#rounds


def measured(record: Record) -> tuple[Samples, ...]:
    """Of the processes that came to their rounds, whether their outputs were right or wrong.

    A wrong result has numbers, so that a table can strike them out; it is for the caller not to rank them.
    """
    return tuple(p.samples for p in record.processes if p.status in ENDED and p.samples.rounds)


def required(record: Record) -> tuple[Samples, ...]:
    """`measured`, or ValueError where that is nothing."""
    found = measured(record)
    if not found:
        raise ValueError(f"{record.case.id} was not measured ({record.status}): nothing to compute")
    return found


class Timed(Protocol):
    """What was measured in rounds by one process: samples of a case, or a probe."""

    @property
    def rounds(self) -> tuple[Round, ...]: ...


def undisturbed_share(samples: Timed, threads: int) -> float:
    """The part of a process's rounds in which nothing contended with it; it is noisy below MIN_UNDISTURBED."""
    return len(kept(samples.rounds, threads)) / len(samples.rounds)


def used_rounds(samples: Timed, threads: int) -> tuple[Round, ...]:
    """The undisturbed rounds; all of them in a noisy process, which has too few to choose from."""
    undisturbed = kept(samples.rounds, threads)
    return undisturbed if len(undisturbed) >= MIN_UNDISTURBED * len(samples.rounds) else samples.rounds


def kept_share(record: Record) -> float:
    """Undisturbed rounds over all rounds of all processes; 0 where nothing was measured."""
    rounds = [(len(kept(s.rounds, record.case.threads)), len(s.rounds)) for s in measured(record)]
    return sum(k for k, _ in rounds) / sum(n for _, n in rounds) if rounds else 0.0


def durations_ns(rounds: Iterable[Round]) -> NDArray[np.int64]:
    """Every iteration of the rounds, in order."""
    return np.concatenate([np.array(r.durations_ns, dtype=np.int64) for r in rounds])


def throughput(record: Record) -> float:
    """Images a second: batch x iterations over the wall time of the used rounds; the median over processes.

    On a GPU of the pass in which several calls are in flight.
    """
    return statistics.median(_images_per_s(used_rounds(s, record.case.threads), record) for s in required(record))


def _images_per_s(rounds: tuple[Round, ...], record: Record) -> float:
    queued = [r.gpu for r in rounds if r.gpu]
    if queued:
        return record.case.batch * sum(p.in_flight_calls for p in queued) / (sum(p.in_flight_ns for p in queued) / 1e9)
    iterations = sum(len(r.durations_ns) for r in rounds)
    return record.case.batch * iterations / (sum(r.wall_ns for r in rounds) / 1e9)


def threads_used(record: Record) -> float:
    """CPU time over wall time: the median over the used rounds of all processes."""
    return statistics.median(r.cpu_share for s in required(record) for r in used_rounds(s, record.case.threads))


def network_count(record: Record) -> Count:
    """Multiply-adds, parameters and memory of the record's network, of one image."""
    return count(record.case.network, record.case.width, record.case.resolution)


def madds(record: Record) -> int:
    """Multiply-adds of one call: of the whole batch."""
    return record.case.batch * network_count(record).madds


def campaigns(records: Iterable[Record]) -> tuple[tuple[Record, ...], ...]:
    """The records apart by what must be equal before two of them are compared: environment, plan and seed."""
    apart: dict[str, list[Record]] = {}
    for record in records:
        same = [record.environment, asdict(record.plan), record.seed]
        apart.setdefault(json.dumps(same, sort_keys=True, default=str), []).append(record)
    return tuple(map(tuple, apart.values()))
