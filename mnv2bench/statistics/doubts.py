"""Doubts that follow from the samples alone: noise, drift, unused threads, a capped warm-up, too small an error.

A doubt is a short phrase that begins with its name and a colon.
"""

import itertools
import math
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache

from mnv2bench.case import Case, Kind
from mnv2bench.precisions import FP32
from mnv2bench.records import Machine, Record, Samples
from mnv2bench.records.rounds import Round
from mnv2bench.statistics.floor import Floor
from mnv2bench.statistics.intervals import CONFIDENCE
from mnv2bench.statistics.processes import output_errors
from mnv2bench.statistics.rounds import (
    HasRounds,
    UsedRounds,
    measured,
    select_rounds,
    threads_used,
    used_of_each,
)

# docs/thresholds.md#steadiness
MAX_DRIFT = 0.02  # between the halves of a process
MAX_SLOPE = 0.005  # a round
MIN_ROUNDS = 4  # fewer say nothing about a trend
OTHER_THREADS = 0.5  # docs/thresholds.md#flags
MAX_KERNEL = 0.02  # of the CPU time
LEAST_KERNEL_NS = 40_000_000  # below this a few ticks of the kernel's clock decide


def noise_doubts(processes: Sequence[HasRounds], threads: int, max_drift: float = MAX_DRIFT) -> Iterator[str]:
    """`noisy` where contention disturbed most rounds of a process, `unsteady` where its times still drifted.

    `max_drift` is what the halves of a process may differ by: see `drift_limit`.
    """
    yield from selection_doubts([select_rounds(timed, threads) for timed in processes], max_drift)


def selection_doubts(used_of_each: Sequence[UsedRounds], max_drift: float = MAX_DRIFT) -> Iterator[str]:
    """The same of processes whose rounds were selected before."""
    noisy = [process.undisturbed_share for process in used_of_each if process.noisy]
    if noisy:
        yield (
            f"noisy: {len(noisy)} of {len(used_of_each)} processes had under half of their rounds undisturbed, "
            f"the worst {min(noisy):.0%}"
        )
    drifts = [drift(process.rounds, max_drift) for process in used_of_each]
    moving = [change for change in drifts if change is not None]
    if moving:
        yield (
            f"unsteady: {len(moving)} of {len(used_of_each)} processes still drifted, "
            f"by up to {max(moving, key=abs):+.1%}"
        )


def thread_doubts(record: Record) -> Iterator[str]:
    """`threads` where a CPU case used another number of threads than it asked for; a host may wait for its GPU."""
    if record.case.gpu is not None:
        return
    used, requested = threads_used(record), record.case.total_threads
    if abs(used - requested) >= OTHER_THREADS:
        yield f"threads: used {used:.1f} of {requested}"


def oversubscribed(case: Case, machine: Machine) -> Iterator[str]:
    """`oversubscribed` where a case of this machine's processor asks for more threads than may run at once.

    Of `machine`, `cores` and `cpu_quota_cores` are read; either may be unknown.
    """
    limits = {"usable cores": machine.cores, "cores of its cgroup": machine.cpu_quota_cores}
    known = {name: cores for name, cores in limits.items() if cores}
    least = min(known, key=lambda name: known[name], default="")
    here = case.kind == Kind.MEASURED_HERE and case.gpu is None
    if here and least and case.total_threads > max(1, int(known[least])):
        yield (
            f"oversubscribed: {case.total_threads} threads share {known[least]:g} {least} and wait for each other: "
            f"ask for {max(1, int(known[least]))} at most"
        )


def kernel_doubts(record: Record) -> Iterator[str]:
    """`kernel` where the rounds of a CPU case spent too much of their CPU time in the kernel; None before schema 5.

    That is time of the allocator's pages, of locks or of the clock, and no arithmetic of the runtime.
    """
    if record.case.gpu is not None:
        return
    used = [process.rounds for process in used_of_each(record)]
    shares = [share for rounds in used if (share := _kernel_share(rounds)) is not None]
    rounds = [each for process in used for each in process]
    spent_ns = sum([each.system_ns or 0 for each in rounds])
    share = _kernel_share(rounds)
    if share is not None and share > MAX_KERNEL and spent_ns >= LEAST_KERNEL_NS:
        faults = sum(each.minor_faults or 0 for each in rounds) / sum(len(each.durations_ns) for each in rounds)
        yield (
            f"kernel: {share:.0%} of the CPU time was the kernel's, in the worst process {max(shares):.0%}, "
            f"with {faults:,.0f} page faults a call"
        )


