"""Every night of one machine as one table: a row for each case of each night."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnv2bench.regression.history import cache
from mnv2bench.regression.history.cache import Cached
from mnv2bench.regression.history.reading import NEVER, Skipped, Stamp, read_files, saved_files

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

ORDER = ("saved_at", "night", "source")


@dataclass(frozen=True, eq=False)
class History:
    """`frame` has the columns of `schema.COLUMNS`, text as categories; `skipped` has a line for each file left out."""

    frame: "pd.DataFrame"
    skipped: tuple[str, ...]


@dataclass(frozen=True)
class Night:
    """One night of a history. `saved_at` is UTC; `commit` ends in "+" where files differed from it."""

    night: str
    saved_at: datetime
    commit: str | None
    libraries: dict[str, str]


def load(results: Path, fingerprint: str, series: str | None = None) -> History:
    """All nights of a machine, or those of one series, by when they were saved; a night is there once.

    Only files that are new or changed since the last time are parsed. A file that does not read is skipped.
    """
    folder, place = results / fingerprint, cache.path(results, fingerprint)
    files = saved_files(folder)
    known = cache.read(place)
    current = _current(known, folder, fingerprint, dict(files.stamps))
    if current is not known:
        cache.write(place, current)
    reasons = [reason for _, reason in current.skipped.values()]
    return History(_frame(current.rows, series), (*reasons, *files.twins))


def nights(frame: "pd.DataFrame") -> tuple[Night, ...]:
    """The nights of a frame, each once, in its order."""
    import pandas as pd

    first_rows = frame.drop_duplicates("night")
    columns = (first_rows[name] for name in ("night", "saved_at", "commit", "libraries"))
    return tuple(
        Night(str(name), saved_at.to_pydatetime(), None if pd.isna(commit) else str(commit), json.loads(libraries))
        for name, saved_at, commit, libraries in zip(*columns, strict=True)
    )


def _current(known: Cached, folder: Path, fingerprint: str, stamps: dict[str, Stamp]) -> Cached:
    """What is cached, itself where nothing changed; only what is new or changed is read."""
    kept = {name: stamp for name, stamp in known.files.items() if stamps.get(name) == stamp}
    skipped = {name: entry for name, entry in known.skipped.items() if stamps.get(name) == entry[0]}
    new = {name: stamp for name, stamp in stamps.items() if name not in kept and name not in skipped}
    if not new and len(kept) == len(known.files) and len(skipped) == len(known.skipped):
        return known
    tables = [table for table in _by_file(known.rows) if _first(table, "source") in kept]
    for name, rows in read_files(folder, fingerprint, new).items():
        if isinstance(rows, Skipped):
            skipped[name] = (NEVER if rows.unreadable else stamps[name], rows.reason)
        else:
            tables.append(rows)
            kept[name] = stamps[name]
    return Cached(_joined(tables), kept, dict(sorted(skipped.items())))


def _by_file(rows: "pa.Table") -> Iterator["pa.Table"]:
    """The rows of each file, which stand together."""
    import numpy as np

    of_file = rows.column("source").combine_chunks().indices.to_numpy()
    ends = [*(np.flatnonzero(np.diff(of_file)) + 1), len(of_file)] if len(of_file) else []
    start = 0
    for end in ends:
        yield rows.slice(start, end - start)
        start = end


def _first(table: "pa.Table", name: str) -> Any:
    return table.column(name)[0].as_py()


def _joined(tables: Iterable["pa.Table"]) -> "pa.Table":
    """One table, its nights in order, whatever order they were read in."""
    import pyarrow as pa

    filled = [table for table in tables if table.num_rows]
    ordered = sorted(filled, key=lambda table: tuple(_first(table, name) for name in ORDER))
    return _with_own_texts(pa.concat_tables([cache.empty().rows, *ordered]))


def _with_own_texts(rows: "pa.Table") -> "pa.Table":
    """The same, each dictionary holding just the texts that occur, in the order in which they do."""
    import pyarrow as pa

    columns = []
    for column in rows.columns:
        if pa.types.is_dictionary(column.type):
            column = column.cast(pa.string()).combine_chunks().dictionary_encode()
        columns.append(column)
    return pa.table(columns, schema=rows.schema).combine_chunks()


def _frame(rows: "pa.Table", series: str | None) -> "pd.DataFrame":
    import pyarrow as pa
    from pyarrow import compute

    if series is not None:
        chosen = rows.filter(compute.equal(rows.column("series").cast(pa.string()), series))
        rows = rows if chosen.num_rows == rows.num_rows else _with_own_texts(chosen)
    frame: pd.DataFrame = rows.to_pandas(split_blocks=True, self_destruct=True)
    return frame
