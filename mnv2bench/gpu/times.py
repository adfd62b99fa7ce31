"""Numbers of a case on a GPU: times by the GPU's clock and of the host alone, and energy."""

import statistics
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace

from mnv2bench.records import Record
from mnv2bench.records.rounds import GpuRound, Round
from mnv2bench.statistics.latency import Latency, latency, median_s
from mnv2bench.statistics.rounds import measured, used_of_each


@dataclass(frozen=True)
class GpuTimes:
    """Times of one call on a whole batch, by the rule of the headline latency, which is by the host's clock.

    `gpu`: by events around each call, calls queued. `enqueue`: host time until the call returned, on an empty queue.
    `end_to_end`: host time, images copied in and logits copied out included.
    """

    gpu: Latency
    enqueue: Latency
    end_to_end: Latency


@dataclass(frozen=True)
class Energy:
    """Power and energy of the whole GPU while calls were in flight, idle power and other processes included."""

    watts: float
    mj_per_image: float


def on_gpu(record: Record) -> bool:
    """Whether every round has the passes that a GPU adds."""
    rounds = [r for samples in measured(record) for r in samples.rounds]
    return bool(rounds) and all(r.gpu for r in rounds)


def gpu_times(record: Record) -> GpuTimes | None:
    """The times by each clock; None for a record whose rounds are not a GPU's."""
    if not on_gpu(record):
        return None
    return GpuTimes(
        gpu=latency(_timed_by(record, "gpu_ns")),
        enqueue=latency(_timed_by(record, "enqueue_ns")),
        end_to_end=latency(_timed_by(record, "end_to_end_ns")),
    )


def _timed_by(record: Record, clock: str) -> Record:
    """The record with the durations of another pass in place of the host's; the same rounds count as before."""
    processes = []
    for process in record.processes:
        rounds = tuple(_round_timed_by(r, clock) for r in process.samples.rounds)
        processes.append(replace(process, samples=replace(process.samples, rounds=rounds)))
    return replace(record, processes=tuple(processes))


def _round_timed_by(round: Round, clock: str) -> Round:
    return replace(round, durations_ns=getattr(round.gpu, clock)) if round.gpu else round


def enqueue_share(record: Record) -> float:
    """The host's time of a call over the GPU's: near 1 and above it, a faster GPU would change nothing."""
    return median_s(_timed_by(record, "enqueue_ns")) / median_s(_timed_by(record, "gpu_ns"))


def gpu_variation(record: Record) -> float:
    """Standard deviation over mean of the GPU's times in the used rounds, the largest of all processes."""
    pooled = [np.concatenate([r.gpu_ns for r in passes]) for passes in _passes_of_each(record)]
    return max(float(times.std() / times.mean()) for times in pooled)


def clock_agreement(record: Record) -> float:
    """A call's time by events over its part of the host's time with several in flight: 1 where both clocks agree.

    Each is taken from the round in which it was least, because a busy host only ever slows them.
    """
    passes = [r.gpu for samples in measured(record) for r in samples.rounds if r.gpu]
    by_events = min(statistics.median(p.gpu_ns) for p in passes)
    by_host = min(p.in_flight_ns / p.in_flight_calls for p in passes)
    return by_events / by_host


def energy(record: Record) -> Energy | None:
    """Over the used rounds, the median over processes; None where the counter did not move, or there is none."""
    of_processes = [_energy(passes, record.case.batch) for passes in _passes_of_each(record)]
    known = [used for used in of_processes if used]
    if not known:
        return None
    return Energy(
        watts=statistics.median(used.watts for used in known),
        mj_per_image=statistics.median(used.mj_per_image for used in known),
    )


def _energy(passes: list[GpuRound], batch: int) -> Energy | None:
    used_mj = [p.energy_mj for p in passes if p.energy_mj is not None]
    if not used_mj or len(used_mj) < len(passes) or sum(used_mj) <= 0:
        return None
    seconds = sum(p.in_flight_ns for p in passes) / 1e9
    images = batch * sum(p.in_flight_calls for p in passes)
    return Energy(watts=sum(used_mj) / 1e3 / seconds, mj_per_image=sum(used_mj) / images)


def _passes_of_each(record: Record) -> list[list[GpuRound]]:
    """The GPU's passes of the used rounds of each process."""
    return [[r.gpu for r in process.rounds if r.gpu] for process in used_of_each(record)]
