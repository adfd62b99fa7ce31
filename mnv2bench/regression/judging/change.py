"""A case in two runs at two times: its ratio, and whether it exceeds what the processes differ by."""

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from msgspec import structs

from mnv2bench.case import Kind
from mnv2bench.records import Plan, Record
from mnv2bench.regression.judging.cell_night import cell_night
from mnv2bench.statistics.floor import Floor
from mnv2bench.statistics.latency import detection, latency
from mnv2bench.statistics.rounds import measured

# Where each number comes from: docs/thresholds.md#compare
CONFIDENCE = 0.95
FALSE_COMPARISONS = 0.05
CHANGED = 1.015
SAME = 1.02
CHANGES = ("slower", "faster")
ALONE = "beyond 1.5 % by its own interval, and not among {compared} cases"
CHANGE_NO_LEVEL = ("processes", "timeout_s", "budget_s")  # how often and how long, which moves no process's level


@dataclass(frozen=True)
class Change:
    """One case from A to B. `ratio` is B over A of the detection statistic; `low`, `high` its own 95 % interval.

    `verdict`: slower, faster, same, cannot tell; "not compared" where a side has no right number. `reason` says why a
    case could not be judged, whatever its interval. The medians are the headline latencies, seconds. None where there
    is no number.
    """

    case: str
    ratio: float | None
    low: float | None
    high: float | None
    verdict: str
    processes_a: int
    processes_b: int
    median_a_s: float | None = None
    median_b_s: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Difference:
    """The log ratio of a case's levels from A to B, with its standard error and that one's degrees of freedom."""

    mean: float
    error: float
    degrees: float


def changes(a: Sequence[Record], b: Sequence[Record], floor: Floor | None = None) -> tuple[Change, ...]:
    """A Change for each case of either side that takes time: in the order of A, then what only B has.

    `floor` is what identical campaigns of the machine differ by, where it was measured. Instruction counts are compared
    by `remote.counts`.
    """
    ours, theirs = ({r.case: r for r in side if r.case.kind != Kind.COUNTED} for side in (a, b))
    compared = [(_change(case.id, ours.get(case), theirs.get(case), floor), case) for case in ours | theirs]
    differences = [difference for (_, difference), _ in compared if difference]
    verdicts = iter(judged_together(differences))
    return tuple(
        _with_verdict(change, next(verdicts), len(differences)) if difference else change
        for (change, difference), _ in compared
    )


def _with_verdict(change: Change, verdict: str, compared: int) -> Change:
    """A change with its verdict among all that were compared, and a word where its own interval says more."""
    assert change.low is not None
    assert change.high is not None
    reason = ""
    if judged(change.low, change.high) in CHANGES and verdict not in CHANGES:
        reason = ALONE.format(compared=compared)
    return replace(change, verdict=verdict, reason=reason)


def incomparable(measured_changes: Sequence[Change]) -> tuple[Change, ...]:
    """The same numbers without a verdict: those of runs that differ in more than what is compared."""
    return tuple(
        replace(change, verdict="incomparable", reason="" if change.ratio else change.reason)
        for change in measured_changes
    )


def plan_differences(a: Plan, b: Plan) -> tuple[str, ...]:
    """The differences of two plans that move levels, a readable phrase each."""
    ours, theirs = structs.asdict(a), structs.asdict(b)
    unlike = [name for name in ours if ours[name] != theirs[name] and name not in CHANGE_NO_LEVEL]
    return tuple(f"plan.{name}: {_shown(ours[name])} in A, {_shown(theirs[name])} in B" for name in unlike)


def weights_differences(a: Sequence[Record], b: Sequence[Record]) -> tuple[str, ...]:
    """The differences of two campaigns' weights that move levels: the classes of their cases, and subnormal values."""
    classes = [", ".join(map(str, sorted({record.case.classes for record in records}))) for records in (a, b)]
    subnormal = [max((record.weights.subnormal or 0 for record in records), default=0) for records in (a, b)]
    differing = []
    if classes[0] != classes[1]:
        differing.append(f"classes: {classes[0]} in A, {classes[1]} in B")
    if bool(subnormal[0]) != bool(subnormal[1]):
        differing.append(f"subnormal values of the weights: {subnormal[0]} in A, {subnormal[1]} in B")
    return tuple(differing)


def _shown(value: object) -> str:
    """A field of a plan as a text; the variables that were set, each after the other."""
    return (" ".join(value) or "none") if isinstance(value, tuple) else str(value)


def judged(low: float, high: float) -> str:
    """The verdict of a ratio's interval alone: beyond 1.5 %, within 2 %, or neither."""
    if low > CHANGED:
        return "slower"
    if high < 1 / CHANGED:
        return "faster"
    return "same" if low >= 1 / SAME and high <= SAME else "cannot tell"


