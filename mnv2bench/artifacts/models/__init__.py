"""The user's own models: one module for each kind of file, which reads it without running it and writes it anew.

A kind is the ending of the file's name, one of `networks.described.FILE_KINDS`.
"""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from mnv2bench.backends import Images
from mnv2bench.case import Case
from mnv2bench.networks import Description, Sides
from mnv2bench.networks.described import FILE_KINDS


class Reader(Protocol):
    """The module of a kind of file."""

    def read(self, path: Path, sides: Sides | None) -> Description:
        """What the file holds, for images of these sides where it takes any. ValueError, in one line, for no model."""

    def write(self, path: Path, content: str, target: Path) -> None:
        """Write all of a file to one. ValueError, in one line, where its content is not this any more."""

    def forward(self, case: Case, path: Path) -> Callable[[Images], Images]:
        """All outputs for a batch of the case's images, (batch, numbers): what every output is held against.

        `path` is the file as `write` writes it.
        """


def read(path: Path, sides: Sides | None = None) -> Description:
    """What a file holds. ValueError, in one line, where it cannot be read."""
    kind = path.suffix.removeprefix(".").lower()
    if kind not in FILE_KINDS:
        raise ValueError(f"is no model: name a file whose name ends in .{', .'.join(FILE_KINDS)}")
    return _reader(kind).read(path, sides)


def write(description: Description, target: Path) -> None:
    """Write all of a user's file to one. ValueError, in one line, where it is not what was read of it."""
    _reader(description.kind).write(Path(description.file), description.content, target)


def forward(case: Case, path: Path) -> Callable[[Images], Images]:
    """All outputs for a batch of the images of a file's network, (batch, numbers), as what is written is computed."""
    return _reader(case.description.kind).forward(case, path)


def _reader(kind: str) -> Reader:
    reader: Reader = importlib.import_module(f"{__name__}.{kind}_file")
    return reader
