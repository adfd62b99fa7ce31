"""The gate's rules on virtual nights: how often they raise a false alarm, and how often they find a change."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from mnv2bench.regression.judging.cell_night import night_level
from mnv2bench.regression.judging.pairs import BOTH, IMPROVEMENT, LOOKS, REGRESSION, Judged, judge
from mnv2bench.regression.judging.questions import Questions, questions
from mnv2bench.regression.judging.screen import BASELINE_NIGHTS, LAG, screen
from mnv2bench.regression.judging.series import TAIL, TIME, Series
from mnv2bench.statistics.intervals import clopper_pearson

PROCESSES = 5
HISTORY = BASELINE_NIGHTS + LAG
SIZES = {TIME: (0.03, 0.05), TAIL: (0.20, 0.50)}
OWN = "what it says that it finds"  # the size that a cell prints as detectable
GOALS = {("quiet", "+3%"): 0.95, ("medium", "+3%"): 0.95, ("noisy", "+5%"): 0.95}  # power
TAIL_GOALS = {("quiet", "+20%"): 0.95, ("medium", "+20%"): 0.95, ("noisy", "+50%"): 0.95}
MAX_FALSE = 0.01  # of nights


class Noise(Protocol):
    """Where virtual nights come from; a cell is a column, and `classes` says how noisy each is."""

    @property
    def classes(self) -> tuple[str, ...]: ...

    def night(self) -> NDArray[np.float64]:
        """(processes, cells) log levels of an unchanged night."""

    def pairs(self, cell: int) -> Iterator[float]:
        """Log ratios of pairs of one cell in tonight's confirmation, without end."""


@dataclass(frozen=True)
class Spread:
    """Standard deviations of log values: of nights and of processes by class of noise, and what all cells share.

    `hit`: the mean of the exponential by which half of a bad night's processes are raised.
    """

    nights: tuple[float, float, float]
    processes: tuple[float, float, float]
    shared: float
    hit: float


OF_TIMES = Spread(nights=(0.0025, 0.005, 0.01), processes=(0.003, 0.009, 0.015), shared=0.005, hit=0.05)
OF_TAILS = Spread(nights=(0.005, 0.015, 0.03), processes=(0.007, 0.02, 0.045), shared=0.01, hit=0.10)


@dataclass
class Model:
    """Simulated noise of 300 cells in thirds: t5 tails, common shifts, 5 % bad nights (docs/thresholds.md#screen).

    On a bad night half of all processes, those of pairs too, are slowed by an exponential of mean 5 %. Nothing flags
    such a night here, so that the rule and not the flags is tested. The lengths of tails have a spread of their own.
    """

    random: np.random.Generator
    each: int = 100
    bad: bool = False
    spread: Spread = OF_TIMES
    classes: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.classes = tuple(noise_class for noise_class in ("quiet", "medium", "noisy") for _ in range(self.each))
        self.night_sd = np.repeat(self.spread.nights, self.each)
        self.process_sd = np.repeat(self.spread.processes, self.each)

    def _t5(self, *shape: int) -> NDArray[np.float64]:
        return self.random.standard_t(5, shape) / math.sqrt(5 / 3)

    def _hits(self, *shape: int) -> NDArray[np.float64]:
        hit = self.random.exponential(self.spread.hit, shape) * (self.random.random(shape) < 0.5)
        return hit if self.bad else np.zeros(shape)

    def night(self) -> NDArray[np.float64]:
        cells = len(self.classes)
        self.bad = self.random.random() < 0.05
        level = self.random.normal(0, self.spread.shared) + self.night_sd * self._t5(cells)
        processes: NDArray[np.float64] = level + self.process_sd * self._t5(PROCESSES, cells)
        return processes + self._hits(PROCESSES, cells)

    def pairs(self, cell: int) -> Iterator[float]:
        while True:
            old, new = self.process_sd[cell] * self._t5(2) + self._hits(2)
            yield float(new - old)


