"""Which cells of a night are measured again, and in which directions: the step from stage 1 to stage 2."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnv2bench.regression.judging.pairs import BOTH, IMPROVEMENT, REGRESSION
from mnv2bench.regression.judging.screen import SCREEN_P, Screen

# Where each number comes from: docs/thresholds.md#questions
MAX_SUSPECTS = 30
BAD_SHARE = 0.20  # of the gated cells: more suspects than that have a common cause
CHANCE = 0.999  # part of nights that have no more suspects than that by chance
DRAWN = 10  # cells that stand for all of them when all moved together
FEW = 10  # so many suspects are no bad night, however few cells there are


@dataclass(frozen=True)
class Questions:
    """Which cells stage 2 measures, and in which directions each is judged.

    `directions`: REGRESSION, IMPROVEMENT or both, by cell. `bad`: more suspects than a night of single changes has.
    `common`: all cells moved together. `beyond_cap`: suspects that are not measured, as there are too many.
    """

    directions: dict[int, tuple[str, ...]]
    bad: bool
    common: bool
    beyond_cap: tuple[int, ...]

    def rivals(self, cell: int) -> int:
        """How many cells are judged in the same direction as this one: by so many its risk is divided."""
        return max(
            sum(direction in directions for directions in self.directions.values())
            for direction in self.directions[cell]
        )


def questions(screen: Screen, gated: NDArray[np.bool_], still_open: Mapping[int, str], seed: str) -> Questions:
    """At most 30 suspects, the likeliest of the slower ones first, then of the faster ones.

    `still_open`: cells whose last confirmed change nobody has accepted; they are measured again whatever tonight looks
    like. When all cells moved together, ten cells that `seed` draws are measured too. A bad night also measures its
    likeliest 30: pairs are measured in one sitting, so what they confirm is independent of the night.
    """
    slower = [int(cell) for cell in screen.suspects(slower=True) if gated[cell]]
    faster = [int(cell) for cell in screen.suspects(slower=False) if gated[cell] and cell not in slower]
    bad = is_bad(len(slower), int(gated.sum()))
    directions: dict[int, tuple[str, ...]] = dict.fromkeys(slower[:MAX_SUSPECTS], (REGRESSION,))
    directions |= dict.fromkeys(faster[: MAX_SUSPECTS - len(directions)], (IMPROVEMENT,))
    directions |= {cell: BOTH for cell in still_open if gated[cell]}
    if screen.common_alarm:
        directions |= dict.fromkeys(_drawn(np.flatnonzero(gated), random.Random(seed)), BOTH)
    beyond_cap = tuple(cell for cell in [*slower, *faster] if cell not in directions)
    return Questions(directions, bad, screen.common_alarm, beyond_cap)


def is_bad(suspects: int, cells: int) -> bool:
    """Whether there are more suspects than a night of single changes has: over 20 %, and over what chance brings."""
    from scipy import stats

    return suspects > max(FEW, BAD_SHARE * cells, float(stats.binom.ppf(CHANCE, cells, SCREEN_P)))


def _drawn(cells: Sequence[int] | NDArray[np.intp], draw: random.Random) -> list[int]:
    return sorted(draw.sample([int(cell) for cell in cells], min(DRAWN, len(cells))))
