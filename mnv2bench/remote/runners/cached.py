"""Bundles: what is pushed to a device and started there; folders that are made once and kept, whole or not at all."""

import hashlib
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mnv2bench import artifacts

FACTS = "facts.json"


@dataclass(frozen=True)
class Bundle:
    """The files that are pushed to a device, the argv that starts the runner in their folder, and its versions."""

    paths: tuple[Path, ...]
    start: tuple[str, ...]
    facts: dict[str, str]


def root() -> Path:
    """The folder of all runners in the cache."""
    return artifacts.root() / "runners"


def digest(parts: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(list(parts)).encode()).hexdigest()[:16]


def cached_folder(name: str, parts: Sequence[str], make: Callable[[Path], None]) -> Path:
    """The folder of this name and these parts, which `make` fills where it is missing."""
    folder = root() / f"{name}-{digest(parts)}"
    if not folder.is_dir():
        make_folder(folder, make)
    return folder


def make_folder(folder: Path, make: Callable[[Path], None]) -> None:
    """Fill a new folder and rename it to `folder`; where another process was faster, its folder is kept."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".making-", dir=folder.parent) as temporary:
        new = Path(temporary) / "made"
        new.mkdir()
        make(new)
        if folder.is_dir():
            return
        try:
            new.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise


def write_facts(folder: Path, facts: dict[str, str]) -> None:
    (folder / FACTS).write_text(json.dumps(facts, indent=1))


def read_facts(folder: Path) -> dict[str, str]:
    facts: dict[str, str] = json.loads((folder / FACTS).read_text())
    return facts
