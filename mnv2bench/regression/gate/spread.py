"""A confirmed regression on several machines: on most of them, on a single one, on some, or seen by too few to say."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from mnv2bench.regression.history.verdicts import Verdict
from mnv2bench.regression.judging.judgement import UNCHANGED
from mnv2bench.regression.judging.pairs import CLEARED, FAMILY_RISK, IMPROVEMENT, REGRESSION
from mnv2bench.remote.counts import FELL, ROSE

# Where each number comes from: docs/thresholds.md#machines
MOST_AT_LEAST = 2  # machines that confirm it, and more than half of those that can say
SINGLE_BESIDE = 2  # machines that would have shown it and do not, beside the single one that does
MOST, SINGLE, SOME, TOO_FEW = "most machines", "a single machine", "some machines", "too few machines"


@dataclass(frozen=True)
class RegressionOnMachines:
    """A case that regressed on at least one machine; machines are named by their fingerprints.

    `slower` confirmed it. `unchanged` would have shown a change of that size, and do not. `silent` measured the case,
    and cannot say: too noisy, learning, inconclusive, without a baseline. `low` and `high` are the smallest and the
    largest ratio of the slower machines. `tail`: it is the tail that grew, and the ratio is of p90 over p50.
    """

    case: str
    slower: tuple[str, ...]
    unchanged: tuple[str, ...]
    silent: tuple[str, ...]
    low: float | None
    high: float | None
    tail: bool = False

    @property
    def judging(self) -> int:
        """How many machines can say whether the case is slower."""
        return len(self.slower) + len(self.unchanged)

    @property
    def spread(self) -> str:
        """MOST, SINGLE, SOME or TOO_FEW."""
        count = len(self.slower)
        if count >= MOST_AT_LEAST:
            return MOST if 2 * count > self.judging else SOME
        return SINGLE if len(self.unchanged) >= SINGLE_BESIDE else TOO_FEW

    @property
    def chance(self) -> float:
        """The probability at most that so many machines confirm the same case where nothing is slower."""
        return false_alarms(len(self.slower), self.judging)


def false_alarms(count: int, machines: int) -> float:
    """The probability at most that `count` or more of these machines have a false REGRESSION of one case.

    Each has one in at most 1 % of its nights, over all of its cases together. Machines are independent.
    """
    tail = (
        math.comb(machines, k) * FAMILY_RISK**k * (1 - FAMILY_RISK) ** (machines - k)
        for k in range(count, machines + 1)
    )
    return math.fsum(tail)


def regressions(
    verdicts: Mapping[str, Mapping[str, Verdict]], tail: bool = False
) -> tuple[RegressionOnMachines, ...]:  # fmt: skip
    """The cases that regressed on any machine, those on the most machines first; `verdicts` are by machine and case."""
    cases = dict.fromkeys(
        case
        for of_machine in verdicts.values()
        for case, verdict in of_machine.items()
        if verdict.verdict == REGRESSION
    )
    rows = [
        _row(case, {name: of_machine[case] for name, of_machine in verdicts.items() if case in of_machine}, tail)
        for case in cases
    ]
    return tuple(sorted(rows, key=lambda row: (-len(row.slower), -(row.high or 0.0), row.case)))


def _row(case: str, verdicts: Mapping[str, Verdict], tail: bool) -> RegressionOnMachines:
    slower = [name for name, verdict in verdicts.items() if verdict.verdict == REGRESSION]
    ratios = [ratio for name in slower if (ratio := verdicts[name].ratio) is not None]
    smallest = min(ratios, default=None)
    others = [name for name in verdicts if name not in slower]
    unchanged = [name for name in others if _would_show(verdicts[name], smallest)]
    return RegressionOnMachines(
        case=case,
        slower=tuple(slower),
        unchanged=tuple(unchanged),
        silent=tuple(name for name in others if name not in unchanged),
        low=smallest,
        high=max(ratios, default=None),
        tail=tail,
    )


def _would_show(verdict: Verdict, ratio: float | None) -> bool:
    """Whether a machine whose case is no regression would have shown one of this ratio.

    An unchanged case says so where its smallest detectable change is not above it; a count is exact.
    """
    if verdict.verdict in (CLEARED, IMPROVEMENT, ROSE, FELL):
        return True
    if verdict.verdict != UNCHANGED:
        return False
    return verdict.detectable is None or (ratio is not None and 1 + verdict.detectable <= ratio)
