"""The rows of nights already read, in one Parquet file: derived from the saved files, which stay the truth."""

import hashlib
import io
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from mnv2bench.artifacts import root
from mnv2bench.regression.history.reading import Stamp
from mnv2bench.regression.history.schema import VERSION, table_schema

if TYPE_CHECKING:
    import pyarrow as pa

PACKAGE = Path(__file__).parents[2]
NUMBERS_COME_FROM = (
    "regression/history/night.py", "regression/history/schema.py", "regression/judging/cell_night.py",
    "regression/judging/change.py", "statistics", "records", "remote/conditions.py", "remote/counts.py",
    "gpu/doubts.py", "gpu/times.py", "flags.py", "case.py", "precisions.py",
)  # fmt: skip
KEY = b"mnv2bench"  # of our entry in the file's metadata


@dataclass(frozen=True, eq=False)
class Cached:
    """`files` are those that `rows` come from, by the row's `source`; `skipped` are those without rows, and why."""

    rows: "pa.Table"
    files: Mapping[str, Stamp]
    skipped: Mapping[str, tuple[Stamp, str]]


def path(results: Path, fingerprint: str) -> Path:
    """A file for each folder of results and machine."""
    name = hashlib.sha256(json.dumps([str(results.resolve()), fingerprint]).encode()).hexdigest()[:16]
    return root() / "history" / f"{name}.parquet"


def source_files() -> list[Path]:
    """The files of the code that a row's numbers come from."""
    named = [PACKAGE / name for name in NUMBERS_COME_FROM]
    return [file for path in named for file in (sorted(path.glob("*.*")) if path.is_dir() else [path])]


@cache
def identity() -> str:
    """The version of the schema and a hash of the code that the rows come from: a cache of another is made anew."""
    content = [hashlib.sha256(file.read_bytes()).hexdigest() for file in source_files()]
    return f"{VERSION}:{hashlib.sha256(''.join(content).encode()).hexdigest()[:16]}"


def empty() -> Cached:
    """A cache without rows."""
    return Cached(table_schema().empty_table(), {}, {})


def read(path: Path) -> Cached:
    """What is cached; empty where there is nothing, where it is damaged, or where other code made it."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        digest, _, table = path.read_bytes().partition(b"\n")
        if digest != _digest(table):
            return empty()
        rows = parquet.read_table(pa.BufferReader(table), page_checksum_verification=True)
        facts = json.loads(rows.schema.metadata[KEY])
        files = {name: (size, changed) for name, (size, changed) in facts["files"].items()}
        skipped = {name: ((size, changed), str(reason)) for name, (size, changed, reason) in facts["skipped"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException):
        return empty()
    rows = rows.replace_schema_metadata()
    current = facts.get("identity") == identity() and rows.schema.equals(table_schema())
    return Cached(rows, files, skipped) if current else empty()


def _digest(table: bytes) -> bytes:
    """What stands before a table: one that was changed by other code than ours is made anew."""
    return hashlib.sha256(identity().encode() + table).hexdigest().encode()


def write(path: Path, cached: Cached) -> None:
    """Write the whole file or leave it as it was. Where it cannot be written, the next load only takes longer."""
    from pyarrow import parquet

    skipped = {name: (*stamp, reason) for name, (stamp, reason) in cached.skipped.items()}
    facts = json.dumps({"identity": identity(), "files": dict(cached.files), "skipped": skipped})
    partial = path.with_suffix(f".{os.getpid()}.tmp")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            rows = cached.rows.replace_schema_metadata({KEY: facts})
            table = io.BytesIO()
            parquet.write_table(rows, table, compression="zstd", write_page_checksum=True)
            partial.write_bytes(_digest(table.getvalue()) + b"\n" + table.getvalue())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
