"""Contests: the cases that compete for a variant at a setting, and which of them are still in the running."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mnv2bench.allocation.standing import Standing
from mnv2bench.case import Case
from mnv2bench.statistics.floor import REPEATABILITY, Floor
from mnv2bench.statistics.location import Location, Spread, difference
from mnv2bench.statistics.spread import Group
from mnv2bench.statistics.student import t_risk

# docs/thresholds.md#allocation
CONFIDENCE = 0.95
LOOKS = 2
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
    spreads: Mapping[Group, Spread],
    *,
    confidence: float = CONFIDENCE,
    looks: int = LOOKS,
    floor: Floor | None = None,
) -> tuple[Contest, ...]:
    """A contest for each variant and setting of which a case was measured, in the order of the standings.

    With that confidence a contest has no wrong winner: the risk is divided among its looks and its rivals (Bonferroni).
    A contender ties with the best where it is slower by less than `TIE_WITHIN`, on the log scale, at the same
    confidence; or by less than the machine's A/A floor, where that is known, which nothing is separated within.
    """
    by_contest: dict[Key, list[Rival]] = {}
    for standing in standings:
        if standing.medians_s:
            rival = Rival(standing, standing.location(spreads))
            by_contest.setdefault(contest_key(standing.case), []).append(rival)
    return tuple(
        contest(key, rivals, (1 - confidence) / looks, floor_gap(floor, [rival.standing.case for rival in rivals]))
        for key, rivals in by_contest.items()
    )


def floor_gap(floor: Floor | None, cases: Iterable[Case]) -> float:
    """The log ratio within which 95 of 100 pairs of campaigns of these cases differ; 0 without an A/A floor."""
    return REPEATABILITY * max((floor.between(case) for case in cases), default=0.0) if floor else 0.0


def contest(key: Key, rivals: Sequence[Rival], risk: float, floor_gap: float) -> Contest:
    """The contest of these rivals, at this risk of a wrong winner."""
    best, *others = sorted(rivals, key=lambda rival: rival.location.mean)
    risks = [slower_risk(best.location, other.location) for other in others]
    share = risk / max(len(others), 1)
    lost = [
        other.location.mean - best.location.mean > floor_gap and of_other <= share
        for other, of_other in zip(others, risks, strict=True)
    ]
    contenders = [other for other, has_lost in zip(others, lost, strict=True) if not has_lost]
    tie_within = max(TIE_WITHIN, floor_gap)
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
        lost=tuple(other.standing.case for other, has_lost in zip(others, lost, strict=True) if has_lost),
        decided=decided,
    )


def slower_risk(fast: Location, slow: Location, allowance: float = 0.0) -> float:
    """The risk of saying that `slow` is slower than `fast` less an allowance, on the log scale: Welch's t."""
    apart = difference(slow, fast)
    gap = apart.mean + allowance
    if math.isinf(apart.standard_error):
        return 0.5
    if not apart.standard_error:
        return 0.5 if gap == 0 else float(gap < 0)
    return t_risk(gap / apart.standard_error, apart.degrees)
