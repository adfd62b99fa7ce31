"""Blocks: the cases that get a process next, chosen for what a process of theirs would decide for its time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mnv2bench.allocation.contests import CONFIDENCE, LOOKS, TIE_WITHIN, Contest, Decision, ranking
from mnv2bench.allocation.standing import Standing
from mnv2bench.case import Case
from mnv2bench.networks import published
from mnv2bench.records.blocks import Reason
from mnv2bench.statistics.location import Spread
from mnv2bench.statistics.student import t_quantile

# docs/thresholds.md#allocation
FIRST = 2
PRECISION = 0.01


@dataclass(frozen=True)
class Block:
    """The cases that get a process next, in no order that means anything, and why each of them does."""

    cases: tuple[Case, ...]
    reasons: Mapping[Case, Reason]


NOTHING = Block((), {})


def next_block(
    standings: Sequence[Standing],
    left_s: float,
    spreads: Mapping[str, Spread],
    *,
    confidence: float = CONFIDENCE,
    looks: int = LOOKS,
    tie_within: float = TIE_WITHIN,
    precision: float = PRECISION,
) -> Block:
    """The block that comes next, of processes that fit into the seconds that are left; empty where nothing is worth it.

    First come the cases without two processes, then the contenders of contests that are not decided, then the winners
    on the front of latency and published top-1, then the other cases that have not lost, until the interval of each is
    narrower than `precision` to each side.
    """
    able = [standing for standing in standings if standing.open and standing.cost_s <= left_s]
    for number in range(FIRST):
        missing = [standing for standing in able if len(standing.medians_s) <= number]
        if missing:
            return _block(((standing, Reason.FIRST) for standing in missing), left_s) or NOTHING
    contests = ranking(standings, spreads, confidence=confidence, looks=looks, tie_within=tie_within)
    by_case = {standing.case: standing for standing in able}
    return (
        _block(_contenders(contests, by_case), left_s)
        or _block(_imprecise(_front(contests, standings, spreads), by_case, spreads, precision, Reason.FRONT), left_s)
        or _block(_imprecise(_unbeaten(contests), by_case, spreads, precision, Reason.REST), left_s)
        or NOTHING
    )


def _block(chosen: Iterable[tuple[Standing, Reason]], left_s: float) -> Block | None:
    """The first cases of these that fit into the time together; None where there are none."""
    reasons: dict[Case, Reason] = {}
    for standing, reason in chosen:
        if standing.cost_s <= left_s:
            left_s -= standing.cost_s
            reasons[standing.case] = reason
    return Block(tuple(reasons), reasons) if reasons else None


def _contenders(contests: Sequence[Contest], able: Mapping[Case, Standing]) -> Iterator[tuple[Standing, Reason]]:
    """The best and the contenders of each undecided contest; the contest with the cheapest of them first."""
    undecided = [contest for contest in contests if contest.decided == Decision.OPEN]
    rivals = [[able[case] for case in (each.best, *each.contenders) if case in able] for each in undecided]
    for of_contest in sorted(rivals, key=lambda standings: sum(standing.cost_s for standing in standings)):
        for standing in of_contest:
            yield standing, Reason.CONTENDER


def _front(contests: Sequence[Contest], standings: Sequence[Standing], spreads: Mapping[str, Spread]) -> list[Case]:
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
    row = published(case.network, case.width, case.resolution)
    return row.top1 if row else None


def _unbeaten(contests: Sequence[Contest]) -> list[Case]:
    return [case for contest in contests for case in (contest.best, *contest.contenders)]


def _imprecise(
    cases: Iterable[Case],
    able: Mapping[Case, Standing],
    spreads: Mapping[str, Spread],
    precision: float,
    reason: Reason,
) -> Iterator[tuple[Standing, Reason]]:
    """The cases whose intervals are wider than the precision, the widest first."""
    widths = {case: _half_width(able[case], spreads) for case in cases if case in able}
    for case in sorted(widths, key=lambda each: -widths[each]):
        if widths[case] > precision:
            yield able[case], reason


def _half_width(standing: Standing, spreads: Mapping[str, Spread]) -> float:
    """How far the 95 % interval of a case reaches to each side, on the log scale."""
    location = standing.location(spreads)
    return t_quantile(location.degrees) * location.standard_error
