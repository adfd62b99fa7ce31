"""What a GPU adds to the numbers of a case: its own clock, the host's enqueue, energy, clocks, memory."""

import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from mnv2bench.records import GpuMemory, Record, Samples
from mnv2bench.records.rounds import GpuRound, GpuState, Round
from mnv2bench.statistics.latency import Latency, latency, median_s
from mnv2bench.statistics.processes import medians_by_field
from mnv2bench.statistics.rounds import measured, used_rounds

UNVERIFIED = "unverified on hardware"
VERIFIED: dict[str, str] = {}  # backend: the GPU on which `mnv2bench selfcheck --device cuda` passed, and when


@dataclass(frozen=True)
class GpuTimes:
    """Of one call on a whole batch, each by its own clock and by the same rule as the latency, which is the wall's.

    `gpu`: events around each call, calls queued. `enqueue`: host time until the call returned, on an empty queue.
    `end_to_end`: host time, images copied in and logits copied out included.
    """

    gpu: Latency
    enqueue: Latency
    end_to_end: Latency


@dataclass(frozen=True)
class Energy:
    """Of the whole GPU while calls were in flight, idle power and whatever else ran on it included."""

    watts: float
    mj_per_image: float


@dataclass(frozen=True)
class Seen:
    """What NVML told over several moments; None where it never did. Ranges are the least and the most."""

    sm_mhz: tuple[int, int] | None
    memory_mhz: tuple[int, int] | None
    celsius: tuple[int, int] | None
    reasons: tuple[str, ...] | None
    others: int | None


@dataclass(frozen=True)
class Conditions:
    """Before a model was opened, while its calls were in flight, and after the last round; of all processes."""

    before: Seen
    during: Seen
    after: Seen


def verified_on(record: Record) -> str | None:
    """Where the path that made this record was checked by the project; None for one that ran on no GPU."""
    return None if record.case.gpu is None else VERIFIED.get(record.case.backend, UNVERIFIED)


def on_gpu(record: Record) -> bool:
    """Whether every round has what the GPU said of it."""
    rounds = [r for samples in measured(record) for r in samples.rounds]
    return bool(rounds) and all(r.gpu for r in rounds)


def gpu_times(record: Record) -> GpuTimes | None:
    """None for a record without a GPU's rounds."""
    if not on_gpu(record):
        return None
    return GpuTimes(*(latency(_timed_by(record, clock)) for clock in ("gpu_ns", "enqueue_ns", "end_to_end_ns")))


def _timed_by(record: Record, clock: str) -> Record:
    """The record with another pass's durations in place of the host's; which rounds count stays what it was."""

    def turned(r: Round) -> Round:
        return replace(r, durations_ns=getattr(r.gpu, clock)) if r.gpu else r

    processes = (
        replace(p, samples=replace(p.samples, rounds=tuple(map(turned, p.samples.rounds)))) for p in record.processes
    )
    return replace(record, processes=tuple(processes))


def enqueue_share(record: Record) -> float:
    """The host's time of a call over the GPU's: near 1 and above it, a faster GPU would change nothing."""
    return median_s(_timed_by(record, "enqueue_ns")) / median_s(_timed_by(record, "gpu_ns"))


def gpu_variation(record: Record) -> float:
    """Standard deviation over mean of the GPU's times in the used rounds, the worst of all processes."""
    pooled = [np.concatenate([r.gpu_ns for r in _passes(record, samples)]) for samples in measured(record)]
    return max(float(times.std() / times.mean()) for times in pooled)


def clock_agreement(record: Record) -> float:
    """A call's time by events over its part of the wall time while several are in flight: two clocks of one thing.

    Each of the round in which it was least, as a busy host only ever slows them.
    """
    passes = [r.gpu for samples in measured(record) for r in samples.rounds if r.gpu]
    return min(statistics.median(p.gpu_ns) for p in passes) / min(p.in_flight_ns / p.in_flight_calls for p in passes)


def energy(record: Record) -> Energy | None:
    """Over the used rounds, the median over processes; None where the counter did not move, or there is none."""
    told = [e for samples in measured(record) if (e := _energy(_passes(record, samples), record.case.batch))]
    if not told:
        return None
    return Energy(statistics.median(e.watts for e in told), statistics.median(e.mj_per_image for e in told))


def _energy(passes: list[GpuRound], batch: int) -> Energy | None:
    moved = [p.energy_mj for p in passes if p.energy_mj is not None]
    if not moved or len(moved) < len(passes) or sum(moved) <= 0:
        return None
    seconds, images = sum(p.in_flight_ns for p in passes) / 1e9, batch * sum(p.in_flight_calls for p in passes)
    return Energy(sum(moved) / 1e3 / seconds, sum(moved) / images)


def _passes(record: Record, samples: Samples) -> list[GpuRound]:
    return [r.gpu for r in used_rounds(samples, record.case.threads) if r.gpu]


def conditions(record: Record) -> Conditions | None:
    """Over all rounds, those that did not count included; None where no process tells of a GPU."""
    told = [(samples, samples.gpu) for samples in measured(record) if samples.gpu]
    if not told:
        return None
    rounds = (r.gpu.state for samples, _ in told for r in samples.rounds if r.gpu)
    return Conditions(_seen(gpu.before for _, gpu in told), _seen(rounds), _seen(gpu.after for _, gpu in told))


def _seen(states: Iterable[GpuState | None]) -> Seen:
    told = [state for state in states if state]
    reasons = [state.reasons for state in told if state.reasons is not None]
    return Seen(
        sm_mhz=_range(state.sm_mhz for state in told),
        memory_mhz=_range(state.memory_mhz for state in told),
        celsius=_range(state.temperature_c for state in told),
        reasons=tuple(dict.fromkeys(word for words in reasons for word in words)) if reasons else None,
        others=max((state.others for state in told if state.others is not None), default=None),
    )


def _range(values: Iterable[int | None]) -> tuple[int, int] | None:
    known = [value for value in values if value is not None]
    return (min(known), max(known)) if known else None


def gpu_memory(record: Record) -> GpuMemory | None:
    """Medians over processes, each field by itself, as no two of them count the same; None without a GPU."""
    return medians_by_field([samples.gpu.memory for samples in measured(record) if samples.gpu])


def cuda_graph(record: Record) -> str | None:
    """`yes`, `no`, or `no: ` and why; what each process said where they differ. None where none said."""
    return _joined(samples.settings.get("CUDA graph") for samples in measured(record))


def gpu_fact(record: Record, name: str) -> str | None:
    """A fact of the GPU as the driver and NVML told it to the processes; all of them where they differ."""
    return _joined(_facts(record, name))


def _facts(record: Record, name: str) -> Iterator[str | None]:
    for samples in measured(record):
        yield samples.gpu.facts.get(name) if samples.gpu else None


def _joined(texts: Iterable[str | None]) -> str | None:
    return " / ".join(dict.fromkeys(text for text in texts if text)) or None
