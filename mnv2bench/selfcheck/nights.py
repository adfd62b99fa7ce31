"""The gate's rule on virtual nights: how often it cries wolf, and what it finds, with every line of the real rule."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from mnv2bench.regression.judging.cell_night import night_level
from mnv2bench.regression.judging.detectable import detectable
from mnv2bench.regression.judging.pairs import IMPROVEMENT, LOOKS, REGRESSION, Judged, judge
from mnv2bench.regression.judging.questions import Questions, questions
from mnv2bench.regression.judging.screen import LAG, NIGHTS, screen
from mnv2bench.statistics.intervals import clopper_pearson

PROCESSES = 5
HISTORY = NIGHTS + LAG
SIZES = (0.03, 0.05)
OWN = "what it says that it finds"
GOALS = {("quiet", "+3%"): 0.95, ("medium", "+3%"): 0.95, ("noisy", "+5%"): 0.95}  # power
MAX_FALSE = 0.01  # of nights


class Noise(Protocol):
    """Where virtual nights come from; a cell is a column, and `kinds` says which class each is of."""

    @property
    def kinds(self) -> tuple[str, ...]: ...

    def night(self) -> NDArray[np.float64]:
        """(processes, cells) log levels of an unchanged night."""

    def pairs(self, cell: int) -> Iterator[float]:
        """Log ratios of pairs of one cell in tonight's confirmation, without end."""


@dataclass
class Model:
    """Simulated noise of 300 cells in thirds: t5 tails, common shifts, 5 % bad nights (docs/thresholds.md#screen).

    On a bad night half of all processes, those of pairs too, are slowed by an exponential of mean 5 %. Nothing flags
    such a night here, so that the rule and not the flags is tested.
    """

    random: np.random.Generator
    each: int = 100
    bad: bool = False
    kinds: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.kinds = tuple(kind for kind in ("quiet", "medium", "noisy") for _ in range(self.each))
        self.night_sd = np.repeat([0.0025, 0.005, 0.01], self.each)
        self.process_sd = np.repeat([0.003, 0.009, 0.015], self.each)

    def _t5(self, *shape: int) -> NDArray[np.float64]:
        return self.random.standard_t(5, shape) / math.sqrt(5 / 3)

    def _hits(self, *shape: int) -> NDArray[np.float64]:
        hit = self.random.exponential(0.05, shape) * (self.random.random(shape) < 0.5)
        return hit if self.bad else np.zeros(shape)

    def night(self) -> NDArray[np.float64]:
        cells = len(self.kinds)
        self.bad = self.random.random() < 0.05
        level = self.random.normal(0, 0.005) + self.night_sd * self._t5(cells)
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
    def kinds(self) -> tuple[str, ...]:
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


def confirmed(noise: Noise, cell: int, asked: Questions, effect: float = 0.0) -> Judged:
    """Stage 2 of one cell: pairs until it is judged, at the planned looks."""
    source, seen = noise.pairs(cell), list[float]()
    for look in LOOKS:
        seen += [next(source) + effect for _ in range(look - len(seen))]
        said = judge(seen, asked.rivals(cell), asked.asked[cell], last=look == LOOKS[-1])
        if said.verdict:
            return said
    raise AssertionError("the last look always judges")


@dataclass
class Tally:
    """Counts over virtual nights."""

    nights: int = 0
    alarmed: int = 0
    improved: int = 0
    bad: int = 0
    pairs: int = 0
    asked: int = 0
    found: Counter[tuple[str, str]] = field(default_factory=Counter)
    tried: Counter[tuple[str, str]] = field(default_factory=Counter)
    own: dict[str, list[float]] = field(default_factory=dict)


