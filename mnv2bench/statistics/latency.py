"""The headline latency of a Record, the statistic that finds changes of it, and speed-ups."""

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from mnv2bench.case import EAGER, Case
from mnv2bench.precisions import FP32
from mnv2bench.records import Record, Samples
from mnv2bench.records.rounds import Round
from mnv2bench.statistics.campaigns import campaigns
from mnv2bench.statistics.intervals import bootstrap_interval, percentile_bound, shrunk_t_interval, t_interval
from mnv2bench.statistics.location import Spread
from mnv2bench.statistics.rounds import (
    madds,
    measured,
    middle,
    ordered_ns,
    require_used,
    rounds_median,
    used_of_each,
    used_rounds,
)

BOOTSTRAP_FROM = 15  # processes; below, a bootstrap is too narrow: docs/thresholds.md#intervals
ROUND_QUANTILE = 0.10  # docs/thresholds.md#detection
PROCESS_QUANTILE = 0.25  # docs/thresholds.md#detection
PERCENTILES = (90, 99, 99.9)  # docs/thresholds.md#percentiles
TAIL_QUANTILE = 0.90  # docs/thresholds.md#tails, and the next one
LEAST_TAIL_CALLS = 5


class Method(StrEnum):
    """How an interval over processes is made; docs/thresholds.md#intervals and docs/thresholds.md#spread."""

    NONE = ""
    T = "t"
    SHRUNK = "shrunk t"
    BOOTSTRAP = "bootstrap"


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds of one call on the whole batch; None where the sample does not support the number.

    `low_s` and `high_s`: 95 % interval over processes, made by `method`. `p90_s`, `p99_s` and `p99_9_s`: upper bounds
    at 99 % confidence, over the used iterations of all processes as if they were one sample.
    """

    median_s: float
    low_s: float | None
    high_s: float | None
    p90_s: float | None
    p99_s: float | None
    p99_9_s: float | None
    min_s: float
    process_medians: tuple[float, ...]
    iterations: int
    method: Method = Method.NONE


def latency(record: Record) -> Latency:
    """The median over processes of each process's median iteration. ValueError where nothing was measured.

    The interval is of the processes' location on the log scale; where that does not hold the median, which two
    clusters of processes can bring about, it is widened until it does.
    """
    processes = require_used(record)
    iterations = [ordered_ns(rounds) for rounds in processes]
    medians = tuple([middle(ordered) / 1e9 for ordered in iterations])
    median = statistics.median(medians)
    pooled = sorted(itertools.chain.from_iterable(iterations))  # ordered runs are merged, which is quick
    low = high = None
    method = Method.NONE
    if len(medians) >= BOOTSTRAP_FROM:
        method = Method.BOOTSTRAP
        low, high = _holding(median, bootstrap_interval(processes))
    elif len(medians) > 1:
        method = Method.T
        low, high = _holding(median, t_interval(medians))
    p90, p99, p99_9 = (percentile_bound(pooled, percentile / 100) for percentile in PERCENTILES)
    return Latency(
        median_s=median,
        low_s=low,
        high_s=high,
        p90_s=None if p90 is None else p90 / 1e9,
        p99_s=None if p99 is None else p99 / 1e9,
        p99_9_s=None if p99_9 is None else p99_9 / 1e9,
        min_s=pooled[0] / 1e9,
        process_medians=medians,
        iterations=len(pooled),
        method=method,
    )


def with_spread(times: Latency, spread: Spread | None) -> Latency:
    """The latency with the interval that a known spread of processes gives; as it is where a bootstrap made its own."""
    if spread is None or times.method == Method.BOOTSTRAP:
        return times
    low, high = _holding(times.median_s, shrunk_t_interval(times.process_medians, spread))
    return replace(times, low_s=low, high_s=high, method=Method.SHRUNK)


def _holding(median: float, interval: tuple[float, float]) -> tuple[float, float]:
    """The interval, widened until it holds the median."""
    low, high = interval
    return min(low, median), max(high, median)


def process_percentiles(record: Record, percentile: float) -> list[float]:
    """That percentile of the iterations in the used rounds of each process, seconds."""
    return [quantile(ordered_ns(process.rounds), percentile / 100) / 1e9 for process in used_of_each(record)]


def process_median(samples: Samples, threads: int) -> float:
    """The median of every iteration in the used rounds of one process, seconds."""
    return rounds_median(used_rounds(samples, threads))


def median_s(record: Record) -> float:
    """`latency(record).median_s` alone. ValueError where nothing was measured."""
    return statistics.median([rounds_median(rounds) for rounds in require_used(record)])


def detection(samples: Samples, threads: int) -> float:
    """The statistic that two processes are compared by, a natural logarithm of seconds.

    It is the 25 % quantile over used rounds of each round's 10 % quantile.

    From one quiet or busy sitting to the next it moves 3 to 30 times less than a median does. It cannot see what leaves
    the fast iterations as they are: a longer tail, a stall every tenth call, a slow phase in under three quarters of
    the rounds. So it is never reported as a latency.
    """
    return rounds_detection(used_rounds(samples, threads))


def rounds_detection(rounds: Sequence[Round]) -> float:
    """The statistic `detection` of these rounds."""
    return detection_of([sorted(r.durations_ns) for r in rounds])


def detection_of(ordered_rounds: Sequence[Sequence[int]]) -> float:
    """The statistic `detection` of rounds whose calls stand in order, the fastest first."""
    tenths = [quantile(calls, ROUND_QUANTILE) for calls in ordered_rounds]
    return math.log(quantile(tenths, PROCESS_QUANTILE) / 1e9)


def tail(samples: Samples, threads: int) -> float | None:
    """How long the tail of a process is: the natural logarithm of p90 over p50, the median over its used rounds.

    It is taken within each round, so that a slow phase of the machine is no tail. None where a usual round has under
    LEAST_TAIL_CALLS calls. It sees what `detection` cannot, and is as much coarser: docs/thresholds.md#tails.
    """
    return tail_of([sorted(r.durations_ns) for r in used_rounds(samples, threads)])


def tails(record: Record) -> list[float]:
    """The statistic `tail` of each measured process that has one."""
    of_processes = [tail_of([sorted(r.durations_ns) for r in process.rounds]) for process in used_of_each(record)]
    return [length for length in of_processes if length is not None]


def tail_of(ordered_rounds: Sequence[Sequence[int]]) -> float | None:
    """The statistic `tail` of rounds whose calls stand in order, the fastest first."""
    if statistics.median([len(calls) for calls in ordered_rounds]) < LEAST_TAIL_CALLS:
        return None
    return statistics.median([math.log(quantile(calls, TAIL_QUANTILE) / middle(calls)) for calls in ordered_rounds])


def quantile(values: Sequence[float], part: float) -> float:
    """The quantile that numpy computes, to the last bit, and twenty times faster where the values are few."""
    ordered = sorted(values)
    place = (len(values) - 1) * part
    below = int(place)
    weight = place - below
    low, high = ordered[below], ordered[min(below + 1, len(values) - 1)]
    return high - (high - low) * (1 - weight) if weight >= 0.5 else low + (high - low) * weight


def gmadds_per_s(record: Record) -> float:
    """Billions of counted multiply-adds a second while a call of median latency runs."""
    return madds(record) / median_s(record) / 1e9


@dataclass(frozen=True, slots=True)
class Speedups:
    """How many times faster a case is than others of its campaign; None where either of the two is not ok.

    `over_eager`: than torch_eager in the same precision. `over_fp32`: than the same backend in fp32.
    `over_eager_fp32`: than torch_eager in fp32. All else is the same.
    """

    over_eager: float | None = None
    over_fp32: float | None = None
    over_eager_fp32: float | None = None


def speedups(records: Sequence[Record], medians: Mapping[Case, float] | None = None) -> dict[Case, Speedups]:
    """The speed-ups of the cases that are ok and were timed; `medians` are theirs, where they are known already.

    ValueError for records of more than one campaign: numbers of two machines or versions are not divided.
    """
    if len(campaigns(records)) > 1:
        raise ValueError("speed-ups are within one campaign: take each of campaigns(records) alone")
    if medians is None:
        medians = {record.case: median_s(record) for record in records if record.status == "ok" and measured(record)}
    by_setting = {(_setting(case), case.backend, case.precision): median for case, median in medians.items()}
    return {case: _speedups(case, median, by_setting) for case, median in medians.items()}


Setting = tuple[object, ...]  # all of a case but its backend and its precision


def _setting(case: Case) -> Setting:
    return case.variant, case.batch, case.device, case.threads, case.streams


def _speedups(case: Case, median: float, medians: Mapping[tuple[Setting, str, str], float]) -> Speedups:
    """The speed-ups of a case that has a median."""
    setting = _setting(case)

    def over(backend: str, precision: str) -> float | None:
        base = medians.get((setting, backend, precision))
        return None if base is None else base / median

    return Speedups(
        over_eager=over(EAGER, case.precision),
        over_fp32=over(case.backend, FP32.name),
        over_eager_fp32=over(EAGER, FP32.name),
    )
