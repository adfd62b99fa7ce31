"""The name and the folder that a contribution has under the folder of results."""

import re
from pathlib import Path, PurePosixPath

from mnv2bench.machine import fingerprint
from mnv2bench.records import Machine

MOST_CHARACTERS = 100  # of a name, which every system takes
PLATFORM = re.compile(r"[A-Za-z]+-[A-Za-z]+-[0-9.]+-[0-9]+bit")  # as pytest-benchmark names a folder
OTHER_CHARACTERS = re.compile(r"[^A-Za-z0-9._-]+")


def place_of(path: Path, machine: Machine, is_saved: bool) -> PurePosixPath:
    """Where a file belongs, from the folder of results: below the fingerprint that the machine's facts give.

    A file that pytest-benchmark saved (`is_saved`) lies in the folder of its platform there, as the history reads it.
    """
    folder = PurePosixPath(fingerprint(machine))
    return (folder / _platform(path, machine) if is_saved else folder) / _portable_name(path)


def _platform(path: Path, machine: Machine) -> str:
    """The folder of the platform that the file lies in, else the one that pytest-benchmark would give it."""
    if PLATFORM.fullmatch(path.parent.name):
        return path.parent.name
    system = (machine.system or "linux").capitalize()
    computed = f"{system}-CPython-{machine.python or '3'}-64bit"
    return computed if PLATFORM.fullmatch(computed) else "Linux-CPython-3-64bit"


def _portable_name(path: Path) -> str:
    """The file's name with the characters that every system takes, and without `.journal`, which git ignores here."""
    stem = OTHER_CHARACTERS.sub("-", path.stem.removesuffix(".journal")).lstrip("-._") or "results"
    return stem[: MOST_CHARACTERS - len(path.suffix)] + path.suffix
