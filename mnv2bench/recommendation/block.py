"""The block: a recommendation as text for a terminal, of any width from 80 columns on."""

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import StringIO
from types import MappingProxyType
from typing import TYPE_CHECKING

from mnv2bench.recommendation.answer import Answer
from mnv2bench.recommendation.budget_table import HEADER, cells, row_name
from mnv2bench.recommendation.goal import Goal
from mnv2bench.recommendation.ladder import BudgetRow, budget_rows, headline_row
from mnv2bench.recommendation.machines import MachineAnswers
from mnv2bench.recommendation.phrases import place, ties_text
from mnv2bench.recommendation.remarks import remarks
from mnv2bench.recommendation.words import advice, coverage_text, headline, intervals_text, usability_text
from mnv2bench.report.cells import NONE, plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

LEAST_WIDTH = 80  # columns
WIDEST = 10_000
GAP = 3  # between two columns
RUNTIME = "runtime"
# the runtime's column has its precision, and files and ties stand below the table
SHOWN = tuple(name for name in HEADER if name not in ("precision", "file", "tie"))
# columns that a narrow terminal does without, the first of them first
SPARE = ("images/s", "p99 ms", "peak MB")
SPARE_OF_RATES = ("CPU ms/image", "kept of fp32 %", "peak MB", "mJ/image", "top-1 %", "p50 ms")  # for throughput
MACHINE, SETTING = "machine", "setting"
LEFT = (MACHINE, SETTING, "variant", RUNTIME)
FOLDED = {MACHINE: 10, SETTING: 8, "variant": 8, RUNTIME: 11}  # characters at least
BREAKS = {
    "kept of fp32 %": "kept of\nfp32 %",
    "top-1 %": "top-1\n%",
    "peak MB": "peak\nMB",
    "images/s": "images\na s",
    "streams x threads": "streams\nx\nthreads",
    "images/s (95 %)": "images a s\n(95 %)",
}
NO_CASE = "No case can be chosen by: counts, figures of other tools and cases that failed are no candidates."
MACHINES = "These are different machines: each has its own answer, and none is ranked against another."
RowsOf = Callable[[Answer], tuple[BudgetRow, ...]]
Conditions = Mapping[str, Sequence[str]]  # what was unusual about the machine, by the name of the file
NO_CONDITIONS: Conditions = MappingProxyType({})


def block(
    machines: Sequence[MachineAnswers],
    width: int = LEAST_WIDTH,
    conditions: Conditions = NO_CONDITIONS,
    rows_of: RowsOf = budget_rows,
) -> str:
    """The answers of every machine, one setting after the other: the headline, the table, and the remarks."""
    columns = max(width, LEAST_WIDTH)
    parts = [wrapped(MACHINES, columns)] if len(machines) > 1 else []
    for machine in machines:
        parts.append(_about(machine, columns))
        unusual = unusual_conditions(machine, conditions)
        every = (*machine.answers, *machine.throughput)
        parts += [answer_block(answer, columns, unusual, rows_of) for answer in every]
    return "\n\n".join(parts)


def answer_block(
    answer: Answer, width: int = LEAST_WIDTH, conditions: Sequence[str] = (), rows_of: RowsOf = budget_rows
) -> str:
    """The answer for one setting; `rows_of` chooses the rows of its table: the ladder of budgets, or the front."""
    columns = max(width, LEAST_WIDTH)
    about = [headline(answer, conditions), coverage_text(answer)]
    if not answer.is_usable:
        return "\n".join(wrapped(text, columns) for text in [*about, advice(answer)])
    about.append(usability_text(answer, conditions))
    rows = rows_of(answer)
    table = ["", _table(rows, columns), ""] if rows else []
    below = [*_below(rows, headline_row(answer)), *remarks(answer), *filter(None, [intervals_text(answer)])]
    return "\n".join(
        [*(wrapped(text, columns) for text in about), *table, *(wrapped(f"- {text}", columns) for text in below)]
    )


def headline_block(answer: Answer, width: int = LEAST_WIDTH, conditions: Sequence[str] = ()) -> str:
    """The headline of an answer alone."""
    return wrapped(headline(answer, conditions), max(width, LEAST_WIDTH))


def unusual_conditions(machine: MachineAnswers, conditions: Conditions) -> tuple[str, ...]:
    """What was unusual about a machine while any of its files was measured, each once."""
    phrases = (phrase for source in machine.sources for phrase in conditions.get(source.name, ()))
    return tuple(dict.fromkeys(phrases))


