"""The two series of a case that the gate follows from night to night: its time, and the length of its tail."""

import math
from dataclasses import dataclass

from mnv2bench.regression.judging import pairs, screen
from mnv2bench.regression.judging.detectable import NOT_GATED_ABOVE, detectable
from mnv2bench.regression.judging.pairs import TAIL_RISK, PairLimits, Statistic
from mnv2bench.regression.judging.screen import ScreenLimits
from mnv2bench.statistics.latency import detection, tail

# Where each number comes from: docs/thresholds.md#tails
TAIL_MIN_DEVIATION = math.log(1.08)
TAIL_CREEP = math.log(1.15)
TAIL_EFFECT_FLOOR = math.log(1.10)
TAIL_SAME_WITHIN = math.log(1.15)
TAIL_NOT_GATED_ABOVE = 0.50


@dataclass(frozen=True)
class Series:
    """A statistic of each case, a natural log, with the limits by which it is screened and confirmed.

    `column` and `sd_column` hold it and its spread over processes in the history. `not_gated_above`: where a cell would
    only show a larger change, as a part, it is not gated.
    """

    name: str
    column: str
    sd_column: str
    statistic: Statistic
    screen_limits: ScreenLimits
    pair_limits: PairLimits
    not_gated_above: float

    def detectable(self, night_sd: float, nights: int, process_sd: float) -> float:
        """The smallest change that both stages would find in 19 of 20 nights, as a part: 0.03 is 3 %."""
        return detectable(night_sd, nights, process_sd, screen_limits=self.screen_limits, pair_limits=self.pair_limits)


TIME = Series("time", "level", "process_sd", detection, screen.LIMITS, pairs.LIMITS, NOT_GATED_ABOVE)
TAIL = Series(
    "tail",
    "tail",
    "tail_sd",
    tail,
    ScreenLimits(TAIL_MIN_DEVIATION, TAIL_CREEP),
    PairLimits(TAIL_EFFECT_FLOOR, TAIL_SAME_WITHIN, TAIL_RISK),
    TAIL_NOT_GATED_ABOVE,
)
