"""Images as the file of a user takes them, and all its outputs as one array."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnv2bench.networks.inputs import DEVIATIONS, GREY_DEVIATION, GREY_MEAN, MEANS

Images = NDArray[np.float32]


def arranged(images: Images, shape: Sequence[int], element: str) -> NDArray[Any]:
    """Images (batch, channels, height, width) in the shape and elements of a network's input.

    Where the input's channels are last, so they are. Integers are the pixels of pictures: 0 to 255 before they were
    normalised as those of ImageNet are, or 128 less.
    """
    if element in ("uint8", "int8"):
        three = images.shape[1] == len(MEANS)
        means, deviations = (MEANS, DEVIATIONS) if three else (GREY_MEAN, GREY_DEVIATION)
        column = (1, -1, 1, 1)
        pixels = images * np.reshape(deviations, column) + np.reshape(means, column)
        whole = np.clip(np.rint(255 * pixels), 0, 255) - (128 if element == "int8" else 0)
        images = whole.astype(element)
    if tuple(shape) != images.shape:
        images = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
    return images.astype(element, copy=False)


def joined(outputs: Iterable[Any], batch: int) -> Images:
    """All outputs of a network, in its order, as (batch, numbers) in float32."""
    rows = [np.asarray(output).reshape(batch, -1).astype(np.float32) for output in outputs]
    return np.concatenate(rows, axis=1)
