"""What a case costs with each setting of the allocator, from the processes of the check `allocator`."""

import statistics
from dataclasses import dataclass

from mnv2bench.case import Case
from mnv2bench.records.selfcheck import AllocatorCase


@dataclass(frozen=True)
class AllocatorCost:
    """Medians over processes, in seconds: with our setting, with none, and with every large tensor mapped anew.

    `faults` are the page faults of a call in that last case.
    """

    case: Case
    ours_s: float
    plain_s: float
    mapped_s: float
    faults: float


def allocator_cost(measured: AllocatorCase) -> AllocatorCost:
    """The cost of one case."""
    settings = (measured.ours, measured.plain, measured.mapped)
    ours_s, plain_s, mapped_s = (statistics.median(times.medians_s) for times in settings)
    faults = statistics.median(measured.mapped.faults or (0.0,))
    return AllocatorCost(Case.parse(measured.case), ours_s, plain_s, mapped_s, faults)
