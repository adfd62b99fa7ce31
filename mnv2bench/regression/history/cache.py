"""The rows of nights already read, in one Parquet file: derived from the saved files, and never the truth."""

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from mnv2bench.artifacts import root
from mnv2bench.regression.history.night import schema

if TYPE_CHECKING:
    import pyarrow as pa

PACKAGE = Path(__file__).parents[2]
DEPENDS_ON = ("statistics", "paper", "records", "gpu", "remote", "regression/judging", "regression/history/night.py",
              "networks/spec.py", "report/rows.py", "cases.py", "flags.py")  # fmt: skip
KEY = b"mnv2bench"  # of our entry in the file's metadata

Stamp = tuple[int, int]  # bytes and modification time (ns) of a saved file


@dataclass(frozen=True, eq=False)
class Cached:
    """`files` are those that `rows` are of, by the row's `source`; `skipped` are those that had none, and why."""

    rows: "pa.Table"
    files: Mapping[str, Stamp]
    skipped: Mapping[str, tuple[Stamp, str]]


def path(results: Path, fingerprint: str) -> Path:
    """A file for each folder of results and machine."""
    name = hashlib.sha256(json.dumps([str(results.resolve()), fingerprint]).encode()).hexdigest()[:16]
    return root() / "history" / f"{name}.parquet"


@cache
def sources() -> str:
    """A hash of the code that the rows come from: other code, other rows."""
    named = [PACKAGE / name for name in DEPENDS_ON]
    files = [file for name in named for file in (sorted(name.glob("*.*")) if name.is_dir() else [name])]
    content = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    return hashlib.sha256("".join(content).encode()).hexdigest()[:16]


def empty() -> Cached:
    return Cached(schema().empty_table(), {}, {})


def read(path: Path) -> Cached:
    """What is cached; empty where there is nothing, where it is damaged, or where other code made it."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        rows = parquet.read_table(path, page_checksum_verification=True)
        facts = json.loads(rows.schema.metadata[KEY])
        files = {name: (size, changed) for name, (size, changed) in facts["files"].items()}
        skipped = {name: ((size, changed), str(why)) for name, (size, changed, why) in facts["skipped"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException):
        return empty()
    rows = rows.replace_schema_metadata()
    current = facts.get("sources") == sources() and rows.schema.equals(schema())
    return Cached(rows, files, skipped) if current else empty()


def write(path: Path, cached: Cached) -> None:
    """Whole or not at all. A place that cannot be written costs time in the next load and nothing else."""
    from pyarrow import parquet

    skipped = {name: (*stamp, why) for name, (stamp, why) in cached.skipped.items()}
    facts = json.dumps({"sources": sources(), "files": dict(cached.files), "skipped": skipped})
    partial = path.with_suffix(f".{os.getpid()}.tmp")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            rows = cached.rows.replace_schema_metadata({KEY: facts})
            parquet.write_table(rows, partial, compression="zstd", write_page_checksum=True)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
