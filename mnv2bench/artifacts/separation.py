"""How far a network's logits tell images apart: where they do not, no output of any backend can be checked."""

import itertools

import numpy as np
from numpy.typing import NDArray

from mnv2bench.refusals import Wrong

MIN_SEPARATION = 1e-2  # docs/thresholds.md#outputs


def separation(logits: NDArray[np.float32]) -> float:
    """The least difference between the logits of two batches, over the largest logit."""
    scale = float(np.abs(logits).max())
    pairs = itertools.combinations(logits, 2)
    return min(float(np.abs(first - second).max()) for first, second in pairs) / scale if scale else 0.0


def require_meaning(logits: NDArray[np.float32]) -> None:
    """Raise Wrong, in one line, for logits of eager fp32 with which no output could be checked."""
    if not np.isfinite(logits).all():
        raise Wrong("with these weights the logits of the reference itself are not finite: nothing can be checked")
    apart = separation(logits)
    if apart < MIN_SEPARATION:
        raise Wrong(
            f"these weights tell no two images apart (their logits differ by {apart:.1e} of the largest), as freshly "
            "initialised ones do, so nothing can be checked: save trained weights"
        )
