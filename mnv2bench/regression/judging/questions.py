"""Which cells of a night are measured again, and what is asked of each: the step from stage 1 to stage 2."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnv2bench.regression.judging.pairs import BOTH, IMPROVEMENT, REGRESSION
from mnv2bench.regression.judging.screen import SCREEN_P, Screen

MAX_SUSPECTS = 30
BAD_SHARE = 0.20  # of the gated cells: with more suspects than that, it is the night
CHANCE = 0.999  # and more of them than so many nights in a thousand bring by chance
DRAWN = 10  # cells that stand for all of them when everything moved together
FEW = 10  # suspects are no bad night, however few cells there are


@dataclass(frozen=True)
class Questions:
    """`asked`: by cell, which of REGRESSION and IMPROVEMENT is asked; `bad`: too many suspects to ask each.

    `common`: all cells moved together. `unasked`: suspects beyond the cap.
    """

    asked: dict[int, tuple[str, ...]]
    bad: bool
    common: bool
    unasked: tuple[int, ...]

    def rivals(self, cell: int) -> int:
        """How many cells are asked what this one is: what its risk is divided by."""
        return max(sum(direction in asked for asked in self.asked.values()) for direction in self.asked[cell])


def questions(screen: Screen, gated: NDArray[np.bool_], still_open: Mapping[int, str], seed: str) -> Questions:
    """Slower suspects first, the likeliest up to 30; faster ones in the places that are left.

    `still_open`: cells whose last confirmed change nobody has accepted; they are asked again, whatever tonight looks
    like. When everything moved together, so are ten cells drawn by `seed`. A bad night asks its likeliest 30 too: pairs
    are measured in one sitting, so what they confirm is no matter of the night; what they leave is not judged.
    """
    slower = [int(cell) for cell in screen.suspects(slower=True) if gated[cell]]
    faster = [int(cell) for cell in screen.suspects(slower=False) if gated[cell] and cell not in slower]
    bad = is_bad(len(slower), int(gated.sum()))
    asked: dict[int, tuple[str, ...]] = dict.fromkeys(slower[:MAX_SUSPECTS], (REGRESSION,))
    asked |= dict.fromkeys(faster[: MAX_SUSPECTS - len(asked)], (IMPROVEMENT,))
    asked |= {cell: BOTH for cell in still_open if gated[cell]}
    if screen.common_alarm:
        asked |= dict.fromkeys(_drawn(np.flatnonzero(gated), random.Random(seed)), BOTH)
    left = tuple(cell for cell in [*slower, *faster] if cell not in asked)
    return Questions(asked, bad, screen.common_alarm, left)


def is_bad(suspects: int, cells: int) -> bool:
    """Whether there are more suspects than a night of single changes has: over 20 %, and over what chance brings."""
    from scipy import stats

    return suspects > max(FEW, BAD_SHARE * cells, float(stats.binom.ppf(CHANCE, cells, SCREEN_P)))


def _drawn(cells: Sequence[int] | NDArray[np.intp], draw: random.Random) -> list[int]:
    return sorted(draw.sample([int(cell) for cell in cells], min(DRAWN, len(cells))))
