"""Which releases are compared next, how often, when that ends and what is concluded: pure functions of the evidence.

Releases are numbers from 0, the good one, to `count` - 1, the bad one.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from typing import TYPE_CHECKING

from mnv2bench.regression.judging.pairs import BOUND, EFFECT_FLOOR, LOOKS, judge, trimmed

if TYPE_CHECKING:
    from mnv2bench.bisection.beliefs import Beliefs

# Where each number comes from: docs/thresholds.md#bisection
RISK = 0.01
LAST_RISK = 0.05
LEAST_ERROR = 0.001  # a smaller probability of error is not stated
SEARCH_LOOKS = (*LOOKS, 45, 60)  # pairs of a comparison after which the search looks again
UNCLEAR = 0.1  # probability of one step, or of several, from which more pairs are measured to tell them apart
MOST_OF_EXTENT = 20  # pairs of each comparison for that
TOO_LATE = "no more pairs can be measured"
TOO_ALIKE = "more pairs would not tell good and bad apart"
TOO_NOISY = "more pairs would not tell which release it is"
Pair = tuple[int, int]  # the numbers of an old and a new release
Evidence = Mapping[Pair, Sequence[float]]  # log ratios of pairs, new over old, in order


class Direction(StrEnum):
    """Which change is looked for."""

    SLOWER = "slower"
    FASTER = "faster"


class Outcome(StrEnum):
    """What a search concluded."""

    STEP = "step"  # one release changed
    STEPS = "steps"  # it grows over several releases
    NO_CHANGE = "no change"  # between good and bad
    OPPOSITE = "opposite"  # bad changed in the other direction
    UNDECIDED = "undecided"  # the budget is spent, or the noise is too large


@dataclass(frozen=True)
class Question:
    """Two releases, and the number of pairs in all that they are to be brought to."""

    old: int
    new: int
    pairs: int


@dataclass(frozen=True)
class Ended:
    """The conclusion of a search.

    `first` is the first changed release and `before` the last release before it that could be measured; both None
    where no single release is named. `error_probability` is that of the conclusion being wrong. `ratio`, with its 95 %
    interval from `low` to `high`, is that of `first` over `before`, or of bad over good where there is no `first`.
    `smallest` is the smallest change, as a ratio above 1, that the search would have seen where there is none: the 95 %
    bound of its pairs. `reason` is a phrase that names no release. `among`: the first and the last release of those
    among which the first change is, if there is one, with a probability of 1 - risk.
    """

    outcome: Outcome
    first: int | None
    before: int | None
    error_probability: float
    ratio: float | None
    low: float | None
    high: float | None
    smallest: float | None = None
    reason: str = ""
    among: Pair | None = None


@dataclass(frozen=True)
class Search:
    """A search over so many releases for the first that changed in a direction.

    It measures until the probability of error is at most `risk`. Where pairs no longer help, it concludes with one of
    at most `last_risk`, and is undecided otherwise.
    """

    count: int
    direction: Direction = Direction.SLOWER
    risk: float = RISK
    last_risk: float = LAST_RISK

    def next(self, evidence: Evidence, skipped: Collection[int] = (), is_late: bool = False) -> Question | Ended:
        """The next comparison, or the conclusion; `is_late`: no more pairs can be measured, so conclude now.

        `skipped` are releases that cannot be measured; a Question never names one. A question is asked again until the
        evidence has as many log ratios as its pairs. ValueError where good or bad is skipped.
        """
        last = self.count - 1
        if ends := {0, last} & set(skipped):
            raise ValueError(f"release {min(ends)} is an end of the search and cannot be skipped")
        usable = {pair: ratios for pair, ratios in evidence.items() if not set(pair) & set(skipped)}
        if len(usable.get((0, last), ())) >= LOOKS[0]:
            state = _State(self, usable, frozenset(skipped), _beliefs(usable, self))
            return state.rest(TOO_LATE) if is_late else state.step()
        if is_late:
            return Ended(Outcome.UNDECIDED, None, None, 1.0, None, None, None, reason=TOO_LATE, among=(1, last))
        return Question(0, last, LOOKS[0])


def _beliefs(evidence: Evidence, search: Search) -> "Beliefs":
    """The probabilities of changes in the direction of the search."""
    from mnv2bench.bisection.beliefs import beliefs

    return beliefs({pair: _signed(ratios, search) for pair, ratios in evidence.items()}, search.count)


def _signed(ratios: Sequence[float], search: Search) -> list[float]:
    """Log ratios of which a positive one is a change in the direction of the search."""
    return [ratio if search.direction == Direction.SLOWER else -ratio for ratio in ratios]


@dataclass(frozen=True)
class _State:
    """The evidence so far, what it says, and what follows from it."""

    search: Search
    evidence: Evidence
    skipped: frozenset[int]
    beliefs: "Beliefs"

    @property
    def ends(self) -> Pair:
        """Good and bad."""
        return 0, self.search.count - 1

    @property
    def gap(self) -> int:
        """The number of the measured release after which the middle of the first change's probability lies."""
        half = sum(self.beliefs.first) / 2
        return next(number for number, below in enumerate(accumulate(self.beliefs.first)) if below >= half)

    @property
    def neighbours(self) -> Pair:
        """The measured releases on both sides of that place."""
        before, after = self.beliefs.measured[self.gap : self.gap + 2]
        return before, after

    def step(self) -> Question | Ended:
        """The conclusion, if it is sure; else the next comparison that helps; else the conclusion that is left."""
        ended = self.conclusion(self.search.risk)
        if ended is None:
            return self.question() or self.rest()
        return (self.question_of_extent() if ended.first else None) or ended

    def rest(self, reason: str = "") -> Ended:
        """The conclusion without more pairs: UNDECIDED, for that reason, if no other one is sure enough."""
        risk = self.search.last_risk
        if not reason:
            reason = TOO_ALIKE if 1 - self.beliefs.higher > risk else TOO_NOISY
        return self.conclusion(risk) or self.ended(Outcome.UNDECIDED, risk, reason=reason)

    def conclusion(self, risk: float) -> Ended | None:
        """The outcome whose probability of error is at most `risk`, if there is one."""
        higher, lower = self.beliefs.higher, self.beliefs.lower
        if 1 - lower <= risk:
            return self.ended(Outcome.OPPOSITE, 1 - lower)
        if higher + lower <= risk:
            return self.ended(Outcome.NO_CHANGE, higher + lower)
        misplaced = 1 - self.beliefs.first[self.gap]
        if misplaced <= risk and not self.unmeasured() and self.pairs(self.neighbours) >= LOOKS[0]:
            is_one = self.beliefs.several < 0.5
            return self.ended(Outcome.STEP if is_one else Outcome.STEPS, misplaced, self.neighbours)
        if 1 - higher <= risk and 1 - self.beliefs.several <= risk and self.question() is None:
            return self.ended(Outcome.STEPS, 1 - self.beliefs.several)
        return None

    def question(self) -> Question | None:
        """The comparison that helps most; None where more pairs would not help."""
        if 1 - self.beliefs.higher > self.search.risk:
            question = self.more(self.ends)
            if question or 1 - self.beliefs.higher > self.search.last_risk:
                return question
        if inner := self.unmeasured():
            return Question(0, min(inner, key=self.imbalance), LOOKS[0])
        wanted = [self.neighbours]
        if 1 - self.beliefs.first[self.gap] > self.search.risk:
            wanted = sorted((self.neighbours, self.doubtful()), key=self.pairs)
        return next((question for question in map(self.more, wanted) if question), None)

    def question_of_extent(self) -> Question | None:
        """The comparison that helps to tell one step from several; None where that is clear, or pairs do not help."""
        if min(self.beliefs.several, 1 - self.beliefs.several) <= UNCLEAR:
            return None
        _, after = self.neighbours
        least = min([pair for pair in self.evidence if pair[1] >= after], key=self.pairs)
        return self.more(least) if self.pairs(least) < MOST_OF_EXTENT else None

    def unmeasured(self) -> list[int]:
        """The releases at the middle of the probability that can be measured and were not."""
        before, after = self.neighbours
        return [number for number in range(before + 1, after) if number not in self.skipped]

    def imbalance(self, release: int) -> float:
        """How far from a half of the probability lies up to a release between the neighbours."""
        before, after = self.neighbours
        inside = self.beliefs.first[self.gap] * (release - before) / (after - before)
        return abs(sum(self.beliefs.first[: self.gap]) + inside - sum(self.beliefs.first) / 2)

    def doubtful(self) -> Pair:
        """The comparison with good of that neighbour beyond which the change rather is, if it is not between them."""
        before, after = self.neighbours
        is_earlier = sum(self.beliefs.first[: self.gap]) > sum(self.beliefs.first[self.gap + 1 :])
        return (0, before) if is_earlier and before else (0, after)

    def pairs(self, pair: Pair) -> int:
        """The number of pairs of a comparison so far."""
        return len(self.evidence.get(pair, ()))

    def more(self, pair: Pair) -> Question | None:
        """The question for the pairs of the next look; None after the last one."""
        return next((Question(*pair, look) for look in SEARCH_LOOKS if look > self.pairs(pair)), None)

    def ended(self, outcome: Outcome, error: float, named: Pair | None = None, reason: str = "") -> Ended:
        """The conclusion, with the ratio of its own pairs."""
        ratios = self.evidence[named or self.ends]
        judged = judge(ratios, 1, last=True)
        smallest = None
        if outcome == Outcome.NO_CHANGE:
            smallest = math.exp(max(EFFECT_FLOOR, trimmed(_signed(ratios, self.search)).bounds(BOUND)[1]))
        before, first = named or (None, None)
        error = max(error, LEAST_ERROR)
        return Ended(
            outcome, first, before, error, judged.ratio, judged.low, judged.high, smallest, reason, self.among()
        )

    def among(self) -> Pair | None:
        """The first and the last release of those among which the first change is, with a probability of 1 - risk."""
        total, tail = sum(self.beliefs.first), self.search.risk / 2
        if not total:
            return None
        below = [value / total for value in accumulate(self.beliefs.first)]
        low = next(number for number, value in enumerate(below) if value > tail)
        high = next(number for number, value in enumerate(below) if value >= 1 - tail)
        return self.beliefs.measured[low] + 1, self.beliefs.measured[high + 1]
