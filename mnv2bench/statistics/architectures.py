"""Whether multiply-adds predict latency across networks: ratios and orders of latencies, and laws through them."""

import itertools
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mnv2bench.statistics.fit import FAIR_R2, GOOD_R2, MIN_VARIANTS, Fit, Point, fit
from mnv2bench.statistics.intervals import CONFIDENCE
from mnv2bench.statistics.location import Location, difference
from mnv2bench.statistics.student import t_quantile


@dataclass(frozen=True)
class Timed:
    """A variant of a network with its multiply-adds, its median latency, and where the logs of its processes lie.

    Two whose logs differ by less than `gap` are not told apart: what identical campaigns of the machine differ by.
    """

    variant: str
    network: str
    madds_m: float
    ms: float
    location: Location
    gap: float = 0.0

    @property
    def point(self) -> Point:
        return Point(self.variant, self.madds_m, self.ms)


def exact(variant: str, network: str, madds_m: float, ms: float) -> Timed:
    """A latency that somebody published, without any interval."""
    return Timed(variant, network, madds_m, ms, Location(math.log(ms), 0.0, math.inf))


@dataclass(frozen=True)
class Ratio:
    """One latency over another with its interval; `is_apart` says whether they can be told apart."""

    value: float
    low: float
    high: float
    is_apart: bool

    @property
    def is_slower(self) -> bool:
        """Whether the first latency is the longer one beyond doubt."""
        return self.is_apart and self.value > 1

    @property
    def is_faster(self) -> bool:
        """Whether the first latency is the shorter one beyond doubt."""
        return self.is_apart and self.value < 1


def ratio(a: Timed, b: Timed, comparisons: int = 1) -> Ratio:
    """The median of `a` over that of `b`; its interval is of 95 %, at a risk that so many comparisons share."""
    apart = difference(a.location, b.location)
    reach = apart.standard_error
    if 0 < reach < math.inf:
        reach *= t_quantile(apart.degrees, 1 - (1 - CONFIDENCE) / comparisons)
    value = a.ms / b.ms
    low, high = min(value, _power(apart.mean - reach)), max(value, _power(apart.mean + reach))
    is_apart = not low <= 1 <= high and abs(math.log(value)) > max(a.gap, b.gap)
    return Ratio(value, low, high, is_apart)


def _power(exponent: float) -> float:
    """The power of e, infinite where it is larger than any float."""
    return math.inf if exponent > 700 else math.exp(exponent)


def places(timed: Sequence[Timed]) -> dict[str, tuple[int, int]]:
    """The first and the last place, from 1, that each variant may have in the order of latency, the fastest first.

    With 95 % confidence none is wrong: the risk is divided among the pairs (Bonferroni).
    """
    pairs = max(1, math.comb(len(timed), 2))
    first, last = ({each.variant: place for each in timed} for place in (1, len(timed)))
    for a, b in itertools.permutations(timed, 2):
        if ratio(a, b, pairs).is_slower:
            first[a.variant] += 1
            last[b.variant] -= 1
    return {each.variant: (first[each.variant], last[each.variant]) for each in timed}


def order_agreement(pairs: Iterable[tuple[float, float]]) -> float | None:
    """Kendall's tau-b of two orders: 1 for the same order, -1 for the opposite one; None of fewer than three."""
    from scipy import stats

    values = tuple(pairs)
    if len(values) < MIN_VARIANTS:
        return None
    tau = float(stats.kendalltau(*zip(*values, strict=True)).statistic)
    return None if math.isnan(tau) else tau


@dataclass(frozen=True)
class Law:
    """The power law of latency over multiply-adds through all variants.

    `exponent_reach` is how far the 95 % interval of its exponent reaches to each side.
    `off` is, by network, how many times its latency is that of the law through the variants of all other networks: the
    geometric mean over its variants. A network is missing where the others have too few different multiply-adds.
    """

    fit: Fit
    exponent_reach: float
    off: dict[str, float]

    @property
    def predicts(self) -> str:
        """Whether multiply-adds predict latency: "well", "roughly" or "not"."""
        if self.fit.power_r2 < FAIR_R2:
            return "not"
        return "well" if self.fit.power_r2 >= GOOD_R2 else "roughly"


def law(timed: Sequence[Timed]) -> Law | None:
    """The law through these variants; None with fewer than three different multiply-adds."""
    of_all = fit([each.point for each in timed])
    if of_all is None:
        return None
    reach = t_quantile(of_all.variants - 2, CONFIDENCE) * of_all.exponent_error
    networks = dict.fromkeys(each.network for each in timed)
    off = {network: _off_others(network, timed) for network in networks}
    known = {network: value for network, value in off.items() if value is not None}
    return Law(of_all, reach, known)


def _off_others(network: str, timed: Sequence[Timed]) -> float | None:
    through_others = fit([each.point for each in timed if each.network != network])
    if through_others is None:
        return None
    logs = [math.log(each.ms / _law_ms(through_others, each)) for each in timed if each.network == network]
    return math.exp(statistics.fmean(logs))


def _law_ms(of_others: Fit, timed: Timed) -> float:
    return of_others.factor_ms * math.pow(timed.madds_m, of_others.exponent)


def off_law(timed: Timed, every: Sequence[Timed]) -> Ratio | None:
    """How many times a latency is that of the law through the variants of the other networks in `every`.

    The interval is that in which 95 of 100 further variants that keep the law would lie: it is wide where few networks
    make the law, and where they keep it badly. None where they have too few different multiply-adds.
    """
    others = [each for each in every if each.network != timed.network]
    through_others = fit([each.point for each in others])
    if through_others is None:
        return None
    value = timed.ms / _law_ms(through_others, timed)
    reach = t_quantile(len(others) - 2, CONFIDENCE) * _prediction_error(through_others, others, timed)
    low, high = (value * _power(sign * reach) for sign in (-1, 1))
    return Ratio(value, low, high, is_apart=not low <= 1 <= high)


def _prediction_error(of_others: Fit, others: Sequence[Timed], timed: Timed) -> float:
    """The standard error of the log of one more latency that keeps the law."""
    logs = [math.log(each.madds_m) for each in others]
    mean = statistics.fmean(logs)
    squares = math.fsum((value - mean) ** 2 for value in logs)
    residuals = math.fsum(math.log(each.ms / _law_ms(of_others, each)) ** 2 for each in others)
    leverage = 1 / len(others) + (math.log(timed.madds_m) - mean) ** 2 / squares
    return math.sqrt(residuals / (len(others) - 2) * (1 + leverage))
