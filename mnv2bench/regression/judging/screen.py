"""Stage 1: which cells of tonight differ from their own baseline, less what all cells share."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Levels = NDArray[np.float64]

# Where each number comes from: docs/thresholds.md#screen
BASELINE_NIGHTS = 20
MIN_BASELINE_NIGHTS = 10  # fewer give no verdict
LAG = 2  # the newest eligible nights: left out so that a slow creep is not absorbed; with tonight they are the trend
SCREEN_P = 0.10
TREND_P = 0.01
MIN_DEVIATION = math.log(1.0075)
CREEP = math.log(1.05)  # since the epoch's first nights
COMMON_P = 0.01
CENTRED_FROM = 10  # cells; of fewer no common shift can be told from a cell's own
TWO_NIGHTS_P = 0.002  # each of two nights running, where no baseline environment can confirm
THREE_NIGHTS_P = 0.01  # over all cells: the last three nights against the baseline


@dataclass(frozen=True)
class ScreenLimits:
    """From which deviation, in log units, a cell is a suspect tonight, and since the first nights of its epoch."""

    min_deviation: float = MIN_DEVIATION
    creep: float = CREEP


LIMITS = ScreenLimits()  # of times


@dataclass(frozen=True)
class Screen:
    """How each cell of tonight differs from its baseline. Arrays have one value a cell, in log units, or nan.

    `baseline_nights`: how many nights each baseline has. `deviation`: tonight against the baseline, less what all cells
    share. `sd`: standard deviation of the baseline's nights, less what all cells share. `p_slower`, `p_faster`:
    one-sided p of tonight's deviation; `p_last_*` of the night before; `p_trend_*` of the mean of the last three
    nights, which is `trend`. `creep`: the change since the first nights. `shift`: what all cells share tonight, and
    `shift_p` its two-sided p; 0 and 1 where there are too few cells to know. `limits` are those of the statistic.
    """

    baseline_nights: NDArray[np.int64]
    deviation: Levels
    sd: Levels
    p_slower: Levels
    p_faster: Levels
    p_trend_slower: Levels
    p_trend_faster: Levels
    p_last_slower: Levels
    p_last_faster: Levels
    trend: Levels
    creep: Levels
    shift: float
    shift_p: float
    limits: ScreenLimits = LIMITS

    @property
    def learning(self) -> NDArray[np.bool_]:
        """Cells with too few nights for a verdict."""
        return self.baseline_nights < MIN_BASELINE_NIGHTS

    def suspects(self, slower: bool) -> NDArray[np.intp]:
        """Cells to measure again, the least likely to be chance first."""
        sign, p, trend_p = (
            (1, self.p_slower, self.p_trend_slower) if slower else (-1, self.p_faster, self.p_trend_faster)
        )
        least = self.limits.min_deviation
        tonight = (p < SCREEN_P) & (sign * self.deviation > least)
        trending = (trend_p < TREND_P) & (sign * self.trend > least)
        creeping = sign * self.creep > self.limits.creep
        chance = np.fmin(p, trend_p)
        cells = np.flatnonzero((tonight | trending | creeping) & ~self.learning)
        return cells[np.argsort(chance[cells], kind="stable")]

    def unconfirmed(self, slower: bool) -> NDArray[np.intp]:
        """Cells that are suspect where no pairs can be measured: two nights running, or the mean of three."""
        sign, p, last, trend_p = (
            (1, self.p_slower, self.p_last_slower, self.p_trend_slower)
            if slower
            else (-1, self.p_faster, self.p_last_faster, self.p_trend_faster)
        )
        least = self.limits.min_deviation
        twice = (np.fmax(p, last) < TWO_NIGHTS_P) & np.isfinite(last) & (sign * self.deviation > least)
        thrice = (trend_p < THREE_NIGHTS_P / max(1, len(p))) & (sign * self.trend > least)
        return np.flatnonzero((twice | thrice) & ~self.learning)

    @property
    def common_alarm(self) -> bool:
        """Whether what all cells share tonight is more than their usual common shift: the machine, or everything."""
        return self.shift_p < COMMON_P and abs(self.shift) > self.limits.min_deviation


def baseline(eligible: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which earlier nights each cell is compared with: of (nights, cells) eligible ones the last 20 behind the lag."""
    rank = np.cumsum(eligible[::-1], axis=0)[::-1]  # 1 is a cell's newest eligible night
    lag = np.clip(eligible.sum(axis=0) - MIN_BASELINE_NIGHTS, 0, LAG)
    chosen: NDArray[np.bool_] = eligible & (rank > lag) & (rank <= lag + BASELINE_NIGHTS)
    return chosen


