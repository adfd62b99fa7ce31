"""Shapes: the image that a network takes, and how a resolution is written."""

import re
from collections.abc import Iterable
from typing import NamedTuple

CLASSES = 1000  # of ImageNet: what a network has where nothing else is said
IMAGE_CHANNELS = 3
Sides = tuple[int, int]  # height and width
Resolution = int | Sides  # the side of a square image; height and width of another
RESOLUTION = re.compile(r"(\d+)(?:x(\d+))?")


class ImageShape(NamedTuple):
    """The image that a network takes, without the batch."""

    channels: int
    height: int
    width: int

    @property
    def sides(self) -> Sides:
        return self.height, self.width


class Variant(NamedTuple):
    """A network at one width multiplier, for one image and a number of classes."""

    network: str
    width: float
    resolution: Resolution
    classes: int = CLASSES
    channels: int = IMAGE_CHANNELS


def sides(resolution: Resolution) -> Sides:
    """Height and width of the images of a resolution."""
    return (resolution, resolution) if isinstance(resolution, int) else resolution


def resolution_of(height: int, width: int) -> Resolution:
    """The resolution of images of these sides: one number where they are square."""
    return height if height == width else (height, width)


def resolution_text(resolution: Resolution) -> str:
    """A resolution as options and case ids have it: 224, or 224x160 for images 224 high and 160 wide."""
    height, width = sides(resolution)
    return str(height) if height == width else f"{height}x{width}"


def resolution_value(resolution: Resolution) -> int | str:
    """A resolution in a table: a number for square images, so that tables of them alone have numbers."""
    return resolution if isinstance(resolution, int) else resolution_text(resolution)


def parsed_resolution(text: str) -> Resolution:
    """The resolution of a text. ValueError for a text that is none."""
    match = RESOLUTION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no resolution such as 224 or 224x160, height x width")
    return resolution_of(int(match[1]), int(match[2] or match[1]))


def parsed_resolutions(option: str, words: Iterable[str]) -> tuple[Resolution, ...]:
    """The resolutions of an option. ValueError, which names it, for a word that is none."""
    try:
        return tuple(map(parsed_resolution, words))
    except ValueError as error:
        raise ValueError(f"--{option} takes sides separated by commas: {error}") from None
