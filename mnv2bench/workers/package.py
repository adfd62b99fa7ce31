"""The sources of mnv2bench that this process runs: where they lie, and a digest of all of them."""

import hashlib
from pathlib import Path

FOLDER = Path(__file__).parents[1]


def digest(folder: Path = FOLDER) -> str:
    """A digest of every Python file of the package as it is on disk now, by its path in the package."""
    content = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        source = path.read_bytes()
        content.update(f"{path.relative_to(folder).as_posix()} {len(source)}\n".encode())
        content.update(source)
    return content.hexdigest()[:16]
