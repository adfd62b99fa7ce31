"""Artifacts: the files that runtimes open, each made in a process of its own and cached by its content."""

import hashlib
import importlib.metadata
import json
import os
import random
import sys
from functools import cache
from pathlib import Path

import msgspec

from mnv2bench import networks
from mnv2bench.artifacts import calibration, formats
from mnv2bench.case import Case
from mnv2bench.files import write_whole
from mnv2bench.precisions import FP32, named
from mnv2bench.records import Artifact, Weights

PACKAGE = Path(__file__).parents[1]
REFERENCE_SEEDS = (1, 2)  # of the two batches of images that outputs are checked on before anything is timed
UNKNOWN_SEEDS = (3, 4, 5, 6, 7, 8, 9, 10)  # of those that a session sees only while and after it is timed


def batch_seeds(input_seed: int, unknown: int = len(UNKNOWN_SEEDS)) -> tuple[int, ...]:
    """The seeds of a process's batches: the two that are checked first, then so many others in an order of its own."""
    return (*REFERENCE_SEEDS, *random.Random(input_seed).sample(UNKNOWN_SEEDS, unknown))


def root() -> Path:
    """Where artifacts and compile caches are kept: $MNV2BENCH_CACHE, else the user's cache folder.

    ValueError, in one line, where no such folder is known.
    """
    if chosen := os.environ.get("MNV2BENCH_CACHE"):
        return _expanded(chosen).absolute()
    if cache := os.environ.get("XDG_CACHE_HOME"):
        if not Path(cache).is_absolute():
            raise ValueError(f"XDG_CACHE_HOME is {cache!r}, a relative path: set MNV2BENCH_CACHE or make it absolute")
        return Path(cache) / "mnv2bench"
    return _expanded("~/.cache") / "mnv2bench"


def _expanded(path: str) -> Path:
    """The path with the home folder in place of ~."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise ValueError("no home folder is known: set MNV2BENCH_CACHE to a folder that you may write to") from error


def _sources(format: str) -> list[Path]:
    """The files of mnv2bench whose change is a change of what is exported."""
    folder = PACKAGE / "artifacts"
    names = ("calibration", "export", "job", "separation", "stored", "weights")
    shared = [
        *(folder / f"{name}.py" for name in names),
        PACKAGE / "imagesets.py",
        PACKAGE / "pictures.py",
        PACKAGE / "digits" / "images.py",
    ]
    shared += [PACKAGE / name for name in formats.format(format).sources]
    return [*sorted((PACKAGE / "networks").rglob("*.py")), *shared, folder / "formats" / f"{format}.py"]


def _version(distribution: str) -> str:
    return _installed_version(distribution, *map(_changed_ns, sys.path))


@cache
def _installed_version(distribution: str, *changed_ns: int) -> str:
    """The version of a distribution, read again where a folder of the import path changed, as by pip."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "none"


def _changed_ns(folder: str) -> int:
    """When an entry of the import path last changed; 0 where there is none."""
    try:
        return Path(folder).stat().st_mtime_ns
    except OSError:
        return 0


def digest(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def key(
    case: Case, format: str, weights: Weights, machine: str, source: str = "", options: dict[str, str] | None = None
) -> str:
    """A name for the content of an artifact: where two are equal, nothing needs to be exported.

    `source` is the file that it is made from, where that is not the state dict. `options` are what its making depends
    on: for a TensorRT plan the GPU and the settings of the builder.
    """
    declaration = formats.format(format)
    if not weights.content:
        raise ValueError(f"{weights.file} was not read yet: prepare its cases with mnv2bench.run")
    precision = named(case.precision).files if declaration.per_precision else FP32.name
    layers = networks.content(case.network, case.width, case.classes, case.channels)
    content = [format, layers, case.network, case.width, precision, weights.content_of(case)]
    content += [digest(Path(source)), json.dumps(options, sort_keys=True)] if source else []
    if declaration.per_shape:
        content += case.input_shape
    if declaration.per_machine:
        content += [case.threads, machine]
    if declaration.calibrated:
        content += [calibration.METHOD]
    content += [f"{name} {_version(name)}" for name in declaration.converters]
    content += map(_kept_digest, _sources(format))
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def path(format: str, key: str) -> Path:
    """Path in the cache of the artifact with this format and key."""
    return root() / "artifacts" / f"{format}-{key}{formats.format(format).suffix}"


def facts(format: str, key: str) -> Artifact | None:
    """The facts of the cached artifact; None where there is none that is whole, as its facts are written last."""
    try:
        return msgspec.json.decode(path(format, key).with_suffix(".json").read_bytes(), type=Artifact)
    except (OSError, ValueError):
        return None


def damage(artifact: Artifact) -> str:
    """Why the file of these facts is not what was written; "" where it is."""
    file = path(artifact.format, artifact.key)
    try:
        status = file.stat()
        if status.st_size != artifact.bytes:
            return f"{file.name} has {status.st_size} bytes of {artifact.bytes}"
        content = _kept_digest(file)
    except OSError as error:
        return f"{file.name} cannot be read: {error.strerror}"
    return "" if content == artifact.sha256 else f"{file.name} does not have the content that was written"


def _kept_digest(file: Path) -> str:
    """The digest of a file; one that did not change since is not read again."""
    status = file.stat()
    return _digest_of(file, status.st_size, status.st_mtime_ns, status.st_ino)


@cache
def _digest_of(file: Path, *stamp: int) -> str:
    return digest(file)


def keep(artifact: Artifact) -> None:
    """Write the facts of an artifact whose file is whole."""
    write_whole(path(artifact.format, artifact.key).with_suffix(".json"), msgspec.json.encode(artifact))


def compile_cache(case: Case, weights: Weights, machine: str) -> Path:
    """The folder where a runtime that compiles in its own process keeps what it compiled for this case."""
    content = [
        case.id,
        weights.content_of(case),
        machine,
        _version("torch"),
        sys.prefix,
    ]  # torch caches by where it lies, too
    return root() / "compiled" / hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
