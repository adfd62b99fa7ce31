"""Where a series changed its level, as ruptures sees it: a hint to look there, and never a verdict."""

import math
from collections.abc import Sequence

import numpy as np

PENALTY = 25.0  # docs/thresholds.md#change-points
SHORTEST = 3  # nights of a level
TO_SD = 1.4826  # of a normal distribution, from the median absolute value
LEAST_NOISE = 1e-4  # log units; a series without noise was not measured


def noise(levels: Sequence[float]) -> float:
    """The sd from night to night, which a change of level hardly moves: robust, from successive differences."""
    steps = np.abs(np.diff(np.asarray(levels, dtype=float)))
    return max(TO_SD * float(np.median(steps)) / math.sqrt(2), LEAST_NOISE) if len(steps) else LEAST_NOISE


def change_points(levels: Sequence[float]) -> tuple[int, ...]:
    """The indices at which a new level begins. ModuleNotFoundError where ruptures is not installed."""
    import ruptures

    if len(levels) < 2 * SHORTEST:
        return ()
    signal = np.asarray(levels, dtype=float) / noise(levels)
    # a linear kernel with a penalty is Pelt with model l2, in C: thousands of nights take milliseconds and not minutes
    found = ruptures.KernelCPD(kernel="linear", min_size=SHORTEST).fit(signal).predict(pen=PENALTY)
    return tuple(int(index) for index in found[:-1])
