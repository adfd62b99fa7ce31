"""Simulates campaigns with a time budget: coverage of intervals, wrong winners, and the time that a budget saves.

Run it from the project's root with the project's own environment, and name saved files whose processes it draws again:

    .venv/bin/python scripts/simulate_budgets.py --campaigns 2000 results/*/*/0001_published*.json

It prints three tables in Markdown, which docs/thresholds.md has. The rule and the intervals are the project's own code
(mnv2bench.allocation, mnv2bench.statistics); worlds and noise are those of mnv2bench.selfcheck.budgets.
"""

import argparse
import os
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import add
from pathlib import Path

import numpy as np

from mnv2bench.case import Case
from mnv2bench.records.reading import load
from mnv2bench.selfcheck.budgets import Model, Noise, Tally, World, adaptive, equal, made_up, simulate, sittings
from mnv2bench.statistics.intervals import clopper_pearson
from mnv2bench.statistics.processes import process_seconds
from mnv2bench.statistics.spread import process_medians

PARTS = 8  # of the campaigns of a row, each with a seed of its own
BLOCKS = (1.5, 2.0, 3.0, 5.0)  # budgets, in multiples of what one process of each case takes
PROCESSES = (2, 3, 5, 10)
SEED = 20261126
MAIN = "t5 tails, bad nights"  # the noise model of docs/thresholds.md; the others have a part of the campaigns
OTHERS, REAL = 5, 20
NOISES: dict[str, dict[str, bool | float]] = {
    "normal": {"tails": False, "bad_nights": False, "drift_sd": 0.0},
    "t5 tails": {"bad_nights": False, "drift_sd": 0.0},
    MAIN: {"drift_sd": 0.0},
    "t5 tails, bad nights, drift of 0.5 %": {},
}
Made = tuple[World, Noise]


def modelled(name: str, random: np.random.Generator) -> Made:
    """Six variants with eight rivals each, and a noise of the model."""
    world = made_up(6, 8, np.random.default_rng(SEED))
    return world, Model(random, len(world.cases), **NOISES[name])  # type: ignore[arg-type]


@lru_cache
def timed(file: str) -> list[tuple[Case, tuple[float, ...], float]]:
    """The cases of a saved file that are ok, the medians of their processes and the mean seconds of one."""
    records = [record for record in load(Path(file)) if record.status == "ok"]
    return [(record.case, process_medians(record), statistics.fmean(process_seconds(record))) for record in records]


def drawn_again(file: str, random: np.random.Generator) -> Made:
    """The cases of a saved file, and its processes drawn again."""
    return sittings(timed(file), random)


