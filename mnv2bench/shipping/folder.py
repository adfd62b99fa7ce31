"""The folder that is shipped: written whole or not at all, and never over files that are not its own."""

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from mnv2bench.files import printable

SUMS = "SHA256SUMS"  # as `sha256sum` writes it, so that `sha256sum -c SHA256SUMS` checks the folder


def require_free(folder: Path) -> None:
    """Raise ValueError, which names the file, where a folder holds anything but what was shipped to it unchanged."""
    if not folder.exists() and not folder.is_symlink():
        if not folder.absolute().parent.is_dir():
            raise ValueError(f"{printable(folder)}: there is no folder {printable(folder.parent)}: make it first")
        return
    if folder.is_symlink() or not folder.is_dir():
        raise ValueError(f"{printable(folder)} is no folder: name another one with --to")
    sums = _sums(folder)
    for file in sorted(folder.iterdir()):
        name = file.name
        if name != SUMS and (file.is_symlink() or not file.is_file() or sums.get(name) != _digest(file.read_bytes())):
            holds = f"{printable(folder)} holds {printable(name)}, which mnv2bench ship did not write so"
            raise ValueError(f"{holds}: name another folder with --to")


def write_folder(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write a folder with these files and their digests. What was shipped there before is replaced at the end."""
    require_free(folder)
    lines = (f"{_digest(content)}  {name}\n" for name, content in sorted(contents.items()))
    whole = {**contents, SUMS: "".join(lines).encode()}
    staged, before = (folder.absolute().with_name(f".mnv2bench-{os.urandom(6).hex()}.tmp") for _ in range(2))
    try:
        staged.mkdir()
        for name, content in whole.items():
            (staged / name).write_bytes(content)
        if folder.exists():
            folder.rename(before)
        staged.rename(folder)
    except OSError as error:
        reason = f"{printable(folder)} could not be written ({error.strerror})"
        raise ValueError(f"{reason}: make room, or name another folder with --to") from error
    finally:
        if before.exists() and not folder.exists():
            before.rename(folder)
        shutil.rmtree(staged, ignore_errors=True)
        shutil.rmtree(before, ignore_errors=True)


def _sums(folder: Path) -> dict[str, str]:
    """The digests by name in a folder's list, none where there is no list."""
    path = folder / SUMS
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    pairs = (line.split("  ", 1) for line in lines if "  " in line)
    return {name: digest for digest, name in pairs}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
