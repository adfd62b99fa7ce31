"""Ties: candidates whose accuracy and cost cannot be told apart, and what it would take to tell them apart."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from mnv2bench.allocation.contests import CONFIDENCE, LOOKS, TIE_WITHIN, floor_gap, slower_risk
from mnv2bench.recommendation.candidates import Candidate
from mnv2bench.recommendation.goal import Cost, Goal
from mnv2bench.statistics.location import Location
from mnv2bench.statistics.processes import process_seconds

MOST_PROCESSES = 1_000  # docs/thresholds.md#recommendation


@dataclass(frozen=True)
class Separation:
    """What would tell ties from the best, if their costs stay where they are.

    `processes` are those that each tie needs, in the order of the ties; None where no number of them would do, because
    the costs are equal or nearer than `within`, as a part. `minutes` are those of all processes still missing, with
    those of the best.
    """

    processes: tuple[int | None, ...]
    minutes: float
    within: float


def ties_of(
    best: Candidate, fitting: Sequence[Candidate], allowed: Sequence[Candidate], goal: Goal
) -> tuple[Candidate, ...]:
    """The other candidates, of those that fit, that cannot be told from the best; `allowed` has all of its rivals.

    A rival can be told from it where it costs more at 95 % confidence, divided among the rivals and, with a time
    budget, among the looks at them (Bonferroni), and by more than the A/A floor.
    """
    share = _share(best, allowed, looks(best))
    rivals = [candidate for candidate in fitting if candidate is not best and as_accurate(candidate, best)]
    return tuple(candidate for candidate in rivals if is_tied(candidate, best, goal, share))


def rivals_of(best: Candidate, allowed: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """The other candidates that are as accurate."""
    return tuple(candidate for candidate in allowed if candidate is not best and as_accurate(candidate, best))


def least_confidence(best: Candidate, allowed: Sequence[Candidate], goal: Goal) -> float | None:
    """With which confidence none of its rivals costs less; None without a rival, and where a cost has no spread.

    It is corrected for the number of rivals and of looks as `ties_of` is, so that at 95 % no rival is a tie.
    """
    risks = [_risk(candidate, best, goal) for candidate in rivals_of(best, allowed)]
    known = [risk for risk in risks if risk is not None]
    if not known or len(known) < len(risks):
        return None
    return max(0.0, 1 - max(known) * len(known) * looks(best))


def separation(ties: Sequence[Candidate], best: Candidate, allowed: Sequence[Candidate], goal: Goal) -> Separation:
    """How many processes would tell ties from the best by the rule of a time budget, and their minutes.

    The spread of the processes and the middles of the costs are taken as they are.
    """
    share = _share(best, allowed, LOOKS)
    processes = tuple(_processes(tie, best, goal, share) for tie in ties)
    needed = list(zip(ties, processes, strict=True))
    most = max((number for number in processes if number), default=0)
    minutes = sum(_minutes(candidate, number or 0) for candidate, number in [*needed, (best, most)])
    limits = [_least_gap(tie, best, goal) for tie, number in needed if number is None]
    return Separation(processes, minutes, math.expm1(max(limits, default=0.0)))


def as_accurate(candidate: Candidate, best: Candidate) -> bool:
    """Whether the accuracies of two candidates overlap; of two variants whose accuracy nobody knows, nobody can say."""
    ours, theirs = candidate.accuracy_interval, best.accuracy_interval
    if ours and theirs:
        return ours[0] <= theirs[1] and theirs[0] <= ours[1]
    return candidate.case.variant == best.case.variant


def is_tied(candidate: Candidate, best: Candidate, goal: Goal, share: float, factor: float = 0.0) -> bool:
    """Whether a candidate cannot be told from the best at this risk.

    `factor` is a log that is added to the cost of the candidate, as where the time of another machine costs more.
    """
    risk = _risk(candidate, best, goal, factor)
    return risk is not None and (risk > share or _within_floor(candidate, best, goal, factor))


def _risk(candidate: Candidate, best: Candidate, goal: Goal, factor: float = 0.0) -> float | None:
    """The risk of saying that a candidate costs more than the best; None where either has no spread."""
    ours, theirs = candidate.location(goal), best.location(goal)
    return None if ours is None or theirs is None else slower_risk(theirs, ours, factor)


def _share(best: Candidate, allowed: Sequence[Candidate], number_of_looks: int) -> float:
    """The risk that each rival has at each look."""
    return (1 - CONFIDENCE) / number_of_looks / max(len(rivals_of(best, allowed)), 1)


def looks(best: Candidate) -> int:
    """How often its campaign looked at the numbers to decide what to measure: never without a time budget."""
    return LOOKS if best.evaluation.record.plan.budget_s else 1


def _processes(tie: Candidate, best: Candidate, goal: Goal, share: float) -> int | None:
    """The processes of each of two candidates that would tell them apart; None where none would."""
    ours, theirs = tie.location(goal), best.location(goal)
    if ours is None or theirs is None or abs(ours.mean - theirs.mean) <= _least_gap(tie, best, goal):
        return None
    numbers = len(tie.cost_values(goal)), len(best.cost_values(goal))
    fast, slow = sorted(
        [(ours, numbers[0]), (theirs, numbers[1])], key=lambda location_and_number: location_and_number[0].mean
    )
    for processes in range(2, MOST_PROCESSES + 1):
        if slower_risk(_after(*fast, processes), _after(*slow, processes)) <= share:
            return processes
    return None


def _after(location: Location, before: int, processes: int) -> Location:
    """Where the cost lies after so many processes, if their spread and its middle stay as they are."""
    error = location.standard_error * math.sqrt(before / processes)
    return Location(location.mean, error, location.degrees + processes - before)


def _minutes(candidate: Candidate, processes: int) -> float:
    """Minutes of the processes that are missing, each as long as those that ran."""
    seconds = candidate.evaluation.of(process_seconds)
    return max(0, processes - len(seconds)) * statistics.fmean(seconds) / 60


def _least_gap(tie: Candidate, best: Candidate, goal: Goal) -> float:
    """The log ratio from which on two costs are worth telling apart; times that are nearer are called a tie."""
    return max(_floor(tie, best), TIE_WITHIN) if goal.cost in (Cost.LATENCY, Cost.THROUGHPUT) else 0.0


def _within_floor(candidate: Candidate, best: Candidate, goal: Goal, factor: float) -> bool:
    """Whether two times are nearer than those of one case in two campaigns are; of other costs nobody knows."""
    if goal.cost not in (Cost.LATENCY, Cost.THROUGHPUT):
        return False
    ours, theirs = (_middle(each, goal) for each in (candidate, best))
    return abs(math.log(ours / theirs) + factor) <= _floor(candidate, best)


def _middle(candidate: Candidate, goal: Goal) -> float:
    """The median latency of a call, or the milliseconds of an image."""
    return 1e3 / (candidate.images_per_s or math.nan) if goal.is_for_throughput else candidate.median_ms


def _floor(candidate: Candidate, best: Candidate) -> float:
    """The log ratio within which 95 of 100 pairs of campaigns differ; 0 where the machine has no A/A floor."""
    return max(floor_gap(each.evaluation.floor, [each.case]) for each in (candidate, best))
