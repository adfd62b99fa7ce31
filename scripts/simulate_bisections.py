"""Simulates searches for the first slower release: right, wrong and undecided ones, and the pairs that they need.

Run it from the project's root with the project's own environment:

    .venv/bin/python scripts/simulate_bisections.py --searches 1000

It prints a table in Markdown, which docs/thresholds.md has. The rule is the project's own code
(mnv2bench.bisection.search); releases and noise are those of mnv2bench.bisection.simulation.
"""

import argparse
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np

from mnv2bench.bisection import simulation
from mnv2bench.bisection.search import Search
from mnv2bench.bisection.simulation import Noise, Shape, Tally, simulate

RELEASES = 16
SEED = 20261127
SDS = (0.01, 0.02, 0.03)  # of log ratios
SIZES = (0.02, 0.03, 0.05, 0.10)
HEADER = """| planted | sd of a pair | right | a part | wrong | undecided | stated error | pairs | releases measured |
|---|---|---|---|---|---|---|---|---|"""


@dataclass(frozen=True)
class Row:
    """Searches over releases with one planted shape, and noise of one size."""

    name: str
    shape: Shape
    size: float
    sd: float
    searches: int

    def tally(self) -> Tally:
        """The counts of the searches, which have a seed of their own."""
        random = np.random.default_rng([SEED, *self.name.encode(), round(1e4 * self.sd)])
        return simulate(Search(RELEASES), self.shape, self.size, Noise(random, self.sd), self.searches)

    def line(self) -> str:
        """The row as Markdown."""
        tally = self.tally()
        counts = (tally.correct, tally.partial, tally.wrong, tally.undecided)
        shares = " | ".join(f"{100 * count / tally.searches:.1f} %" for count in counts)
        means = f"{tally.pairs / tally.searches:.0f} | {tally.releases / tally.searches:.1f}"
        return f"| {self.name} | {100 * self.sd:.0f} % | {shares} | {100 * tally.stated:.1f} % | {means} |"


def rows(searches: int) -> Iterator[Row]:
    """The rows of the table."""
    for sd in SDS:
        yield Row("nothing", simulation.no_change, 0.0, sd, searches)
        for size in SIZES:
            yield Row(f"one step of {size:.0%}", simulation.step, size, sd, searches)
        yield Row("two steps of 5% each", simulation.two_steps, 0.05, sd, searches)
        yield Row("5% in three releases, then mended", simulation.temporary, 0.05, sd, searches)
        yield Row("10% in fifteen small steps", simulation.drift, 0.10, sd, searches)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--searches", type=int, default=1000, help="simulated searches of each row")
    searches = parser.parse_args().searches
    print(HEADER, flush=True)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for line in pool.map(Row.line, rows(searches)):
            print(line, flush=True)


if __name__ == "__main__":
    main()
