"""Instruction counts of a night, judged exactly, without statistics: against the last earlier night that stands."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mnv2bench.regression.gate.baseline import place_of_epoch
from mnv2bench.regression.history.counts import count, counts_only
from mnv2bench.regression.history.epochs import Epoch, start
from mnv2bench.regression.history.verdicts import Verdict, open_changes
from mnv2bench.regression.judging.count_texts import differences_text, size_text
from mnv2bench.regression.judging.judgement import BROKEN, LEARNING, NOT_GATED, NOT_MEASURED, UNCHANGED, CellVerdict
from mnv2bench.regression.judging.pairs import CLEARED, REGRESSION
from mnv2bench.remote.counts import INCOMPARABLE, SAME, CountChange, compared

if TYPE_CHECKING:
    import pandas as pd

BROKEN_BY = ("wrong", "failed", "timeout")
Verdicts = Mapping[str, Mapping[str, Verdict]]


def judged_counts(
    frame: "pd.DataFrame", night: str, epochs: Sequence[Epoch], verdicts: dict[str, dict[str, Verdict]]
) -> tuple[CellVerdict, ...]:
    """A verdict for each counted case of the night, from the rows of one machine and series.

    A night that was itself a regression which nobody accepted is not compared with: the regression stands until it is
    gone or accepted. Plans may differ: how long a process runs does not change its counts.
    """
    order = list(dict.fromkeys(frame["night"].astype(str)))
    nights = order[: order.index(night) + 1]
    earlier = {name: of_night for name, of_night in verdicts.items() if name != night}
    still_open = open_changes(earlier, epochs, nights)
    rows_of_case: dict[str, dict[str, Any]] = {}  # rows of a DataFrame, as pandas gives them
    for row in counts_only(frame).itertuples():
        rows_of_case.setdefault(str(row.case), {})[str(row.night)] = row
    return tuple(
        _judged(case, rows, nights, order, start(epochs, case), earlier, case in still_open)
        for case, rows in rows_of_case.items()
        if night in rows
    )


def unmeasured(status: str, reason: str, nights: int) -> tuple[str, str]:
    """Verdict and reason of a case that is not ok tonight: broken where it was ok before, or where it should be."""
    should_be_ok = nights > 0 or status in BROKEN_BY
    return BROKEN if should_be_ok else NOT_MEASURED, f"{status}: {reason}"


def _judged(
    case: str,
    rows: Mapping[str, Any],
    nights: Sequence[str],
    order: Sequence[str],
    first: str | None,
    verdicts: Verdicts,
    is_open: bool,
) -> CellVerdict:
    *before, night = nights
    in_epoch = [name for name in before[place_of_epoch(first, order) :] if name in rows]
    counted = {name: instructions for name in in_epoch if (instructions := count(rows[name]))}
    standing = [name for name in counted if name == first or not _regressed(verdicts, name, case)]
    tonight, known = count(rows[night]), len(counted)
    if tonight is None:
        status = str(rows[night].status)
        verdict, reason = BROKEN, "no counts"
        if status != "ok":
            verdict, reason = unmeasured(status, str(rows[night].reason), known)
        return CellVerdict(case, verdict, nights=known, reason=reason, counted=True)
    if not standing:
        first_count = CountChange(case, None, tonight.instructions, None, "")
        reason = "no earlier night has a count of it"
        return CellVerdict(case, LEARNING, nights=known, reason=reason, counted=True, count=first_count)
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


def _regressed(verdicts: Verdicts, night: str, case: str) -> bool:
    verdict = verdicts.get(night, {}).get(case)
    return verdict is not None and verdict.verdict == REGRESSION


def _verdict(change: CountChange, is_open: bool) -> str:
    if change.verdict == INCOMPARABLE:
        return NOT_GATED
    if change.too_much:
        return REGRESSION
    if is_open:
        return CLEARED
    return UNCHANGED if change.verdict == SAME else change.verdict


def _reason(change: CountChange, since: str) -> str:
    """The size of a change, since when, and what changed around it; "" where nothing moved."""
    if change.verdict == INCOMPARABLE or not change.moved:
        return change.reason
    around = f"changed: {differences_text(change)}" if change.differs else "nothing else that is recorded changed"
    return "; ".join(filter(None, (f"{size_text(change)} since {since}", change.reason, around)))
