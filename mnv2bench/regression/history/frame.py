"""Every night of one machine as one table: a row for each case of each night."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnv2bench.regression.history import cache
from mnv2bench.regression.history.cache import Cached
from mnv2bench.regression.history.night import night_number, series_name
from mnv2bench.regression.history.reading import NEVER, Skipped, Stamp, read_files, saved_files

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

AHEAD = timedelta(days=1)  # a clock of another time zone is not called wrong


@dataclass(frozen=True)
class Unread:
    """A saved file that is left out: the night and the series of its name, and why."""

    night: str
    series: str
    reason: str


@dataclass(frozen=True, eq=False)
class History:
    """`frame` has the columns of `schema.COLUMNS`, text as categories; `unread` are the files that are left out."""

    frame: "pd.DataFrame"
    unread: tuple[Unread, ...]

    @property
    def skipped(self) -> tuple[str, ...]:
        """A line for each file that is left out."""
        return tuple(file.reason for file in self.unread)


@dataclass(frozen=True)
class Night:
    """One night of a history. `saved_at` is UTC; `commit` ends in "+" where files differed from it."""

    night: str
    saved_at: datetime
    commit: str | None
    libraries: dict[str, str]


def load(results: Path, fingerprint: str, series: str | None = None) -> History:
    """All nights of a machine, or those of one series, by the numbers of their files; a night is there once.

    Only files that are new or changed since the last time are parsed. A file that does not read is skipped.
    """
    folder, place = results / fingerprint, cache.path(results, fingerprint)
    files = saved_files(folder)
    known = cache.read(place)
    current = _current(known, folder, fingerprint, dict(files.stamps))
    if current is not known:
        cache.write(place, current)
    reasons = {name: reason for name, (_, reason) in current.skipped.items()} | dict(files.twins)
    return History(_frame(current.rows, series), tuple(_unread(name, reason) for name, reason in reasons.items()))


def _unread(name: str, reason: str) -> Unread:
    path = Path(name)
    return Unread(path.stem, series_name(path) or "", reason)


def nights(frame: "pd.DataFrame") -> tuple[Night, ...]:
    """The nights of a frame, each once, in its order."""
    import pandas as pd

    first_rows = frame.drop_duplicates("night")
    columns = (first_rows[name] for name in ("night", "saved_at", "commit", "libraries"))
    return tuple(
        Night(str(name), saved_at.to_pydatetime(), None if pd.isna(commit) else str(commit), json.loads(libraries))
        for name, saved_at, commit, libraries in zip(*columns, strict=True)
    )


def date_notes(nights_in_order: Sequence[Night], now: datetime) -> tuple[str, ...]:
    """A sentence for each night whose date does not fit its number, or lies in the future."""
    notes = [
        f"{later.night} is dated {later.saved_at:%Y-%m-%d %H:%M}, before {earlier.night} of "
        f"{earlier.saved_at:%Y-%m-%d %H:%M}: a clock was wrong. Nights are in the order of their numbers."
        for earlier, later in pairwise(nights_in_order)
        if later.saved_at < earlier.saved_at
    ]
    if nights_in_order and nights_in_order[-1].saved_at > now + AHEAD:
        newest = nights_in_order[-1]
        notes.append(
            f"{newest.night} is dated {newest.saved_at:%Y-%m-%d %H:%M}, which is still to come: set the clock."
        )
    return tuple(notes)


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
    ordered = sorted(filled, key=lambda table: (night_number(_first(table, "night")), _first(table, "source")))
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
