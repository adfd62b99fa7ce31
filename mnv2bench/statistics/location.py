"""Location: where the logs of process medians lie, by their own spread and by that of other cases."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """The standard deviation of the logs of process medians, and for how many degrees of freedom it counts."""

    sd: float
    degrees: float


@dataclass(frozen=True)
class Location:
    """The mean of logs, its standard error and that error's degrees of freedom."""

    mean: float
    standard_error: float
    degrees: float


def location(logs: Sequence[float], spread: Spread | None) -> Location:
    """Where the logs of process medians lie, with the variance of their own and that of the spread together.

    One log without a spread has an infinite standard error.
    """
    own = len(logs) - 1
    degrees = own + (spread.degrees if spread else 0.0)
    if not degrees:
        return Location(logs[0], math.inf, 1.0)
    squares = own * variance_of(logs) if own else 0.0
    if spread:
        squares += spread.degrees * spread.sd**2
    return Location(statistics.fmean(logs), math.sqrt(squares / degrees / len(logs)), degrees)


def variance_of(values: Sequence[float]) -> float:
    """The variance of a sample of two values or more: `statistics.variance`, many times faster for a few floats."""
    mean = statistics.fmean(values)
    return math.fsum([(value - mean) ** 2 for value in values]) / (len(values) - 1)
