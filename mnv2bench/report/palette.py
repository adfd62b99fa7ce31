"""Colours and shapes of pictures, which do not depend on seeing colours: each runtime has a shape of its own too.

The colours are told apart with normal sight, without red cones and without green ones (the least distance in CIELAB is
23), and their contrast is at least 3 on white and on the dark background. So a picture needs no second set of them.
"""

from collections.abc import Iterable

from mnv2bench.case import EAGER

COLOURS = (
    "#169edb",  # sky blue
    "#9b481e",  # brown
    "#04a962",  # green
    "#8c0fff",  # violet
    "#a88c0c",  # mustard
    "#df09a9",  # magenta
    "#845ae7",  # lavender
    "#a34066",  # wine
)
BASELINE = "#6e7781"  # grey, of the runtime that the others are compared with
SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down", "triangle-left", "triangle-right")
BASELINE_SHAPE = "cross"


def runtime_colours(names: Iterable[str]) -> dict[str, str]:
    """The colour of each runtime of a picture, eager first."""
    return _marks(names, BASELINE, COLOURS)


def runtime_shapes(names: Iterable[str]) -> dict[str, str]:
    """The shape of each runtime of a picture; of the first 56 no two have both the colour and the shape in common."""
    return _marks(names, BASELINE_SHAPE, SHAPES)


def _marks(names: Iterable[str], baseline: str, marks: tuple[str, ...]) -> dict[str, str]:
    every = {*names}
    others = {name: marks[place % len(marks)] for place, name in enumerate(sorted(every - {EAGER}))}
    return {EAGER: baseline} | others if EAGER in every else others
