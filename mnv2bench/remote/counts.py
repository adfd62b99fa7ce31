"""Instruction counts: whether a case executes as many as before, to the instruction, and how they follow MAdds."""

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mnv2bench.cases import Kind
from mnv2bench.records import Record
from mnv2bench.remote.conditions import known
from mnv2bench.statistics.fit import MIN_VARIANTS
from mnv2bench.statistics.rounds import madds
from mnv2bench.statistics.versions import differing_versions

SAME, ROSE, FELL, INCOMPARABLE = "same", "count rose", "count fell", "incomparable"
TOO_MUCH = 1000  # a rise by one part in so many is a regression: 0.1 %
OTHER_PROGRAM = ("cpu",)  # facts that must not differ: kernels are chosen by them


@dataclass(frozen=True)
class Counted:
    """`runs`: net instructions of each inference, process by process. `facts` are what they depend on."""

    runs: tuple[tuple[int, ...], ...]
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def instructions(self) -> int:
        """Of one inference: the median of all, the lower of the two in the middle, so that it was counted."""
        return statistics.median_low(n for run in self.runs for n in run)

    @property
    def repeats(self) -> bool | None:
        """Whether every process counted the same sequence; None of a single process."""
        return len(set(self.runs)) == 1 if len(self.runs) > 1 else None

    @property
    def spread(self) -> int:
        """From the least inference to the most where processes do not repeat; 0 where they do."""
        counts = [n for run in self.runs for n in run]
        return max(counts) - min(counts) if self.repeats is False else 0


@dataclass(frozen=True)
class CountChange:
    """A case before and after, in instructions of one inference; `ratio` is after over before.

    `verdict`: same, count rose, count fell; incomparable where a side has no right count or ran on another CPU model,
    and then `reason` says so. `differs`: name, before, after of what changed in the environment.
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
        return (self.after or 0) - (self.before or 0) if self.ratio is not None else 0

    @property
    def too_much(self) -> bool:
        """Whether it rose by 0.1 % or more."""
        return self.verdict == ROSE and TOO_MUCH * self.moved >= (self.before or 0)


def counted(record: Record) -> Counted | None:
    """None for a case that was not counted, or whose outputs are wrong."""
    if record.status != "ok" or not record.counts:
        return None
    return Counted(tuple(counts.net for counts in record.counts), known(record))


def compared(case: str, before: Counted, after: Counted) -> CountChange:
    """Any difference is a change, but for one within what the processes of a side differ by among themselves."""
    was, now = before.instructions, after.instructions
    differs, spread = tuple(differing_versions(before.facts, after.facts)), max(before.spread, after.spread)
    change = CountChange(case, was, now, now / was, ROSE if now > was else FELL, differs)
    if other := [name for name, _, _ in differs if name in OTHER_PROGRAM]:
        return replace(change, verdict=INCOMPARABLE, reason=f"another {other[0]} model runs other kernels")
    if abs(now - was) > spread:
        return change
    reason = f"its own processes differ by up to {spread:,} instructions" if now != was else ""
    return replace(change, verdict=SAME, reason=reason)


def count_changes(a: Iterable[Record], b: Iterable[Record]) -> tuple[CountChange, ...]:
    """A CountChange for each counted case of either side: in the order of A, then what only B has."""
    ours, theirs = ({r.case: r for r in side if r.case.kind == Kind.COUNTED} for side in (a, b))
    return tuple(_change(case.id, ours.get(case), theirs.get(case)) for case in ours | theirs)


def _change(case: str, a: Record | None, b: Record | None) -> CountChange:
    before, after = (counted(side) if side else None for side in (a, b))
    if before and after:
        return compared(case, before, after)
    reasons = [why for why in (_missing("A", a, "B"), _missing("B", b, "A")) if why]
    was, now = (side.instructions if side else None for side in (before, after))
    return CountChange(case, was, now, None, INCOMPARABLE, reason="; ".join(reasons))


def _missing(side: str, record: Record | None, other: str) -> str:
    if record is None:
        return f"only in {other}"
    if record.status != "ok":
        return f"{record.status} in {side}: {record.reason}"
    return "" if record.counts else f"no counts in {side}"


def to_text(found: Counted) -> tuple[str, str]:
    """Runs and facts as JSON, for a table of nights."""
    return json.dumps(found.runs), json.dumps(dict(found.facts), sort_keys=True)


def from_text(runs: str, said: str) -> Counted:
    return Counted(tuple(tuple(map(int, run)) for run in json.loads(runs)), json.loads(said))


@dataclass(frozen=True)
class CountFit:
    """Millions of instructions = intercept_m + slope x millions of multiply-adds, of one call."""

    variants: int
    intercept_m: float
    slope: float
    r2: float


def count_fit(records: Sequence[Record]) -> CountFit | None:
    """Least squares of one backend in one setting; None with fewer than three different multiply-adds."""
    from scipy import stats

    found = [(madds(r) / 1e6, side.instructions / 1e6) for r in records if (side := counted(r))]
    if len({x for x, _ in found}) < MIN_VARIANTS:
        return None
    line = stats.linregress([x for x, _ in found], [y for _, y in found])
    return CountFit(len(found), float(line.intercept), float(line.slope), float(line.rvalue) ** 2)