def simulate(noise: Noise, nights: int, random: np.random.Generator) -> Tally:
    """Unchanged nights one after the other; in each, one cell of each kind also made slower, one size at a time."""
    tally = Tally()
    kinds = np.array(noise.kinds)
    before = [noise.night() for _ in range(HISTORY)]
    levels = np.array([night_level(night) for night in before])
    process_sd = np.sqrt(np.mean([night.var(axis=0, ddof=1) for night in before], axis=0))
    accepted = np.ones((HISTORY + 1, len(kinds)), dtype=bool)
    gated = np.ones(len(kinds), dtype=bool)
    still_open: dict[int, str] = {}
    for number in range(nights):
        tonight = night_level(noise.night())
        rows = np.vstack([levels[-HISTORY - 8 :], tonight])
        allowed = accepted[-len(rows) :]
        seen = screen(rows, allowed)
        asked = questions(seen, gated, still_open, str(number))
        said = {cell: confirmed(noise, cell, asked) for cell in asked.asked}
        changed = {cell: judged.verdict for cell, judged in said.items() if judged.verdict in (REGRESSION, IMPROVEMENT)}
        still_open = changed
        tally.nights += 1
        tally.alarmed += REGRESSION in changed.values()
        tally.improved += IMPROVEMENT in changed.values()
        tally.bad += asked.bad
        tally.asked += len(said)
        tally.pairs += sum(judged.pairs for judged in said.values())
        for kind in dict.fromkeys(noise.kinds):
            cell = int(random.choice(np.flatnonzero(kinds == kind)))
            own = detectable(seen.sd[cell], int(seen.nights[cell]), process_sd[cell])
            tally.own.setdefault(kind, []).append(own)
            for name, size in {**{f"{size:+.0%}": size for size in SIZES}, OWN: own}.items():
                found = _found(noise, rows, allowed, cell, size, str(number))
                tally.tried[kind, name] += 1
                tally.found[kind, name] += found
        row = np.ones((1, len(kinds)), dtype=bool)
        row[0, list(changed)] = False
        accepted = np.vstack([accepted[:-1], row, np.ones((1, len(kinds)), dtype=bool)])
        levels = np.vstack([levels, tonight])
    return tally


def _found(
    noise: Noise, rows: NDArray[np.float64], allowed: NDArray[np.bool_], cell: int, size: float, seed: str
) -> bool:
    """One cell slower by `size` tonight: screened with all the others, confirmed if it is asked about."""
    slowed = rows.copy()
    slowed[-1, cell] += math.log1p(size)
    asked = questions(screen(slowed, allowed), np.ones(rows.shape[1], dtype=bool), {}, seed)
    return cell in asked.asked and confirmed(noise, cell, asked, math.log1p(size)).verdict == REGRESSION


def nights(count: int, file: Path | None, out: Console, seed: int = 20261124) -> bool:
    """Print false alarms and power with the model's noise, and with that of real pairs where a file has them."""
    random = np.random.default_rng(seed)
    sources: list[tuple[str, Noise]] = [("the noise model of 300 cells, simulated", Model(random))]
    if file:
        real = sittings(file, random)
        sources.append((f"real A/A pairs of {file.name}, {len(real.old)} sittings drawn again", real))
    passed = True
    for name, noise in sources:
        tally = simulate(noise, count, random)
        passed = _told(name, tally, out) and passed
    return passed


def _told(name: str, tally: Tally, out: Console) -> bool:
    """Print what was counted; False where a goal was missed."""
    low, high = clopper_pearson(tally.alarmed, tally.nights)
    out.print(
        f"nights: {name}: {tally.nights} nights, {tally.alarmed} with a false REGRESSION (95 % {low:.2%} to "
        f"{high:.2%}; goal <= {MAX_FALSE:.0%}), {tally.improved} with a false IMPROVEMENT, {tally.bad} bad; "
        f"a night asks {tally.asked / tally.nights:.1f} cells and takes {tally.pairs / tally.nights:.0f} pairs",
        markup=False,
    )
    passed = tally.alarmed <= MAX_FALSE * tally.nights
    for (kind, name), tried in tally.tried.items():
        found, goal = tally.found[kind, name], GOALS.get((kind, name))
        low, high = clopper_pearson(found, tried)
        passed = passed and (goal is None or found >= goal * tried)
        wanted = f"; goal >= {goal:.0%}" if goal else ""
        size = f"{name}, {np.median(tally.own[kind]):.1%} in the median" if name == OWN else name
        out.print(f"  {kind}, {size}: found {found} of {tried} ({low:.1%} to {high:.1%}{wanted})", markup=False)
    return passed
