"""Contests among candidates: which case of each variant is the fastest in its setting, and how sure that is."""

import statistics
from collections.abc import Sequence

from mnv2bench.allocation.contests import LOOKS, Contest, ranking
from mnv2bench.allocation.standing import Standing
from mnv2bench.recommendation.candidates import Candidate
from mnv2bench.statistics.location import Spread
from mnv2bench.statistics.processes import process_seconds
from mnv2bench.statistics.spread import Group, spread_group


def contests(candidates: Sequence[Candidate]) -> tuple[Contest, ...]:
    """The contests of these candidates of one machine, by the rule by which a time budget is divided.

    Without a time budget the numbers were looked at once.
    """
    by_device: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        by_device.setdefault(candidate.case.device, []).append(candidate)
    return tuple(contest for of_device in by_device.values() for contest in _contests(of_device))


def _contests(candidates: Sequence[Candidate]) -> tuple[Contest, ...]:
    spreads: dict[Group, Spread] = {}
    for candidate in candidates:
        if spread := candidate.evaluation.spread:
            spreads[spread_group(candidate.case)] = spread
    first = candidates[0].evaluation
    looks = LOOKS if first.record.plan.budget_s else 1
    return ranking([_standing(candidate) for candidate in candidates], spreads, looks=looks, floor=first.floor)


def _standing(candidate: Candidate) -> Standing:
    times = candidate.evaluation.latency
    seconds = candidate.evaluation.of(process_seconds)
    return Standing(candidate.case, times.process_medians if times else (), statistics.fmean(seconds))
