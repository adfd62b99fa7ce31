"""The folders that every campaign writes to, tried once before anything is made or measured."""

import errno
import os
import shutil
import tempfile
from pathlib import Path

from mnv2bench import artifacts

LEAST_FREE = 4 << 20  # bytes: the reference, the state dict and the journal of the smallest case have as much
PROBE_BYTES = 4096  # a limit on the size of a file may be small where all that a campaign needs was made before
MOVE_CACHE = "set MNV2BENCH_CACHE to a folder that you may write to"


def require_places() -> None:
    """Raise ValueError, in one line with the variable that helps, where the cache or temporary files have no place."""
    cache = artifacts.root()
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"the cache {cache} cannot be made ({error.strerror}): {MOVE_CACHE}") from error
    try:
        _try(cache)
    except OSError as error:
        raise ValueError(f"the cache {cache} cannot be written ({error.strerror}): {MOVE_CACHE}") from error
    try:
        tempfile.gettempdir()
    except FileNotFoundError as error:
        raise ValueError("no folder for temporary files can be written: set TMPDIR to one that can") from error


def require_results(folder: Path) -> None:
    """Raise ValueError, in one line with the variable that helps, where no journal could be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _try(folder)
    except OSError as error:
        advice = "set MNV2BENCH_RESULTS to a folder that you may write to"
        raise ValueError(f"the results folder {folder} cannot be written ({error.strerror}): {advice}") from error


def _try(folder: Path) -> None:
    """Write a small file and remove it. OSError where that fails, or where the smallest case would not fit."""
    if shutil.disk_usage(folder).free < LEAST_FREE:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    probe = folder / f".{os.getpid()}.probe"
    try:
        with probe.open("wb") as file:
            file.write(bytes(PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())
    finally:
        probe.unlink(missing_ok=True)
