"""Blocks: the cases that get a process next, chosen for what a process of theirs would decide for its time."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mnv2bench.allocation.contests import CONFIDENCE, LOOKS, TIE_WITHIN, Contest, Decision, floor_gap, ranking
from mnv2bench.allocation.standing import Standing
from mnv2bench.case import Case
from mnv2bench.records.blocks import Reason
from mnv2bench.statistics.floor import Floor
from mnv2bench.statistics.location import Spread
from mnv2bench.statistics.spread import Group
from mnv2bench.statistics.student import t_quantile

# docs/thresholds.md#allocation
SECOND_SHARE = 0.5
FASTEST = 2
PRECISION = 0.01
SURE = 3.0
BLOCK_SHARE = 0.5


@dataclass(frozen=True)
class Block:
    """The cases that get a process next, in no order that means anything, and why each of them does."""

    cases: tuple[Case, ...]
    reasons: Mapping[Case, Reason]


NOTHING = Block((), {})


def next_block(
    standings: Sequence[Standing],
    left_s: float,
    spreads: Mapping[Group, Spread],
    *,
    confidence: float = CONFIDENCE,
    looks: int = LOOKS,
    floor: Floor | None = None,
    precision: float = PRECISION,
) -> Block:
    """The block that comes next, of processes that fit into the seconds that are left; empty where nothing is worth it.

    First come the cases without two processes, then the contenders of contests that are not decided, then the winners
    on the front of latency and published top-1, then the other cases that have not lost, until the interval of each is
    narrower than `precision` to each side.
    """
    able = [standing for standing in standings if standing.open and standing.cost_s <= left_s]
    contests = ranking(standings, spreads, confidence=confidence, looks=looks, floor=floor)
    by_case = {standing.case: standing for standing in able}
    first = _first(able, contests, left_s)
    if first:
        return _block(((standing, Reason.FIRST) for standing in first), left_s) or NOTHING
    return (
        _block(_contenders(contests, by_case, spreads, floor), left_s)
        or _block(_imprecise(_front(contests, standings, spreads), by_case, spreads, precision, Reason.FRONT), left_s)
        or _block(_imprecise(_unbeaten(contests), by_case, spreads, precision, Reason.REST), left_s)
        or NOTHING
    )


def _first(able: Sequence[Standing], contests: Sequence[Contest], left_s: float) -> list[Standing]:
    """The cases that get a first process, else those that get a second one.

    Where second processes of all would take too much of the time that is left, the fastest cases of each contest get
    theirs, and then only those that have not lost by their first.
    """
    none = [standing for standing in able if not standing.medians_s]
    if none:
        return none
    second = [standing for standing in able if len(standing.medians_s) == 1]
    if sum(standing.cost_s for standing in second) <= SECOND_SHARE * left_s:
        return second
    missing = {standing.case for standing in second}
    leaders = {case for contest in contests for case in _fastest(contest)}
    chosen = leaders & missing or {case for contest in contests for case in contest.contenders} & missing
    return [standing for standing in second if standing.case in chosen]


def _fastest(contest: Contest) -> tuple[Case, ...]:
    """The fastest cases of a contest: what shows the spread of processes early."""
    return (contest.best, *contest.contenders, *contest.lost)[:FASTEST]


def _block(chosen: Iterable[tuple[Standing, Reason]], left_s: float) -> Block | None:
    """The first cases of these that fit into the time together; None where there are none."""
    reasons: dict[Case, Reason] = {}
    for standing, reason in chosen:
        if standing.cost_s <= left_s:
            left_s -= standing.cost_s
            reasons[standing.case] = reason
    return Block(tuple(reasons), reasons) if reasons else None


def _contenders(
    contests: Sequence[Contest], able: Mapping[Case, Standing], spreads: Mapping[Group, Spread], floor: Floor | None
) -> Iterator[tuple[Standing, Reason]]:
    """The best and the contenders of undecided contests, of the part of them that is soonest decided."""
    undecided = [
        [able[case] for case in (each.best, *each.contenders) if case in able]
        for each in contests
        if each.decided == Decision.OPEN
    ]
    by_price = sorted(filter(None, undecided), key=lambda rivals: _price_s(rivals, spreads, floor))
    for rivals in by_price[: math.ceil(len(by_price) * BLOCK_SHARE)]:
        for standing in rivals:
            yield standing, Reason.CONTENDER


def _price_s(rivals: Sequence[Standing], spreads: Mapping[Group, Spread], floor: Floor | None) -> float:
    """About how long the processes take that decide between the first of these and each of the others."""
    best = rivals[0].location(spreads)
    tie_within = max(TIE_WITHIN, floor_gap(floor, [rival.case for rival in rivals]))
    missing = 1.0
    for rival in rivals[1:]:
        slow = rival.location(spreads)
        gap = slow.mean - best.mean
        times_narrower = SURE * math.hypot(best.standard_error, slow.standard_error) / max(gap, tie_within - gap)
        missing = max(missing, (times_narrower**2 - 1) * len(rival.medians_s))
    return missing * sum(rival.cost_s for rival in rivals)


def _front(contests: Sequence[Contest], standings: Sequence[Standing], spreads: Mapping[Group, Spread]) -> list[Case]:
    """The winners that no other winner of their setting beats in latency and published top-1."""
    means = {each.case: each.location(spreads).mean for each in standings if each.medians_s}
    front = []
    for contest in contests:
        top1 = _top1(contest.best)
        rivals = [each for each in contests if _setting(each) == _setting(contest)]
        if top1 is not None and not any(
            (_top1(each.best) or 0.0) >= top1 and means[each.best] < means[contest.best] for each in rivals
        ):
            front.append(contest.best)
    return front


def _setting(contest: Contest) -> tuple[str, int, int, int]:
    return contest.device, contest.threads, contest.streams, contest.batch


def _top1(case: Case) -> float | None:
    return case.published.top1 if case.published else None


def _unbeaten(contests: Sequence[Contest]) -> list[Case]:
    return [case for contest in contests for case in (contest.best, *contest.contenders)]


def _imprecise(
    cases: Iterable[Case],
    able: Mapping[Case, Standing],
    spreads: Mapping[Group, Spread],
    precision: float,
    reason: Reason,
) -> Iterator[tuple[Standing, Reason]]:
    """The cases whose intervals are wider than the precision, the widest first."""
    widths = {case: _half_width(able[case], spreads) for case in cases if case in able}
    for case in sorted(widths, key=lambda each: -widths[each]):
        if widths[case] > precision:
            yield able[case], reason


def _half_width(standing: Standing, spreads: Mapping[Group, Spread]) -> float:
    """How far the 95 % interval of a case reaches to each side, on the log scale."""
    location = standing.location(spreads)
    return t_quantile(location.degrees) * location.standard_error