def judged_together(differences: Sequence[Difference]) -> tuple[str, ...]:
    """The verdict of each difference among all of them.

    Each is tested against 1.5 % in its direction, and the p-values are corrected by Benjamini and Hochberg: of
    comparisons in which nothing changed, at most 5 % call anything slower or faster. "same" is of its own interval.
    """
    from scipy import stats

    if not differences:
        return ()
    corrected = stats.false_discovery_control([_p_value(difference) for difference in differences], method="bh")
    return tuple(
        _verdict(difference, bool(p_value <= FALSE_COMPARISONS))
        for difference, p_value in zip(differences, corrected, strict=True)
    )


def _verdict(difference: Difference, changed: bool) -> str:
    """The verdict of one difference, of which it is known whether it changed."""
    if changed:
        return "slower" if difference.mean > 0 else "faster"
    verdict = judged(*map(math.exp, interval(difference)))
    return "cannot tell" if verdict in CHANGES else verdict


def _p_value(difference: Difference) -> float:
    """Two-sided p of a change of at most 1.5 %: the smaller one-sided p, twice."""
    from scipy import special

    beyond = abs(difference.mean) - math.log(CHANGED)
    if not difference.error:
        return float(beyond <= 0)
    return min(1.0, 2 * float(special.stdtr(difference.degrees, -beyond / difference.error)))


def interval(difference: Difference) -> tuple[float, float]:
    """The 95 % interval of a difference, on the log scale."""
    from scipy import special

    if not difference.error:
        return difference.mean, difference.mean
    reach = difference.error * float(special.stdtrit(difference.degrees, (1 + CONFIDENCE) / 2))
    return difference.mean - reach, difference.mean + reach


def difference(a: Sequence[float], b: Sequence[float], campaign_sd: float = 0.0, degrees: int = 0) -> Difference:
    """mean(b) - mean(a), of two samples of at least two numbers and of unlike spread.

    The processes of a campaign share its sitting. `campaign_sd`, with its degrees of freedom, is what the means of
    identical campaigns differ by beyond their processes; it is in both campaigns. Welch's approximation of the degrees
    of freedom, with a third component.
    """
    parts = [(_variance(sample) / len(sample), len(sample) - 1) for sample in (a, b)]
    parts.append((2 * campaign_sd**2, degrees))
    variance = math.fsum(part for part, _ in parts)
    spread = math.fsum(part**2 / of_part for part, of_part in parts if part)
    mean = statistics.fmean(b) - statistics.fmean(a)
    return Difference(mean, math.sqrt(variance), variance**2 / spread if spread else math.inf)


def _variance(sample: Sequence[float]) -> float:
    return statistics.variance(sample) if statistics.pstdev(sample) else 0.0


def _change(case_id: str, a: Record | None, b: Record | None, floor: Floor | None) -> tuple[Change, Difference | None]:
    """The numbers of a case, and its difference where it can be judged among others; without a verdict yet."""
    count_a, count_b = (len(measured(side)) if side else 0 for side in (a, b))
    median_a, median_b = (latency(side).median_s if side and measured(side) else None for side in (a, b))
    change = Change(case_id, None, None, None, "not compared", count_a, count_b, median_a, median_b)
    if a is None or b is None:
        return replace(change, reason=f"only in {'B' if a is None else 'A'}"), None
    if missing := [*_missing("A", a), *_missing("B", b)]:
        return replace(change, reason="; ".join(missing)), None
    levels_a, levels_b = ([detection(samples, side.case.total_threads) for samples in side.samples] for side in (a, b))
    ratio = math.exp(statistics.fmean(levels_b) - statistics.fmean(levels_a))
    change = replace(change, ratio=ratio, verdict="cannot tell")
    if min(len(levels_a), len(levels_b)) < 2:
        return replace(change, reason="one process on a side"), None
    between, degrees = (floor.between(a.case), floor.degrees) if floor else (0.0, 0)
    of_case = difference(levels_a, levels_b, between, degrees)
    low, high = map(math.exp, interval(of_case))
    change = replace(change, low=low, high=high)
    if doubts := [*_doubts("A", a, floor), *_doubts("B", b, floor)]:
        return replace(change, reason="; ".join(doubts)), None
    return change, of_case


def _missing(side: str, record: Record) -> Iterator[str]:
    if record.status != "ok":
        yield f"{record.status} in {side}: {record.reason}"
    elif record.external_results:
        yield f"reported by another tool in {side}, without samples"
    elif len(measured(record)) < len(record.processes):
        yield f"a process without rounds in {side}"


def _doubts(side: str, record: Record, floor: Floor | None) -> Iterator[str]:
    night = cell_night(record, floor)
    if night and night.doubt:
        yield f"{night.doubt} in {side}"
