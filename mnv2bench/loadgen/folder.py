"""The folder of a case under a scenario: LoadGen's logs and our record, whole or not at all, never over other files."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from mnv2bench.case import Case
from mnv2bench.files import printable
from mnv2bench.loadgen.logs import LOG_FILES
from mnv2bench.loadgen.records import LoadRecord
from mnv2bench.loadgen.scenarios import Scenario

RECORD = "record.json"
OF_TRIES = ("search-*", "validation-*")  # folders


def folder_of(out: Path, case: Case, scenario: Scenario) -> Path:
    """The folder of a case under a scenario, below that of --out."""
    return out / case.id / scenario


def require_free(place: Path) -> None:
    """Raise ValueError, which names the file, where a folder holds anything but logs of LoadGen and our record."""
    for folder in (place, *place.parents):
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise ValueError(f"{printable(folder)} is no folder: name another one with --out")
    if not place.exists():
        return
    entries = sorted(place.iterdir())
    if entries:
        read(place / RECORD)
    for entry in entries:
        if not _is_ours(entry):
            raise ValueError(f"{printable(entry)} was not written by mnv2bench loadgen: name another folder with --out")


@contextmanager
def staged(place: Path) -> Iterator[Path]:
    """A new folder that takes the name of a place when the block has ended; what stood there before goes then."""
    require_free(place)
    new, before = (place.with_name(f".mnv2bench-{os.urandom(6).hex()}.tmp") for _ in range(2))
    try:
        try:
            new.mkdir(parents=True)
        except OSError as error:
            reason = f"{printable(place)} could not be made ({error.strerror})"
            raise ValueError(f"{reason}: name another folder with --out") from error
        yield new
        if place.exists():
            place.rename(before)
        new.rename(place)
    finally:
        if before.exists() and not place.exists():
            before.rename(place)
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(before, ignore_errors=True)


def keep(record: LoadRecord, folder: Path) -> None:
    """Write the record into its folder."""
    (folder / RECORD).write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")


def read(path: Path) -> LoadRecord:
    """The record in a file. ValueError, which names the file, where it is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=LoadRecord)
    except (OSError, msgspec.DecodeError) as error:
        raise ValueError(
            f"{printable(path)} is no record of mnv2bench loadgen ({error}): name another --out"
        ) from error


def record_files(out: Path) -> tuple[Path, ...]:
    """The files of all records below a folder, in the order of their names."""
    return tuple(path for scenario in Scenario for path in sorted(out.glob(f"*/{scenario}/{RECORD}")))


def records(out: Path) -> tuple[LoadRecord, ...]:
    """The records below a folder. ValueError, which names the file, for one that cannot be read."""
    return tuple(map(read, record_files(out)))


def _is_ours(entry: Path) -> bool:
    """Whether an entry of a folder is a file or a folder of tries that we write."""
    if entry.is_symlink():
        return False
    if entry.is_dir():
        named = any(entry.match(pattern) for pattern in OF_TRIES)
        return named and all(file.name in LOG_FILES and file.is_file() for file in entry.iterdir())
    return entry.name in (*LOG_FILES, RECORD)
