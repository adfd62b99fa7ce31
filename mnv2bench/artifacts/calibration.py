"""How the scales of int8 are set: on which images, and how many. Every quantiser is given the same ones."""

import numpy as np
from numpy.typing import NDArray

from mnv2bench.refusals import Unavailable

IMAGES = 100
LEAST_IMAGES = 32  # with fewer the ranges of most channels are those of single images
METHOD = f"{IMAGES} calibration images"


def require_usable(images: NDArray[np.float32]) -> None:
    """Raise Unavailable, in one line, for images on which no scale can be set."""
    if len(images) < LEAST_IMAGES:
        raise Unavailable(f"{len(images)} calibration images, and int8 needs {LEAST_IMAGES} at least: add images")
    if not np.isfinite(images).all():
        raise Unavailable("the calibration images are not finite: replace those that are damaged")
