"""Policy of a time budget: which cases get the next processes, by the medians of those that a campaign has so far."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mnv2bench.campaign import Candidate, Policy
from mnv2bench.case import Case
from mnv2bench.machine import this_machine
from mnv2bench.records import Plan, Process
from mnv2bench.records.blocks import Reason
from mnv2bench.statistics.kept_checks import readable_floor

if TYPE_CHECKING:
    from mnv2bench.statistics.floor import Floor


def policy_of(plan: Plan, results: Path) -> Policy | None:
    """What divides the budget of a plan, None where it has none; `results` is the folder with the A/A floors."""
    return policy(readable_floor(results, this_machine())) if plan.budget_s else None


def policy(floor: "Floor | None" = None) -> Policy:
    """A policy for one campaign; `floor` is what identical campaigns on its machine differ by, where that is known."""
    from mnv2bench.allocation import Standing, next_block
    from mnv2bench.statistics.latency import process_median
    from mnv2bench.statistics.spread import spreads_of_medians

    medians_s: dict[tuple[Case, int], float] = {}  # of processes, which do not change any more

    def median_s(process: Process) -> float:
        key = process.case, process.number
        if key not in medians_s:
            medians_s[key] = process_median(process.samples, process.case.total_threads)
        return medians_s[key]

    def standing(candidate: Candidate) -> Standing:
        timed = [process for process in candidate.processes if process.status == "ok" and process.samples.rounds]
        return Standing(candidate.case, tuple(map(median_s, timed)), candidate.cost_s, candidate.is_open)

    def chosen(candidates: Sequence[Candidate], left_s: float) -> Mapping[Case, Reason]:
        standings = list(map(standing, candidates))
        spreads = spreads_of_medians([(each.case, each.medians_s) for each in standings], floor)
        return next_block(standings, left_s, spreads, floor=floor).reasons

    return chosen