@dataclass
class Sittings:
    """Real A/A pairs drawn again: `old` and `new` are (sittings, cells) log levels that were measured side by side.

    A night is five sittings in a row, of all cells of a copy at once, so drift and what cells share stay as they were;
    pairs are sittings in a row from a random one on. Every copy of the cells draws its own.
    """

    random: np.random.Generator
    old: NDArray[np.float64]
    new: NDArray[np.float64]
    names: tuple[str, ...]
    copies: int = 4

    @property
    def classes(self) -> tuple[str, ...]:
        return self.names * self.copies

    def night(self) -> NDArray[np.float64]:
        count = len(self.old)
        starts = self.random.integers(count, size=self.copies)
        rows = [(start + np.arange(PROCESSES)) % count for start in starts]
        return np.concatenate([self.old[row] for row in rows], axis=1)

    def pairs(self, cell: int) -> Iterator[float]:
        column, at = cell % len(self.names), int(self.random.integers(len(self.old)))
        while True:
            yield float(self.new[at, column] - self.old[at, column]) * (1 if self.random.random() < 0.5 else -1)
            at = (at + 1) % len(self.old)


def sittings(file: Path, random: np.random.Generator) -> Sittings:
    """The pairs in a CSV that `selfcheck --only duels` wrote: case, pair, old, new (log seconds). ValueError if bad."""
    import pandas as pd

    try:
        frame = pd.read_csv(file)
        wide = frame.pivot(index="pair", columns="case", values=["old", "new"]).dropna()
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"{file} holds no pairs ({error}): selfcheck --only duels --out NAME writes them") from error
    names = tuple(map(str, wide["old"].columns))
    return Sittings(random, wide["old"].to_numpy(float), wide["new"].to_numpy(float), names)


def confirmed(noise: Noise, cell: int, chosen: Questions, effect: float = 0.0, series: Series = TIME) -> Judged:
    """Stage 2 of one cell: pairs until it is judged, at the planned looks."""
    source = noise.pairs(cell)
    ratios: list[float] = []
    for look in LOOKS:
        ratios += [next(source) + effect for _ in range(look - len(ratios))]
        directions, last = chosen.directions[cell], look == LOOKS[-1]
        judged = judge(ratios, chosen.rivals(cell), directions, last, series.pair_limits)
        if judged.verdict:
            return judged
    raise AssertionError("the last look always judges")


@dataclass
class Tally:
    """Counts over virtual nights. `detected` of `attempts` slowdowns, by class of noise and by size."""

    nights: int = 0
    alarmed: int = 0
    improved: int = 0
    bad: int = 0
    pairs: int = 0
    cells_measured: int = 0
    detected: Counter[tuple[str, str]] = field(default_factory=Counter)
    attempts: Counter[tuple[str, str]] = field(default_factory=Counter)
    detectable: dict[str, list[float]] = field(default_factory=dict)


def simulate(noise: Noise, nights: int, random: np.random.Generator, series: Series = TIME) -> Tally:
    """Unchanged nights one after the other; in each, one cell of each class also made slower, one size at a time."""
    tally = Tally()
    classes = np.array(noise.classes)
    before = [noise.night() for _ in range(HISTORY)]
    levels = np.array([night_level(night) for night in before])
    process_sd = np.sqrt(np.mean([night.var(axis=0, ddof=1) for night in before], axis=0))
    eligible = np.ones((HISTORY + 1, len(classes)), dtype=bool)
    gated = np.ones(len(classes), dtype=bool)
    still_open: dict[int, str] = {}
    for number in range(nights):
        tonight = night_level(noise.night())
        rows = np.vstack([levels[-HISTORY - 8 :], tonight])
        allowed = eligible[-len(rows) :]
        screened = screen(rows, allowed, series.screen_limits)
        chosen = questions(screened, gated, still_open, str(number))
        judged = {cell: confirmed(noise, cell, chosen, series=series) for cell in chosen.directions}
        still_open = {cell: pairs.verdict for cell, pairs in judged.items() if pairs.verdict in BOTH}
        _count_night(tally, chosen, judged)
        for noise_class in dict.fromkeys(noise.classes):
            cell = int(random.choice(np.flatnonzero(classes == noise_class)))
            smallest = series.detectable(screened.sd[cell], int(screened.baseline_nights[cell]), process_sd[cell])
            tally.detectable.setdefault(noise_class, []).append(smallest)
            for name, size in {**{f"{size:+.0%}": size for size in SIZES[series]}, OWN: smallest}.items():
                tally.attempts[noise_class, name] += 1
                tally.detected[noise_class, name] += _is_detected(noise, rows, allowed, cell, size, str(number), series)
        unchanged = np.ones((1, len(classes)), dtype=bool)
        unchanged[0, list(still_open)] = False
        eligible = np.vstack([eligible[:-1], unchanged, np.ones((1, len(classes)), dtype=bool)])
        levels = np.vstack([levels, tonight])
    return tally


