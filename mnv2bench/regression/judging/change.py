"""A case in two runs at two times: its ratio, and whether it exceeds what the processes differ by."""

import math
import statistics
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from msgspec import structs

from mnv2bench.cases import Kind
from mnv2bench.records import Plan, Record
from mnv2bench.regression.judging.cell_night import cell_night
from mnv2bench.statistics.latency import detection, latency
from mnv2bench.statistics.rounds import measured

# Where each number comes from: docs/thresholds.md#compare
CONFIDENCE = 0.95
CHANGED = 1.015
SAME = 1.02
CHANGE_NO_LEVEL = ("processes", "timeout_s")  # of a plan: how often and how long, which moves no process's level


@dataclass(frozen=True)
class Change:
    """One case from A to B. `ratio` is B over A of the detection statistic; `low`, `high` its 95 % Welch interval.

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


def changes(a: Sequence[Record], b: Sequence[Record]) -> tuple[Change, ...]:
    """A Change for each case of either side that takes time: in the order of A, then what only B has.

    Instruction counts are compared by `remote.counts`.
    """
    ours, theirs = ({r.case: r for r in side if r.case.kind != Kind.COUNTED} for side in (a, b))
    return tuple(_change(case.id, ours.get(case), theirs.get(case)) for case in ours | theirs)


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


def _shown(value: object) -> str:
    """A field of a plan as a text; the variables that were set, each after the other."""
    return (" ".join(value) or "none") if isinstance(value, tuple) else str(value)


def judged(low: float, high: float) -> str:
    """The verdict of a ratio's interval: beyond 1.5 %, within 2 %, or neither."""
    if low > CHANGED:
        return "slower"
    if high < 1 / CHANGED:
        return "faster"
    return "same" if low >= 1 / SAME and high <= SAME else "cannot tell"


def welch_interval(a: Sequence[float], b: Sequence[float]) -> tuple[float, float]:
    """95 % interval of mean(b) - mean(a), of two samples of at least two numbers and of unlike spread."""
    from scipy import stats

    if not statistics.pstdev(a) + statistics.pstdev(b):
        return (statistics.fmean(b) - statistics.fmean(a),) * 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of equal numbers on one side, which are no mistake here
        interval = stats.ttest_ind(b, a, equal_var=False).confidence_interval(CONFIDENCE)
    return float(interval.low), float(interval.high)


def _change(case: str, a: Record | None, b: Record | None) -> Change:
    count_a, count_b = (len(measured(side)) if side else 0 for side in (a, b))
    median_a, median_b = (latency(side).median_s if side and measured(side) else None for side in (a, b))
    change = Change(case, None, None, None, "not compared", count_a, count_b, median_a, median_b)
    if a is None or b is None:
        return replace(change, reason=f"only in {'B' if a is None else 'A'}")
    if missing := [*_missing("A", a), *_missing("B", b)]:
        return replace(change, reason="; ".join(missing))
    levels_a, levels_b = ([detection(samples, side.case.threads) for samples in side.samples] for side in (a, b))
    ratio = math.exp(statistics.fmean(levels_b) - statistics.fmean(levels_a))
    change = replace(change, ratio=ratio, verdict="cannot tell")
    if min(len(levels_a), len(levels_b)) < 2:
        return replace(change, reason="one process on a side")
    low, high = map(math.exp, welch_interval(levels_a, levels_b))
    change = replace(change, low=low, high=high)
    if doubts := [*_doubts("A", a), *_doubts("B", b)]:
        return replace(change, reason="; ".join(doubts))
    return replace(change, verdict=judged(low, high))


def _missing(side: str, record: Record) -> Iterator[str]:
    if record.status != "ok":
        yield f"{record.status} in {side}: {record.reason}"
    elif record.external_results:
        yield f"reported by another tool in {side}, without samples"
    elif len(measured(record)) < len(record.processes):
        yield f"a process without rounds in {side}"


def _doubts(side: str, record: Record) -> Iterator[str]:
    night = cell_night(record)
    if night and night.doubt:
        yield f"{night.doubt} in {side}"
