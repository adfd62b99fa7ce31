"""Contests: the cases that compete for a variant at a setting, and which of them are still in the running."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mnv2bench.allocation.standing import Standing
from mnv2bench.case import Case
from mnv2bench.statistics.location import Location, Spread
from mnv2bench.statistics.student import t_risk

# docs/thresholds.md#allocation
CONFIDENCE = 0.95
LOOKS = 6
TIE_WITHIN = math.log(1.015)


class Decision(StrEnum):
    """What is known of a contest: its best is the fastest, its contenders tie with it, or neither."""

    SEPARATED = "separated"
    TIE = "tie"
    OPEN = "open"


@dataclass(frozen=True)
class Contest:
    """A variant at a setting, and the cases that were measured of it.

    `best` is the case with the least latency, and `confidence` the probability that no other case of the contest is
    faster. `contenders` are those that are not separated from it, the fastest first, and `lost` those that are.
    """

    variant: str
    device: str
    threads: int
    streams: int
    batch: int
    best: Case
    confidence: float
    contenders: tuple[Case, ...]
    lost: tuple[Case, ...]
    decided: Decision


Key = tuple[str, str, int, int, int]


def contest_key(case: Case) -> Key:
    """What the cases of a contest share: variant, device, threads, streams and batch."""
    return case.variant, case.device, case.threads, case.streams, case.batch


@dataclass(frozen=True)
class Rival:
    """A case of a contest and where its latency lies, on the log scale."""

    standing: Standing
    location: Location


def ranking(
    standings: Iterable[Standing],
    spreads: Mapping[str, Spread],
    *,
    confidence: float = CONFIDENCE,
    looks: int = LOOKS,
    tie_within: float = TIE_WITHIN,
) -> tuple[Contest, ...]:
    """A contest for each variant and setting of which a case was measured, in the order of the standings.

    With that confidence no contest has a wrong winner, however often it is looked at up to `looks` times: the risk is
    divided among the looks and the rivals (Bonferroni). A contender ties with the best where it is slower by less than
    `tie_within`, on the log scale, at the same confidence.
    """
    by_contest: dict[Key, list[Rival]] = {}
    for standing in standings:
        if standing.medians_s:
            rival = Rival(standing, standing.location(spreads))
            by_contest.setdefault(contest_key(standing.case), []).append(rival)
    return tuple(contest(key, rivals, (1 - confidence) / looks, tie_within) for key, rivals in by_contest.items())


def contest(key: Key, rivals: Sequence[Rival], risk: float, tie_within: float) -> Contest:
    """The contest of these rivals, at this risk of a wrong winner at this look."""
    best, *others = sorted(rivals, key=lambda rival: rival.location.mean)
    risks = [slower_risk(best.location, other.location) for other in others]
    share = risk / max(len(others), 1)
    contenders = [other for other, of_other in zip(others, risks, strict=True) if of_other > share]
    lost = [other for other, of_other in zip(others, risks, strict=True) if of_other <= share]
    decided = Decision.OPEN
    if not contenders:
        decided = Decision.SEPARATED
    elif all(slower_risk(other.location, best.location, tie_within) <= share for other in contenders):
        decided = Decision.TIE
    return Contest(
        *key,
        best=best.standing.case,
        confidence=max(0.0, 1 - math.fsum(risks)),
        contenders=tuple(other.standing.case for other in contenders),
        lost=tuple(other.standing.case for other in lost),
        decided=decided,
    )


def slower_risk(fast: Location, slow: Location, allowance: float = 0.0) -> float:
    """The risk of saying that `slow` is slower than `fast` less an allowance, on the log scale: Welch's t."""
    variances = fast.standard_error**2, slow.standard_error**2
    gap = slow.mean - fast.mean + allowance
    total = sum(variances)
    if math.isinf(total):
        return 0.5
    if not total:
        return 0.5 if gap == 0 else float(gap < 0)
    degrees = total**2 / (variances[0] ** 2 / fast.degrees + variances[1] ** 2 / slow.degrees)
    return t_risk(gap / math.sqrt(total), degrees)
