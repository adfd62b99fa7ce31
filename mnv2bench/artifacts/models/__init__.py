"""The user's own models: one module for each kind of file, with `read`, which describes a file without running it.

A kind is the ending of the file's name, one of `networks.described.FILE_KINDS`.
"""

import importlib
from pathlib import Path
from typing import Protocol

from mnv2bench.networks import Description, Sides
from mnv2bench.networks.described import FILE_KINDS


class Reader(Protocol):
    """The module of a kind of file."""

    def read(self, path: Path, sides: Sides | None) -> Description:
        """What the file holds, for images of these sides where it takes any. ValueError, in one line, for no model."""


def read(path: Path, sides: Sides | None = None) -> Description:
    """What a file holds. ValueError, in one line, where it cannot be read."""
    kind = path.suffix.removeprefix(".").lower()
    if kind not in FILE_KINDS:
        raise ValueError(f"is no model: name a file whose name ends in .{', .'.join(FILE_KINDS)}")
    reader: Reader = importlib.import_module(f"{__name__}.{kind}_file")
    return reader.read(path, sides)
