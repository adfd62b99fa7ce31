"""Whether what a backend computed is what eager fp32 computes, as nearly as its number format lets it."""

import numpy as np

from mnv2bench.backends import Images
from mnv2bench.records import FP32_TOLERANCE

MIN_SEPARATION = 1e-2  # of the reference's two images: a hundred of fp32's tolerances

# Weights made from a seed amplify rounding. Seen over the 22 published variants on a CPU, batch norm folded or not: the
# largest error over the largest logit was 0.074 in tf32, 0.072 in fp16 and 0.31 in bf16; the distance of the outputs
# from the reference, over the distance between its two batches of images, was up to 0.13, 0.13 and 0.57, and less at
# larger batches. Of faults (red and blue swapped, the image mirrored, an addition or a convolution lost) it was 0.69 or
# more, without ReLU6's bound 0.39 or more: at bf16 that one cannot be told from rounding, and nothing smaller.
# Kernels that add up in fp16, as a GPU may have them, were not among what was seen: hence about twice as much.
TOLERANCE = {"fp32": FP32_TOLERANCE, "tf32": 0.15, "fp16": 0.15, "bf16": 0.4}
NEAR = {"tf32": 0.3, "fp16": 0.3, "bf16": 0.65}


def _beyond_rounding(outputs: Images, reference: Images, precision: str) -> str:
    """Why these are not the reference's own images rounded, by Euclidean distances; "" where they may be."""
    apart = np.linalg.norm(reference[0] - reference[1], axis=-1)
    own = np.linalg.norm(outputs - reference, axis=-1)
    other = np.linalg.norm(outputs - reference[::-1], axis=-1)
    distance = float(np.sqrt(np.mean(own**2) / np.mean(apart**2)))
    if distance > NEAR[precision]:
        far = f"outputs are {distance:.2f} as far from eager fp32 as its other images are"
        return f"{far}: more than rounding to {precision} does"
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
    error = max(float(np.abs(o - r).max()) for o, r in zip(outputs, reference, strict=True)) / scale
    if error > TOLERANCE[precision]:
        rounding = "" if precision == "fp32" else f": more than rounding to {precision} does"
        return error, separation, f"outputs differ from eager fp32 by {error:.1e} of the largest logit{rounding}"
    return error, separation, _beyond_rounding(np.stack(outputs), reference, precision) if precision in NEAR else ""
