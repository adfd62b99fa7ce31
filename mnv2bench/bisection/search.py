"""Which releases are compared next, how often, when that ends and what is concluded: pure functions of the evidence.

Releases are numbers from 0, the good one, to `count` - 1, the bad one.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mnv2bench.regression.judging.pairs import IMPROVEMENT, INCONCLUSIVE, LOOKS, REGRESSION, judge

RISK = 0.01  # of naming a wrong release: docs/thresholds.md#bisection
Evidence = Mapping[tuple[int, int], Sequence[float]]  # (old, new): log ratios of pairs, new over old, in order


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
    `smallest` is the smallest ratio, above 1, that the search would have seen. `reason` is a phrase that names no
    release.
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


@dataclass(frozen=True)
class Search:
    """A search over so many releases for the first that changed in a direction, wrong at most as often as `risk`."""

    count: int
    direction: Direction = Direction.SLOWER
    risk: float = RISK

    def next(self, evidence: Evidence, skipped: Collection[int] = (), is_late: bool = False) -> Question | Ended:
        """The next comparison, or the conclusion; `is_late`: no more pairs can be measured, so conclude now.

        `skipped` are releases that cannot be measured; a Question never names one. ValueError where good or bad is
        among them.
        """
        if skipped_end := {0, self.count - 1} & set(skipped):
            raise ValueError(f"release {min(skipped_end)} is an end of the search and cannot be skipped")
        step = self._step(evidence, skipped)
        if is_late and isinstance(step, Question):
            return self._ended(evidence, Outcome.UNDECIDED, reason="no more pairs can be measured")
        return step

    def _step(self, evidence: Evidence, skipped: Collection[int]) -> Question | Ended:
        low, high = 0, self.count - 1
        verdict = self._verdict(evidence, low, high)
        while verdict in (REGRESSION, IMPROVEMENT):
            if verdict != self._searched:
                return self._ended(evidence, Outcome.OPPOSITE)
            inner = [number for number in range(low + 1, high) if number not in skipped]
            if not inner:
                return self._neighbours(evidence, low, high)
            middle = inner[len(inner) // 2]
            middle_verdict = self._verdict(evidence, 0, middle)
            if not middle_verdict:
                return _question(evidence, 0, middle)
            low, high = (low, middle) if middle_verdict == self._searched else (middle, high)
        if not verdict:
            return _question(evidence, low, high)
        return self._ended(evidence, Outcome.UNDECIDED if verdict == INCONCLUSIVE else Outcome.NO_CHANGE)

    @property
    def _searched(self) -> str:
        return REGRESSION if self.direction == Direction.SLOWER else IMPROVEMENT

    def _neighbours(self, evidence: Evidence, before: int, first: int) -> Question | Ended:
        verdict = self._verdict(evidence, before, first)
        if not verdict:
            return _question(evidence, before, first)
        if verdict != self._searched:
            return self._ended(evidence, Outcome.STEPS)
        return self._ended(evidence, Outcome.STEP, first, before)

    def _verdict(self, evidence: Evidence, old: int, new: int) -> str:
        ratios = evidence.get((old, new), ())
        return judge(ratios, 1, last=len(ratios) >= LOOKS[-1]).verdict if len(ratios) >= LOOKS[0] else ""

    def _ended(
        self,
        evidence: Evidence,
        outcome: Outcome,
        first: int | None = None,
        before: int | None = None,
        reason: str = "",
    ) -> Ended:
        pair = (0, self.count - 1) if first is None or before is None else (before, first)
        ratio = judge(evidence.get(pair, ()), 1, last=True)
        return Ended(outcome, first, before, self.risk, ratio.ratio, ratio.low, ratio.high, None, reason)


def _question(evidence: Evidence, old: int, new: int) -> Question:
    """The question for the pairs of the next look."""
    measured = len(evidence.get((old, new), ()))
    return Question(old, new, next(look for look in LOOKS if look > measured))
