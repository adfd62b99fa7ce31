"""Which releases are compared next, how often, when that ends and what is concluded: pure functions of the evidence.

Releases are numbers from 0, the good one, to `count` - 1, the bad one.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

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
    risk: float = 0.01

    def next(self, evidence: Evidence, skipped: Collection[int] = (), is_late: bool = False) -> Question | Ended:
        """The next comparison, or the conclusion; `is_late`: no more pairs can be measured, so conclude now.

        `skipped` are releases that cannot be measured; a Question never names one. Good and bad are never skipped.
        """
        raise NotImplementedError("SEARCH implements this function")
