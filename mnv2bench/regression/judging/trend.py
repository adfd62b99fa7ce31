"""A case over many nights, as numbers: where it stands now, how it got there, and how much it moves by itself."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mnv2bench.remote.counts import CountChange

LEARNING = 2  # accepted nights; fewer have no spread


@dataclass(frozen=True)
class Point:
    """One night of a case. `level` as in `CellNight`, None where it has no right number.

    `accepted`: what people said of the epochs that begin here. `changed`: libraries and plan since the night before.
    `count`: of a case that is counted and takes no time, against the last night before it that has a count.
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
    accepted: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    count: CountChange | None = None

    @property
    def counts(self) -> bool:
        """Whether it is in a baseline."""
        return self.level is not None and not self.doubt


@dataclass(frozen=True)
class Cell:
    """A case in its epoch. `latest_s`: seconds, of the last night that has a number; `latest_doubt` of that night.

    `change`: of that night against the median of the epoch's other accepted nights, as a part: 0.03 is 3 % slower.
    `sd`: from night to night, of log times. None where there are too few nights.
    """

    case: str
    nights: int
    accepted: int
    doubtful: int
    latest_s: float | None
    latest_doubt: str
    change: float | None
    sd: float | None
    start: str | None
    verdict: str


@dataclass(frozen=True)
class CountCell:
    """A counted case: `last` is its newest count against the one before it; None where no night has one."""

    case: str
    nights: int
    counted: int
    last: CountChange | None
    start: str | None
    verdict: str


def cell(case: str, levels: Sequence[float], doubts: Sequence[str], start: str | None, verdict: str) -> Cell:
    """Of the nights of one epoch in order; a level is nan where the case had no right number."""
    measured = [(level, doubt) for level, doubt in zip(levels, doubts, strict=True) if not math.isnan(level)]
    accepted = [level for level, doubt in measured if not doubt]
    latest, latest_doubt = measured[-1] if measured else (math.nan, "")
    others = accepted[:-1] if measured and not latest_doubt else accepted
    return Cell(
        case=case,
        nights=len(levels),
        accepted=len(accepted),
        doubtful=len(measured) - len(accepted),
        latest_s=math.exp(latest) if measured else None,
        latest_doubt=latest_doubt,
        change=math.expm1(latest - statistics.median(others)) if measured and others else None,
        sd=statistics.stdev(accepted) if len(accepted) >= LEARNING else None,
        start=start,
        verdict=verdict,
    )


def changed(before: Mapping[str, object], after: Mapping[str, object]) -> tuple[str, ...]:
    """What differs between two nights' facts, a readable phrase each: "torch 2.13.0 → 2.14.0"."""
    names = sorted({*before, *after})
    return tuple(
        f"{name} {before.get(name, 'none')} → {after.get(name, 'none')}"
        for name in names
        if before.get(name) != after.get(name)
    )
