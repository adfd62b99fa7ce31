"""The folders that every campaign writes to, tried once before anything is made or measured."""

import os
import tempfile
from pathlib import Path

from mnv2bench import artifacts

PROBE_BYTES = 4 << 20  # the reference, the state dict and the journal of the smallest case have as much
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
    """Write a file as large as the smallest case needs, and remove it. OSError where that fails."""
    probe = folder / f".{os.getpid()}.probe"
    try:
        with probe.open("wb") as file:
            file.write(bytes(PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())
    finally:
        probe.unlink(missing_ok=True)
