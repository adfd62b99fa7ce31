"""What a bisection answers: of each case what changed and when, and every release with its ratio to the good one."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mnv2bench.bisection.search import Ended
from mnv2bench.regression.judging.pairs import BOUND, trimmed


@dataclass(frozen=True)
class ReleaseRow:
    """A release of a case: its ratio to the good one with its 95 % interval, and its milliseconds.

    None where it was not measured against the good one; `skipped` says why it could not be measured, "" where it could.
    """

    number: int
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    pairs: int = 0
    ms: float | None = None
    skipped: str = ""


@dataclass(frozen=True)
class CaseAnswer:
    """How the search of a case ended, and a row for every release.

    `changes` are the distributions that differ between the two releases that the answer compares: name, old, new.
    """

    case: str
    ended: Ended
    rows: tuple[ReleaseRow, ...]
    changes: tuple[tuple[str, str, str], ...] = ()


def compared_pair(ended: Ended, count: int) -> tuple[int, int]:
    """The two releases whose ratio a search ended with: those around the change, else good and bad."""
    if ended.first is None or ended.before is None:
        return 0, count - 1
    return ended.before, ended.first


def release_row(number: int, ratios: Sequence[float], ms: float | None, skipped: str) -> ReleaseRow:
    """The row of a release, from the log ratios of its pairs with the good one."""
    if len(ratios) < 2:
        return ReleaseRow(number, pairs=len(ratios), ms=ms, skipped=skipped)
    estimate = trimmed(ratios)
    low, high = estimate.bounds((1 + BOUND) / 2)
    ratio = math.exp(estimate.mean)
    return ReleaseRow(number, ratio, math.exp(low), math.exp(high), len(ratios), ms, skipped)


def skipped_between(answer: CaseAnswer) -> Mapping[int, str]:
    """The releases between the last one before the change and the first changed one, and why each was skipped."""
    if answer.ended.first is None:
        return {}
    before, first = compared_pair(answer.ended, len(answer.rows))
    return {row.number: row.skipped for row in answer.rows[before + 1 : first] if row.skipped}
