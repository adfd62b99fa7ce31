"""Stage 2: pairs until each case is judged, after 6, 12, 20 or 30 of them and at no other time."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mnv2bench.case import Case
from mnv2bench.records import Record
from mnv2bench.regression.duels.duel import Duel, measure_pairs
from mnv2bench.regression.judging.pairs import BOTH, INCONCLUSIVE, LOOKS, Judged, judge, log_ratios
from mnv2bench.regression.judging.series import TAIL, TIME, Series
from mnv2bench.statistics.latency import median_s

UNJUDGED = Judged(None, None, None, 0, INCONCLUSIVE)
Sides = tuple[Record, Record]  # of one case, old and new


@dataclass(frozen=True)
class Answer:
    """`reason` says why a case is inconclusive where that is not its noise: a side failed, or time was up."""

    judged: Judged
    reason: str = ""


@dataclass(frozen=True)
class Question:
    """Whether a series of a case changed: `directions` are those of REGRESSION and IMPROVEMENT that it may have.

    `rivals`: by how many cases its risk is divided.
    """

    case: Case
    directions: tuple[str, ...]
    rivals: int
    series: Series = TIME


@dataclass(frozen=True)
class DuelRow:
    """A case of a duel; the medians are milliseconds, None where a side measured nothing.

    `tail` is of p90 over p50, by the pairs that judged the time; None where the case has too few calls in a round.
    """

    case: str
    judged: Judged
    old_ms: float | None
    new_ms: float | None
    reason: str = ""
    tail: Judged | None = None


def confirm(duel: Duel, budget_s: float = float("inf")) -> dict[Case, Answer]:
    """Measure pairs of every case until its time is judged in both directions, or the budget is spent."""
    questions = [Question(case, BOTH, len(duel.cases)) for case in duel.cases]
    return {question.case: answer for question, answer in answered(duel, questions, budget_s).items()}


def answered(duel: Duel, questions: Sequence[Question], budget_s: float) -> dict[Question, Answer]:
    """Measure pairs of each case until all questions about it are answered, or the budget is spent."""
    end = time.monotonic() + budget_s
    answers: dict[Question, Answer] = {}
    for look in LOOKS:
        undecided = [question for question in questions if question not in answers]
        cases = list(dict.fromkeys(question.case for question in undecided))
        in_time = measure_pairs(duel, cases, look, lambda: time.monotonic() > end)
        sides = _sides(duel)
        for question in undecided:
            answer = _answer(duel, question, sides[question.case], look, in_time)
            if answer:
                answers[question] = answer
    return answers


def _answer(duel: Duel, question: Question, sides: Sides, look: int, in_time: bool) -> Answer | None:
    """The answer to a question after a look; None while more pairs may be measured."""
    if question.case.id in duel.stopped:
        return Answer(UNJUDGED, duel.stopped[question.case.id])
    ratios = log_ratios(*sides, question.series.statistic)
    if len(ratios) < look:
        reason = "some pairs have too few calls in a round" if in_time else "the budget is spent"
        return Answer(_at_last_look(ratios, question), reason)
    judged = _judged(ratios[:look], question, last=look == LOOKS[-1] or not in_time)
    if not judged.verdict:
        return None
    spent = judged.verdict == INCONCLUSIVE and look < LOOKS[-1]
    return Answer(judged, "the budget is spent" if spent else "")


def _judged(ratios: Sequence[float], question: Question, last: bool) -> Judged:
    return judge(ratios, question.rivals, question.directions, last, question.series.pair_limits)


def _sides(duel: Duel) -> dict[Case, Sides]:
    """The records of both sides so far, by case."""
    return {old.case: (old, new) for old, new in zip(duel.old.records(), duel.new.records(), strict=True)}


def _at_last_look(ratios: Sequence[float], question: Question) -> Judged:
    """The judgement of the last planned look that has enough pairs; pairs beyond it are not judged."""
    planned = max((look for look in LOOKS if look <= len(ratios)), default=0)
    return _judged(ratios[:planned], question, last=True)


def _tail(old: Record, new: Record, pairs: int, rivals: int) -> Judged | None:
    """What so many pairs say of the tail of a case; None where it has none."""
    ratios = log_ratios(old, new, TAIL.statistic)[:pairs]
    return _at_last_look(ratios, Question(old.case, BOTH, rivals, TAIL)) if ratios else None


def rows(duel: Duel, answers: Mapping[Case, Answer]) -> list[DuelRow]:
    """A row for every case of the duel, in its order, with the medians of both sides and what became of its tail."""
    table = []
    for old, new in zip(duel.old.records(), duel.new.records(), strict=True):
        old_ms, new_ms = (1e3 * median_s(side) if side.samples else None for side in (old, new))
        answer = answers[old.case]
        tail = _tail(old, new, answer.judged.pairs, len(duel.cases))
        table.append(DuelRow(old.case.id, answer.judged, old_ms, new_ms, answer.reason, tail))
    return table
