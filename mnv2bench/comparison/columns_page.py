"""The page of the documentation that lists the columns of the CSV: `python -m` this module, with the file to write."""

import sys
from pathlib import Path

from mnv2bench.comparison.columns import COLUMNS
from mnv2bench.files import Product, Sort, require_writable, write_whole
from mnv2bench.report.column import Column

PAGE = Sort("list of columns", earlier="# The columns of the CSV\n")
TYPES = {
    str: "text",
    int: "whole number",
    int | str: "whole number or text",
    float: "number",
    bool: "True or False",
}
INTRODUCTION = """\
# The columns of the CSV

`mnv2bench report` writes one row for each case of each file, those that did not run included. A cell is empty where
there is no number. Units are in the names; MB are 1e6 bytes. "Shown in" names the tables of the Markdown page that show
a column.

This page is made from the declarations in the code: `python -m mnv2bench.comparison.columns_page docs/columns.md`.

| column | type | meaning | shown in |
|:-------|:-----|:--------|:---------|
"""


def columns_page() -> str:
    """docs/columns.md: a line for each column."""
    return INTRODUCTION + "".join(_line(column) for column in COLUMNS)


def _line(column: Column[object]) -> str:
    tables = [*column.parts_of, *(shown.table for shown in column.shown)]
    return f"| `{column.name}` | {_type(column)} | {column.meaning} | {'; '.join(tables)} |\n"


def _type(column: Column[object]) -> str:
    for type_, name in TYPES.items():
        if column.type == type_:
            return name
        if column.type == type_ | None:
            return f"{name} or empty"
    raise ValueError(f"column {column.name} has a type without a name: add {column.type} to TYPES")


if __name__ == "__main__":
    place = Path(sys.argv[1])
    require_writable([Product(place, PAGE)])
    write_whole(place, columns_page().encode())
