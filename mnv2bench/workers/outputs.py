"""Whether what a backend computed is what eager fp32 computes, as nearly as its number format lets it."""

import numpy as np

from mnv2bench.backends import Images
from mnv2bench.precisions import FP32, Precision, named

MIN_SEPARATION = 1e-2  # of the reference's two images: a hundred of fp32's tolerances


def _beyond_rounding(outputs: Images, reference: Images, limits: Precision) -> str:
    """Why these are not the reference's own images rounded, by Euclidean distances; "" where they may be."""
    apart = np.linalg.norm(reference[0] - reference[1], axis=-1)
    own = np.linalg.norm(outputs - reference, axis=-1)
    other = np.linalg.norm(outputs - reference[::-1], axis=-1)
    distance = float(np.sqrt(np.mean(own**2) / np.mean(apart**2)))
    if limits.largest_distance is not None and distance > limits.largest_distance:
        far = f"outputs are {distance:.2f} as far from eager fp32 as its other images are"
        return f"{far}: more than rounding to {limits.name} does"
    return "an image's outputs are nearer to another image's reference than to its own" if (own >= other).any() else ""


def compare(outputs: list[Images], reference: Images, precision: str) -> tuple[float | None, float, str]:
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
    limits = named(precision)
    error = max(float(np.abs(o - r).max()) for o, r in zip(outputs, reference, strict=True)) / scale
    if error > limits.largest_error:
        rounding = "" if precision == FP32.name else f": more than rounding to {precision} does"
        return error, separation, f"outputs differ from eager fp32 by {error:.1e} of the largest logit{rounding}"
    if limits.largest_distance is None:
        return error, separation, ""
    return error, separation, _beyond_rounding(np.stack(outputs), reference, limits)
