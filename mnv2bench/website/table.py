"""The CSV of a page: a line for each case of each file, made once for all pages that hold it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import structs

from mnv2bench.files import Sort
from mnv2bench.report.csv import rows_as_csv
from mnv2bench.website.rows import Place, Row


@dataclass(frozen=True)
class _Column:
    """A column: its name, and the type of its values."""

    name: str
    type: Any


COLUMNS = (
    *(_Column(field.name, field.type) for field in structs.fields(Row)),
    *(_Column(name, str) for name in ("gate", "fingerprint", "commit", "saved_at", "file", "source")),
)
TABLE = Sort("table of the site", columns=tuple(column.name for column in COLUMNS))
HEADER = ",".join(TABLE.columns) + "\n"


def lines(places: Sequence[Place]) -> Iterator[str]:
    """The line of each place; texts stay on one line, and none is a formula."""
    table = rows_as_csv(COLUMNS, map(_values, places))
    yield from table.splitlines(keepends=True)[1:]


def csv(lines_of: Iterable[str]) -> str:
    """The table of these lines."""
    return HEADER + "".join(lines_of)


def _values(place: Place) -> Sequence[object]:
    file, machine = place.file, place.file.summary.machine
    when = file.summary.saved_at
    texts = place.verdict, machine.fingerprint, machine.commit, when.isoformat() if when else None
    return *structs.astuple(place.row), *texts, file.address, file.name
