"""The levels of a series of nights as arrays for stage 1, and which of them may be in a baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mnv2bench.regression.history.counts import timed_only
from mnv2bench.regression.history.epochs import Epoch, start
from mnv2bench.regression.history.verdicts import Verdict
from mnv2bench.regression.judging.pairs import BOTH
from mnv2bench.regression.judging.series import TIME, Series

if TYPE_CHECKING:
    import pandas as pd

BAD_NIGHT = 0.20  # of its processes are noisy: it is in no baseline and fails nothing (docs/thresholds.md#flags)


@dataclass(frozen=True)
class NightLevels:
    """Rows are nights, the last one tonight; columns are tonight's timed cases; the numbers are of one series.

    `levels`: nan where a case has no right number. `eligible`: which levels may be in a baseline. `process_sd`: the
    standard deviation of a cell's processes, pooled over its eligible nights. `bad`: nights with too many noisy
    processes. `missing`: cases of the night before that tonight's file does not have.
    """

    nights: tuple[str, ...]
    cases: tuple[str, ...]
    levels: NDArray[np.float64]
    eligible: NDArray[np.bool_]
    process_sd: NDArray[np.float64]
    bad: frozenset[str]
    missing: tuple[str, ...]


def night_levels(
    frame: "pd.DataFrame",
    night: str,
    epochs: Sequence[Epoch],
    verdicts: Mapping[str, Mapping[str, Verdict]],
    series: Series = TIME,
) -> NightLevels:
    """The nights up to and with this one, of the rows of one machine and series.

    A case's night is baseline-eligible where it is of tonight's plan, not doubtful, of the case's epoch, in no bad
    night, and was not itself confirmed as a change that nobody accepted. ValueError for an epoch that begins at an
    unknown night.
    """
    frame = frame.astype({"night": str, "case": str})
    order = list(dict.fromkeys(frame["night"]))
    nights = order[: order.index(night) + 1]
    places = {name: place for place, name in enumerate(nights)}
    frame = frame[frame["night"].isin(nights)]
    timed = timed_only(frame)
    cases = list(dict.fromkeys(timed.loc[timed["night"] == night, "case"]))
    rows = _of_tonights_plan(timed, night)
    levels = _wide(rows, series.column, nights, cases).to_numpy(dtype=float)
    bad = _bad_nights(timed)
    eligible = np.isfinite(levels) & (_wide(rows, "doubt", nights, cases).to_numpy() == "")
    eligible[[place for name, place in places.items() if name in bad]] = False
    for column, case in enumerate(cases):
        first = start(epochs, case)
        eligible[: place_of_epoch(first, order), column] = False
        eligible[_open_changes(case, first, verdicts, places), column] = False
    process_sd = _pooled(_wide(rows, series.sd_column, nights, cases).to_numpy(dtype=float), eligible)
    return NightLevels(tuple(nights), tuple(cases), levels, eligible, process_sd, bad, _missing(frame, nights))


def place_of_epoch(first: str | None, order: Sequence[str]) -> int:
    """The place of the night that an epoch begins with. ValueError where it is not among the nights."""
    if first is None:
        return 0
    if first not in order:
        raise ValueError(f"epochs.toml begins an epoch at {first}, which is not among the nights: correct that line")
    return order.index(first)


def _of_tonights_plan(timed: "pd.DataFrame", night: str) -> "pd.DataFrame":
    """The rows that were measured with the plan that their case has tonight, one a night and case."""
    tonight = timed[timed["night"] == night]
    plans = dict(zip(tonight["case"], tonight["plan"], strict=True))
    same_plan = timed["plan"].astype(str).to_numpy() == timed["case"].map(plans).to_numpy()
    rows: pd.DataFrame = timed[same_plan].drop_duplicates(["night", "case"], keep="last").astype({"doubt": str})
    return rows


def _wide(rows: "pd.DataFrame", column: str, nights: list[str], cases: list[str]) -> "pd.DataFrame":
    """One column of the rows as a table of nights and cases."""
    wide: pd.DataFrame = rows.pivot(index="night", columns="case", values=column)
    return wide.reindex(index=nights, columns=cases)


def _bad_nights(timed: "pd.DataFrame") -> frozenset[str]:
    """Nights of which too many processes were noisy; results that another tool reported have none of ours."""
    sums = timed[timed["told_by"].isna()].groupby("night", observed=True)[["noisy", "processes"]].sum()
    return frozenset(map(str, sums.index[sums["noisy"] >= BAD_NIGHT * sums["processes"].clip(lower=1)]))


def _open_changes(
    case: str, first: str | None, verdicts: Mapping[str, Mapping[str, Verdict]], places: Mapping[str, int]
) -> list[int]:
    """The places of nights in which the case was confirmed as changed, but for the night that a person accepted."""
    confirmed = [night for night, cases in verdicts.items() if case in cases and cases[case].verdict in BOTH]
    return [places[night] for night in confirmed if night in places and night != first]


def _pooled(process_sd: NDArray[np.float64], eligible: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The root of the mean variance over a cell's eligible nights; nan where there are none."""
    variance = np.where(eligible & np.isfinite(process_sd), process_sd, np.nan) ** 2
    known = np.isfinite(variance).sum(axis=0)
    pooled: NDArray[np.float64] = np.sqrt(np.nansum(variance, axis=0) / np.where(known, known, np.nan))
    return pooled


def _missing(frame: "pd.DataFrame", nights: Sequence[str]) -> tuple[str, ...]:
    """Cases of the night before that tonight's file does not have."""
    if len(nights) < 2:
        return ()
    tonight = set(frame.loc[frame["night"] == nights[-1], "case"])
    return tuple(case for case in frame.loc[frame["night"] == nights[-2], "case"] if case not in tonight)
