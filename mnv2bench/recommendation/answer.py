"""Answers: in one setting, the Pareto front of accuracy against a cost, and the best case within the budgets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mnv2bench.recommendation.candidates import Candidate, Setting, candidates, settings, why_not
from mnv2bench.recommendation.goal import Goal
from mnv2bench.report.evaluation import Evaluation


@dataclass(frozen=True)
class Usability:
    """How many of the timed cases have numbers to choose by.

    `cases` were timed and ended ok, `usable` of them have no flag that forbids a choice, `steady` no flag at all of
    noise or drift. `left_out` counts the others by the reason.
    """

    cases: int
    usable: int
    steady: int
    left_out: Mapping[str, int]

    @property
    def is_usable(self) -> bool:
        """Whether most cases can be chosen by; else the page forbids its own numbers."""
        return self.usable * 2 > self.cases


@dataclass(frozen=True)
class Answer:
    """The answer for one setting of one machine.

    `front` are the candidates that no other one beats in accuracy and cost, the most accurate first. `best` is the most
    accurate candidate within the goal's budgets, of equal ones the one with the least cost; `ties` are those that
    cannot be told from it; `runner_up` is the next one that is no tie. Where nothing fits, `best` is None and `nearest`
    misses the budgets by the least.
    """

    goal: Goal
    setting: Setting
    usability: Usability
    candidates: tuple[Candidate, ...]
    front: tuple[Candidate, ...]
    best: Candidate | None
    ties: tuple[Candidate, ...]
    runner_up: Candidate | None
    nearest: Candidate | None


def answers(evaluations: Sequence[Evaluation], goal: Goal = Goal()) -> tuple[Answer, ...]:  # noqa: B008  it is frozen
    """An answer for each setting, one thread and batch 1 first; the evaluations are of one machine."""
    timed = candidates(evaluations)
    return tuple(_answer([c for c in timed if c.setting == setting], setting, goal) for setting in settings(timed))


def _answer(timed: Sequence[Candidate], setting: Setting, goal: Goal) -> Answer:
    reasons = {candidate.id: why_not(candidate, goal) for candidate in timed}
    usable = tuple(candidate for candidate in timed if reasons[candidate.id] is None)
    ranked = sorted(usable, key=lambda candidate: _rank(candidate, goal))
    fitting = [candidate for candidate in ranked if _excess(candidate, goal) <= 1]
    best = fitting[0] if fitting else None
    ties = tuple(candidate for candidate in fitting[1:] if best and _tied(candidate, best))
    others = [candidate for candidate in fitting[1:] if candidate not in ties]
    return Answer(
        goal=goal,
        setting=setting,
        usability=_usability(timed, reasons),
        candidates=usable,
        front=_front(ranked, goal),
        best=best,
        ties=ties,
        runner_up=others[0] if others else None,
        nearest=None if best else min(ranked, key=lambda candidate: _excess(candidate, goal), default=None),
    )


def _usability(timed: Sequence[Candidate], reasons: Mapping[str, str | None]) -> Usability:
    left_out: dict[str, int] = {}
    for reason in filter(None, reasons.values()):
        left_out[reason] = left_out.get(reason, 0) + 1
    steady = [c for c in timed if not any(f.startswith(("noisy", "unsteady")) for f in c.evaluation.flags)]
    return Usability(len(timed), len(timed) - sum(left_out.values()), len(steady), left_out)


def _rank(candidate: Candidate, goal: Goal) -> tuple[float, float]:
    """The most accurate first, then the least cost."""
    return -(candidate.accuracy or 0.0), candidate.cost(goal) or 0.0


def _excess(candidate: Candidate, goal: Goal) -> float:
    """The largest ratio of what a candidate needs to its budget: 1 or less where it fits."""
    ratios = [0.0]
    for need, budget in ((candidate.latency_ms(goal), goal.latency_ms), (candidate.peak_mb, goal.memory_mb)):
        if budget is not None:
            ratios.append(float("inf") if need is None else need / budget)
    if goal.accuracy is not None:
        ratios.append(goal.accuracy / candidate.accuracy if candidate.accuracy else float("inf"))
    return max(ratios)


def _tied(candidate: Candidate, best: Candidate) -> bool:
    """Whether two candidates are as accurate, and their intervals of latency overlap."""
    if candidate.accuracy != best.accuracy or candidate.interval_ms is None or best.interval_ms is None:
        return False
    return candidate.interval_ms[0] <= best.interval_ms[1] and best.interval_ms[0] <= candidate.interval_ms[1]


def _front(ranked: Sequence[Candidate], goal: Goal) -> tuple[Candidate, ...]:
    front: list[Candidate] = []
    least = float("inf")
    for candidate in ranked:
        cost = candidate.cost(goal)
        if cost is not None and cost < least:
            front.append(candidate)
            least = cost
    return tuple(front)
