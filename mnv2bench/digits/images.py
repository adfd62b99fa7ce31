"""Images of handwritten digits: blue ink on yellow paper, at any resolution, for training and held out."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from mnv2bench.digits import FOLDER

SIZE = 8  # pixels along each side as the digits were published
INK = 16  # the largest published value of a pixel
TRAINING_DIGITS = 1200  # the others are held out: no training and no calibration uses them
ORDER_SEED = 0
PAPER_COLOUR = (0.9, 0.8, 0.3)  # red, green, blue: a network that sees them swapped must not get the digits right
INK_COLOUR = (0.1, 0.2, 0.8)
MEAN, DEVIATION = 0.5, 0.3


@cache
def _published() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Ink from 0 to 1 as (digits, 8, 8), and labels, in a random order that never changes."""
    table = np.loadtxt(FOLDER / "digits.csv.gz", delimiter=",", dtype=np.float32)
    order = np.random.default_rng(ORDER_SEED).permutation(len(table))
    table = table[order]
    return table[:, :-1].reshape(-1, SIZE, SIZE) / np.float32(INK), table[:, -1].astype(np.int64)


def training() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The 1,200 digits for training and calibration: ink from 0 to 1 as (1200, 8, 8), and labels."""
    ink, labels = _published()
    return ink[:TRAINING_DIGITS], labels[:TRAINING_DIGITS]


def held_out() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The 597 digits that every accuracy is measured on: ink from 0 to 1 as (597, 8, 8), and labels."""
    ink, labels = _published()
    return ink[TRAINING_DIGITS:], labels[TRAINING_DIGITS:]


@cache
def _enlargement(side: int) -> NDArray[np.float32]:
    """(side, 8): linear interpolation between the centres of the published pixels."""
    centres = (np.arange(side) + 0.5) * SIZE / side - 0.5
    columns = [np.interp(centres, np.arange(SIZE), row) for row in np.eye(SIZE)]
    return np.stack(columns, axis=1).astype(np.float32)


def images(ink: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """(digits, 3, height, width) in float32, C-contiguous, of ink as (digits, 8, 8)."""
    down, across = _enlargement(height), _enlargement(width)
    # einsum, not matmul: BLAS would start its threads in the process that is about to be measured
    large = np.einsum("yi,nij,xj->nyx", down, ink, across, optimize=["einsum_path", (0, 1), (0, 1)])
    return coloured(large)


def coloured(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """(digits, 3, height, width), normalised, of ink as (digits, height, width)."""
    background = np.array(PAPER_COLOUR, np.float32)[:, None, None]
    foreground = np.array(INK_COLOUR, np.float32)[:, None, None]
    colours = background + ink[:, None] * (foreground - background)
    return np.ascontiguousarray((colours - np.float32(MEAN)) / np.float32(DEVIATION))
