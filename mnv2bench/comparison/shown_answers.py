"""The answers of machines as HTML shows them: on the page of a report and in a notebook."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mnv2bench.recommendation import budget_table, words
from mnv2bench.recommendation.answer import Answer
from mnv2bench.recommendation.block import Conditions, RowsOf, unusual_conditions
from mnv2bench.recommendation.ladder import budget_rows
from mnv2bench.recommendation.machines import MachineAnswers
from mnv2bench.recommendation.per_machine.choices import MachineChoice
from mnv2bench.recommendation.per_machine.prices import Prices
from mnv2bench.recommendation.per_machine.words import columns, remarks, rows, title
from mnv2bench.recommendation.remarks import remarks as remarks_of
from mnv2bench.report.cells import NONE, plain
from mnv2bench.report.web.figure import Figure


@dataclass(frozen=True)
class Drawn:
    """The picture of an answer: a figure that a page's script draws anew, an address that holds an image, or neither.

    `why_none` is a sentence on why there is no picture, "" where nothing needs to be said.
    """

    figure: Figure | None = None
    address: str = ""
    why_none: str = ""


Draw = Callable[[int, Answer], Drawn]  # makes the picture of an answer, given its place among those of its machine


@dataclass(frozen=True)
class ShownAnswer:
    """An answer as plain texts, with its picture."""

    heading: str
    headline: str
    is_usable: bool
    sentences: tuple[str, ...]
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    remarks: tuple[str, ...]
    drawn: Drawn


@dataclass(frozen=True)
class ShownMachine:
    """A machine with its files and its answers."""

    name: str
    heading: str
    sources: tuple[str, ...]
    notes: tuple[str, ...]
    unusual: str
    answers: tuple[ShownAnswer, ...]


@dataclass(frozen=True)
class ShownChoices:
    """What to ship on each machine: a title, a table with a line for each, and sentences as plain texts."""

    title: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    remarks: tuple[str, ...]


def shown_choices(choices: Sequence[MachineChoice], prices: Prices | None = None) -> ShownChoices:
    """The table of what to ship on each machine, without columns that are empty."""
    lines = rows(choices, prices)
    header = [name for name in columns(prices) if any(line[name] != NONE for line in lines)]
    return ShownChoices(
        title=plain(title(choices)),
        header=tuple(map(plain, header)),
        rows=[tuple(line[name] for name in header) for line in lines],
        remarks=tuple(map(plain, remarks(choices, prices))),
    )


def shown_machine(
    machine: MachineAnswers,
    conditions: Conditions,
    draw: Draw,
    rows_of: RowsOf = budget_rows,
) -> ShownMachine:
    """A machine with its answers, those for throughput last; `rows_of` chooses the rows of their tables."""
    unusual = unusual_conditions(machine, conditions)
    every = (*machine.answers, *machine.throughput)
    answers = [_shown_answer(answer, unusual, draw(place, answer), rows_of) for place, answer in enumerate(every)]
    return ShownMachine(
        name=plain(machine.name),
        heading=plain(machine.heading),
        sources=tuple(plain(source.text) for source in machine.sources),
        notes=tuple(map(plain, machine.notes)),
        unusual=plain("; ".join(unusual)),
        answers=tuple(answers),
    )


def _shown_answer(answer: Answer, unusual: Sequence[str], drawn: Drawn, rows_of: RowsOf) -> ShownAnswer:
    header, rows = budget_table.table(rows_of(answer)) if answer.is_usable else ((), [])
    sentences = [words.coverage_text(answer)]
    if answer.is_usable:  # else it is the headline
        sentences.insert(0, words.usability_text(answer, unusual))
    return ShownAnswer(
        heading=plain(words.answer_title(answer)),
        headline=plain(words.headline(answer, unusual)),
        is_usable=answer.is_usable,
        sentences=tuple(map(plain, sentences)),
        header=header,
        rows=rows,
        remarks=tuple(map(plain, filter(None, [*remarks_of(answer), words.intervals_text(answer)]))),
        drawn=drawn,
    )
