"""The images that a case's network is given: held-out digits where it has the digits' weights, else seeded images."""

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from mnv2bench import digits, networks
from mnv2bench.cases import Case
from mnv2bench.digits import images as digit_images
from mnv2bench.records.weights import Weights, WeightsKind

Images = NDArray[np.float32]
CALIBRATION_SEED = 55  # of seeded images: no checked and no timed batch has it
PART = 64  # images of a part of the labelled ones, so that they need not be in memory together


class Labelled(NamedTuple):
    """Some images in float32, (n, 3, resolution, resolution), and their classes."""

    images: Images
    labels: NDArray[np.int64]


class ImageSet(Protocol):
    """Where images come from; all are float32 NCHW, C-contiguous."""

    name: str

    def batch(self, seed: int, batch: int, resolution: int) -> Images:
        """A batch to check and to time with. Image i depends on `seed` and i alone."""

    def calibration(self, number: int, resolution: int) -> Images:
        """So many images to set scales on, none of which is in a batch or among the labelled ones."""

    def labelled(self, resolution: int) -> Iterator[Labelled]:
        """All images that an accuracy is measured on, in parts; none where nothing is labelled."""


class Seeded:
    """Images that are made from a seed: large shapes in random colours. They have no classes."""

    name = "seeded images"

    def batch(self, seed: int, batch: int, resolution: int) -> Images:
        return networks.images(seed, batch, resolution)

    def calibration(self, number: int, resolution: int) -> Images:
        return networks.images(CALIBRATION_SEED, number, resolution)

    def labelled(self, resolution: int) -> Iterator[Labelled]:
        return iter(())


class Digits:
    """Handwritten digits: held-out ones to check, to time and to test with, and training ones to calibrate on."""

    name = "digits"

    def batch(self, seed: int, batch: int, resolution: int) -> Images:
        """Image i is of the digit (seed + i) mod 10, so that no two images in a row look alike."""
        ink, labels = digit_images.held_out()
        chosen = [_digit(seed, index, labels) for index in range(batch)]
        return digit_images.images(ink[chosen], resolution)

    def calibration(self, number: int, resolution: int) -> Images:
        ink, _ = digit_images.training()
        return digit_images.images(ink[:number], resolution)

    def labelled(self, resolution: int) -> Iterator[Labelled]:
        ink, labels = digit_images.held_out()
        for start in range(0, len(ink), PART):
            part = slice(start, start + PART)
            yield Labelled(digit_images.images(ink[part], resolution), labels[part])


def _digit(seed: int, index: int, labels: NDArray[np.int64]) -> int:
    """The position of image `index` of a seed among the held-out digits."""
    of_class = np.flatnonzero(labels == (seed + index) % digits.CLASSES)
    return int(of_class[np.random.default_rng([seed, index]).integers(len(of_class))])


@cache
def image_set(case: Case, weights: Weights) -> ImageSet:
    """The images of a case with these weights."""
    return Digits() if weights.kind(case) == WeightsKind.DIGITS else Seeded()
