"""Ties: candidates whose accuracy and cost cannot be told apart, and what it would take to tell them apart."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from mnv2bench.recommendation.candidates import Candidate
from mnv2bench.recommendation.goal import Cost, Goal
from mnv2bench.statistics.floor import REPEATABILITY
from mnv2bench.statistics.processes import process_seconds
from mnv2bench.statistics.student import t_quantile

MOST_PROCESSES = 1_000  # docs/thresholds.md#recommendation


@dataclass(frozen=True)
class Separation:
    """What would tell tied latencies from the best, if their medians stay where they are.

    `processes` are those that each tie needs, in the order of the ties; None where no number of them would do, because
    the medians are equal or nearer than the machine's A/A floor. `minutes` are those of all processes still missing,
    with those of the best.
    """

    processes: tuple[int | None, ...]
    minutes: float


def tied(candidate: Candidate, best: Candidate, goal: Goal) -> bool:
    """Whether the accuracies of two candidates overlap, and their costs do too or differ by less than the A/A floor.

    Of two variants whose accuracy nobody knows, nobody can say so.
    """
    accuracies = candidate.accuracy_interval, best.accuracy_interval
    if accuracies[0] and accuracies[1]:
        as_accurate = _overlap(accuracies[0], accuracies[1])
    else:
        as_accurate = candidate.variant == best.variant
    if not as_accurate:
        return False
    ours, theirs = candidate.cost_interval(goal), best.cost_interval(goal)
    if ours is None or theirs is None:
        return False
    return _overlap(ours, theirs) or _within_floor(candidate, best, goal)


def separation(ties: Sequence[Candidate], best: Candidate) -> Separation:
    """How many processes would keep the intervals of tied latencies apart from the best, and their minutes.

    The intervals are those of Student's t on the log scale, with the spread that the processes had.
    """
    processes = tuple(_processes(tie, best) for tie in ties)
    needed = list(zip(ties, processes, strict=True))
    most = max((number for number in processes if number), default=0)
    minutes = sum(_minutes(candidate, number or 0) for candidate, number in [*needed, (best, most)])
    return Separation(processes, minutes)


def _processes(tie: Candidate, best: Candidate) -> int | None:
    """The processes of each of two candidates that would keep their intervals apart; None where none would."""
    gap = abs(math.log(tie.median_ms / best.median_ms))
    if gap <= _floor(tie, best):
        return None
    spread = _log_sd(tie) + _log_sd(best)
    for processes in range(2, MOST_PROCESSES + 1):
        if t_quantile(processes - 1) * spread / math.sqrt(processes) < gap:
            return processes
    return None


def _minutes(candidate: Candidate, processes: int) -> float:
    """Minutes of the processes that are missing, each as long as those that ran."""
    seconds = candidate.evaluation.of(process_seconds)
    return max(0, processes - len(seconds)) * statistics.fmean(seconds) / 60


def _log_sd(candidate: Candidate) -> float:
    times = candidate.evaluation.latency
    medians = times.process_medians if times else ()
    return statistics.stdev(map(math.log, medians)) if len(medians) > 1 else math.inf


def _overlap(ours: tuple[float, float], theirs: tuple[float, float]) -> bool:
    return ours[0] <= theirs[1] and theirs[0] <= ours[1]


def _within_floor(candidate: Candidate, best: Candidate, goal: Goal) -> bool:
    """Whether two times are nearer than those of one case in two campaigns are; of other costs nobody knows."""
    if goal.cost not in (Cost.LATENCY, Cost.THROUGHPUT):
        return False
    ours, theirs = (_middle(each, goal) for each in (candidate, best))
    return abs(math.log(ours / theirs)) <= _floor(candidate, best)


def _middle(candidate: Candidate, goal: Goal) -> float:
    """The median latency of a call, or images a second."""
    return candidate.images_per_s or math.nan if goal.is_for_throughput else candidate.median_ms


def _floor(candidate: Candidate, best: Candidate) -> float:
    """The log ratio within which 95 of 100 pairs of campaigns differ; 0 where the machine has no A/A floor."""
    floors = [each.evaluation.floor for each in (candidate, best)]
    deviations = [floor.between(each.case) for each, floor in zip((candidate, best), floors, strict=True) if floor]
    return REPEATABILITY * max(deviations, default=0.0)
