"""Whether what a backend computed is what eager fp32 computes."""

import numpy as np

from mnv2bench.backends import Images

TOLERANCE = 1e-4
MIN_SEPARATION = 1e-2  # of the reference's two images: a hundred tolerances


def compare(outputs: list[Images], reference: Images) -> tuple[float | None, float, str]:
    """Largest difference from the reference, and between its two images, over the largest logit; why it is wrong."""
    scale = float(np.abs(reference).max())
    separation = float(np.abs(reference[0] - reference[1]).max()) / scale if scale else 0.0
    expected = reference.shape[1:]
    if other := [o.shape for o in outputs if o.shape != expected]:
        return None, separation, f"outputs have shape {other[0]}, the reference has {expected}"
    if not all(np.isfinite(o).all() for o in outputs):
        return None, separation, "outputs are not finite"
    if separation < MIN_SEPARATION:
        alike = f"the reference tells two images apart by {separation:.1e} only: nothing can be checked"
        return None, separation, alike
    error = max(float(np.abs(o - r).max()) for o, r in zip(outputs, reference, strict=True)) / scale
    wrong = error > TOLERANCE
    return error, separation, f"outputs differ from eager fp32 by {error:.1e} of the largest logit" if wrong else ""
