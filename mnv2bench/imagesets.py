"""The images that a case's network is given: a user's pictures, held-out digits, or seeded images."""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from mnv2bench import digits, networks, pictures
from mnv2bench.case import Case
from mnv2bench.digits import images as digit_images
from mnv2bench.networks import ImageShape, is_file
from mnv2bench.networks.inputs import MEANS, normalisation
from mnv2bench.records.weights import Weights, WeightsKind

Images = NDArray[np.float32]
CALIBRATION_SEED = 55  # of seeded images: no checked and no timed batch has it
RESIZED = 256 / 224  # the shorter side of a picture over the resolution, before it is cropped
PART = 64  # images of a part of the labelled ones, so that they need not be in memory together


class Labelled(NamedTuple):
    """Some images in float32, (n, channels, height, width), and their classes."""

    images: Images
    labels: NDArray[np.int64]


class ImageSet(Protocol):
    """Where images come from; all are float32 NCHW, C-contiguous."""

    name: str

    def batch(self, seed: int, batch: int, shape: ImageShape) -> Images:
        """A batch to check and to time with. Image i depends on `seed` and i alone."""

    def calibration(self, number: int, shape: ImageShape) -> Images:
        """So many images to set scales on, none of which is in a batch or among the labelled ones."""

    def labelled(self, shape: ImageShape) -> Iterator[Labelled]:
        """All images that an accuracy is measured on, in parts; none where nothing is labelled."""


class Seeded:
    """Images that are made from a seed: large shapes in random colours. They have no classes."""

    name = "seeded images"

    def batch(self, seed: int, batch: int, shape: ImageShape) -> Images:
        return networks.images(seed, batch, shape)

    def calibration(self, number: int, shape: ImageShape) -> Images:
        return networks.images(CALIBRATION_SEED, number, shape)

    def labelled(self, shape: ImageShape) -> Iterator[Labelled]:
        return iter(())


class Digits:
    """Handwritten digits: held-out ones to check, to time and to test with, and training ones to calibrate on."""

    name = "digits"

    def batch(self, seed: int, batch: int, shape: ImageShape) -> Images:
        """Image i is of the digit (seed + i) mod 10, so that no two images in a row look alike."""
        ink, labels = digit_images.held_out()
        chosen = [_digit(seed, index, labels) for index in range(batch)]
        return digit_images.images(ink[chosen], shape.height, shape.width)

    def calibration(self, number: int, shape: ImageShape) -> Images:
        ink, _ = digit_images.training()
        return digit_images.images(ink[:number], shape.height, shape.width)

    def labelled(self, shape: ImageShape) -> Iterator[Labelled]:
        ink, labels = digit_images.held_out()
        for start in range(0, len(ink), PART):
            part = slice(start, start + PART)
            yield Labelled(digit_images.images(ink[part], shape.height, shape.width), labels[part])


class OfFolder:
    """Pictures of a user: one part to check, to time and to test with, another part to calibrate on.

    Each is resized so that it covers 256/224 of the image's sides, cropped in the middle, and normalised with
    ImageNet's means and deviations, as torchvision's weights expect; in grey, with the means of those, for images of
    one channel. ValueError where the folder changed since it was checked.
    """

    def __init__(self, folder: Path, classes: int, content: str) -> None:
        from PIL import Image  # now, so that no later memory of a timed process is Pillow's

        Image.init()
        self.name = f"images of {folder.name}"
        self.pictures = pictures.pictures(folder, classes)
        if self.pictures.content != content:
            raise ValueError(f"{folder} changed since it was checked: begin again, without --resume")

    def batch(self, seed: int, batch: int, shape: ImageShape) -> Images:
        """The pictures from number `seed` on, so that no image stands at the same place of two batches."""
        tested = self.pictures.tested
        return _decoded([tested[(seed + index) % len(tested)] for index in range(batch)], shape)

    def calibration(self, number: int, shape: ImageShape) -> Images:
        return _decoded(self.pictures.calibration[:number], shape)

    def labelled(self, shape: ImageShape) -> Iterator[Labelled]:
        for start in range(0, len(self.pictures.tested), PART):
            part = self.pictures.tested[start : start + PART]
            yield Labelled(_decoded(part, shape), np.array([picture.label for picture in part]))


class OfPixels:
    """The images of another set as the pixels of pictures: whole numbers from 0 to 255, or from -128 to 127.

    They are what they were before they were normalised as those of ImageNet are; still in float32.
    """

    def __init__(self, images: ImageSet, element: str) -> None:
        self.images, self.least = images, -128 if element == "int8" else 0
        self.name = images.name

    def batch(self, seed: int, batch: int, shape: ImageShape) -> Images:
        return self._pixels(self.images.batch(seed, batch, shape))

    def calibration(self, number: int, shape: ImageShape) -> Images:
        return self._pixels(self.images.calibration(number, shape))

    def labelled(self, shape: ImageShape) -> Iterator[Labelled]:
        for part in self.images.labelled(shape):
            yield Labelled(self._pixels(part.images), part.labels)

    def _pixels(self, images: Images) -> Images:
        column = (1, -1, 1, 1)
        means, deviations = normalisation(images.shape[1])
        shares = images * np.reshape(deviations, column) + np.reshape(means, column)
        pixels: Images = (np.clip(np.rint(255 * shares), 0, 255) + self.least).astype(np.float32)
        return pixels


def _decoded(part: Sequence[pictures.Picture], shape: ImageShape) -> Images:
    """(pictures, channels, height, width), of three channels or one."""
    rows = [_cropped(picture.path, shape) for picture in part]
    colours = np.array(rows, np.float32).reshape(-1, shape.height, shape.width, shape.channels) / np.float32(255)
    means, deviations = normalisation(shape.channels)
    normalised = (colours - np.array(means, np.float32)) / np.array(deviations, np.float32)
    return np.ascontiguousarray(normalised.transpose(0, 3, 1, 2))


def _cropped(path: Path, shape: ImageShape) -> NDArray[np.uint8]:
    """The middle of a picture, (height, width, channels)."""
    from PIL import Image  # an extra

    with Image.open(path) as image:
        scale = RESIZED * max(shape.height / image.height, shape.width / image.width)
        size = max(shape.width, round(scale * image.width)), max(shape.height, round(scale * image.height))
        mode = "RGB" if shape.channels == len(MEANS) else "L"
        resized = image.convert(mode).resize(size, Image.Resampling.BILINEAR)
    left, top = round((size[0] - shape.width) / 2), round((size[1] - shape.height) / 2)
    return np.asarray(resized.crop((left, top, left + shape.width, top + shape.height)))


def _digit(seed: int, index: int, labels: NDArray[np.int64]) -> int:
    """The position of image `index` of a seed among the held-out digits."""
    of_class = np.flatnonzero(labels == (seed + index) % digits.CLASSES)
    return int(of_class[np.random.default_rng([seed, index]).integers(len(of_class))])


@cache
def image_set(case: Case, weights: Weights) -> ImageSet:
    """The images of a case with these weights, as its network takes them."""
    images = _images(case, weights)
    pixels = case.description.pixels if is_file(case.network) else ""
    return OfPixels(images, pixels) if pixels else images


def _images(case: Case, weights: Weights) -> ImageSet:
    if weights.images:
        return OfFolder(Path(weights.images), case.classes, weights.images_content)
    return Digits() if weights.kind(case) == WeightsKind.DIGITS else Seeded()
