"""The bytes of a file that anybody may have written: never more than a limit, and of regular files only."""

import os
import stat
from pathlib import Path

MAX_FILE = 200_000_000  # bytes: docs/records.md#damaged-files


def contents(path: Path, limit: int = MAX_FILE) -> bytes:
    """The bytes of a regular file.

    OSError where it cannot be opened; ValueError for a device, for a pipe, and for a file of more than `limit` bytes.
    """
    without_waiting = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)  # opening a pipe would wait for somebody who writes
    with os.fdopen(os.open(path, without_waiting), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is a pipe or a device, not a file")
        if status.st_size > limit:
            raise ValueError(f"{status.st_size:,} bytes, which is more than the {limit:,} of any file of ours")
        return file.read(limit)  # files of /proc say that they are empty
