"""Images as the file of a user takes them, and all its outputs as one array."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.float32]


def arranged(images: Images, shape: Sequence[int], element: str) -> NDArray[Any]:
    """Images (batch, channels, height, width) in the shape and elements of a network's input.

    Where the input's channels are last, so they are.
    """
    elements = images.astype(element, copy=False)
    return elements if tuple(shape) == images.shape else np.ascontiguousarray(elements.transpose(0, 2, 3, 1))


def joined(outputs: Iterable[Any], batch: int) -> Images:
    """All outputs of a network, in its order, as (batch, numbers) in float32."""
    rows = [np.asarray(output).reshape(batch, -1).astype(np.float32) for output in outputs]
    return np.concatenate(rows, axis=1)
