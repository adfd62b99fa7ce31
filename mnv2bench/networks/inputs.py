"""The images every backend is given: made from a seed, the same pictures at every resolution."""

import numpy as np
from numpy.typing import NDArray

from mnv2bench.networks.shapes import ImageShape

WAVES = 8  # cosines across the image and down it
NOISE = 0.1
MEANS, DEVIATIONS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # red, green, blue: of ImageNet, as in torchvision
GREY_MEAN, GREY_DEVIATION = (0.449,), (0.226,)  # the means of those


def normalisation(channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """What is taken off the values of pictures, and what they are then divided by, for each channel."""
    return (MEANS, DEVIATIONS) if channels == len(MEANS) else (GREY_MEAN, GREY_DEVIATION)


def images(seed: int, batch: int, shape: ImageShape) -> NDArray[np.float32]:
    """(batch, channels, height, width), C-contiguous, each image with mean 0 and variance 1.

    Image i depends on `seed` and i alone, so a larger batch begins with the images of a smaller one.
    """
    out = np.empty((batch, *shape), np.float32)
    for index in range(batch):
        out[index] = _image(np.random.default_rng([seed, index]), shape)
    return out


def _image(rng: np.random.Generator, shape: ImageShape) -> NDArray[np.float32]:
    """Large shapes with a little noise: white noise alone looks the same to a network after global pooling."""
    amplitudes = rng.standard_normal((shape.channels, WAVES, WAVES), np.float32)
    frequency = np.arange(WAVES, dtype=np.float32)
    amplitudes /= 1 + frequency[:, None] + frequency
    down, across = _cosines(shape.height, frequency), _cosines(shape.width, frequency)
    # einsum, not matmul: BLAS would start its threads in the process that is about to be measured
    image: NDArray[np.float32] = np.einsum("cyj,xj->cyx", np.einsum("yi,cij->cyj", down, amplitudes), across)
    image += NOISE * rng.standard_normal(image.shape, np.float32)
    image -= image.mean()
    image /= image.std()
    return image


def _cosines(side: int, frequency: NDArray[np.float32]) -> NDArray[np.float32]:
    """(side, frequencies), from the one edge of an image to the other."""
    position = (np.arange(side, dtype=np.float32) + np.float32(0.5)) / np.float32(side)
    return np.cos(np.float32(np.pi) * np.outer(position, frequency))
