"""Instruction counts of a night, judged exactly: against the last earlier night that stands, and by no statistics."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mnv2bench.regression.gate.baseline import begin
from mnv2bench.regression.history.counts import count, counts_only
from mnv2bench.regression.history.epochs import Epoch, start
from mnv2bench.regression.history.verdicts import Verdict, open_changes
from mnv2bench.regression.judging import judgement as words
from mnv2bench.regression.judging.judgement import CellVerdict
from mnv2bench.regression.judging.pairs import CLEARED, REGRESSION
from mnv2bench.regression.pages.counts import changed, moved
from mnv2bench.remote.counts import INCOMPARABLE, SAME, CountChange, compared

if TYPE_CHECKING:
    import pandas as pd

BROKEN_BY = ("wrong", "failed", "timeout")
Said = Mapping[str, Mapping[str, Verdict]]


def judged_counts(
    frame: "pd.DataFrame", night: str, epochs: Sequence[Epoch], verdicts: dict[str, dict[str, Verdict]]
) -> tuple[CellVerdict, ...]:
    """A verdict for each counted case of the night, from the rows of one machine and series.

    A night that was itself a regression which nobody accepted is not what a later one is held against: the regression
    stands until it is mended or accepted. Plans are not asked: how long a process times nothing counts nothing.
    """
    order = list(dict.fromkeys(frame["night"].astype(str)))
    nights = order[: order.index(night) + 1]
    earlier = {name: said for name, said in verdicts.items() if name != night}
    still_open = open_changes(earlier, epochs, nights)
    rows: dict[str, dict[str, Any]] = {}
    for row in counts_only(frame).itertuples():
        rows.setdefault(str(row.case), {})[str(row.night)] = row
    return tuple(
        _judged(case, mine, nights, order, start(epochs, case), earlier, case in still_open)
        for case, mine in rows.items()
        if night in mine
    )


def unmeasured(status: str, reason: str, nights: int) -> tuple[str, str]:
    """What is said of a case that is not ok tonight: broken where it once was, or where it should have been."""
    known = nights > 0 or status in BROKEN_BY
    return words.BROKEN if known else words.NOT_MEASURED, f"{status}: {reason}"


def _judged(
    case: str,
    rows: Mapping[str, Any],
    nights: Sequence[str],
    order: Sequence[str],
    first: str | None,
    verdicts: Said,
    is_open: bool,
) -> CellVerdict:
    *before, night = nights
    counted = {name: found for name in before[begin(first, order) :] if name in rows and (found := count(rows[name]))}
    standing = [name for name in counted if name == first or not _regressed(verdicts, name, case)]
    tonight, known = count(rows[night]), len(counted)
    if tonight is None:
        status = str(rows[night].status)
        said = unmeasured(status, str(rows[night].reason), known) if status != "ok" else (words.BROKEN, "no counts")
        return CellVerdict(case, said[0], nights=known, reason=said[1], counted=True)
    if not standing:
        first_of_all = CountChange(case, None, tonight.instructions, None, "")
        reason = "no earlier night has a count of it"
        return CellVerdict(case, words.LEARNING, nights=known, reason=reason, counted=True, count=first_of_all)
    change = compared(case, counted[standing[-1]], tonight)
    return CellVerdict(
        case=case,
        verdict=_verdict(change, is_open),
        nights=known,
        ratio=change.ratio,
        reason=_reason(change, standing[-1]),
        counted=True,
        count=change,
    )


def _regressed(verdicts: Said, night: str, case: str) -> bool:
    said = verdicts.get(night, {}).get(case)
    return said is not None and said.verdict == REGRESSION


def _verdict(change: CountChange, is_open: bool) -> str:
    if change.verdict == INCOMPARABLE:
        return words.NOT_GATED
    if change.too_much:
        return REGRESSION
    if is_open:
        return CLEARED
    return words.UNCHANGED if change.verdict == SAME else change.verdict


def _reason(change: CountChange, since: str) -> str:
    """The size of a change, since when, and what changed around it; "" where nothing moved."""
    if change.verdict == INCOMPARABLE or not change.moved:
        return change.reason
    around = f"changed: {changed(change)}" if change.differs else "nothing else that is recorded changed"
    return "; ".join(filter(None, (f"{moved(change)} since {since}", change.reason, around)))
