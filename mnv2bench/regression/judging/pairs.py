"""Stage 2: the verdict of pairs of fresh processes, old and new: slower, faster, the same, or not known yet."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mnv2bench.records import Record, Samples
from mnv2bench.statistics.latency import detection

# Where each number comes from: docs/thresholds.md#pairs
LOOKS = (6, 12, 20, 30)  # pairs after which a decision may be made
TRIM = 0.2  # cut from each end
FAMILY_RISK = 0.01  # of any false REGRESSION in a night, of times and of tails together
EFFECT_FLOOR = math.log(1.015)  # a smaller change gets no verdict
SAME_WITHIN = math.log(1.02)
TAIL_RISK = 0.001  # the part of FAMILY_RISK that tails have: docs/thresholds.md#tails
BOUND = 0.95  # of the bounds that clear
REGRESSION, IMPROVEMENT, CLEARED, INCONCLUSIVE = "REGRESSION", "IMPROVEMENT", "cleared", "inconclusive"
BOTH = (REGRESSION, IMPROVEMENT)
Statistic = Callable[[Samples, int], float | None]  # of a process, by its number of threads


@dataclass(frozen=True)
class Trimmed:
    """The trimmed mean of one sample, its standard error, and the degrees of freedom of its t."""

    mean: float
    se: float
    df: int

    def p_above(self, floor: float = 0.0) -> float:
        """One-sided p of a mean at most `floor`; 0 or 1 for a sample without any spread."""
        from scipy import stats

        if self.se == 0:
            return float(self.mean <= floor)
        return float(stats.t.sf((self.mean - floor) / self.se, self.df))

    def bounds(self, confidence: float) -> tuple[float, float]:
        """Lower and upper bound, each one-sided at that confidence."""
        from scipy import stats

        half = float(stats.t.ppf(confidence, self.df)) * self.se
        return self.mean - half, self.mean + half


def trimmed(sample: Sequence[float]) -> Trimmed:
    """Yuen's trimmed t for one sample: 20 % cut from each end, the error from the winsorized variance.

    At least two values. Source: Yuen, Biometrika 61 (1974) 165; Wilcox, Introduction to Robust Estimation, 4.3.
    """
    from scipy import stats

    if len(sample) < 2:
        raise ValueError(f"a trimmed mean needs at least two values, not {len(sample)}")
    cut = int(TRIM * len(sample))
    se = float(stats.mstats.trimmed_stde(sample, limits=(TRIM, TRIM)))
    return Trimmed(float(stats.trim_mean(sample, TRIM)), se, len(sample) - 2 * cut - 1)


@dataclass(frozen=True)
class PairLimits:
    """Which change of a statistic gets a verdict, within which it is the same, and its part of the night's risk."""

    effect_floor: float = EFFECT_FLOOR
    same_within: float = SAME_WITHIN
    risk: float = FAMILY_RISK - TAIL_RISK


LIMITS = PairLimits()  # of times


@dataclass(frozen=True)
class Judged:
    """New over old: `ratio` of the trimmed mean, its two-sided 95 % interval, both None without two pairs.

    `verdict` is REGRESSION, IMPROVEMENT, cleared or inconclusive, and empty while more pairs may be measured. A run
    that stops when it has seen enough has an interval a little too narrow; the verdict is corrected for its looks.
    """

    ratio: float | None
    low: float | None
    high: float | None
    pairs: int
    verdict: str


def judge(
    log_ratios: Sequence[float],
    suspects: int,
    directions: Sequence[str] = BOTH,
    last: bool = False,
    limits: PairLimits = LIMITS,
) -> Judged:
    """The verdict of pairs after a look; `suspects` is how many cases are judged in the same direction this night.

    A change: p < risk / suspects / looks, and a trimmed mean beyond the effect's floor: 0.9 % and 1.5 % for times.
    Cleared: the 95 % bound in each direction asked for is within 2 %. `last`: no more pairs will come, so the rest is
    inconclusive.
    """
    otherwise = INCONCLUSIVE if last else ""
    if len(log_ratios) < 2:
        return Judged(None, None, None, len(log_ratios), otherwise)
    estimate = trimmed(log_ratios)
    low, high = estimate.bounds((1 + BOUND) / 2)
    risk = limits.risk / max(1, suspects) / len(LOOKS)
    bound_low, bound_high = estimate.bounds(BOUND)
    if REGRESSION in directions and estimate.mean > limits.effect_floor and estimate.p_above() < risk:
        verdict = REGRESSION
    elif IMPROVEMENT in directions and estimate.mean < -limits.effect_floor and 1 - estimate.p_above() < risk:
        verdict = IMPROVEMENT
    elif (REGRESSION not in directions or bound_high < limits.same_within) and (
        IMPROVEMENT not in directions or bound_low > -limits.same_within
    ):
        verdict = CLEARED
    else:
        verdict = otherwise
    return Judged(math.exp(estimate.mean), math.exp(low), math.exp(high), len(log_ratios), verdict)


def log_ratios(old: Record, new: Record, statistic: Statistic = detection) -> list[float]:
    """The new detection statistic less the old one, of each pair that both sides finished well, in order."""
    sides = [_values(side, statistic) for side in (old, new)]
    return [sides[1][number] - sides[0][number] for number in sorted(sides[0].keys() & sides[1].keys())]


def _values(side: Record, statistic: Statistic) -> dict[int, float]:
    """The statistic of each process of a side that ended well and has one."""
    ended = [process for process in side.processes if process.status == "ok"]
    values = {process.number: statistic(process.samples, side.case.total_threads) for process in ended}
    return {number: value for number, value in values.items() if value is not None}