def _kernel_share(rounds: Sequence[Round]) -> float | None:
    """The kernel's part of the CPU time of rounds, None where nothing says it."""
    known = [each for each in rounds if each.system_ns is not None]
    cpu_ns = sum([each.cpu_ns for each in known])
    return sum([each.system_ns or 0 for each in known]) / cpu_ns if cpu_ns else None


def warm_up_doubts(record: Record) -> Iterator[str]:
    """`warm-up` where a process ended its warm-up at the plan's cap and not because its times were level."""
    processes = measured(record)
    capped = [samples for samples in processes if _warm_up_capped(record, samples)]
    if capped:
        yield f"warm-up: {len(capped)} of {len(processes)} processes warmed up to the cap"


def precision_doubts(record: Record) -> Iterator[str]:
    """`precision` where the error against eager fp32 is smaller than the case's precision allows."""
    smallest = min(output_errors(record), default=None)
    if record.case.precision != FP32.name and smallest is not None and smallest < FP32.largest_error:
        yield f"precision: an error of {smallest:.0e} is one of fp32: it may not have run in {record.case.precision}"


def weights_doubts(record: Record) -> Iterator[str]:
    """`subnormal` where values of the weights are so close to 0 that runtimes differ by how they compute with them."""
    if record.weights.subnormal:
        yield (
            f"subnormal: {record.weights.subnormal:,} values of the weights are below 1.2e-38: processors may be many "
            "times slower with them, so these times are of the values and not of the runtime"
        )


def drift_limit(floor: Floor | None, case: Case) -> float:
    """What the halves of a process of this case may differ by: what two identical processes differ by, at least 2 %.

    Half a process has half of the rounds, and a drift below what whole processes differ by is within their interval.
    """
    return max(MAX_DRIFT, (floor and floor.halves(case)) or 0.0)


def drift(rounds: Sequence[Round], max_drift: float = MAX_DRIFT) -> float | None:
    """How far the round medians moved from the first half to the second, as a part; None where they are steady.

    Steady: the halves' medians differ by at most `max_drift`, and the 95 % Theil-Sen interval of the slope does not lie
    beyond a quarter of that a round.
    """
    if len(rounds) < MIN_ROUNDS:
        return None
    return _drift_of_medians(tuple([float(statistics.median(r.durations_ns)) for r in rounds]), max_drift)


@lru_cache(maxsize=10_000)  # the doubts and the history ask for the same rounds
def _drift_of_medians(medians: tuple[float, ...], max_drift: float) -> float | None:
    half = len(medians) // 2
    first, second = statistics.median(medians[:half]), statistics.median(medians[-half:])
    change = second / first - 1
    return change if abs(change) > max_drift or _sloping(medians, MAX_SLOPE * max_drift / MAX_DRIFT) else None


def _sloping(medians: Sequence[float], max_slope: float) -> bool:
    limit = max_slope * statistics.median(medians)
    low, high = slope_interval(medians)
    return low > limit or high < -limit


def slope_interval(values: Sequence[float]) -> tuple[float, float]:
    """95 % Theil-Sen interval of the slope a step: `scipy.stats.theilslopes`, which takes a millisecond.

    Source: Sen, Journal of the American Statistical Association 63 (1968) 1379, equation 2.6.
    """
    slopes = sorted([(b - a) / (j - i) for (i, a), (j, b) in itertools.combinations(enumerate(values), 2)])
    ties = [count for count in Counter(values).values() if count > 1] if len({*values}) < len(values) else []
    variance = (_sen(len(values)) - sum(map(_sen, ties))) / 18
    reach = _normal_quantile() * math.sqrt(variance)
    low = max(round((len(slopes) - reach) / 2) - 1, 0)
    high = min(round((len(slopes) + reach) / 2), len(slopes) - 1)
    return slopes[low], slopes[high]


@cache
def _normal_quantile() -> float:
    return statistics.NormalDist().inv_cdf((1 + CONFIDENCE) / 2)


def _sen(count: int) -> int:
    return count * (count - 1) * (2 * count + 5)


def _warm_up_capped(record: Record, samples: Samples) -> bool:
    seconds = sum([r.wall_ns for r in samples.warmup]) / 1e9
    return seconds >= record.plan.warmup_cap_s or len(samples.warmup) >= record.plan.warmup_cap_rounds