@dataclass(frozen=True)
class Row:
    """Campaigns of one noise: with a budget of so many blocks, or with so many processes of each case."""

    name: str
    adapts: bool
    blocks: float
    campaigns: int

    def part(self, number: int) -> Tally:
        """A part of the campaigns, which has a seed of its own."""
        random = np.random.default_rng((SEED, number))
        world, noise = modelled(self.name, random) if self.name in NOISES else drawn_again(self.name, random)
        budget_s = self.blocks * float(world.cost_s.sum())
        each = -(-self.campaigns // PARTS)
        if self.adapts:
            return simulate(world, noise, adaptive, budget_s, each)
        return simulate(world, noise, equal, budget_s, each, looks=1)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", help="saved files of campaigns, with as many processes of each case")
    parser.add_argument("--campaigns", type=int, default=2000, help=f"campaigns of each row of {MAIN}")
    options = parser.parse_args()
    numbers = dict.fromkeys(NOISES, options.campaigns // OTHERS)
    numbers[MAIN] = options.campaigns
    numbers |= dict.fromkeys(options.files, options.campaigns // REAL)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        equals = {n: {name: (pool, Row(name, False, n, of_it)) for name, of_it in numbers.items()} for n in PROCESSES}
        budgets = {n: {name: (pool, Row(name, True, n, of_it)) for name, of_it in numbers.items()} for n in BLOCKS}
        tables = Tables(tuple(numbers), _simulated(equals), _simulated(budgets))
    for line in (*tables.coverage(), "", *tables.winners(), "", *tables.times()):
        print(line)


Rows = Mapping[float, Mapping[str, tuple[ProcessPoolExecutor, Row]]]
Tallies = Mapping[float, Mapping[str, Tally]]


def _simulated(rows: Rows) -> Tallies:
    """What was counted of each row; their parts are simulated side by side."""
    return {number: {name: _sum(*row) for name, row in of_number.items()} for number, of_number in rows.items()}


def _sum(pool: ProcessPoolExecutor, row: Row) -> Tally:
    tally = reduce(add, pool.map(row.part, range(PARTS)))
    print(row, tally, file=sys.stderr, flush=True)
    return tally


@dataclass(frozen=True)
class Tables:
    """The tables: `equals` by the processes of each case, `budgets` by blocks."""

    names: tuple[str, ...]
    equals: Tallies
    budgets: Tallies

    def coverage(self) -> Iterator[str]:
        """Coverage of shrunk intervals, and of plain ones."""
        yield "| noise | " + " | ".join(f"{n} processes" for n in PROCESSES) + " | at stopping |"
        yield "|---|" + "---|" * (len(PROCESSES) + 1)
        for name in self.names:
            stopped = reduce(add, (of_blocks[name] for of_blocks in self.budgets.values()))
            cells = [_coverage(self.equals[n][name]) for n in PROCESSES] + [_coverage(stopped)]
            yield f"| {Path(name).name} | " + " | ".join(cells) + " |"

    def winners(self) -> Iterator[str]:
        """How often a wrong winner is named, and how contests end."""
        yield "| noise | budget | campaigns with a wrong winner | right | tie | open | wrong | processes |"
        yield "|---|---|---|---|---|---|---|---|"
        for name in self.names:
            for blocks, of_blocks in self.budgets.items():
                tally = of_blocks[name]
                low, high = clopper_pearson(tally.with_wrong, tally.campaigns)
                parts = {end: number / tally.contests.total() for end, number in tally.contests.items()}
                wrong = sum(parts.get(end, 0.0) for end in ("wrong", "wrong within a tie", "no tie"))
                ends = " | ".join(f"{parts.get(end, 0.0):.1%}" for end in ("right", "tie", "open"))
                mean = tally.processes / max(tally.intervals["shrunk"], 1)
                of_all = f"{tally.with_wrong} of {tally.campaigns} ({low:.1%} to {high:.1%})"
                yield f"| {Path(name).name} | {blocks:g} | {of_all} | {ends} | {wrong:.2%} | {mean:.2f} |"

    def times(self) -> Iterator[str]:
        """In which part of the time a budget decides as many contests as the same processes of every case do."""
        yield "| noise | processes of each case | contests decided | wrong campaigns | a budget decides as many in |"
        yield "|---|---|---|---|---|"
        for name in self.names:
            for n in PROCESSES[1:]:
                tally = self.equals[n][name]
                curve = [(blocks, of_blocks[name].decided) for blocks, of_blocks in self.budgets.items()]
                reached = _reached(tally.decided, curve)
                time = f"{reached / n:.0%} of the time" if reached else "none of the budgets above"
                wrong = tally.with_wrong / tally.campaigns
                yield f"| {Path(name).name} | {n} | {tally.decided:.1%} | {wrong:.1%} | {time} |"


def _coverage(tally: Tally) -> str:
    return f"{tally.coverage('shrunk'):.1%} ({tally.coverage('plain'):.1%})"


def _reached(decided: float, curve: Sequence[tuple[float, float]]) -> float | None:
    """The budget that decides as many contests, between those that were simulated."""
    blocks, parts = zip(*curve, strict=True)
    return float(np.interp(decided, np.maximum.accumulate(parts), blocks)) if decided <= max(parts) else None


if __name__ == "__main__":
    main()
