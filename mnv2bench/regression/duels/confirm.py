"""Stage 2: pairs until each case is judged, looked at after 6, 12, 20 and 30 of them and at no other time."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mnv2bench.cases import Case
from mnv2bench.regression.duels.duel import Duel, pairs
from mnv2bench.regression.judging.pairs import BOTH, INCONCLUSIVE, LOOKS, Judged, judge, log_ratios
from mnv2bench.regression.pages.duel import DuelRow
from mnv2bench.statistics.latency import median_s

UNJUDGED = Judged(None, None, None, 0, INCONCLUSIVE)


@dataclass(frozen=True)
class Answer:
    """`reason` says why a case is inconclusive where that is not its noise: a side failed, or time was up."""

    judged: Judged
    reason: str = ""


def confirm(
    duel: Duel,
    asked: Mapping[Case, Sequence[str]] | None = None,
    rivals: Mapping[Case, int] | None = None,
    budget_s: float = float("inf"),
) -> dict[Case, Answer]:
    """Measure pairs of every case asked about until it is judged, or the budget is spent.

    `asked` says which of REGRESSION and IMPROVEMENT each case may be, both where it does not say; `rivals` how many
    cases its risk is divided by, all of them where it does not say.
    """
    asked = asked or dict.fromkeys(duel.cases, BOTH)
    rivals = rivals or dict.fromkeys(asked, len(asked))
    end = time.monotonic() + budget_s
    answers: dict[Case, Answer] = {}
    for look in LOOKS:
        left = [case for case in asked if case not in answers]
        in_time = pairs(duel, left, look, lambda: time.monotonic() > end) if left else True
        ratios = _log_ratios(duel)
        for case in left:
            if case.id in duel.stopped:
                answers[case] = Answer(UNJUDGED, duel.stopped[case.id])
            elif len(ratios[case]) < look:
                answers[case] = Answer(_as_last_looked(ratios[case], rivals[case], asked[case]), "the budget is spent")
            else:
                judged = judge(ratios[case][:look], rivals[case], asked[case], last=look == LOOKS[-1] or not in_time)
                spent = judged.verdict == INCONCLUSIVE and look < LOOKS[-1]
                if judged.verdict:
                    answers[case] = Answer(judged, "the budget is spent" if spent else "")
    return answers


def _log_ratios(duel: Duel) -> dict[Case, list[float]]:
    sides = zip(duel.old.records(), duel.new.records(), strict=True)
    return {old.case: log_ratios(old, new) for old, new in sides}


def _as_last_looked(ratios: list[float], rivals: int, directions: Sequence[str]) -> Judged:
    """Pairs beyond the last planned look are shown and not judged: a look at another time would be one too many."""
    planned = max((look for look in LOOKS if look <= len(ratios)), default=0)
    return judge(ratios[:planned], rivals, directions, last=True)


def rows(duel: Duel, answers: Mapping[Case, Answer]) -> list[DuelRow]:
    """A row for every case of the duel, in its order, with the medians of both sides."""
    found = []
    for old, new in zip(duel.old.records(), duel.new.records(), strict=True):
        ms = [1e3 * median_s(side) if side.samples else None for side in (old, new)]
        answer = answers[old.case]
        found.append(DuelRow(old.case.id, answer.judged, ms[0], ms[1], answer.reason))
    return found
