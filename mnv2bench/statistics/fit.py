"""Latency against multiply-adds: a line and a power law, and whether they predict a backend."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mnv2bench import networks
from mnv2bench.records import Record
from mnv2bench.statistics.latency import median_s
from mnv2bench.statistics.rounds import madds, measured

# docs/thresholds.md#fits
MIN_VARIANTS = 3
GOOD_R2 = 0.99
FAIR_R2 = 0.95
PROPORTIONAL = (0.9, 1.1)


@dataclass(frozen=True)
class Point:
    """A variant: millions of multiply-adds of one call, and its latency."""

    variant: str
    madds_m: float
    latency_ms: float


@dataclass(frozen=True)
class Fit:
    """A line and a power law through the points of one backend.

    The line is latency_ms = intercept_ms + slope_ms x madds_m, the law latency_ms = factor_ms x madds_m ** exponent.
    R2 of the power law is that of the logs, and `exponent_error` the standard error of its exponent. `farthest` is the
    variant with the largest residual of the power law, which `farthest_off` gives as a part of the law's latency: 0.1
    is 10 % slower than the law says.
    """

    variants: int
    intercept_ms: float
    slope_ms: float
    linear_r2: float
    factor_ms: float
    exponent: float
    exponent_error: float
    power_r2: float
    farthest: str
    farthest_off: float


def fit(points: Sequence[Point]) -> Fit | None:
    """Both laws by least squares, the power law on the logs; None with fewer than three different multiply-adds."""
    from scipy import stats

    if len({p.madds_m for p in points}) < MIN_VARIANTS:
        return None
    x = [point.madds_m for point in points]
    y = [point.latency_ms for point in points]
    line = stats.linregress(x, y)
    law = stats.linregress([math.log(v) for v in x], [math.log(v) for v in y])
    factor = math.exp(law.intercept)
    exponent = float(law.slope)
    off = {p.variant: p.latency_ms / (factor * p.madds_m**exponent) - 1 for p in points}
    farthest = max(off, key=lambda variant: abs(math.log1p(off[variant])))
    return Fit(
        variants=len(points),
        intercept_ms=float(line.intercept),
        slope_ms=float(line.slope),
        linear_r2=float(line.rvalue) ** 2,
        factor_ms=factor,
        exponent=exponent,
        exponent_error=float(law.stderr),
        power_r2=float(law.rvalue) ** 2,
        farthest=farthest,
        farthest_off=off[farthest],
    )


def latency_fit(records: Iterable[Record]) -> Fit | None:
    """The fit of the ok records of one backend in one setting; None with fewer than three variants."""
    timed = [r for r in records if r.status == "ok" and measured(r) and madds(r)]
    return fit([Point(r.case.shown_variant, madds(r) / 1e6, 1e3 * median_s(r)) for r in timed])


def published_fit(network: str) -> Fit | None:
    """The fit of a network's published latencies, with exact multiply-adds; None with fewer than three variants."""
    rows = networks.network(network).published()
    points = [
        Point(row.model, networks.count(network, *variant).madds / 1e6, row.latency_ms)
        for variant, row in rows.items()
        if row.latency_ms
    ]
    return fit(points)


def prediction_sentence(fit: Fit) -> str:
    """One sentence on whether multiply-adds predict this backend."""
    how = f"(R² {fit.power_r2:.3f}, exponent {fit.exponent:.2f})"
    off = f"{abs(fit.farthest_off):.0%} {'slower' if fit.farthest_off > 0 else 'faster'} than the law"
    farthest = f"farthest off is {fit.farthest}, {off}."
    if fit.power_r2 < FAIR_R2 <= fit.linear_r2 and fit.intercept_ms > 0:
        return (
            f"MAdds alone do not predict it {how}, a fixed cost and MAdds do (R² of the line {fit.linear_r2:.3f}): "
            f"{fit.intercept_ms:.3g} ms, and {fit.slope_ms:.3g} ms a million; below "
            f"{fit.intercept_ms / fit.slope_ms:.0f} M the fixed cost is the larger part."
        )
    if fit.power_r2 < FAIR_R2:
        return f"MAdds do not predict it {how}: {farthest}"
    well = "well" if fit.power_r2 >= GOOD_R2 else "roughly"
    return f"MAdds predict it {well} {how}: {_shape(fit.exponent)}; {farthest}"


def _shape(exponent: float) -> str:
    half = f"half the MAdds take {0.5**exponent:.0%} of the time"
    if PROPORTIONAL[0] <= exponent <= PROPORTIONAL[1]:
        return f"latency is nearly in proportion ({half})"
    return f"{'small' if exponent < 1 else 'large'} variants cost more than their MAdds say ({half})"