def _count_night(tally: Tally, chosen: Questions, judged: dict[int, Judged]) -> None:
    verdicts = [pairs.verdict for pairs in judged.values()]
    tally.nights += 1
    tally.alarmed += REGRESSION in verdicts
    tally.improved += IMPROVEMENT in verdicts
    tally.bad += chosen.bad
    tally.cells_measured += len(judged)
    tally.pairs += sum(pairs.pairs for pairs in judged.values())


def _is_detected(
    noise: Noise,
    rows: NDArray[np.float64],
    allowed: NDArray[np.bool_],
    cell: int,
    size: float,
    seed: str,
    series: Series,
) -> bool:
    """Whether a change of one cell by `size` tonight is suspected among all the others, and confirmed."""
    slowed = rows.copy()
    slowed[-1, cell] += math.log1p(size)
    chosen = questions(screen(slowed, allowed, series.screen_limits), np.ones(rows.shape[1], dtype=bool), {}, seed)
    if cell not in chosen.directions:
        return False
    return confirmed(noise, cell, chosen, math.log1p(size), series).verdict == REGRESSION


def nights(count: int, file: Path | None, out: Console, seed: int = 20261124) -> bool:
    """Print false alarms and power with the model's noise, and with that of real pairs where a file has them."""
    random = np.random.default_rng(seed)
    sources: list[tuple[str, Noise]] = [("the noise model of 300 cells, simulated", Model(random))]
    if file:
        real = sittings(file, random)
        sources.append((f"real A/A pairs of {file.name}, {len(real.old)} sittings drawn again", real))
    passed = True
    for name, noise in sources:
        passed = _print_tally(name, simulate(noise, count, random), out) and passed
    random = np.random.default_rng(seed)
    tails = simulate(Model(random, spread=OF_TAILS), count, random, TAIL)
    return _print_tally("tails, p90/p50 of 300 cells, simulated", tails, out, TAIL_GOALS) and passed


def _print_tally(name: str, tally: Tally, out: Console, goals: Mapping[tuple[str, str], float] = GOALS) -> bool:
    """Print the counts; False where a goal was missed."""
    low, high = clopper_pearson(tally.alarmed, tally.nights)
    out.print(
        f"nights: {name}: {tally.nights} nights, {tally.alarmed} with a false REGRESSION (95 % {low:.2%} to "
        f"{high:.2%}; goal <= {MAX_FALSE:.0%}), {tally.improved} with a false IMPROVEMENT, {tally.bad} bad; "
        f"a night measures {tally.cells_measured / tally.nights:.1f} cells again in "
        f"{tally.pairs / tally.nights:.0f} pairs",
        markup=False,
    )
    passed = tally.alarmed <= MAX_FALSE * tally.nights
    for (noise_class, size), attempts in tally.attempts.items():
        detected, goal = tally.detected[noise_class, size], goals.get((noise_class, size))
        low, high = clopper_pearson(detected, attempts)
        passed = passed and (goal is None or detected >= goal * attempts)
        goal_text = f"; goal >= {goal:.0%}" if goal else ""
        shown = f"{size}, {np.median(tally.detectable[noise_class]):.1%} in the median" if size == OWN else size
        line = f"  {noise_class}, {shown}: found {detected} of {attempts} ({low:.1%} to {high:.1%}{goal_text})"
        out.print(line, markup=False)
    return passed
