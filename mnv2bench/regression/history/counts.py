"""The instruction counts of a history: which rows are counted, and how a case's counts changed night by night."""

import json
from typing import TYPE_CHECKING, Any

from mnv2bench.case import Kind
from mnv2bench.remote.counts import CountChange, Counted, compared, from_text

if TYPE_CHECKING:
    import pandas as pd


def counts_only(frame: "pd.DataFrame") -> "pd.DataFrame":
    """The rows of cases that are counted and take no time."""
    return frame[frame["kind"] == Kind.COUNTED]


def timed_only(frame: "pd.DataFrame") -> "pd.DataFrame":
    """The rows of cases that take time."""
    return frame[frame["kind"] != Kind.COUNTED]


def count(row: Any) -> Counted | None:
    """The count of one row, and as its facts also the libraries of its night; None where it has no right count."""
    if not isinstance(row.counts, str):
        return None
    counted = from_text(row.counts, row.facts)
    return Counted(counted.runs, {**json.loads(row.libraries), **counted.facts})


def steps(frame: "pd.DataFrame", case: str) -> tuple[CountChange | None, ...]:
    """Each night of a case against the last one before it that has a count; None where it has none itself."""
    changes: list[CountChange | None] = []
    last: Counted | None = None
    for row in frame[frame["case"] == case].itertuples():
        counted = count(row)
        changes.append(_step(case, last, counted) if counted else None)
        last = counted or last
    return tuple(changes)


def _step(case: str, before: Counted | None, after: Counted) -> CountChange:
    return compared(case, before, after) if before else CountChange(case, None, after.instructions, None, "")
