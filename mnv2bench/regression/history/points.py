"""One case night by night: its level or count, what the gate said, and what changed since the night before."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from mnv2bench.regression.history.counts import steps
from mnv2bench.regression.history.epochs import ALL, Epoch
from mnv2bench.regression.history.verdicts import Verdict
from mnv2bench.remote.counts import CountChange

if TYPE_CHECKING:
    import pandas as pd

Verdicts = Mapping[str, Mapping[str, Verdict]]


@dataclass(frozen=True)
class Point:
    """One night of a case. `level` as in `CellNight`, None where it has no right number.

    `epochs`: why and by whom each epoch that begins here was accepted. `changed`: libraries and plan since the night
    before. `count`: of a counted case, against the last night before it that has a count.
    """

    night: str
    saved_at: datetime
    commit: str | None
    status: str
    reason: str
    flags: str
    level: float | None
    process_sd: float | None
    doubt: str
    verdict: str
    epochs: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    count: CountChange | None = None

    @property
    def eligible(self) -> bool:
        """Whether it may be in a baseline."""
        return self.level is not None and not self.doubt


def points(frame: "pd.DataFrame", case: str, epochs: Sequence[Epoch], verdicts: Verdicts) -> tuple[Point, ...]:
    """The nights of one case in order."""
    rows = frame[frame["case"] == case]
    facts = _facts_of_nights(rows)
    changes = [(), *(changed_facts(before, after) for before, after in pairwise(facts))]
    together = zip(rows.itertuples(), changes, steps(rows, case), strict=False)
    return tuple(_point(row, case, epochs, verdicts, changed, count) for row, changed, count in together)


def changed_facts(before: Mapping[str, object], after: Mapping[str, object]) -> tuple[str, ...]:
    """What differs between two nights' facts, a readable phrase each: "torch 2.13.0 → 2.14.0"."""
    names = sorted({*before, *after})
    return tuple(
        f"{name} {before.get(name, 'none')} → {after.get(name, 'none')}"
        for name in names
        if before.get(name) != after.get(name)
    )


def _facts_of_nights(rows: "pd.DataFrame") -> list[dict[str, object]]:
    """Libraries, plan and what counts depend on, of each night; a night without a count keeps the facts before it."""
    facts: list[dict[str, object]] = []
    count_facts: dict[str, object] = {}
    texts = zip(rows["libraries"].tolist(), rows["facts"].tolist(), rows["plan"].tolist(), strict=True)
    for libraries, of_count, plan in texts:
        if isinstance(of_count, str):
            count_facts = json.loads(of_count)
        plan_facts = {f"plan {name}": value for name, value in json.loads(plan).items()}
        facts.append({**json.loads(libraries), **count_facts, **plan_facts})
    return facts


def _point(
    row: Any,
    case: str,
    epochs: Sequence[Epoch],
    verdicts: Verdicts,
    changed: tuple[str, ...],
    count: CountChange | None,
) -> Point:
    verdict = verdicts.get(row.night, {}).get(case)
    begins = [epoch for epoch in epochs if epoch.night == row.night and (epoch.cases == ALL or case in epoch.cases)]
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
        epochs=tuple(f"{epoch.why} ({epoch.who})" for epoch in begins),
        changed=changed,
        count=count,
    )


def _number(value: float) -> float | None:
    return None if value != value else value
