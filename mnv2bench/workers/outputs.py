"""The check of a backend's outputs against eager fp32's, within the error limits of the case's precision."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mnv2bench.artifacts.separation import MIN_SEPARATION
from mnv2bench.backends import Images
from mnv2bench.networks.described import EAGER_REFERENCE
from mnv2bench.precisions import FP32, Limits, named
from mnv2bench.records import WeightsKind

MOST_NEARER_TO_OTHERS = 0.05  # of images: docs/thresholds.md#outputs


class Comparison(NamedTuple):
    """Outputs held against the reference, in parts of the reference's largest logit.

    `error` is the largest difference from the reference, None where it means nothing. `separation` is the largest
    difference between the reference's first two batches of images. `wrong` says why the outputs are wrong, "" where
    they are not.
    """

    error: float | None
    separation: float
    wrong: str


class Reference:
    """Eager fp32's logits of a case's batches of images, by the seeds of the images."""

    def __init__(self, path: Path) -> None:
        with np.load(path) as file:
            self.logits = dict(zip(file["seeds"].tolist(), file["logits"], strict=True))

    def of(self, seeds: Sequence[int]) -> Images:
        """The logits of these batches, in this order."""
        return np.stack([self.logits[seed] for seed in seeds])


def compare(outputs: Sequence[Images], reference: Images, precision: str, weights: WeightsKind) -> Comparison:
    """Hold outputs against eager fp32's logits of the same batches: two or more, no two in a row of the same images."""
    scale = float(np.abs(reference).max())
    separation = float(np.abs(reference[0] - reference[1]).max()) / scale if scale else 0.0
    if wrong := _meaningless(outputs, reference, separation):
        return Comparison(None, separation, wrong)
    limits = named(precision).limits(weights)
    error = max(float(np.abs(o - r).max()) for o, r in zip(outputs, reference, strict=True)) / scale
    if error > limits.error:
        rounding = "" if precision == FP32.name else f": more than rounding to {precision} does"
        wrong = f"outputs differ from {_reference_text(weights)} by {error:.1e} of the largest logit{rounding}"
        return Comparison(error, separation, wrong)
    if limits.distance is None:
        return Comparison(error, separation, "")
    wrong = _beyond_rounding(np.stack(outputs), reference, precision, limits.distance, _reference_text(weights))
    return Comparison(error, separation, wrong)


def _reference_text(weights: WeightsKind) -> str:
    """What outputs are held against, in words: a user's own model has a reference by the kind of its file."""
    return "the model's reference" if weights == WeightsKind.MODEL else EAGER_REFERENCE


def compare_timed(
    outputs: Sequence[Images],
    reference: Images,
    precision: str,
    weights: WeightsKind,
    checked: Sequence[Images] = (),
) -> Comparison:
    """The same for the outputs of a session while it was timed, after those of the batches `checked` were right."""
    comparison = compare(outputs, reference, precision, weights)
    if not comparison.wrong:
        return comparison
    wrong = f"outputs were right before anything was timed, and not while it was: {comparison.wrong}"
    if _of_other_images(outputs, reference, [*checked, *reference], named(precision).limits(weights)):
        wrong += "; they are those of other images: it stopped computing, or returns the result of another call"
    return Comparison(comparison.error, comparison.separation, wrong)


def worst(comparisons: Sequence[Comparison]) -> Comparison:
    """The one that says most against a process with several streams: one that is wrong, then the largest error."""
    return max(comparisons, key=lambda comparison: (bool(comparison.wrong), comparison.error or 0.0))


def _meaningless(outputs: Sequence[Images], reference: Images, separation: float) -> str:
    """Why no error can be computed, "" where it can."""
    expected = reference.shape[1:]
    if other := [o.shape for o in outputs if o.shape != expected]:
        return f"outputs have shape {other[0]}, the reference has {expected}"
    if not all(np.isfinite(o).all() for o in outputs):
        return "outputs are not finite"
    if separation < MIN_SEPARATION:
        return f"the reference tells two images apart by {separation:.1e} only: nothing can be checked"
    return ""


def distance(outputs: Images, reference: Images) -> float:
    """How far outputs are from their reference, over how far the reference's batches in a row are from each other.

    Both are root mean squares of Euclidean distances of images: 0 for equal outputs, about 1 where they say nothing of
    the image. Only logits count that the reference does not give to all images alike: rounding of hundreds of classes
    that no image belongs to would hide ten that count.
    """
    outputs, reference = _telling(outputs, reference)
    others = np.roll(reference, 1, axis=0)
    own, apart = np.linalg.norm(outputs - reference, axis=-1), np.linalg.norm(reference - others, axis=-1)
    return float(np.sqrt(np.mean(own**2) / np.mean(apart**2)))


def _telling(outputs: Images, reference: Images) -> tuple[Images, Images]:
    """Both, of the classes alone whose logits the reference does not give to all images alike."""
    telling = np.ptp(reference.reshape(-1, reference.shape[-1]), axis=0) > 0
    return outputs[..., telling], reference[..., telling]


def _beyond_rounding(
    outputs: Images, reference: Images, precision: str, largest_distance: float, reference_text: str
) -> str:
    """Why these are not the reference's own images rounded; "" where they may be.

    Each batch is also held against the reference of the batch before it.
    """
    far = distance(outputs, reference)
    if far > largest_distance:
        apart = f"outputs are {far:.2f} as far from {reference_text} as its other images are"
        return f"{apart}: more than rounding to {precision} does"
    outputs, reference = _telling(outputs, reference)
    own = np.linalg.norm(outputs - reference, axis=-1)
    other = np.linalg.norm(outputs - np.roll(reference, 1, axis=0), axis=-1)
    nearer = own >= other
    if np.mean(nearer) > MOST_NEARER_TO_OTHERS:
        return (
            f"the outputs of {nearer.sum()} of {nearer.size} images are nearer to another image's reference than to "
            f"their own: more than rounding to {precision} does"
        )
    return ""


def _of_other_images(outputs: Sequence[Images], reference: Images, others: Sequence[Images], limits: Limits) -> bool:
    """Whether some batch's outputs are far from its own reference and near to that of another batch."""
    limit = limits.error * float(np.abs(reference).max())

    def is_near(output: Images, logits: Images) -> bool:
        return output.shape == logits.shape and float(np.abs(output - logits).max()) <= limit

    return any(
        not is_near(output, own) and any(is_near(output, other) for other in others)
        for output, own in zip(outputs, reference, strict=True)
    )
