"""The saved files of one machine: which there are, and the rows of those that are new, read by several processes."""

import gc
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from mnv2bench.machine import cores
from mnv2bench.records.journal import Unusable
from mnv2bench.regression.history.night import night_table, series_name

if TYPE_CHECKING:
    import pyarrow as pa

Stamp = tuple[int, int]  # bytes and modification time (ns) of a saved file
NEVER = (-1, -1)  # no file has this stamp: it is read again the next time
PARALLEL_FROM = 32_000_000  # bytes of new files: below, starting processes takes longer than it saves
CHUNK = 8  # files that a process takes at a time


@dataclass(frozen=True)
class Skipped:
    """A file without rows: why, and whether it could not be opened, which may end without a change of the file."""

    reason: str
    unreadable: bool


@dataclass(frozen=True)
class Files:
    """The saved files of a machine by their path in its folder; `twins` says of each that is left out why it is."""

    stamps: Mapping[str, Stamp]
    twins: Mapping[str, str]


def saved_files(folder: Path) -> Files:
    """What pytest-benchmark saved. Of two files with the same night's name, the second is named and left out."""
    stamps: dict[str, Stamp] = {}
    first_of_night: dict[str, Path] = {}
    twins = {}
    for path in sorted(folder.glob("*/*.json")):
        if series_name(path) is None:
            continue
        first = first_of_night.setdefault(path.stem, path)
        if first is path:
            stamps[path.relative_to(folder).as_posix()] = _stamp(path)
        else:
            reason = f"{path} has the name of {first}: keep one of them, or give it another number"
            twins[path.relative_to(folder).as_posix()] = reason
    return Files(stamps, twins)


def _stamp(path: Path) -> Stamp:
    try:
        status = path.stat()
    except OSError:  # a link to nothing, or gone this moment: reading the file says so
        return NEVER
    return status.st_size, status.st_mtime_ns


def read_files(folder: Path, fingerprint: str, stamps: Mapping[str, Stamp]) -> dict[str, "pa.Table | Skipped"]:
    """The rows of each of these files, or why it has none; many files are read by one process for each core."""
    names, processes = list(stamps), cores()
    read = partial(read_file, folder, fingerprint)
    if processes > 1 and sum(size for size, _ in stamps.values()) >= PARALLEL_FROM:
        try:
            return dict(zip(names, _in_parallel(read, names, processes), strict=True))
        except BrokenProcessPool:  # no process could be started here, or one was killed: slower, and the same rows
            pass
    return {name: read(name) for name in names}


def _in_parallel(
    read: "partial[pa.Table | Skipped]", names: Sequence[str], processes: int
) -> list["pa.Table | Skipped"]:
    # records hold no reference cycles, and looking for some takes a quarter of the time
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=gc.disable) as pool:
        return list(pool.map(read, names, chunksize=CHUNK))


def read_file(folder: Path, fingerprint: str, name: str) -> "pa.Table | Skipped":
    """The rows of one file, or why it has none."""
    try:
        return night_table(folder / name, name, fingerprint)
    except Unusable as error:
        return Skipped(str(error), isinstance(error.__cause__, OSError))
