"""Location: where the logs of process medians lie, by their own spread and by that of other cases."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache


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


@dataclass(frozen=True)
class Logs:
    """The logs of a case's process medians in three numbers; the variance is 0 where there is one process."""

    count: int
    mean: float
    variance: float


@lru_cache(maxsize=10_000)
def logs_of(medians_s: tuple[float, ...]) -> Logs:
    """The logs of the medians of a case's processes, of one or more of them."""
    logs = [math.log(median) for median in medians_s]
    return Logs(len(logs), statistics.fmean(logs), variance_of(logs) if len(logs) > 1 else 0.0)


def location(logs: Logs, spread: Spread | None) -> Location:
    """Where the logs of process medians lie, with the variance of their own and that of the spread together.

    One log without a spread has an infinite standard error.
    """
    own = logs.count - 1
    degrees = own + (spread.degrees if spread else 0.0)
    if not degrees:
        return Location(logs.mean, math.inf, 1.0)
    squares = own * logs.variance
    if spread:
        squares += spread.degrees * spread.sd**2
    return Location(logs.mean, math.sqrt(squares / degrees / logs.count), degrees)


def difference(a: Location, b: Location) -> Location:
    """Where `a` less `b` lies, of two locations that are independent: Welch's degrees of freedom."""
    variances = a.standard_error**2, b.standard_error**2
    total = sum(variances)
    if math.isinf(total) or not total:
        return Location(a.mean - b.mean, total, 1.0)
    degrees = total**2 / (variances[0] ** 2 / a.degrees + variances[1] ** 2 / b.degrees)
    return Location(a.mean - b.mean, math.sqrt(total), degrees)


def variance_of(values: Sequence[float]) -> float:
    """The variance of a sample of two values or more: `statistics.variance`, many times faster for a few floats."""
    mean = statistics.fmean(values)
    return math.fsum([(value - mean) ** 2 for value in values]) / (len(values) - 1)
