"""The weights of a campaign: its file is read once, in a process of its own, before anything is made or measured."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

from mnv2bench.artifacts.weights import START, Fit, WeightsFile, fit, foreign, require_file
from mnv2bench.campaign.child import run_child
from mnv2bench.campaign.described import describe
from mnv2bench.case import Case
from mnv2bench.networks import CLASSES, IMAGE_CHANNELS, is_file
from mnv2bench.pictures import PICTURE_CHANNELS
from mnv2bench.records import Weights, replace
from mnv2bench.texts import counted
from mnv2bench.workers.jobs import PICTURE_READER, READER, PicturesJob, ReadJob

TIMEOUT_S = 300.0
PICTURES_TIMEOUT_S = 3600.0  # every picture is decoded once


def fitted_cases(cases: Sequence[Case], weights: Weights) -> tuple[Case, ...]:
    """The cases with as many classes, and images of as many channels, as the file of weights has.

    Their networks are known from then on. ValueError, in one line, where a network or the file cannot be read, and
    where the file does not fit a case.
    """
    describe(cases)
    if not weights.file:
        return tuple(cases)
    fits = _fits(cases, weights.file)
    changed = [case if is_file(case.network) else _shaped(case, fits[case.network, case.width]) for case in cases]
    describe(changed)
    _require_same_shapes(changed, fits, weights.file)
    _pictures(weights, changed)
    return tuple(changed)


def require_weights(cases: Sequence[Case], weights: Weights) -> Weights:
    """The weights with what reading their file showed. ValueError, in one line, where it does not fit all cases."""
    if not weights.file or not cases:
        return weights
    fits = _fits(cases, weights.file)
    _require_same_shapes(cases, fits, weights.file)
    readings = dict.fromkeys(of_variant.reading for of_variant in fits.values())
    return replace(
        weights,
        content=_file(weights.file).content,
        reading="; ".join(filter(None, readings)),
        subnormal=max((of_variant.subnormal for of_variant in fits.values()), default=0),
        images_content=_pictures(weights, cases),
    )


def _fits(cases: Sequence[Case], file: str) -> dict[tuple[str, float], Fit]:
    """How the file fits each network and width of the cases."""
    content = _file(file)
    fits = {}
    for network, width in dict.fromkeys((case.network, case.width) for case in _of_file(cases)):
        try:
            fits[network, width] = fit(content, network, width)
        except ValueError as error:
            raise ValueError(f"--weights {file}: {error}") from error
    return fits


def _shaped(case: Case, of_file: Fit) -> Case:
    """The case with the classes and the channels of the file, where it has the usual numbers."""
    return replace(
        case,
        classes=of_file.classes if case.classes == CLASSES else case.classes,
        channels=of_file.channels if case.channels == IMAGE_CHANNELS else case.channels,
    )


def _of_file(cases: Iterable[Case]) -> Iterator[Case]:
    """The cases that have the weights of the file: a network in a file of its own has its own."""
    return (case for case in cases if not is_file(case.network))


def _require_same_shapes(cases: Sequence[Case], fits: dict[tuple[str, float], Fit], file: str) -> None:
    for case in _of_file(cases):
        of_file = fits[case.network, case.width]
        if case.classes != of_file.classes:
            raise ValueError(
                f"--weights {file}: the file has {of_file.classes} classes, and {case.id} has {case.classes}"
            )
        if case.channels != of_file.channels:
            raise ValueError(
                f"--weights {file}: the file is for images of {counted(of_file.channels, 'channel')}, and those of "
                f"{case.id} have {case.channels}"
            )


def _pictures(weights: Weights, cases: Sequence[Case]) -> str:
    """A digest of the folder of pictures, "" without one. ValueError, in one line, where they cannot be used."""
    if not weights.images:
        return ""
    for case in cases:
        if case.channels not in PICTURE_CHANNELS:
            raise ValueError(
                f"--images {weights.images}: pictures have 3 channels, or 1 in grey, and those of {case.id} have "
                f"{case.channels}: leave --images out"
            )
    contents = [_read_pictures(weights.images, classes) for classes in dict.fromkeys(case.classes for case in cases)]
    return contents[0] if contents else ""


@cache
def _read_pictures(folder: str, classes: int) -> str:
    outcome = run_child(PICTURE_READER, PicturesJob(folder, classes), {}, PICTURES_TIMEOUT_S)
    if outcome.result is None:
        raise ValueError(f"--images {folder}: {outcome.reason}")
    return outcome.result.content


def _file(file: str) -> WeightsFile:
    """What the file holds. ValueError, in one line, where it cannot be read."""
    path = Path(file).absolute()
    try:
        require_file(path)
        with path.open("rb") as start:
            if kind := foreign(start.read(START)):
                raise ValueError(kind)
        status = path.stat()
        return _read(str(path), (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns))
    except OSError as error:
        raise ValueError(f"--weights {file}: {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"--weights {file}: {error}") from error


@cache
def _read(path: str, identity: tuple[int, ...]) -> WeightsFile:
    """The same for a file as it is now: `identity` is what changes when the file does."""
    outcome = run_child(READER, ReadJob(path), {}, TIMEOUT_S)
    if outcome.result is None:
        raise ValueError(outcome.reason)
    return outcome.result
