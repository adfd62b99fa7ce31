"""The CSV of a page: a line for each case of each file, made once for all pages that hold it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import structs

from mnv2bench.files import Sort
from mnv2bench.report.csv import rows_as_csv
from mnv2bench.website.rows import Place, Row, SiteFile


@dataclass(frozen=True)
class _Column:
    """A column: its name, and the type of its values."""

    name: str
    type: Any


OF_ROWS = tuple(_Column(field.name, field.type) for field in structs.fields(Row))
OF_FILES = tuple(_Column(name, str) for name in ("gate", "fingerprint", "commit", "saved_at", "file", "source"))
TABLE = Sort("table of the site", columns=tuple(column.name for column in (*OF_ROWS, *OF_FILES)))
HEADER = ",".join(TABLE.columns) + "\n"


def row_lines(rows: Sequence[Row]) -> list[str]:
    """Each row as the beginning of a line: texts stay on one line, and none is a formula."""
    return _lines(OF_ROWS, map(structs.astuple, rows))


def lines(places: Sequence[Place]) -> list[str]:
    """The whole line of each place."""
    ends = list(dict.fromkeys((place.file, place.verdict) for place in places))
    of_files = dict(zip(ends, _lines(OF_FILES, (_file_texts(*end) for end in ends)), strict=True))
    return [f"{place.line},{of_files[place.file, place.verdict]}\n" for place in places]


def csv(lines_of: Iterable[str]) -> str:
    """The table of these lines."""
    return HEADER + "".join(lines_of)


def _lines(columns: Sequence[_Column], values: Iterable[Sequence[object]]) -> list[str]:
    return rows_as_csv(columns, values).splitlines()[1:]


def _file_texts(file: SiteFile, verdict: str) -> Sequence[object]:
    machine, when = file.summary.machine, file.summary.saved_at
    saved_at = when.isoformat() if when else None
    return verdict, machine.fingerprint, machine.commit, saved_at, file.address, file.name
