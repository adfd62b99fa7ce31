"""Answers: in one setting, the Pareto front of accuracy against a cost, and the best case within the budgets."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mnv2bench.recommendation.candidates import UNKNOWN, UNUSABLE, Candidate, Setting, candidates, ordered, why_not
from mnv2bench.recommendation.goal import Cost, Goal
from mnv2bench.recommendation.ties import ties_of
from mnv2bench.report.evaluation import Evaluation

LEAST_USABLE = 0.5  # docs/thresholds.md#recommendation
RESTLESS = ("noisy", "unsteady")  # flags, by the names that they begin with, of times that moved


@dataclass(frozen=True)
class Usability:
    """How many of the timed cases have numbers to choose by.

    `cases` were timed and ended ok, `usable` of them have no flag that forbids a choice, `steady` no flag at all of
    noise or drift. `left_out` counts the others by the reason; `lacking` of them have no number to compare, such as an
    interval. `repeated` are those that another file has too.
    """

    cases: int
    usable: int
    steady: int
    left_out: Mapping[str, int]
    lacking: int = 0
    repeated: int = 0

    @property
    def is_usable(self) -> bool:
        """Whether most cases that have the number can be chosen by; else the page forbids its own numbers."""
        return self.usable > LEAST_USABLE * (self.cases - self.lacking)


@dataclass(frozen=True, eq=False)
class Answer:
    """The answer for one setting of one machine.

    `candidates` are those that can be chosen by, the most accurate first, `allowed` those of them that fit the budgets
    of all but the cost itself. `front` are the allowed ones that no other allowed one beats in accuracy and cost, the
    most accurate first; where no accuracy is known, the cheapest of each variant. `best` is the most accurate candidate
    within all budgets, of equal ones the one with the least cost; where the goal names an accuracy and no budget of the
    cost, and for throughput, it is the one with the least cost. `ties` are those that cannot be told from it;
    `runner_up` is the next one that is no tie. `next_up` is the cheapest candidate that is more accurate than the best.
    Where nothing fits, `best` is None and `nearest` misses the budgets by the least.
    """

    goal: Goal
    setting: Setting
    usability: Usability
    timed: tuple[Candidate, ...]
    candidates: tuple[Candidate, ...]
    allowed: tuple[Candidate, ...]
    front: tuple[Candidate, ...]
    best: Candidate | None
    ties: tuple[Candidate, ...]
    runner_up: Candidate | None
    next_up: Candidate | None
    nearest: Candidate | None

    @property
    def is_usable(self) -> bool:
        """Whether anything can be recommended at all."""
        return self.usability.is_usable

    @property
    def has_accuracy(self) -> bool:
        """Whether an accuracy is known of its candidates, which all of one setting share."""
        return self.setting.top1_of != UNKNOWN


def answers(
    evaluations: Iterable[Evaluation],
    goal: Goal = Goal(),  # noqa: B008  it is frozen
) -> tuple[Answer, ...]:
    """An answer for each setting, one thread and batch 1 first; the evaluations are of one machine.

    For throughput all batches, threads and streams of a device are one setting.
    """
    by_setting: dict[Setting, list[Candidate]] = {}
    for candidate in candidates(evaluations):
        by_setting.setdefault(_setting(candidate, goal), []).append(candidate)
    return tuple(_answer(by_setting[setting], setting, goal) for setting in ordered(by_setting))


def _setting(candidate: Candidate, goal: Goal) -> Setting:
    """What the answer that a candidate belongs to is about."""
    if goal.is_for_throughput:
        return Setting(candidate.case.device, threads=None, batch=None, top1_of=candidate.top1_of, streams=None)
    return candidate.setting


def _answer(measured: Sequence[Candidate], setting: Setting, goal: Goal) -> Answer:
    timed = _worst_of_each(measured, goal)
    reasons = {candidate: why_not(candidate, goal) for candidate in timed}
    lacking = sum(reason not in (None, *UNUSABLE) for reason in reasons.values())
    ranked = sorted((c for c in timed if reasons[c] is None), key=lambda candidate: _rank(candidate, goal))
    allowed = [candidate for candidate in ranked if max(_other_ratios(candidate, goal)) <= 1]
    fitting = [candidate for candidate in allowed if _ratio(candidate, goal) <= 1]
    if goal.is_least_cost:
        fitting.sort(key=lambda candidate: (candidate.cost(goal) or 0.0, *_rank(candidate, goal)))
    best = fitting[0] if fitting else None
    ties = ties_of(best, fitting, allowed, goal) if best else ()
    front = _front(allowed, goal)
    return Answer(
        goal=goal,
        setting=setting,
        usability=_usability(timed, reasons, lacking, len(measured) - len(timed)),
        timed=timed,
        candidates=tuple(ranked),
        allowed=tuple(allowed),
        front=front,
        best=best,
        ties=ties,
        runner_up=next((each for each in fitting[1:] if each not in ties), None),
        next_up=_next_up(front, best),
        nearest=None if best else min(ranked, key=lambda candidate: _excess(candidate, goal), default=None),
    )


def _worst_of_each(measured: Sequence[Candidate], goal: Goal) -> tuple[Candidate, ...]:
    """Each case once: of several files, the measurement with the largest cost of those that can be chosen by.

    Choosing the smallest would recommend the luckiest day.
    """
    by_id: dict[str, list[Candidate]] = {}
    for candidate in measured:
        by_id.setdefault(candidate.id, []).append(candidate)
    return tuple(_worst([c for c in same if why_not(c, goal) is None] or same, goal) for same in by_id.values())


def _worst(same: Sequence[Candidate], goal: Goal) -> Candidate:
    return max(same, key=lambda candidate: (candidate.cost(goal) or 0.0, candidate.file))


def _usability(
    timed: Sequence[Candidate], reasons: Mapping[Candidate, str | None], lacking: int, repeated: int
) -> Usability:
    left_out = Counter(reason for reason in reasons.values() if reason)
    return Usability(
        cases=len(timed),
        usable=len(timed) - left_out.total(),
        steady=sum(not any(flag.startswith(RESTLESS) for flag in c.evaluation.flags) for c in timed),
        left_out=dict(left_out.most_common()),
        lacking=lacking,
        repeated=repeated,
    )


def _rank(candidate: Candidate, goal: Goal) -> tuple[float, float, str]:
    """The most accurate first, then the least cost; the id makes the order of rows in a file mean nothing."""
    return -(candidate.accuracy or 0.0), candidate.cost(goal) or 0.0, candidate.id


def _ratio(candidate: Candidate, goal: Goal) -> float:
    """The cost over its budget: 1 or less where it fits, 0 without a budget."""
    return _over(candidate.cost(goal), goal.budget)


def _other_ratios(candidate: Candidate, goal: Goal) -> list[float]:
    """The ratios of what a candidate needs to the budgets of everything but the cost."""
    ratios = [_over(goal.accuracy, candidate.accuracy) if goal.accuracy is not None else 0.0]
    if goal.cost != Cost.LATENCY:
        ratios.append(_over(candidate.latency_ms(goal), goal.latency_ms))
    if goal.cost != Cost.MEMORY:
        ratios.append(_over(candidate.largest_peak_mb, goal.memory_mb))
    return ratios


def _over(need: float | None, budget: float | None) -> float:
    """A need over its budget; infinite for a need that nobody knows."""
    if budget is None:
        return 0.0
    return math.inf if need is None else need / budget


def _excess(candidate: Candidate, goal: Goal) -> tuple[float, float, float, str]:
    """The largest ratio of what a candidate needs to its budget, then its rank."""
    return max(_ratio(candidate, goal), *_other_ratios(candidate, goal)), *_rank(candidate, goal)


def _front(ranked: Sequence[Candidate], goal: Goal) -> tuple[Candidate, ...]:
    """The candidates that no other one beats, the most accurate first.

    Of variants whose accuracy nobody knows, none beats another: the cheapest of each stays, the dearest first.
    """
    if any(candidate.accuracy is None for candidate in ranked):
        cheapest = {candidate.case.variant: candidate for candidate in reversed(ranked)}
        return tuple(sorted(cheapest.values(), key=lambda candidate: _rank(candidate, goal), reverse=True))
    front: list[Candidate] = []
    least = math.inf
    for candidate in ranked:
        cost = candidate.cost(goal)
        if cost is not None and cost < least:
            front.append(candidate)
            least = cost
    return tuple(front)


def _next_up(front: Sequence[Candidate], best: Candidate | None) -> Candidate | None:
    if best is None:
        return None
    more_accurate = [each for each in front if (each.accuracy or 0.0) > (best.accuracy or 0.0)]
    return more_accurate[-1] if more_accurate else None
