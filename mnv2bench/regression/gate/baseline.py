"""A series of nights as the arrays that stage 1 takes, and what may stand in a baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mnv2bench.regression.history.counts import timed_only
from mnv2bench.regression.history.epochs import Epoch, start
from mnv2bench.regression.history.verdicts import Verdict
from mnv2bench.regression.judging.pairs import BOTH

if TYPE_CHECKING:
    import pandas as pd

BAD_NIGHT = 0.20  # of its processes are noisy: the night is in no baseline and fails nothing


@dataclass(frozen=True)
class Series:
    """Rows are nights, the last one tonight; columns are tonight's timed cases. nan, not accepted, where there is none.

    `process_sd`: of a process, pooled over accepted nights, for each cell. `bad`: nights of too many noisy processes.
    `missing`: cases of the night before that tonight's file does not have.
    """

    nights: tuple[str, ...]
    cases: tuple[str, ...]
    levels: NDArray[np.float64]
    accepted: NDArray[np.bool_]
    process_sd: NDArray[np.float64]
    bad: frozenset[str]
    missing: tuple[str, ...]


def series(
    frame: "pd.DataFrame", night: str, epochs: Sequence[Epoch], verdicts: Mapping[str, Mapping[str, Verdict]]
) -> Series:
    """The nights up to and with this one, of the rows of one machine and series.

    A cell-night is accepted where it is of tonight's plan, undoubtful, of the case's epoch, in no bad night, and was
    not itself confirmed as a change that nobody accepted. ValueError for an epoch that begins at an unknown night.
    """
    frame = frame.astype({"night": str, "case": str})
    order = list(dict.fromkeys(frame["night"]))
    nights = order[: order.index(night) + 1]
    places = {name: place for place, name in enumerate(nights)}
    frame = frame[frame["night"].isin(nights)]
    everything, frame = frame, timed_only(frame)
    tonight = frame[frame["night"] == night]
    cases = list(dict.fromkeys(tonight["case"]))
    plans = dict(zip(tonight["case"], tonight["plan"], strict=True))
    same = frame["plan"].astype(str).to_numpy() == frame["case"].astype(str).map(plans).to_numpy()
    here = frame[same].drop_duplicates(["night", "case"], keep="last")
    here = here.astype({"doubt": str})

    def table(column: str) -> "pd.DataFrame":
        wide: pd.DataFrame = here.pivot(index="night", columns="case", values=column)
        return wide.reindex(index=nights, columns=cases)

    levels = table("level").to_numpy(dtype=float)
    sums = frame[frame["told_by"].isna()].groupby("night", observed=True)[["noisy", "processes"]].sum()
    bad = frozenset(str(name) for name in sums.index[sums["noisy"] >= BAD_NIGHT * sums["processes"].clip(lower=1)])
    accepted = np.isfinite(levels) & (table("doubt").to_numpy() == "")
    accepted[[place for name, place in places.items() if name in bad]] = False
    for column, case in enumerate(cases):
        first = start(epochs, case)
        accepted[: begin(first, order), column] = False
        for name, said in verdicts.items():
            if name in places and case in said and said[case].verdict in BOTH and (first is None or name != first):
                accepted[places[name], column] = False
    spread = table("process_sd").to_numpy(dtype=float)
    variance = np.where(accepted & np.isfinite(spread), spread, np.nan) ** 2
    known = np.isfinite(variance).sum(axis=0)
    pooled = np.sqrt(np.nansum(variance, axis=0) / np.where(known, known, np.nan))
    there = set(everything.loc[everything["night"] == night, "case"])
    before = everything.loc[everything["night"] == nights[-2], "case"] if len(nights) > 1 else ()
    missing = tuple(case for case in before if case not in there)
    return Series(tuple(nights), tuple(cases), levels, accepted, pooled, bad, missing)


def begin(first: str | None, order: Sequence[str]) -> int:
    """The place of the night that an epoch begins with. ValueError where it is not among the nights."""
    if first is not None and first not in order:
        raise ValueError(f"epochs.toml begins an epoch at {first}, which is not among the nights: mend it")
    return order.index(first) if first is not None else 0
