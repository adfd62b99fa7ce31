"""Policy of a time budget: which cases get the next processes, by the medians of those that a campaign has so far."""

from collections.abc import Mapping, Sequence

from mnv2bench.allocation import Standing, next_block
from mnv2bench.campaign import Candidate, Policy
from mnv2bench.case import Case
from mnv2bench.records import Process
from mnv2bench.records.blocks import Reason
from mnv2bench.statistics.floor import Floor
from mnv2bench.statistics.latency import process_median
from mnv2bench.statistics.spread import spreads_of_medians


def policy(floor: Floor | None = None) -> Policy:
    """A policy for one campaign; `floor` is what identical campaigns on its machine differ by, where that is known."""
    known: dict[tuple[Case, int], float] = {}  # medians of processes, which do not change any more

    def median_s(process: Process) -> float:
        key = process.case, process.number
        if key not in known:
            known[key] = process_median(process.samples, process.case.threads)
        return known[key]

    def chosen(candidates: Sequence[Candidate], left_s: float) -> Mapping[Case, Reason]:
        standings = []
        for candidate in candidates:
            timed = [p for p in candidate.processes if p.status == "ok" and p.samples.rounds]
            medians = tuple(map(median_s, timed))
            standings.append(Standing(candidate.case, medians, candidate.cost_s, candidate.is_open))
        spreads = spreads_of_medians([(standing.case, standing.medians_s) for standing in standings], floor)
        return next_block(standings, left_s, spreads).reasons

    return chosen
