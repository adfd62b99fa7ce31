"""Simulated searches over releases with planted changes: how often a search is wrong, and how many pairs it needs."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mnv2bench.bisection.search import Ended, Outcome, Question, Search

OUTLIERS = 0.05  # of pairs, in which one of the two processes is slowed
OUTLIER_MEAN = 0.05  # of the exponential by which it is
TAILS = 5  # degrees of freedom of the noise's t
Levels = NDArray[np.float64]
Shape = Callable[[np.random.Generator, int, float], Levels]


def no_change(random: np.random.Generator, count: int, size: float) -> Levels:
    """Levels of releases that are all alike."""
    return np.zeros(count)


def step(random: np.random.Generator, count: int, size: float) -> Levels:
    """Levels with one change, at a random release."""
    return np.where(np.arange(count) >= random.integers(1, count), size, 0.0)


def two_steps(random: np.random.Generator, count: int, size: float) -> Levels:
    """Levels with two changes of the same size, at random releases."""
    places = random.choice(np.arange(1, count), 2, replace=False)
    return np.asarray(size * (np.arange(count)[:, None] >= places).sum(axis=1))


def temporary(random: np.random.Generator, count: int, size: float) -> Levels:
    """Levels that are higher in three releases between the ends."""
    begin = random.integers(1, count - 3)
    return np.where((np.arange(count) >= begin) & (np.arange(count) < begin + 3), size, 0.0)


def drift(random: np.random.Generator, count: int, size: float) -> Levels:
    """Levels that grow by the same small part in every release, to `size` at the last one."""
    return np.linspace(0, size, count)


@dataclass
class Tally:
    """Counts over searches: what they ended with, and the pairs and releases that they measured.

    `correct`: the outcome and the release are those that were planted. `wrong`: another release, or another outcome
    that claims something. `partial`: a planted change is named, but not all that was planted. The rest is undecided.
    `stated`: the mean of the probabilities of error of all that claim something.
    """

    searches: int = 0
    correct: int = 0
    partial: int = 0
    wrong: int = 0
    pairs: int = 0
    duels: int = 0
    releases: int = 0
    claims: int = 0
    stated_sum: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)

    @property
    def undecided(self) -> int:
        """Searches that ended without a claim."""
        return self.searches - self.claims

    @property
    def stated(self) -> float:
        """The mean probability of error that was stated, where something was claimed."""
        return self.stated_sum / max(1, self.claims)


@dataclass
class Noise:
    """Noise of pairs: Student's t with the sd of a log ratio, outliers, and what alike environments differ by."""

    random: np.random.Generator
    sd: float
    layout_sd: float = 0.003

    def layouts(self, count: int) -> Levels:
        """What each environment differs by all the time."""
        return self.random.normal(0, self.layout_sd, count)

    def pairs(self, count: int) -> Levels:
        """The noise of log ratios."""
        noise = self.sd * self.random.standard_t(TAILS, count) / math.sqrt(TAILS / (TAILS - 2))
        outliers = self.random.exponential(OUTLIER_MEAN, count) * self.random.choice((-1, 1), count)
        return np.asarray(noise + outliers * (self.random.random(count) < OUTLIERS))


def searched(search: Search, levels: Levels, noise: Noise) -> tuple[Ended, dict[tuple[int, int], list[float]]]:
    """How a search ends over releases of these levels, and the log ratios that it wanted on the way."""
    evidence: dict[tuple[int, int], list[float]] = {}
    measured = levels + noise.layouts(len(levels))
    while isinstance(question := search.next(evidence), Question):
        ratios = evidence.setdefault((question.old, question.new), [])
        change = measured[question.new] - measured[question.old]
        ratios += (change + noise.pairs(question.pairs - len(ratios))).tolist()
    return question, evidence


def simulate(search: Search, shape: Shape, size: float, noise: Noise, searches: int) -> Tally:
    """So many searches over releases with a planted change of a relative `size`."""
    tally = Tally()
    for _ in range(searches):
        levels = shape(noise.random, search.count, math.log1p(size))
        ended, evidence = searched(search, levels, noise)
        _count(tally, ended, levels, shape)
        tally.pairs += sum(map(len, evidence.values()))
        tally.duels += len(evidence)
        tally.releases += len({number for pair in evidence for number in pair})
    return tally


def _count(tally: Tally, ended: Ended, levels: Levels, shape: Shape) -> None:
    tally.searches += 1
    tally.outcomes[ended.outcome.value] += 1
    if ended.outcome == Outcome.UNDECIDED:
        return
    tally.claims += 1
    tally.stated_sum += ended.error_probability
    planted = [number for number in range(1, len(levels)) if levels[number] > levels[number - 1]]
    if shape in (no_change, temporary):
        right = ended.outcome == Outcome.NO_CHANGE
    elif shape == drift:
        right = ended.outcome == Outcome.STEPS
    else:
        right = ended.outcome == (Outcome.STEP if len(planted) == 1 else Outcome.STEPS) and ended.first == planted[0]
    if right:
        tally.correct += 1
    elif (ended.first in planted and shape != drift) or (shape == two_steps and ended.outcome == Outcome.STEPS):
        tally.partial += 1
    else:
        tally.wrong += 1
