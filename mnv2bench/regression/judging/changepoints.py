"""Nights at which a case changed its level, by ruptures: a hint where to look, and never a verdict."""

import math
from collections.abc import Sequence

import numpy as np

# Where each number comes from: docs/thresholds.md#change-points
PENALTY = 25.0
SHORTEST = 3  # nights of a level
TO_SD = 1.4826  # of a normal distribution, from the median absolute value
LEAST_NOISE = 1e-4  # log units; levels without noise were not measured


def noise(levels: Sequence[float]) -> float:
    """The sd from night to night, from successive differences, so that a change of level hardly moves it."""
    steps = np.abs(np.diff(np.asarray(levels, dtype=float)))
    return max(TO_SD * float(np.median(steps)) / math.sqrt(2), LEAST_NOISE) if len(steps) else LEAST_NOISE


def change_points(levels: Sequence[float]) -> tuple[int, ...]:
    """The indices at which a new level begins. ModuleNotFoundError where ruptures is not installed."""
    import ruptures

    if len(levels) < 2 * SHORTEST:
        return ()
    signal = np.asarray(levels, dtype=float) / noise(levels)
    # a linear kernel with a penalty is Pelt with model l2, in C: thousands of nights take milliseconds and not minutes
    ends = ruptures.KernelCPD(kernel="linear", min_size=SHORTEST).fit(signal).predict(pen=PENALTY)
    return tuple(int(index) for index in ends[:-1])