def _about(machine: MachineAnswers, width: int) -> str:
    """Which machine it is, its files, and what differs from one to the other."""
    files = "; ".join(source.text for source in machine.sources)
    texts = [f"{machine.name}: {files}", *machine.notes, *([] if machine.answers else [NO_CASE])]
    return "\n".join(wrapped(text, width) for text in texts)


def _below(rows: Sequence[BudgetRow], chosen: BudgetRow | None) -> Iterator[str]:
    """The files of rows, which have no room in the table, and the ties of those that the remarks are not about."""
    for row in rows:
        if row.ties and not (chosen and row.candidate is chosen.candidate):
            yield f"Tie {'of' if row.goal.is_for_throughput else 'within'} {row_name(row)}: {ties_text(row)}."
    files: dict[str, list[str]] = {}
    for row in rows:
        files.setdefault(row.candidate.file, []).append(row_name(row))
    for file, budgets in files.items():
        if file:
            yield f"From {plain(file)}: {', '.join(budgets)}."


def texts_of(row: BudgetRow) -> dict[str, str]:
    """The texts of a row by their columns; the runtime has its precision."""
    return dict(zip(HEADER, cells(row), strict=True)) | {RUNTIME: place(row.candidate)}


def _table(rows: Sequence[BudgetRow], width: int) -> str:
    return narrow_table(SHOWN, list(map(texts_of, rows)), spare_columns(rows[0].goal), width)


def narrow_table(names: Sequence[str], texts: Sequence[Mapping[str, str]], spare: Sequence[str], width: int) -> str:
    """The table of the columns that have a text in any row.

    On a narrow terminal spare columns are left out one by one, and long names fold. Where that is not enough the table
    is wider than the terminal: no number is cut off.
    """
    from rich.console import Console

    columns = [name for name in names if any(line[name] != NONE for line in texts)]
    console = Console(
        file=StringIO(), width=width, color_system=None, markup=False, emoji=False, highlight=False, force_jupyter=False
    )
    table = _drawn(columns, texts)
    for name in spare:
        if console.measure(table, options=console.options.update(width=WIDEST)).maximum > width and name in columns:
            columns.remove(name)
            table = _drawn(columns, texts)
    least = _least_width(columns, texts)
    lines: list[str] = []
    for narrower in range(
        max(width, least), least - 1, -1
    ):  # rich makes folded columns a little wider than they may be
        lines = _lines(table, console, narrower)
        if max(map(len, lines)) <= width:
            break
    return "\n".join(lines)


def _lines(table: "Table", console: "Console", width: int) -> list[str]:
    with console.capture() as captured:
        console.print(table, width=width, crop=False)
    return [line.rstrip() for line in captured.get().splitlines() if line.strip()]


def spare_columns(goal: Goal) -> tuple[str, ...]:
    """The columns that a narrow table does without; that of the goal's percentile is none of them."""
    if goal.is_for_throughput:
        return SPARE_OF_RATES
    return tuple(name for name in SPARE if not goal.percentile or name != f"p{goal.percentile:g} ms")


def _least_width(columns: Sequence[str], texts: Sequence[Mapping[str, str]]) -> int:
    """The characters of a table in which no number is cut off."""
    widths = []
    for name in columns:
        lines = [*BREAKS.get(name, name).split("\n"), *(line[name] for line in texts)]
        widths.append(FOLDED.get(name) or max(map(len, lines)))
    return sum(widths) + GAP * (len(columns) - 1)


def _drawn(columns: Sequence[str], texts: Sequence[Mapping[str, str]]) -> "Table":
    from rich.box import SIMPLE
    from rich.table import Table

    table = Table(box=SIMPLE, show_edge=False, pad_edge=False)
    for name in columns:
        folds = FOLDED.get(name)
        table.add_column(
            BREAKS.get(name, name),
            justify="left" if name in LEFT else "right",
            no_wrap=folds is None,
            overflow="fold",
            min_width=folds,
        )
    for line in texts:
        table.add_row(*(line[name] for name in columns))
    return table


def wrapped(text: str, width: int) -> str:
    """The text in lines of that width, from the second on a little to the right."""
    return textwrap.fill(text, width, subsequent_indent="  ", break_on_hyphens=False)
