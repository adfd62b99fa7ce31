"""Folders that are made once and kept by what they were made of: whole, or not there."""

import hashlib
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from mnv2bench import artifacts

FACTS = "facts.json"


def root() -> Path:
    return artifacts.root() / "runners"


def digest(parts: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(list(parts)).encode()).hexdigest()[:16]


def kept(name: str, parts: Sequence[str], make: Callable[[Path], None]) -> Path:
    """The folder of this name and these parts; `make` fills it where it is missing, beside it, and it is renamed."""
    folder = root() / f"{name}-{digest(parts)}"
    if not folder.is_dir():
        replaced(folder, make)
    return folder


def replaced(folder: Path, make: Callable[[Path], None]) -> None:
    """Fill a new folder and put it where `folder` says; another process that was faster is as good."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".making-", dir=folder.parent) as place:
        made = Path(place) / "made"
        made.mkdir()
        make(made)
        if folder.is_dir():
            return
        try:
            made.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise


def write_facts(folder: Path, facts: dict[str, str]) -> None:
    (folder / FACTS).write_text(json.dumps(facts, indent=1))


def facts(folder: Path) -> dict[str, str]:
    read: dict[str, str] = json.loads((folder / FACTS).read_text())
    return read
