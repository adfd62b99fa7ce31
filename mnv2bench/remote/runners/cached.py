"""Bundles that are pushed to a device: folders that are made once and kept whole, and the C library in them."""

import hashlib
import json
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mnv2bench import artifacts
from mnv2bench.artifacts import compiled

FACTS = "facts.json"
LOADER = "ld-linux-aarch64.so.1"
GLIBC = (
    LOADER, "libc.so.6", "libm.so.6", "libdl.so.2", "librt.so.1", "libpthread.so.0", "libstdc++.so.6", "libgcc_s.so.1",
)  # fmt: skip
LOADED = (f"lib/{LOADER}", "--library-path", "lib")  # starts a program with no library of the device's own
GLIBC_VERSION = re.compile(rb"GNU C Library \(([^)\n]*)\) \w+ release version ([\d.]*\d)")


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
    """The first 16 hexadecimal digits of the parts' SHA-256."""
    return hashlib.sha256(json.dumps(list(parts)).encode()).hexdigest()[:16]


def cached_folder(name: str, parts: Sequence[str], make: Callable[[Path], None]) -> Path:
    """The folder of this name and these parts, which `make` fills where it is missing, or where a file is damaged."""
    folder = root() / f"{name}-{digest(parts)}"
    if compiled.is_sealed(folder) and compiled.damage(folder):  # one of an earlier version has no seal
        compiled.clear(folder)
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
        compiled.seal(new)
        if folder.is_dir():
            return
        try:
            new.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise


def write_facts(folder: Path, facts: dict[str, str]) -> None:
    """Write the facts of a runner into its folder."""
    (folder / FACTS).write_text(json.dumps(facts, indent=1), encoding="utf-8")


def read_facts(folder: Path) -> dict[str, str]:
    """Read the facts that `write_facts` wrote."""
    facts: dict[str, str] = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    return facts


def libc_version(libc: Path) -> str:
    """The version in the file itself, which tells two builds apart: "glibc 2.36 (Debian GLIBC 2.36-8)"."""
    match = GLIBC_VERSION.search(libc.read_bytes())
    return f"glibc {match[2].decode()} ({match[1].decode()})" if match else f"unknown ({libc.name})"
