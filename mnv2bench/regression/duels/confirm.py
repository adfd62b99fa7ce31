"""Stage 2: pairs until each case is judged, after 6, 12, 20 or 30 of them and at no other time."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mnv2bench.case import Case
from mnv2bench.regression.duels.duel import Duel, measure_pairs
from mnv2bench.regression.judging.pairs import BOTH, INCONCLUSIVE, LOOKS, Judged, judge, log_ratios
from mnv2bench.statistics.latency import median_s

UNJUDGED = Judged(None, None, None, 0, INCONCLUSIVE)


@dataclass(frozen=True)
class Answer:
    """`reason` says why a case is inconclusive where that is not its noise: a side failed, or time was up."""

    judged: Judged
    reason: str = ""


@dataclass(frozen=True)
class DuelRow:
    """A case of a duel; the medians are milliseconds, None where a side measured nothing."""

    case: str
    judged: Judged
    old_ms: float | None
    new_ms: float | None
    reason: str = ""


def confirm(
    duel: Duel,
    directions: Mapping[Case, Sequence[str]] | None = None,
    rivals: Mapping[Case, int] | None = None,
    budget_s: float = float("inf"),
) -> dict[Case, Answer]:
    """Measure pairs of every case until it is judged, or the budget is spent.

    `directions`: which of REGRESSION and IMPROVEMENT each case may be; by default all cases, and both. `rivals`: by how
    many cases the risk of each is divided; by default by all of them.
    """
    directions = directions or dict.fromkeys(duel.cases, BOTH)
    rivals = rivals or dict.fromkeys(directions, len(directions))
    end = time.monotonic() + budget_s
    answers: dict[Case, Answer] = {}
    for look in LOOKS:
        undecided = [case for case in directions if case not in answers]
        in_time = measure_pairs(duel, undecided, look, lambda: time.monotonic() > end)
        ratios = _log_ratios(duel)
        for case in undecided:
            answer = _answer(duel, case, ratios[case], look, rivals[case], directions[case], in_time)
            if answer:
                answers[case] = answer
    return answers


def _answer(
    duel: Duel, case: Case, ratios: list[float], look: int, rivals: int, directions: Sequence[str], in_time: bool
) -> Answer | None:
    """The answer of one case after a look; None while more pairs may be measured."""
    if case.id in duel.stopped:
        return Answer(UNJUDGED, duel.stopped[case.id])
    if len(ratios) < look:
        return Answer(_at_last_look(ratios, rivals, directions), "the budget is spent")
    judged = judge(ratios[:look], rivals, directions, last=look == LOOKS[-1] or not in_time)
    if not judged.verdict:
        return None
    spent = judged.verdict == INCONCLUSIVE and look < LOOKS[-1]
    return Answer(judged, "the budget is spent" if spent else "")


def _log_ratios(duel: Duel) -> dict[Case, list[float]]:
    sides = zip(duel.old.records(), duel.new.records(), strict=True)
    return {old.case: log_ratios(old, new) for old, new in sides}


def _at_last_look(ratios: list[float], rivals: int, directions: Sequence[str]) -> Judged:
    """The judgement of the last planned look that has enough pairs; pairs beyond it are not judged."""
    planned = max((look for look in LOOKS if look <= len(ratios)), default=0)
    return judge(ratios[:planned], rivals, directions, last=True)


def rows(duel: Duel, answers: Mapping[Case, Answer]) -> list[DuelRow]:
    """A row for every case of the duel, in its order, with the medians of both sides."""
    table = []
    for old, new in zip(duel.old.records(), duel.new.records(), strict=True):
        old_ms, new_ms = (1e3 * median_s(side) if side.samples else None for side in (old, new))
        answer = answers[old.case]
        table.append(DuelRow(old.case.id, answer.judged, old_ms, new_ms, answer.reason))
    return table
