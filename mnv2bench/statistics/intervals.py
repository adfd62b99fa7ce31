"""Confidence intervals over processes, upper bounds of percentiles, and the interval of a share."""

import math
import statistics
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mnv2bench.records.rounds import Round
from mnv2bench.statistics.location import Spread, location, logs_of
from mnv2bench.statistics.rounds import durations_ns
from mnv2bench.statistics.student import t_quantile

CONFIDENCE = 0.95  # docs/thresholds.md#intervals, and the two below
RESAMPLED_PROCESSES = 10_000
RESAMPLED_ROUNDS = 200
BOUND_RISK = 0.01  # docs/thresholds.md#percentiles


def t_interval(values: Sequence[float]) -> tuple[float, float]:
    """95 % Student t interval of the location of positive values, on their log scale; at least two of them.

    Simulated coverage is 95 % from 3 processes on, where a bootstrap has 78 %: docs/thresholds.md#intervals.
    """
    logs = [math.log(v) for v in values]
    half = t_quantile(len(logs) - 1) * standard_deviation(logs) / math.sqrt(len(logs))
    middle = statistics.fmean(logs)
    return math.exp(middle - half), math.exp(middle + half)


def shrunk_t_interval(values: Sequence[float], spread: Spread | None) -> tuple[float, float]:
    """`t_interval` with what a backend's other cases say of the spread of these; one value is enough where they do.

    Without a spread it is `t_interval`. docs/thresholds.md#spread
    """
    if spread is None:
        return t_interval(values)
    estimate = location(logs_of(tuple(values)), spread)
    half = t_quantile(estimate.degrees) * estimate.standard_error
    return math.exp(estimate.mean - half), math.exp(estimate.mean + half)


def standard_deviation(values: Sequence[float]) -> float:
    """`statistics.stdev` to the last bit, ten times faster for a few values: all in whole numbers until the end."""
    ratios = [value.as_integer_ratio() for value in values]
    unit = max([denominator for _, denominator in ratios])  # each is a power of 2
    wholes = [numerator * (unit // denominator) for numerator, denominator in ratios]
    count = len(wholes)
    squares = count * sum([whole * whole for whole in wholes]) - sum(wholes) ** 2
    return _root(squares, count * (count - 1) * unit * unit)


def _root(numerator: int, denominator: int) -> float:
    """The square root of a fraction, rounded once: a root with more bits than a float has, odd where it is inexact."""
    shift = max(0, 55 - (numerator.bit_length() - denominator.bit_length()) // 2)
    scaled = numerator << 2 * shift
    root = math.isqrt(scaled // denominator)
    return (root | (root * root * denominator != scaled)) / (1 << shift)


def bootstrap_interval(processes: Sequence[Sequence[Round]], seed: int = 0) -> tuple[float, float]:
    """95 % percentile interval of the median process median, seconds: resample processes, then rounds in each.

    The rounds of each process are resampled beforehand into a pool of medians, and every draw of a process takes a
    median from its pool: so iterations are sorted hundreds of times and not hundreds of thousands.
    """
    random = np.random.default_rng(seed)
    pools = np.array([_resampled_medians(rounds, random) for rounds in processes])
    processes_drawn = random.integers(len(pools), size=(RESAMPLED_PROCESSES, len(pools)))
    rounds_drawn = random.integers(RESAMPLED_ROUNDS, size=processes_drawn.shape)
    medians = np.median(pools[processes_drawn, rounds_drawn], axis=1)
    low, high = np.quantile(medians, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def _resampled_medians(rounds: Sequence[Round], random: np.random.Generator) -> NDArray[np.float64]:
    draws = random.integers(len(rounds), size=(RESAMPLED_ROUNDS, len(rounds)))
    return np.array([np.median(durations_ns([rounds[i] for i in draw])) / 1e9 for draw in draws])


@lru_cache(maxsize=10_000)
def allowed_above(iterations: int, percentile: float) -> int:
    """How many of the slowest iterations lie above the 99 % upper bound of a percentile; 0 where they are too few.

    The largest t with P(Binomial(n, 1 - p) <= t) <= 1 %, as MLPerf counts: 1 from 64 iterations on for p90, from 662
    for p99, from 6636 for p99.9.
    """
    from scipy import special

    def risk(above: int) -> float:
        return float(special.bdtr(above, iterations, 1 - percentile))

    return max(bisect_right(range(iterations), BOUND_RISK, key=risk) - 1, 0)


def percentile_bound(ordered: Sequence[int], percentile: float) -> float | None:
    """99 % upper bound of a percentile, an order statistic of the sample; None where the sample cannot support it.

    The sample stands in its order, the least duration first.
    """
    above = allowed_above(len(ordered), percentile)
    return float(ordered[len(ordered) - above - 1]) if above else None


def clopper_pearson(successes: int, trials: int) -> tuple[float, float]:
    """Exact two-sided 95 % interval of the share of successes in independent trials."""
    from scipy import stats

    interval = stats.binomtest(successes, trials).proportion_ci(CONFIDENCE, method="exact")
    return float(interval.low), float(interval.high)
