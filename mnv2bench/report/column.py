"""A column: its name with the unit, how it is computed from a Record, which tables show it, and what it means."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from mnv2bench.case import EAGER
from mnv2bench.report.evaluation import Evaluation

# The titles of the page's tables that show columns
LATENCY = "Latency, ms"
VARIANTS = "The variants"
SPEEDUP = f"Speed-up over {EAGER}"
PRECISIONS = "Precisions"
GMADDS = "GMAdds/s"
THROUGHPUT = "Throughput, images/s"
SWEEP = "Batches, threads and streams"
ACCURACY = "Top-1 on labelled images, %"
TAILS = "Tails and noise"
MEMORY = "Memory, MB"
COLD_PATH = "Cold path"
GPU_TIMES = "Times"
GPU_MEMORY = "GPU memory"
GPU_CONDITIONS = "Conditions"
INSTRUCTIONS = "Instructions"
ENERGY = "CPU mJ/image"  # a heading that stands only where a case has it

V = TypeVar("V")
Cell = Callable[[Evaluation], str]


@dataclass(frozen=True)
class Shown(Generic[V]):
    """A table of the page that shows a column: under which heading, as which text, at which place among its columns.

    `place` orders the columns of a table from left to right.
    """

    table: str
    place: int
    heading: str
    text: Callable[[V], str]


@dataclass(frozen=True)
class Column(Generic[V]):
    """One column of the CSV, and of the tables of the page that show it.

    `name` ends in the unit. `type` is the type of its values: one with None leaves cells empty. `meaning` is its line
    in docs/columns.md. `parts_of` are the tables whose cells for a backend are made of it and of other columns.
    """

    name: str
    type: Any  # a type or a union such as `float | None`, which typing has no name for
    value: Callable[[Evaluation], V]
    meaning: str
    shown: tuple[Shown[V], ...] = ()
    parts_of: tuple[str, ...] = ()

    @property
    def is_text(self) -> bool:
        return self.type in (str, str | None)


Columns = Sequence[Column[Any]]


def shown_in(table: str, columns: Columns) -> dict[str, tuple[Column[Any], Cell]]:
    """Heading: column and cell, for each column that the table shows, from left to right."""
    places = sorted(_places(table, columns), key=lambda place: place[0])
    return {shown.heading: (column, _cell(column, shown)) for _, column, shown in places}


def cells_in(table: str, columns: Columns) -> dict[str, Cell]:
    """Heading: cell, for each column that the table shows, from left to right."""
    return {heading: cell for heading, (_, cell) in shown_in(table, columns).items()}


def _places(table: str, columns: Columns) -> Iterator[tuple[int, Column[Any], Shown[Any]]]:
    for column in columns:
        for shown in column.shown:
            if shown.table == table:
                yield shown.place, column, shown


def _cell(column: Column[V], shown: Shown[V]) -> Cell:
    return lambda evaluation: shown.text(column.value(evaluation))
