"""The smallest slowdown of a cell that the gate would find in 19 of 20 nights: its minimum detectable effect."""

import math

from mnv2bench.regression.judging import pairs, screen
from mnv2bench.regression.judging.pairs import LOOKS, TRIM, PairLimits
from mnv2bench.regression.judging.screen import SCREEN_P, ScreenLimits

# Where each number comes from: docs/thresholds.md#detectable
POWER = 0.975  # of each stage, so that both together find it in 19 of 20 nights
USUAL_SUSPECTS = 5
NOT_GATED_ABOVE = 0.10


def by_screen(night_sd: float, nights: int, limits: ScreenLimits = screen.LIMITS) -> float:
    """The slowdown in log units that stage 1 suspects with 97.5 % probability, from the sd of a cell's nights."""
    from scipy import stats

    error = night_sd * math.sqrt(1 + 1 / nights)
    margin = float(stats.t.ppf(POWER, nights - 1)) * error
    return max(float(stats.t.ppf(1 - SCREEN_P, nights - 1)) * error, limits.min_deviation) + margin


def by_pairs(process_sd: float, suspects: int = USUAL_SUSPECTS, limits: PairLimits = pairs.LIMITS) -> float:
    """The slowdown in log units that 30 pairs confirm with 97.5 % probability, from the sd of a cell's processes.

    A change under 2 % may be cleared at an early look, so this is never less; of tails it is 15 %. The processes of a
    night are minutes apart, so their sd is an upper estimate for pairs that are measured back to back.
    """
    from scipy import stats

    count = LOOKS[-1]
    df = count - 2 * int(TRIM * count) - 1
    error = math.sqrt(2) * process_sd / math.sqrt(count)
    risk = limits.risk / max(1, suspects) / len(LOOKS)
    return max(float(stats.t.ppf(1 - risk, df)) * error, limits.same_within) + float(stats.t.ppf(POWER, df)) * error


def detectable(
    night_sd: float,
    nights: int,
    process_sd: float,
    suspects: int = USUAL_SUSPECTS,
    screen_limits: ScreenLimits = screen.LIMITS,
    pair_limits: PairLimits = pairs.LIMITS,
) -> float:
    """Minimum detectable effect as a ratio less 1: 0.03 is a slowdown of 3 %. The larger of the two stages'.

    Counted in are the floors of both stages, and that both have to find it: docs/thresholds.md#detectable.
    """
    return math.expm1(max(by_screen(night_sd, nights, screen_limits), by_pairs(process_sd, suspects, pair_limits)))