def screen(levels: Levels, eligible: NDArray[np.bool_], limits: ScreenLimits = LIMITS) -> Screen:
    """Compare the last row of (nights, cells) log levels with the rows before it.

    `eligible` says which of those rows may be in a cell's baseline: not doubtful, of the cell's epoch, and without an
    open change; tonight's row of it is not used. Thresholds: docs/thresholds.md#screen.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return _screen(levels, eligible[:-1] & np.isfinite(levels[:-1]), limits)


def _screen(levels: Levels, eligible: NDArray[np.bool_], limits: ScreenLimits) -> Screen:
    from scipy import stats

    chosen = baseline(eligible)
    nights = chosen.sum(axis=0)
    known = nights >= MIN_BASELINE_NIGHTS
    has_common_shift = known.sum() >= CENTRED_FROM
    differences = levels - _mean(levels[:-1], chosen)
    shifts = _common_shifts(differences[:, known]) if has_common_shift else np.zeros(len(differences))
    centred = differences - shifts[:, None]
    centred = centred - _mean(centred[:-1], chosen)
    sd = np.sqrt(np.where(chosen, centred[:-1] ** 2, 0).sum(axis=0) / (nights - 1))
    enough = nights >= 2
    sd = np.where(enough, sd, np.nan)

    def p_above(value: Levels, of_nights: int) -> Levels:
        error = sd * np.sqrt(1 / of_nights + 1 / nights)
        p: Levels = stats.t.sf(value / error, nights - 1)
        return np.where(enough, p, np.nan)

    deviation = centred[-1]
    last = _newest(centred[:-1], eligible, 1)
    three = _trend(centred, eligible, nights)
    creep = levels[-1] - _first(levels[:-1], eligible)
    if has_common_shift:
        creep = creep - _common_shifts(creep[None, known])[0]
    shift, shift_p = _shift(shifts, chosen)
    return Screen(
        baseline_nights=nights,
        deviation=deviation,
        sd=sd,
        p_slower=p_above(deviation, 1),
        p_faster=p_above(-deviation, 1),
        p_trend_slower=p_above(three, 3),
        p_trend_faster=p_above(-three, 3),
        p_last_slower=p_above(last, 1),
        p_last_faster=p_above(-last, 1),
        trend=three,
        creep=creep,
        shift=shift,
        shift_p=shift_p,
        limits=limits,
    )


def _mean(levels: Levels, chosen: NDArray[np.bool_]) -> Levels:
    mean: Levels = np.where(chosen, levels, 0).sum(axis=0) / chosen.sum(axis=0)
    return mean


def _common_shifts(differences: Levels) -> Levels:
    """The median over cells of each night's differences from their baselines; 0 where no cell has one."""
    return np.array([_median_of_known(night) for night in differences])


def _median_of_known(values: Levels) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else 0.0


def _newest(centred: Levels, eligible: NDArray[np.bool_], place: int) -> Levels:
    """Each cell's newest eligible night (`place` 1), the one before it (2), ...; nan where there is none."""
    rank = np.cumsum(eligible[::-1], axis=0)[::-1]
    at = eligible & (rank == place)
    newest: Levels = np.where(at.any(axis=0), np.where(at, centred, 0).sum(axis=0), np.nan)
    return newest


def _trend(centred: Levels, eligible: NDArray[np.bool_], nights: NDArray[np.int64]) -> Levels:
    """The mean of tonight and the nights of the lag; nan where the lag is not full."""
    lagging = [_newest(centred[:-1], eligible, place) for place in range(1, LAG + 1)]
    whole = eligible.sum(axis=0) >= nights + LAG
    mean: Levels = np.where(whole, (centred[-1] + sum(lagging)) / (LAG + 1), np.nan)
    return mean


def _first(levels: Levels, eligible: NDArray[np.bool_]) -> Levels:
    """The mean of each cell's first ten eligible nights, from which the creep is computed."""
    early = eligible & (np.cumsum(eligible, axis=0) <= MIN_BASELINE_NIGHTS)
    return _mean(levels, early)


def _shift(shifts: Levels, chosen: NDArray[np.bool_]) -> tuple[float, float]:
    """Tonight's common shift less the usual one, and its two-sided p by a prediction t."""
    from scipy import stats

    usual = shifts[:-1][chosen.any(axis=1)]
    if len(usual) < MIN_BASELINE_NIGHTS or not shifts.any():
        return 0.0, 1.0
    moved = float(shifts[-1] - usual.mean())
    error = float(usual.std(ddof=1)) * math.sqrt(1 + 1 / len(usual))
    return moved, float(2 * stats.t.sf(abs(moved) / error, len(usual) - 1)) if error else 1.0


def q_values(screened: Screen, gated: NDArray[np.bool_]) -> Levels:
    """Benjamini-Hochberg over the gated cells of each one's p in its own direction, doubled for having chosen it."""
    from scipy import stats

    q = np.full(len(gated), np.nan)
    p = np.fmin(2 * np.fmin(screened.p_slower, screened.p_faster), 1.0)
    if gated.any():
        q[gated] = stats.false_discovery_control(p[gated])
    return q
