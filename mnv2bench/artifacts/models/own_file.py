"""What all files of users have: a size that is read, a content that must stay, and a description under their name."""

from pathlib import Path
from typing import Any

from mnv2bench.networks import Description
from mnv2bench.networks.described import file_network


def file_bytes(path: Path, most: int) -> bytes:
    """The bytes of a regular file. ValueError, in one line, for another one and for one of more bytes than `most`."""
    if not path.is_file():
        raise ValueError("is no file")
    if path.stat().st_size > most:
        raise ValueError(f"is larger than {most >> 20} MiB, which is the most: no network here is so large")
    return path.read_bytes()


def require_unchanged(path: Path, content: str, now: str) -> None:
    """Raise ValueError where the digest of a file's content is not that of what was read of it."""
    if now != content:
        raise ValueError(f"{path.name} changed since it was read: begin again")


def file_description(path: Path, content: str, kind: str, **facts: Any) -> Description:
    """The description of a file by its name and its content's digest; `facts` are the other fields."""
    return Description(
        network=file_network(path.name, content),
        origin=path.name,
        counted="counted from the graph of the file",
        kind=kind,
        file=str(path),
        content=content,
        **facts,
    )
