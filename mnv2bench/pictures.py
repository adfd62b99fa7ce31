"""Pictures of a user, in a folder for each class: which of them are tested, and which calibrate int8.

Every problem is a ValueError in one line, which ends in what to do.
"""

import hashlib
import itertools
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mnv2bench.refusals import Unavailable

CALIBRATION_PART = 4  # one in so many pictures calibrates
MOST_CALIBRATION = 100
LEAST_TESTED = 50  # with fewer, one picture is over 2 points of accuracy
SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".webp")
DEEP_MODES = ("I", "F")  # of Pillow: it would clip their pixels to white
PICTURE_CHANNELS = (1, 3)  # of an image that is made of a picture: grey; red, green and blue
MAX_PIXELS = 100_000_000  # of one picture


@dataclass(frozen=True)
class Picture:
    """The file of a picture, its class, and the SHA-256 of its content."""

    path: Path
    label: int
    content: str


@dataclass(frozen=True)
class Pictures:
    """The pictures of a folder in two parts with none in common; `content` is a digest of all of them.

    Neighbours among those that are tested are of different classes, as far as there are any.
    """

    tested: tuple[Picture, ...]
    calibration: tuple[Picture, ...]
    content: str


def pictures(folder: Path, classes: int) -> Pictures:
    """The pictures of a folder for a classifier with so many classes. Which part one is in follows from its content."""
    every = sorted(_labelled(folder, classes), key=lambda picture: picture.content)
    for first, second in itertools.pairwise(every):
        if first.content == second.content:
            raise _repeated(first, second, "are the same file", folder)
    calibrating = min(MOST_CALIBRATION, len(every) // CALIBRATION_PART)
    calibration, tested = every[:calibrating], every[calibrating:]
    if len(tested) < LEAST_TESTED:
        raise ValueError(
            f"{len(tested)} of its {len(every)} pictures are left to test, and {LEAST_TESTED} are needed: add pictures"
        )
    content = hashlib.sha256("".join(f"{picture.label} {picture.content} " for picture in every).encode()).hexdigest()
    return Pictures(tuple(_alternating(tested)), tuple(calibration), content)


def require_readable(folder: Path, pictures: Pictures) -> None:
    """Decode every picture once. Raises Unavailable without Pillow, ValueError for a damaged or a repeated picture."""
    seen: dict[str, Picture] = {}
    for picture in (*pictures.tested, *pictures.calibration):
        try:
            pixels = pixels_digest(picture.path)
        except ValueError as error:
            raise ValueError(f"{_name(picture, folder)} {error}") from error
        first = seen.setdefault(pixels, picture)
        if first is not picture:
            raise _repeated(first, picture, "have the same pixels", folder)


def _repeated(first: Picture, second: Picture, reason: str, folder: Path) -> ValueError:
    return ValueError(
        f"{_name(first, folder)} and {_name(second, folder)} {reason}, and might then be tested and calibrated on: "
        "remove one of them"
    )


def pixels_digest(path: Path) -> str:
    """SHA-256 of a picture's size and pixels. Raises as `require_readable`; its message goes behind the file's name."""
    try:
        from PIL import Image, UnidentifiedImageError
    except ModuleNotFoundError as error:
        raise Unavailable("pillow is not installed: pip install 'mnv2bench[images]'") from error
    try:
        with warnings.catch_warnings(), Image.open(path) as image:
            warnings.simplefilter("ignore")  # of Pillow, on damaged metadata
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f"has {image.width} x {image.height} pixels: make it smaller")
            if image.mode.startswith(DEEP_MODES):
                raise ValueError(f"has more than 8 bits in a pixel (mode {image.mode}): save it with 8 bits a channel")
            pixels = image.convert("RGB")
            return hashlib.sha256(f"{pixels.width} x {pixels.height} ".encode() + pixels.tobytes()).hexdigest()
    except UnidentifiedImageError as error:
        raise ValueError("is no picture, or is damaged: replace or remove it") from error
    except (OSError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise ValueError(f"is damaged ({error}): replace or remove it") from error


def _labelled(folder: Path, classes: int) -> Iterable[Picture]:
    """Every picture of the folder with its class."""
    if not folder.is_dir():
        raise ValueError("is no folder: name one that holds a folder for each class")
    folders = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not folders:
        raise ValueError("holds no folder: put the pictures of each class into a folder of their own")
    for label, of_class in zip(_labels([path.name for path in folders], classes), folders, strict=True):
        files = sorted(path for path in of_class.iterdir() if not path.name.startswith("."))
        if not files:
            raise ValueError(f"has no picture in {of_class.name}: add pictures, or remove the folder")
        for file in files:
            if file.is_dir():
                raise ValueError(f"holds {of_class.name}/{file.name}, which is a folder: put its pictures one level up")
            if not file.is_file() or file.suffix.lower() not in SUFFIXES:
                raise ValueError(
                    f"holds {of_class.name}/{file.name}, which is no picture ({' '.join(SUFFIXES)}): remove it"
                )
            yield Picture(file, label, hashlib.sha256(file.read_bytes()).hexdigest())


def _labels(names: Sequence[str], classes: int) -> list[int]:
    """The class of each folder: the number that it is named by, or else its place among the sorted names."""
    if all(name.isascii() and name.isdigit() for name in names):
        labels = [int(name) for name in names]
        if max(labels) >= classes:
            raise ValueError(f"has a folder {max(labels)}, and the classes of the weights are 0 to {classes - 1}")
        if len({*labels}) < len(labels):
            raise ValueError("has two folders with the same number: join them")
        return labels
    if len(names) != classes:
        folders = "1 folder" if len(names) == 1 else f"{len(names)} folders"
        raise ValueError(
            f"has {folders}, and the weights have {classes} classes: make a folder for each class, or name the folders "
            "by the numbers of their classes, from 0"
        )
    return list(range(classes))


def _alternating(pictures: Sequence[Picture]) -> Iterable[Picture]:
    """The pictures in turns: the first of each class, then the second of each class, and so on."""
    of_class: dict[int, list[Picture]] = {}
    for picture in pictures:
        of_class.setdefault(picture.label, []).append(picture)
    turns = itertools.zip_longest(*(of_class[label] for label in sorted(of_class)))
    return (picture for turn in turns for picture in turn if picture)


def _name(picture: Picture, folder: Path) -> str:
    return picture.path.relative_to(folder).as_posix()
