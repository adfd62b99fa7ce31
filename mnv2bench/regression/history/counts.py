"""The instruction counts of a history: night by night, and each case as it stands."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mnv2bench.cases import Kind
from mnv2bench.regression.history.epochs import Epoch, start
from mnv2bench.regression.history.frame import nights
from mnv2bench.regression.history.verdicts import Verdict
from mnv2bench.regression.judging.trend import CountCell
from mnv2bench.remote.counts import CountChange, Counted, compared, from_text

if TYPE_CHECKING:
    import pandas as pd


def counts_only(frame: "pd.DataFrame") -> "pd.DataFrame":
    """The rows of cases that are counted and take no time."""
    return frame[frame["kind"] == Kind.COUNTED]


def timed_only(frame: "pd.DataFrame") -> "pd.DataFrame":
    return frame[frame["kind"] != Kind.COUNTED]


def count(row: Any) -> Counted | None:
    """Of one row, its facts with the libraries of its night; None where it has no right count."""
    if not isinstance(row.counts, str):
        return None
    found = from_text(row.counts, row.facts)
    return Counted(found.runs, {**json.loads(row.libraries), **found.facts})


def steps(frame: "pd.DataFrame", case: str) -> tuple[CountChange | None, ...]:
    """What each night of a case is against the last one before it that has a count; None where it has none itself."""
    found: list[CountChange | None] = []
    last: Counted | None = None
    for row in frame[frame["case"] == case].itertuples():
        now = count(row)
        found.append(_step(case, last, now) if now else None)
        last = now or last
    return tuple(found)


def _step(case: str, before: Counted | None, after: Counted) -> CountChange:
    return compared(case, before, after) if before else CountChange(case, None, after.instructions, None, "")


def cells(
    frame: "pd.DataFrame", epochs: Sequence[Epoch], verdicts: Mapping[str, Mapping[str, Verdict]]
) -> tuple[CountCell, ...]:
    """Every counted case of a history, in the order of the files."""
    said = {
        case: verdict.verdict
        for night in nights(frame)
        for case, verdict in verdicts.get(night.night, {}).items()
    }  # fmt: skip
    found = []
    for id in map(str, counts_only(frame)["case"].unique()):
        walked = steps(frame, id)
        counted = [step for step in walked if step]
        last = counted[-1] if counted else None
        found.append(CountCell(id, len(walked), len(counted), last, start(epochs, id), said.get(id, "")))
    return tuple(found)
