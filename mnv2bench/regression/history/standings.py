"""Where each case of a history stands in its epoch: how many nights it has, and how it moved last."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mnv2bench.regression.history.counts import counts_only, steps, timed_only
from mnv2bench.regression.history.epochs import Epoch, start
from mnv2bench.regression.history.frame import nights
from mnv2bench.regression.history.night import night_number
from mnv2bench.regression.history.verdicts import Verdict
from mnv2bench.remote.counts import CountChange

if TYPE_CHECKING:
    import pandas as pd

MIN_NIGHTS = 2  # fewer have no spread: docs/thresholds.md#history
Verdicts = Mapping[str, Mapping[str, Verdict]]


@dataclass(frozen=True)
class TimedStanding:
    """A timed case in its epoch.

    `eligible` nights may be in a baseline, `doubtful` ones may not. `latest_s`: exp of the level, seconds, of the last
    night that has one; `latest_doubt` of that night. `change`: that night against the median of the epoch's other
    eligible nights, as a part: 0.03 is 3 % slower. `sd`: from night to night, of log times. None where there are too
    few nights. `start` is the night that the epoch begins with, `verdict` the gate's last one.
    """

    case: str
    nights: int
    eligible: int
    doubtful: int
    latest_s: float | None
    latest_doubt: str
    change: float | None
    sd: float | None
    start: str | None
    verdict: str


@dataclass(frozen=True)
class CountedStanding:
    """A counted case: `last` is its newest count against the one before it; None where no night has one."""

    case: str
    nights: int
    counted: int
    last: CountChange | None
    start: str | None
    verdict: str


def timed_standings(
    frame: "pd.DataFrame", epochs: Sequence[Epoch], verdicts: Verdicts
) -> tuple[TimedStanding, ...]:  # fmt: skip
    """Every case of a history that takes time, in its own epoch, in the order of the files."""
    places = {night.night: place for place, night in enumerate(nights(frame))}
    last_verdicts = _last_verdicts(places, verdicts)
    standings = []
    for case, rows in timed_only(frame).groupby("case", observed=True, sort=False):
        id = str(case)
        epoch_start = start(epochs, id)
        in_epoch = [_is_in_epoch(night, epoch_start, places) for night in rows["night"].tolist()]
        levels, doubts = rows["level"].to_numpy()[in_epoch].tolist(), rows["doubt"].to_numpy()[in_epoch].tolist()
        standings.append(timed_standing(id, levels, doubts, epoch_start, last_verdicts.get(id, "")))
    return tuple(standings)


def timed_standing(
    case: str, levels: Sequence[float], doubts: Sequence[str], epoch_start: str | None, verdict: str
) -> TimedStanding:
    """The nights of one epoch in order; a level is nan where the case had no right number."""
    measured = [(level, doubt) for level, doubt in zip(levels, doubts, strict=True) if not math.isnan(level)]
    eligible = [level for level, doubt in measured if not doubt]
    latest, latest_doubt = measured[-1] if measured else (math.nan, "")
    others = eligible[:-1] if measured and not latest_doubt else eligible
    return TimedStanding(
        case=case,
        nights=len(levels),
        eligible=len(eligible),
        doubtful=len(measured) - len(eligible),
        latest_s=math.exp(latest) if measured else None,
        latest_doubt=latest_doubt,
        change=math.expm1(latest - statistics.median(others)) if measured and others else None,
        sd=statistics.stdev(eligible) if len(eligible) >= MIN_NIGHTS else None,
        start=epoch_start,
        verdict=verdict,
    )


def counted_standings(
    frame: "pd.DataFrame", epochs: Sequence[Epoch], verdicts: Verdicts
) -> tuple[CountedStanding, ...]:
    """Every counted case of a history, in the order of the files."""
    last_verdicts = _last_verdicts([night.night for night in nights(frame)], verdicts)
    standings = []
    for case in map(str, counts_only(frame)["case"].unique()):
        changes = steps(frame, case)
        counted = [change for change in changes if change]
        last = counted[-1] if counted else None
        verdict = last_verdicts.get(case, "")
        standings.append(CountedStanding(case, len(changes), len(counted), last, start(epochs, case), verdict))
    return tuple(standings)


def _last_verdicts(nights_in_order: "Sequence[str] | Mapping[str, int]", verdicts: Verdicts) -> dict[str, str]:
    """The gate's last verdict of each case."""
    last: dict[str, str] = {}
    for night in nights_in_order:
        for case, verdict in verdicts.get(night, {}).items():
            last[case] = verdict.verdict
    return last


def _is_in_epoch(night: str, epoch_start: str | None, places: Mapping[str, int]) -> bool:
    """Whether a night is of the epoch; where the epoch's first night is gone, pytest-benchmark's numbers decide."""
    if epoch_start is None:
        return True
    if epoch_start in places:
        return places[night] >= places[epoch_start]
    return night_number(night) > night_number(epoch_start)
