"""Spread: by how much a backend's processes differ from one another, as the other cases of a campaign show it.

Two processes say little about their own spread, but forty cases of two processes say much about the spread that a
forty-first has. The variances of a backend's cases are taken as draws around a common one (empirical Bayes, as limma
does with genes), and the fit says for how many degrees of freedom the common variance counts: few where the cases
differ in their spread, many where they are alike. docs/thresholds.md#spread
"""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mnv2bench.case import Case
from mnv2bench.records import Record
from mnv2bench.statistics.floor import Floor
from mnv2bench.statistics.location import Spread
from mnv2bench.statistics.rounds import rounds_median, used_of_each

__all__ = ["Spread", "Variance", "fitted", "process_medians", "spreads", "spreads_of_medians"]
LEAST_CASES = 3  # docs/thresholds.md#spread
LEAST_SHARE = 1e-5  # docs/thresholds.md#spread


@dataclass(frozen=True)
class Variance:
    """The variance of the logs of one case's process medians, and its degrees of freedom."""

    variance: float
    degrees: float


def spreads(records: Iterable[Record], floor: Floor | None = None) -> Mapping[str, Spread]:
    """The spread of each backend whose cases, or whose campaign, show one. `floor` is that of the same machine."""
    return spreads_of_medians(((record.case, process_medians(record)) for record in records), floor)


def process_medians(record: Record) -> tuple[float, ...]:
    """The median of the used rounds of each measured process, seconds."""
    return tuple([rounds_median(process.rounds) for process in used_of_each(record)])


def spreads_of_medians(
    medians_s: Iterable[tuple[Case, Sequence[float]]], floor: Floor | None = None
) -> Mapping[str, Spread]:
    """`spreads` from the process medians of each case, seconds.

    A backend with too few cases of two processes has the spread of all cases together.
    """
    by_backend: dict[str, list[Variance]] = {}
    for case, medians in medians_s:
        of_backend = by_backend.setdefault(case.backend, [])
        if len(medians) > 1:
            logs = [math.log(median) for median in medians]
            of_backend.append(Variance(statistics.variance(logs), len(logs) - 1))
        of_machine = _of_floor(case, floor)
        if of_machine is not None and of_machine not in of_backend:
            of_backend.append(of_machine)
    of_all = fitted([variance for variances in by_backend.values() for variance in variances])
    fits = {backend: fitted(variances) or of_all for backend, variances in by_backend.items()}
    return {backend: spread for backend, spread in fits.items() if spread is not None}


def _of_floor(case: Case, floor: Floor | None) -> Variance | None:
    """What the machine's A/A check says of a case's backend; None where it says nothing."""
    if floor is None or not floor.applies(case) or case.backend not in floor.process_sd:
        return None
    checked = sum(Case.parse(id).backend == case.backend for id in floor.ratios)
    return Variance(floor.process_sd[case.backend] ** 2, 2 * checked * (floor.processes - 1))


def fitted(variances: Sequence[Variance]) -> Spread | None:
    """The spread that these variances share; None where they are too few or all of them are 0.

    The moments of Smyth (2004), section 6.2: where the logs of the variances differ by no more than chance gives, the
    spread counts for as many degrees of freedom as they have together, which is the most.
    """
    from scipy import special

    positive = [each.variance for each in variances if each.variance > 0]
    if len(variances) < LEAST_CASES or not positive:
        return None
    least = LEAST_SHARE * statistics.median(positive)
    halves = [each.degrees / 2 for each in variances]
    logs = [
        math.log(max(each.variance, least)) - float(special.digamma(half)) + math.log(half)
        for each, half in zip(variances, halves, strict=True)
    ]
    beyond_chance = statistics.variance(logs) - statistics.fmean(float(special.polygamma(1, half)) for half in halves)
    most = sum(each.degrees for each in variances)
    if beyond_chance <= 0:
        return Spread(math.sqrt(sum(each.degrees * each.variance for each in variances) / most), most)
    half = min(_trigamma_inverse(beyond_chance), most / 2)
    log = statistics.fmean(logs) + float(special.digamma(half)) - math.log(half)
    return Spread(math.exp(log / 2), 2 * half)


def _trigamma_inverse(value: float) -> float:
    """The argument at which the trigamma function has this value above 0, by Newton's method."""
    from scipy import special

    argument = 0.5 + 1 / value
    for _ in range(50):
        trigamma = float(special.polygamma(1, argument))
        step = trigamma * (1 - trigamma / value) / float(special.polygamma(2, argument))
        argument += step
        if abs(step) < 1e-8 * argument:
            break
    return argument
