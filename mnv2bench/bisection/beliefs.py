"""The probability of each place of a change, from noisy comparisons: the levels of releases as a hidden Markov chain.

A level is the natural log of a release's time over that of release 0. From one measured release to the next it stays
as it is, or changes once by more than the effect's floor. All comparisons together say how probable each course of
levels is, which the forward and backward sums over a grid of levels add up exactly (Rabiner, Proc. IEEE 77 (1989) 257).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from mnv2bench.regression.judging.pairs import EFFECT_FLOOR, Trimmed, trimmed

# Where each number comes from: docs/thresholds.md#bisection
UNCHANGED = 0.5  # prior probability that nothing changes from release 0 to the last one
LAYOUT_SD = 0.0042  # of the log ratio of two environments of the same speed
SPACING = 0.0025  # of the grid of levels, log units
MOST_LEVELS = 601
PART = 0.25  # of the change between release 0 and the last one, from which a change counts
USUAL_SD = 0.015  # of a pair's log ratio, for as many degrees of freedom as three pairs have of their own
USUAL_DEGREES = 3
BORROWED = 10  # degrees of freedom at most that a comparison's spread has from the other comparisons
Comparisons = Mapping[tuple[int, int], Sequence[float]]  # log ratios by old and new release
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Beliefs:
    """Probabilities after the evidence; a change is one to a higher level unless it says otherwise.

    `measured`: the releases with evidence, from 0 to the last one. `first`: of the first change being after one of
    them and not after the next, a value for each but the last. `higher`, `lower`: of the last release's level against
    that of release 0. `several`: of more than one change of any direction, if there is a first one.
    """

    measured: tuple[int, ...]
    first: tuple[float, ...]
    higher: float
    lower: float
    several: float


@dataclass(frozen=True)
class _Estimate:
    """The level that a comparison measured, its standard error and the degrees of freedom of its t."""

    mean: float
    se: float
    df: float


@dataclass(frozen=True)
class _Chain:
    """The chain of measured releases on a grid of levels.

    `stays`: the probability of no change, for each step of the chain. `likelihoods`: of the levels of each release but
    the first. `steps`: of the change from each release to the next, (levels, levels), by a comparison of these two.
    """

    start: int
    stays: tuple[float, ...]
    likelihoods: tuple[Values, ...]
    steps: tuple[Values, ...]
    jumps: Values


def beliefs(evidence: Comparisons, count: int) -> Beliefs:
    """The probabilities of changes among `count` releases, from the log ratios of (0, j) and of neighbours (i, j).

    The last release has to be compared with release 0. A comparison across a measured release says nothing of its own
    step and is left out.
    """
    estimates = _estimates(evidence)
    measured = tuple(sorted({number for pair in estimates for number in pair}))
    floor = max(EFFECT_FLOOR, PART * abs(estimates[0, count - 1].mean))
    levels = _grid(estimates)
    return _summed(_chain(estimates, measured, levels, floor, count), measured, levels, floor)


def _estimates(evidence: Comparisons) -> dict[tuple[int, int], _Estimate]:
    """The trimmed mean of each comparison. Its spread is its own and, for at most BORROWED degrees, that of the others.

    Six pairs alone know their spread badly, and the comparisons are of one case on one machine.
    """
    samples = {pair: _trimmed(tuple(ratios)) for pair, ratios in evidence.items() if len(ratios) > 1}
    variances = {pair: sample.se**2 * len(evidence[pair]) for pair, sample in samples.items()}
    estimates = {}
    for pair, sample in samples.items():
        others = [(samples[other].df, variances[other]) for other in samples if other != pair]
        degrees = sum(df for df, _ in others)
        borrowed = min(BORROWED, degrees)
        pooled = sum(df * variance for df, variance in others) / degrees if degrees else 0.0
        parts = ((sample.df, variances[pair]), (borrowed, pooled), (USUAL_DEGREES, USUAL_SD**2))
        df = sum(degrees for degrees, _ in parts)
        variance = sum(degrees * part for degrees, part in parts) / df
        se = float(np.hypot(np.sqrt(variance / len(evidence[pair])), LAYOUT_SD))
        estimates[pair] = _Estimate(sample.mean, se, df)
    return estimates


@lru_cache(maxsize=1024)
def _trimmed(log_ratios: tuple[float, ...]) -> Trimmed:
    """The trimmed mean of a comparison, which stays the same while others are measured."""
    return trimmed(log_ratios)


def _grid(estimates: Mapping[tuple[int, int], _Estimate]) -> Values:
    """Levels around 0 that hold all that was measured and what the errors leave open."""
    reach = max(abs(estimate.mean) + 4 * estimate.se for estimate in estimates.values()) + EFFECT_FLOOR
    half = min(int(reach / SPACING) + 1, MOST_LEVELS // 2)
    return np.linspace(-1, 1, 2 * half + 1) * max(reach, half * SPACING)


def _chain(
    estimates: Mapping[tuple[int, int], _Estimate], measured: Sequence[int], levels: Values, floor: float, count: int
) -> _Chain:
    spacing = levels[1] - levels[0]
    changes = np.arange(-len(levels) + 1, len(levels)) * spacing
    sizes = np.abs(changes)
    prior = np.where((sizes >= floor - spacing / 2) & (sizes > 0), 1 / np.maximum(sizes, floor), 0)  # of any magnitude
    ones = np.ones_like(changes)
    pairs = list(pairwise(measured))
    direct = [
        _likelihood(estimates[pair], changes, spacing) if pair in estimates and pair[0] else ones for pair in pairs
    ]
    flat = np.ones_like(levels)
    return _Chain(
        start=len(levels) // 2,
        stays=tuple(UNCHANGED ** ((new - old) / (count - 1)) for old, new in pairs),
        likelihoods=tuple(
            _likelihood(estimates[0, new], levels, spacing) if (0, new) in estimates else flat for _, new in pairs
        ),
        steps=tuple(_by_change(values) for values in direct),
        jumps=_by_change(prior / prior.sum()),
    )


def _likelihood(estimate: _Estimate, levels: Values, spacing: float) -> Values:
    """The likelihood of each level, 1 at the most likely one."""
    errors = (levels - estimate.mean) / max(estimate.se, spacing / 2)
    density = (1 + errors**2 / estimate.df) ** (-(estimate.df + 1) / 2)  # of Student's t
    return np.asarray(density / density.max())


def _by_change(values: Values) -> Values:
    """A matrix (old level, new level) of values that depend on the change alone."""
    middle = len(values) // 2
    return np.asarray(linalg.toeplitz(values[middle::-1], values[middle:]))


def _summed(chain: _Chain, measured: tuple[int, ...], levels: Values, floor: float) -> Beliefs:
    """Forward and backward sums over all courses of levels."""
    count = len(levels)
    changed = [
        (1 - stay) * chain.jumps * steps * likelihood
        for stay, steps, likelihood in zip(chain.stays, chain.steps, chain.likelihoods, strict=True)
    ]
    kept = [
        stay * np.diagonal(steps) * likelihood
        for stay, steps, likelihood in zip(chain.stays, chain.steps, chain.likelihoods, strict=True)
    ]
    after, after_kept = [np.ones(count)], [np.ones(count)]  # of what follows, and of what follows without a change
    for change, keep in zip(reversed(changed), reversed(kept), strict=True):
        after.append(change @ after[-1] + keep * after[-1])
        after_kept.append(keep * after_kept[-1])
    after.reverse()
    after_kept.reverse()
    before = np.zeros(count)  # of what came before, without a change to a higher level
    before[chain.start] = 1.0
    any_before, kept_before = before, before
    first, single = [], []
    for change, keep, following, following_kept in zip(changed, kept, after[1:], after_kept[1:], strict=True):
        upward = np.triu(change, 1)
        first.append(float(before @ upward @ following))
        single.append(float(kept_before @ upward @ following_kept))
        before = before @ np.tril(change, -1) + before * keep
        any_before = any_before @ change + any_before * keep
        kept_before = kept_before * keep
    total = float(any_before.sum())
    floor -= (levels[1] - levels[0]) / 2
    return Beliefs(
        measured,
        tuple(value / total for value in first),
        higher=float(any_before[levels >= floor].sum()) / total,
        lower=float(any_before[levels <= -floor].sum()) / total,
        several=1 - sum(single) / max(sum(first), np.finfo(float).tiny),
    )
