"""The tidy table: one row per case of every file, those that did not run included."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from mnv2bench.comparison.chapters import NO_DATES, Chapter, Dates, Source, chapters
from mnv2bench.comparison.columns import COLUMNS
from mnv2bench.files import Sort
from mnv2bench.report.csv import as_csv
from mnv2bench.report.evaluation import Evaluation

if TYPE_CHECKING:
    import pandas as pd

TABLE = Sort("report table", ".csv", columns=tuple(column.name for column in COLUMNS))
ROWS = Sort("report rows", columns=TABLE.columns, is_json=True)


def values(evaluation: Evaluation) -> list[object]:
    """The value of each column, in their order."""
    return [column.value(evaluation) for column in COLUMNS]


def row(evaluation: Evaluation) -> dict[str, object]:
    """The value of each column, by its name."""
    return dict(zip(TABLE.columns, values(evaluation), strict=True))


def frame(chapters: Sequence[Chapter]) -> "pd.DataFrame":
    """The tidy table of chapters; whole numbers that some rows lack are of pandas' type Int64."""
    import pandas as pd

    rows = [values(evaluation) for chapter in chapters for evaluation in chapter.evaluations]
    names = TABLE.columns
    columns = dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(names, ())
    whole = [column.name for column in COLUMNS if column.type == int | None]
    return pd.DataFrame(columns).astype(dict.fromkeys(whole, "Int64"))


def tidy(sources: Iterable[Source], dates: Dates = NO_DATES) -> "pd.DataFrame":
    """The columns are those of docs/columns.md; flags are joined by "; ". Speed-ups are within a file's campaign."""
    return frame(chapters(sources, dates=dates))


def csv(sources: Iterable[Source], all_columns: bool = False) -> str:
    """The tidy table as CSV, without the columns that are empty for every row unless they are wanted: see `as_csv`."""
    table = tidy(sources)
    return as_csv(table if all_columns else without_empty_columns(table))


def without_empty_columns(table: "pd.DataFrame") -> "pd.DataFrame":
    """The table without the columns that hold nothing; the whole table where it has no row."""
    if table.empty:
        return table
    return table.loc[:, (table.notna() & (table != "")).any()]


def as_json(table: "pd.DataFrame") -> Iterator[str]:
    """The table as a JSON list of objects, one a line; null where there is no number."""
    import msgspec

    names = list(table.columns)
    columns = [table[name].astype(object).where(table[name].notna(), None).tolist() for name in names]
    start = "["
    for values in zip(*columns, strict=True):
        yield f"{start}\n{msgspec.json.encode(dict(zip(names, values, strict=True))).decode()}"
        start = ","
    yield "\n]\n" if columns and columns[0] else "[]\n"
