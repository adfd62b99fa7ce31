"""Instruction counts: the change of a case's count, exact to the instruction, and the fit of counts over MAdds."""

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from mnv2bench.case import Case, Kind
from mnv2bench.precisions import FP32
from mnv2bench.records import Record
from mnv2bench.remote.conditions import device_facts
from mnv2bench.statistics.fit import MIN_VARIANTS
from mnv2bench.statistics.rounds import madds
from mnv2bench.statistics.versions import differing_versions

SAME, ROSE, FELL, INCOMPARABLE = "same", "count rose", "count fell", "incomparable"
TOO_MUCH = 1000  # a rise by one part in so many is a regression: 0.1 %
OTHER_PROGRAM = ("cpu",)  # facts that must not differ: kernels are chosen by them


@dataclass(frozen=True)
class Counted:
    """The counts of one case: net instructions of each inference of each process, and the facts they depend on."""

    runs: tuple[tuple[int, ...], ...]
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def instructions(self) -> int:
        """Instructions of one inference: the lower median of all, so that it is a number that was counted."""
        return statistics.median_low(n for run in self.runs for n in run)

    @property
    def repeats(self) -> bool | None:
        """Whether every process counted the same sequence; None of a single process."""
        return len(set(self.runs)) == 1 if len(self.runs) > 1 else None

    @property
    def spread(self) -> int:
        """The largest count less the smallest where processes do not repeat; 0 where they do."""
        counts = [n for run in self.runs for n in run]
        return max(counts) - min(counts) if self.repeats is False else 0


@dataclass(frozen=True)
class CountChange:
    """The change of a case's count, in instructions of one inference; `ratio` is after over before.

    `verdict` is same, count rose, count fell, or incomparable with its `reason`, where a side has no right count or
    ran on another CPU model. `differs` holds name, before and after of each fact that changed.
    """

    case: str
    before: int | None
    after: int | None
    ratio: float | None
    verdict: str
    differs: tuple[tuple[str, str, str], ...] = ()
    reason: str = ""

    @property
    def moved(self) -> int:
        """Instructions after less instructions before; 0 where a side has none."""
        return (self.after or 0) - (self.before or 0) if self.ratio is not None else 0

    @property
    def too_much(self) -> bool:
        """Whether it rose by 0.1 % or more."""
        return self.verdict == ROSE and TOO_MUCH * self.moved >= (self.before or 0)


def counted(record: Record) -> Counted | None:
    """The counts of a record; None for a case that was not counted, or whose outputs are wrong."""
    if record.status != "ok" or not record.counts:
        return None
    return Counted(tuple(counts.net for counts in record.counts), device_facts(record))


def relative_to_fp32(records: Iterable[Record]) -> dict[Case, float]:
    """Instructions of a case over those of the same case in fp32, of the cases that have both."""
    counts = {record.case: counts for record in records if (counts := counted(record))}
    ratios = {}
    for case, counts_of_case in counts.items():
        base = counts.get(replace(case, precision=FP32.name))
        if base and base.instructions:
            ratios[case] = counts_of_case.instructions / base.instructions
    return ratios


def compared(case: str, before: Counted, after: Counted) -> CountChange:
    """The change between two sides; a difference within the spread of either side's own processes is none."""
    difference = after.instructions - before.instructions
    spread = max(before.spread, after.spread)
    change = CountChange(
        case=case,
        before=before.instructions,
        after=after.instructions,
        ratio=after.instructions / before.instructions,
        verdict=ROSE if difference > 0 else FELL,
        differs=tuple(differing_versions(before.facts, after.facts)),
    )
    other_program = [name for name, _, _ in change.differs if name in OTHER_PROGRAM]
    if other_program:
        reason = f"another {other_program[0]} model runs other kernels"
        return replace(change, verdict=INCOMPARABLE, reason=reason)
    if abs(difference) > spread:
        return change
    reason = f"its own processes differ by up to {spread:,} instructions" if difference else ""
    return replace(change, verdict=SAME, reason=reason)


def count_changes(a: Iterable[Record], b: Iterable[Record]) -> tuple[CountChange, ...]:
    """The CountChange of each counted case of either side: in the order of A, then those that only B has."""
    before = {record.case: record for record in a if record.case.kind == Kind.COUNTED}
    after = {record.case: record for record in b if record.case.kind == Kind.COUNTED}
    return tuple(_change(case.id, before.get(case), after.get(case)) for case in before | after)


def _change(case: str, a: Record | None, b: Record | None) -> CountChange:
    before = counted(a) if a else None
    after = counted(b) if b else None
    if before and after:
        return compared(case, before, after)
    reasons = filter(None, (_missing("A", a, "B"), _missing("B", b, "A")))
    return CountChange(
        case=case,
        before=before.instructions if before else None,
        after=after.instructions if after else None,
        ratio=None,
        verdict=INCOMPARABLE,
        reason="; ".join(reasons),
    )


def _missing(side: str, record: Record | None, other: str) -> str:
    if record is None:
        return f"only in {other}"
    if record.status != "ok":
        return f"{record.status} in {side}: {record.reason}"
    return "" if record.counts else f"no counts in {side}"


def to_text(counted: Counted) -> tuple[str, str]:
    """Runs and facts as JSON, for a table of nights."""
    return json.dumps(counted.runs), json.dumps(dict(counted.facts), sort_keys=True)


def from_text(runs: str, facts: str) -> Counted:
    """The counts that `to_text` wrote. msgspec.ValidationError, which is a ValueError, for anything else."""
    decoded = msgspec.json.decode(runs, type=tuple[tuple[int, ...], ...])
    return Counted(decoded, msgspec.json.decode(facts, type=dict[str, str]))


@dataclass(frozen=True)
class CountFit:
    """A line through the counts of one call: millions of instructions = intercept_m + slope x millions of MAdds."""

    variants: int
    intercept_m: float
    slope: float
    r2: float


def count_fit(records: Sequence[Record]) -> CountFit | None:
    """The least-squares line of one backend in one setting; None with fewer than three different multiply-adds."""
    from scipy import stats  # slow to import

    points = [(madds(record) / 1e6, count.instructions / 1e6) for record in records if (count := counted(record))]
    if len({x for x, _ in points}) < MIN_VARIANTS:
        return None
    line = stats.linregress([x for x, _ in points], [y for _, y in points])
    return CountFit(len(points), float(line.intercept), float(line.slope), float(line.rvalue) ** 2)
