"""The series of each case, from the nights, the accepted epochs and what the gate said."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from mnv2bench.regression.history.counts import steps, timed_only
from mnv2bench.regression.history.epochs import ALL, Epoch, start
from mnv2bench.regression.history.frame import nights
from mnv2bench.regression.history.verdicts import Verdict
from mnv2bench.regression.judging.trend import Cell, Point, cell, changed
from mnv2bench.remote.counts import CountChange

if TYPE_CHECKING:
    import pandas as pd

Verdicts = Mapping[str, Mapping[str, Verdict]]


def cells(frame: "pd.DataFrame", epochs: Sequence[Epoch], verdicts: Verdicts) -> tuple[Cell, ...]:
    """Every case of a history that takes time, in its own epoch, in the order of the files."""
    places = _places(frame)
    said = {case: verdict.verdict for night in places for case, verdict in verdicts.get(night, {}).items()}
    found = []
    for case, mine in timed_only(frame).groupby("case", observed=True, sort=False):
        id, names = str(case), mine["night"].tolist()
        begin = start(epochs, id)
        inside = [_within(name, begin, places) for name in names]
        levels, doubts = mine["level"].to_numpy()[inside].tolist(), mine["doubt"].to_numpy()[inside].tolist()
        found.append(cell(id, levels, doubts, begin, said.get(id, "")))
    return tuple(found)


def points(frame: "pd.DataFrame", case: str, epochs: Sequence[Epoch], verdicts: Verdicts) -> tuple[Point, ...]:
    """The nights of one case in order."""
    mine = frame[frame["case"] == case]
    texts = zip(mine["libraries"].tolist(), mine["facts"].tolist(), mine["plan"].tolist(), strict=True)
    facts: list[dict[str, Any]] = []
    known: dict[str, Any] = {}
    for libraries, said, plan in texts:
        known = json.loads(said) if isinstance(said, str) else known  # a night without a count says nothing new
        facts.append({**json.loads(libraries), **known, **_plan(plan)})
    changes = [(), *(changed(before, after) for before, after in pairwise(facts))]
    together = zip(mine.itertuples(), changes, steps(mine, case), strict=False)
    return tuple(_point(row, case, epochs, verdicts, change, step) for row, change, step in together)


def _point(
    row: Any,
    case: str,
    epochs: Sequence[Epoch],
    verdicts: Verdicts,
    change: tuple[str, ...],
    step: CountChange | None,
) -> Point:
    verdict = verdicts.get(row.night, {}).get(case)
    return Point(
        night=row.night,
        saved_at=row.saved_at.to_pydatetime(),
        commit=None if row.commit != row.commit else row.commit,  # a missing text is nan
        status=row.status,
        reason=row.reason,
        flags=row.flags,
        level=_number(row.level),
        process_sd=_number(row.process_sd),
        doubt=row.doubt,
        verdict=verdict.verdict if verdict else "",
        accepted=tuple(_accepted(row.night, case, epochs)),
        changed=change,
        count=step,
    )


def _accepted(night: str, case: str, epochs: Sequence[Epoch]) -> Iterator[str]:
    for epoch in epochs:
        if epoch.night == night and (epoch.cases == ALL or case in epoch.cases):
            yield f"{epoch.why} ({epoch.who})"


def _plan(text: str) -> dict[str, Any]:
    return {f"plan {name}": value for name, value in json.loads(text).items()}


def _number(value: float) -> float | None:
    return None if value != value else value


def _places(frame: "pd.DataFrame") -> dict[str, int]:
    return {night.night: place for place, night in enumerate(nights(frame))}


def _within(night: str, begin: str | None, places: Mapping[str, int]) -> bool:
    """Whether a night is of the epoch; one that began in a night that is gone is told by pytest-benchmark's number."""
    if begin is None:
        return True
    return places[night] >= places[begin] if begin in places else night > begin
