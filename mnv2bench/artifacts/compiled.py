"""Folders of the cache, such as those in which a runtime keeps what it compiled, sealed with the hash of each file.

A runtime loads what lies there without a check of its own, so that a damaged file would fail, or compute, for ever.
"""

import hashlib
import os
import re
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

import msgspec

from mnv2bench.artifacts import digest
from mnv2bench.files import write_whole

SEAL = "mnv2bench-seal.json"
PLAIN_PATH = re.compile(r"[\w@%+=:,./-]+")  # of characters that no shell reads as anything else


class SealedFile(msgspec.Struct, frozen=True):
    """A file of a sealed folder. `changed_ns` is its modification time, by which its hash need not be made again."""

    bytes: int
    changed_ns: int
    sha256: str


Seal = dict[str, SealedFile]  # by path in the folder


def folders(folder: Path) -> list[Path]:
    """The folder of a case, and those of the same case under its profiler or with a user's variables."""
    return sorted(folder.parent.glob(f"{folder.name}*"))


def profiled(folder: Path) -> Path:
    """The folder of the same case under its profiler, where it is compiled in another way."""
    return folder.with_name(f"{folder.name}-profiled")


def variables(folder: Path) -> dict[str, str]:
    """The variables that give a runtime its folder, by paths that compilers take.

    Inductor writes paths into command lines without quoting them, those of temporary files too.
    """
    temporary = Path(tempfile.gettempdir())
    chosen = {"TORCHINDUCTOR_CACHE_DIR": str(_plain(folder.parent) / folder.name)}
    return chosen if PLAIN_PATH.fullmatch(str(temporary)) else chosen | {"TMPDIR": str(_plain(temporary))}


def _plain(folder: Path) -> Path:
    """The folder by a path without spaces: a link of this user in a temporary folder leads to it where its own has one.

    Where no such link can be made it is the folder's own path, and the compiler says what it thinks of that.
    """
    if PLAIN_PATH.fullmatch(str(folder)):
        return folder
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    for place in (tempfile.gettempdir(), "/tmp", "/var/tmp"):
        own = Path(place, f"mnv2bench-{os.getuid()}")
        if PLAIN_PATH.fullmatch(str(own)):
            with suppress(OSError):
                return _link(own, name, folder)
    return folder


def _link(own: Path, name: str, folder: Path) -> Path:
    """A link to a folder in a folder that nobody else can change. OSError where there is no such folder."""
    own.mkdir(mode=0o700, exist_ok=True)
    status = own.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise PermissionError(f"{own} is not this user's alone")
    folder.mkdir(parents=True, exist_ok=True)
    link = own / name
    if not link.is_symlink():
        link.symlink_to(folder)
    elif link.readlink() != folder:
        raise FileExistsError(f"{link} leads to another folder")
    return link


def seal(folder: Path) -> None:
    """Write down what a folder holds after a process ended well. Where that fails, it is compiled again once."""
    if not folder.is_dir():
        return
    with suppress(OSError):
        before = _read(folder) or {}
        files = {name: _sealed(folder / name, before.get(name)) for name in _names(folder)}
        if files != before:
            write_whole(folder / SEAL, msgspec.json.encode(files))


def is_sealed(folder: Path) -> bool:
    """Whether a folder has a seal that reads."""
    return _read(folder) is not None


def damage(folder: Path) -> str:
    """Why a folder does not hold what was compiled; "" where it does, and where nothing was compiled yet."""
    sealed = _read(folder)
    if sealed is None:
        return "no process that used it ended well" if _names(folder) else ""
    for name, facts in sealed.items():
        file = folder / name
        try:
            whole = file.stat().st_size == facts.bytes and digest(file) == facts.sha256
        except OSError as error:
            return f"{name} cannot be read: {error.strerror}"
        if not whole:
            return f"{name} does not have the content that was written"
    return ""


def clear(folder: Path) -> None:
    """Remove a folder with everything in it."""
    shutil.rmtree(folder, ignore_errors=True)


def _read(folder: Path) -> Seal | None:
    try:
        return msgspec.json.decode((folder / SEAL).read_bytes(), type=Seal)
    except (OSError, ValueError):
        return None


def _names(folder: Path) -> list[str]:
    files = (file for file in folder.rglob("*") if file.is_file() and file.name != SEAL)
    return sorted(str(file.relative_to(folder)) for file in files)


def _sealed(file: Path, before: SealedFile | None) -> SealedFile:
    status = file.stat()
    if before and (before.bytes, before.changed_ns) == (status.st_size, status.st_mtime_ns):
        return before
    return SealedFile(status.st_size, status.st_mtime_ns, digest(file))
