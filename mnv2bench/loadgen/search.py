"""The search for the highest rate of a server's queries whose p99 stays under a bound: halving on a log scale."""

import math
from collections.abc import Callable

FIRST_SHARE = 0.5  # of what the system can do at most: where the search begins
BRACKET = 1.5  # the next higher rate over a rate that passed, while none has failed; lower ones are halves
RESOLUTION = 1.03  # the search ends where the lowest rate that failed is within this factor of the highest that passed
MOST_TRIES = 16
LEAST_SHARE = 1 / 32  # of what the system can do: where even that fails, the machine is busy, or one call is too long
STEP_DOWN = 0.97  # the next rate over one that the long run found too high
MOST_VALIDATIONS = 5

Passes = Callable[[float], bool]


def search(passes: Passes, most_qps: float) -> float | None:
    """The highest rate that passed, None where none did. `most_qps` is what the system can do at most.

    `passes` is called with one rate after the other, and says whether the p99 was under the bound.
    """
    low, high = None, None
    rate = FIRST_SHARE * most_qps
    for _ in range(MOST_TRIES):
        if passes(rate):
            low = rate if low is None else max(low, rate)
        else:
            high = rate if high is None else min(high, rate)
        if low is not None and high is not None and high <= RESOLUTION * low:
            break
        rate = _next(low, high)
        if rate < LEAST_SHARE * most_qps:
            break
    return low


def _next(low: float | None, high: float | None) -> float:
    """The next rate to try: beyond what is known while one end is open, else the middle of the logarithms."""
    if high is None:
        assert low is not None
        return BRACKET * low
    return high / 2 if low is None else math.sqrt(low * high)
