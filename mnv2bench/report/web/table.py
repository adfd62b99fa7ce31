"""Tables of HTML pages: a reader sorts them by any column and filters some of their columns by value."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mnv2bench.report.web.document import inert_json

if TYPE_CHECKING:
    from markupsafe import Markup

ROWS_OF_A_PAGE = 200  # docs/html.md: so many rows are drawn at once
MOST_ROWS = 10_000  # in one page: a larger table is for the CSV


@dataclass(frozen=True)
class Heading:
    """A column: its heading, whether its cells are numbers, and whether a reader can filter by its values.

    Rows with different values of a group are never sorted among each other.
    """

    text: str
    is_number: bool = False
    is_filter: bool = False
    is_group: bool = False


@dataclass(frozen=True)
class Cell:
    """A cell: its text, what it is sorted by (None is always last), and a longer text that is folded.

    `address` is that of a link, from the page's folder: nobody but us makes it.
    """

    text: str
    key: float | str | None = None
    more: str = ""
    address: str = ""


@dataclass(frozen=True)
class Table:
    """A table: `name` is its id in the page, `caption` a sentence on all rows, which may be the first of `total`.

    `first_rows` is how many a browser without scripts shows.
    """

    name: str
    caption: str
    headings: tuple[Heading, ...]
    rows: Sequence[Sequence[Cell]]
    total: int
    first_rows: int = ROWS_OF_A_PAGE

    @property
    def first(self) -> Sequence[Sequence[Cell]]:
        """The rows that a browser without scripts shows too."""
        return self.rows[: self.first_rows]

    @property
    def filters(self) -> list[tuple[int, str, list[str]]]:
        """The place, the heading and the values of each column to filter by that has more than one value."""
        filters = []
        for place, heading in enumerate(self.headings):
            values = list(dict.fromkeys(row[place].text for row in self.rows))
            if heading.is_filter and len(values) > 1:
                filters.append((place, heading.text, values))
        return filters

    @property
    def content(self) -> "Markup":
        """All rows that the page holds, for its script."""
        return inert_json(
            {
                "rowsOfAPage": ROWS_OF_A_PAGE,
                "headings": [[heading.text, heading.is_number] for heading in self.headings],
                "groups": [place for place, heading in enumerate(self.headings) if heading.is_group],
                "rows": [[_compact(cell) for cell in row] for row in self.rows],
            }
        )


def _compact(cell: Cell) -> object:
    """A cell as its text alone where it is also sorted by it; else text, key, the longer text and the address."""
    if cell.address:
        return [cell.text, cell.key, cell.more, cell.address]
    if cell.more:
        return [cell.text, cell.key, cell.more]
    return cell.text if cell.key == cell.text else [cell.text, cell.key]
