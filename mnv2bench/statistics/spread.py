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
from functools import lru_cache

from mnv2bench.case import Case
from mnv2bench.records import Record
from mnv2bench.statistics.floor import Floor
from mnv2bench.statistics.location import Spread, logs_of, variance_of
from mnv2bench.statistics.rounds import rounds_median, used_of_each

__all__ = ["Group", "Spread", "Variance", "fitted", "process_medians", "spread_group", "spreads", "spreads_of_medians"]
Group = tuple[str, str]  # device and backend
LEAST_CASES = 3  # docs/thresholds.md#spread
LEAST_SHARE = 1e-5  # docs/thresholds.md#spread
LEAST_DEGREES = 0.5  # docs/thresholds.md#spread


@dataclass(frozen=True)
class Variance:
    """The variance of the logs of one case's process medians, and its degrees of freedom."""

    variance: float
    degrees: float


def spread_group(case: Case) -> Group:
    """Those whose processes differ by as much as those of a case."""
    return case.device, case.backend


def spreads(records: Iterable[Record], floor: Floor | None = None) -> Mapping[Group, Spread]:
    """The spread of each backend on each device whose cases, or whose campaign, show one.

    `floor` is that of the same machine.
    """
    return spreads_of_medians(((record.case, process_medians(record)) for record in records), floor)


def process_medians(record: Record) -> tuple[float, ...]:
    """The median of the used rounds of each measured process, seconds."""
    return tuple([rounds_median(process.rounds) for process in used_of_each(record)])


def spreads_of_medians(
    medians_s: Iterable[tuple[Case, Sequence[float]]], floor: Floor | None = None
) -> Mapping[Group, Spread]:
    """`spreads` from the process medians of each case, seconds. Devices show nothing of one another."""
    by_device: dict[str, dict[str, list[Variance]]] = {}
    for case, medians in medians_s:
        of_backend = by_device.setdefault(case.device, {}).setdefault(case.backend, [])
        if len(medians) > 1:
            logs = logs_of(tuple(medians))
            of_backend.append(Variance(logs.variance, logs.count - 1))
        of_machine = _of_floor(case, floor)
        if of_machine is not None and of_machine not in of_backend:
            of_backend.append(of_machine)
    return {
        (device, backend): spread
        for device, by_backend in by_device.items()
        for backend, spread in fitted(by_backend).items()
    }


def _of_floor(case: Case, floor: Floor | None) -> Variance | None:
    """What the machine's A/A check says of a case's backend; None where it says nothing."""
    if floor is None or not floor.applies(case) or case.backend not in floor.process_sd:
        return None
    checked = sum(Case.parse(id).backend == case.backend for id in floor.ratios)
    return Variance(floor.process_sd[case.backend] ** 2, 2 * checked * (floor.processes - 1))


def fitted(by_backend: Mapping[str, Sequence[Variance]]) -> Mapping[str, Spread]:
    """The spread of each backend from the variances of its cases; none where all backends together have too few.

    The logs of the variances have three parts, by their moments: chance, of which the degrees of freedom tell; what
    cases of a backend differ by, which says for how much the spread counts (Smyth, 2004, section 6.2); and what
    backends differ by, which says how far the mean of a backend is drawn to that of all.
    """
    logs = _logs(by_backend)
    if sum(map(len, logs.values())) < LEAST_CASES:
        return {}
    within = _within(list(logs.values()))
    means = {backend: _mean(of_backend, within) for backend, of_backend in logs.items() if of_backend}
    overall = statistics.fmean(mean.value for mean in means.values())
    chance = statistics.fmean(mean.variance for mean in means.values())
    between = 0.0
    if len(means) > 1:
        between = max(0.0, variance_of([mean.value for mean in means.values()]) - chance)
    most = sum(variance.degrees for variances in by_backend.values() for variance in variances)
    of_all = _Mean(overall, chance / len(means))
    seen = {backend: _spread(_drawn(mean, of_all, between), within, most) for backend, mean in means.items()}
    unseen = _spread(of_all, within + between, most)
    spreads_of = {backend: seen.get(backend, unseen) for backend in by_backend}
    return {backend: spread for backend, spread in spreads_of.items() if spread.degrees >= LEAST_DEGREES}


@dataclass(frozen=True)
class _Log:
    """The log of a variance without the bias that its few degrees of freedom give it, and its variance by chance."""

    value: float
    chance: float


@dataclass(frozen=True)
class _Mean:
    """A mean of logs of variances, and its variance."""

    value: float
    variance: float


def _logs(by_backend: Mapping[str, Sequence[Variance]]) -> Mapping[str, Sequence[_Log]]:
    """The logs by backend; none at all where no variance is above 0."""
    positive = [each.variance for variances in by_backend.values() for each in variances if each.variance > 0]
    if not positive:
        return {}
    least = LEAST_SHARE * statistics.median(positive)
    return {backend: [_log(each, least) for each in variances] for backend, variances in by_backend.items()}


def _log(variance: Variance, least: float) -> _Log:
    bias, chance = _of_degrees(variance.degrees)
    return _Log(math.log(max(variance.variance, least)) - bias, chance)


@lru_cache(maxsize=10_000)
def _of_degrees(degrees: float) -> tuple[float, float]:
    """The mean and the variance of the log of a variance that is 1, as so many degrees of freedom show it."""
    from scipy import special

    half = degrees / 2
    return float(special.digamma(half)) - math.log(half), float(special.polygamma(1, half))


def _within(logs: Sequence[Sequence[_Log]]) -> float:
    """The variance of the logs of a backend's cases beyond chance; of all cases where backends have too few."""
    if sum(max(0, len(of_backend) - 1) for of_backend in logs) < LEAST_CASES:
        logs = [[log for of_backend in logs for log in of_backend]]
    several = [of_backend for of_backend in logs if len(of_backend) > 1]
    squares = [variance_of([log.value for log in each]) * (len(each) - 1) for each in several]
    chance = statistics.fmean(log.chance for of_backend in several for log in of_backend)
    return max(0.0, math.fsum(squares) / sum(len(each) - 1 for each in several) - chance)


def _mean(logs: Sequence[_Log], within: float) -> _Mean:
    """The mean of the logs of a backend's cases, those that are known better with more weight."""
    weights = [1 / (within + log.chance) for log in logs]
    value = math.fsum(weight * log.value for weight, log in zip(weights, logs, strict=True)) / sum(weights)
    return _Mean(value, 1 / sum(weights))


def _drawn(of_backend: _Mean, of_all: _Mean, between: float) -> _Mean:
    """The mean of a backend, drawn to that of all the further, the less is known of it and the less backends differ."""
    own = between / (between + of_backend.variance)
    value = own * of_backend.value + (1 - own) * of_all.value
    return _Mean(value, own * of_backend.variance + (1 - own) * of_all.variance)


def _spread(mean: _Mean, differing: float, most: float) -> Spread:
    """The spread around this mean of logs, for cases whose logs have that variance; `most` degrees of freedom at most.

    Half the variance of the log's mean makes the mean of what it is the log of.
    """
    degrees = min(2 * _trigamma_inverse(differing), most) if differing else most
    bias, _ = _of_degrees(degrees)
    return Spread(math.exp((mean.value + mean.variance / 2 + bias) / 2), degrees)


@lru_cache(maxsize=1_000)
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
