"""Ties: candidates whose accuracy and cost cannot be told apart, and what it would take to tell them apart."""

import math
import statistics
from dataclasses import dataclass

from mnv2bench.recommendation.candidates import Candidate
from mnv2bench.recommendation.goal import Cost, Goal
from mnv2bench.statistics.floor import REPEATABILITY
from mnv2bench.statistics.intervals import t_quantile

MOST_PROCESSES = 1_000  # docs/thresholds.md#recommendation


@dataclass(frozen=True)
class Separation:
    """What would tell two candidates apart, if their medians stay: so many processes of each, and minutes for them.

    Both are None where no number of processes would, as the difference is within the machine's A/A floor.
    """

    processes: int | None
    minutes: float | None


def tied(candidate: Candidate, best: Candidate, goal: Goal) -> bool:
    """Whether the accuracies of two candidates overlap, and their costs do too or differ by less than the A/A floor."""
    accuracies = candidate.accuracy_interval, best.accuracy_interval
    if accuracies[0] and accuracies[1] and not _overlap(accuracies[0], accuracies[1]):
        return False
    ours, theirs = candidate.cost_interval(goal), best.cost_interval(goal)
    if ours is None or theirs is None:
        return False
    return _overlap(ours, theirs) or _within_floor(candidate, best, goal)


def separation(candidate: Candidate, best: Candidate) -> Separation:
    """How many processes would keep the intervals of two tied latencies apart, and the minutes for those still missing.

    The intervals are those of Student's t on the log scale, with the spread that the processes had.
    """
    gap = abs(math.log(candidate.median_ms / best.median_ms))
    if gap <= _floor(candidate, best):
        return Separation(None, None)
    spread = _log_sd(candidate) + _log_sd(best)
    processes = 2
    while t_quantile(processes - 1) * spread / math.sqrt(processes) >= gap:
        processes += 1
        if processes > MOST_PROCESSES:
            return Separation(None, None)
    return Separation(processes, sum(_minutes(each, processes) for each in (candidate, best)))


def _minutes(candidate: Candidate, processes: int) -> float:
    """Minutes of the processes that are missing, each as long as those that ran."""
    measured = candidate.evaluation.record.processes
    mean_s = statistics.fmean(process.wall_s for process in measured)
    return max(0, processes - len(measured)) * mean_s / 60


def _log_sd(candidate: Candidate) -> float:
    times = candidate.evaluation.latency
    medians = times.process_medians if times else ()
    return statistics.stdev(map(math.log, medians)) if len(medians) > 1 else math.inf


def _overlap(ours: tuple[float, float], theirs: tuple[float, float]) -> bool:
    return ours[0] <= theirs[1] and theirs[0] <= ours[1]


def _within_floor(candidate: Candidate, best: Candidate, goal: Goal) -> bool:
    """Whether two latencies are nearer than those of one case in two campaigns are; of other costs nobody knows."""
    if goal.cost != Cost.LATENCY:
        return False
    return abs(math.log(candidate.median_ms / best.median_ms)) <= _floor(candidate, best)


def _floor(candidate: Candidate, best: Candidate) -> float:
    """The log ratio within which 95 of 100 pairs of campaigns differ; 0 where the machine has no A/A floor."""
    floors = [each.evaluation.floor for each in (candidate, best)]
    deviations = [floor.between(each.case) for each, floor in zip((candidate, best), floors, strict=True) if floor]
    return REPEATABILITY * max(deviations, default=0.0)
