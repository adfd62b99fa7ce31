"""What a reader must know before believing a number."""

import itertools
import statistics
from collections.abc import Iterator, Sequence
from functools import lru_cache

from mnv2bench.gpu.times import ENQUEUE_BOUND, MAX_VARIATION, enqueue_share, gpu_variation, on_gpu
from mnv2bench.precisions import FP32
from mnv2bench.records import Record, Samples
from mnv2bench.records.rounds import SHARED, SLOWED, Round
from mnv2bench.remote.conditions import is_throttled
from mnv2bench.statistics.once import output_errors
from mnv2bench.statistics.rounds import MIN_UNDISTURBED, Timed, measured, threads_used, undisturbed_share, used_rounds

MAX_DRIFT = 0.02  # between the halves of a process
MAX_SLOPE = 0.005  # a round
MIN_ROUNDS = 4  # fewer say nothing about a trend
OTHER_THREADS = 0.5


def flags(record: Record) -> tuple[str, ...]:
    """Short phrases, each beginning with its kind: noisy, unsteady, throttled, threads, warm-up.

    Of a GPU also shared, unwatched, enqueue-bound, precision. None for what did not run.
    """
    return tuple(_flags(record, measured(record))) if measured(record) else ()


def _flags(record: Record, processes: Sequence[Samples]) -> Iterator[str]:
    asked, total = record.case.threads, len(processes)
    yield from noise(processes, asked)
    if hot := [p for p in record.processes if is_throttled(p)]:
        yield f"throttled: {len(hot)} of {len(record.processes)} processes ran while the device was too hot"
    used = threads_used(record)
    if record.case.gpu is None and abs(used - asked) >= OTHER_THREADS:  # who waits for a GPU sleeps or spins
        yield f"threads: used {used:.1f} of {asked}"
    if capped := [samples for samples in processes if _warm_up_capped(record, samples)]:
        yield f"warm-up: {len(capped)} of {total} processes warmed up to the cap"
    if record.case.gpu is not None:
        yield from _of_the_gpu(record, processes)
    least = min(output_errors(record), default=None)
    if record.case.precision != FP32.name and least is not None and least < FP32.largest_error:
        yield f"precision: an error of {least:.0e} is one of fp32: it may not have run in {record.case.precision}"


def noise(processes: Sequence[Timed], threads: int) -> Iterator[str]:
    """What the rounds themselves say against their numbers: noisy, unsteady."""
    shares = [undisturbed_share(timed, threads) for timed in processes]
    if noisy := [share for share in shares if share < MIN_UNDISTURBED]:
        yield (
            f"noisy: {len(noisy)} of {len(processes)} processes had under half of their rounds undisturbed, "
            f"the worst {min(noisy):.0%}"
        )
    drifts = [drift(used_rounds(timed, threads)) for timed in processes]
    if moving := [d for d in drifts if d is not None]:
        yield (
            f"unsteady: {len(moving)} of {len(processes)} processes still drifted, by up to {max(moving, key=abs):+.1%}"
        )


def _of_the_gpu(record: Record, processes: Sequence[Samples]) -> Iterator[str]:
    states = [r.gpu.state if r.gpu else None for samples in processes for r in samples.rounds]
    noise = [state.noise for state in states if state]
    slowed = [[word for word in words if word in SLOWED] for words in noise]
    if hot := [words for words in slowed if words]:
        why = ", ".join(reason for reason in SLOWED if any(reason in words for words in hot))
        yield f"throttled: the GPU slowed itself down in {len(hot)} of {len(states)} rounds ({why})"
    if others := [words for words in noise if SHARED in words]:
        yield f"shared: other processes held memory on the GPU in {len(others)} of {len(states)} rounds"
    if blind := [state for state in states if state is None or state.reasons is None or state.others is None]:
        yield f"unwatched: whether it throttled or was shared is not known of {len(blind)} of {len(states)} rounds"
    if not on_gpu(record):
        return
    if (share := enqueue_share(record)) >= ENQUEUE_BOUND:
        yield f"enqueue-bound: the host's part of a call is {share:.0%} of the GPU's"
    if (variation := gpu_variation(record)) > MAX_VARIATION:
        yield f"unsteady gpu: its times of a call vary by {variation:.1%}"


def drift(rounds: Sequence[Round]) -> float | None:
    """How far the round medians moved from the first half to the second, as a part; None where they are steady.

    Steady: the halves' medians differ by at most 2 %, and the 95 % Theil-Sen interval of the slope does not lie
    beyond 0.5 % a round.
    """
    if len(rounds) < MIN_ROUNDS:
        return None
    return _moved(tuple(float(statistics.median(r.durations_ns)) for r in rounds))


@lru_cache(maxsize=10_000)  # the flags ask, and so does the history; the interval takes most of the time of both
def _moved(medians: tuple[float, ...]) -> float | None:
    half = len(medians) // 2
    first, second = statistics.median(medians[:half]), statistics.median(medians[-half:])
    moved = second / first - 1
    return moved if abs(moved) > MAX_DRIFT or _sloping(medians) else None


def _sloping(medians: Sequence[float]) -> bool:
    from scipy import stats

    limit = MAX_SLOPE * statistics.median(medians)
    slopes = ((b - a) / (j - i) for (i, a), (j, b) in itertools.combinations(enumerate(medians), 2))
    if abs(statistics.median(slopes)) <= limit:  # it lies in the interval, which takes scipy a millisecond
        return False
    slope = stats.theilslopes(medians)
    return bool(slope.low_slope > limit or slope.high_slope < -limit)


def _warm_up_capped(record: Record, samples: Samples) -> bool:
    seconds, plan = sum(r.wall_ns for r in samples.warmup) / 1e9, record.plan
    return seconds >= plan.warmup_cap_s or len(samples.warmup) >= plan.warmup_cap_rounds
