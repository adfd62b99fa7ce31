"""What a notebook shows of measurements and of recommendations: HTML without scripts, with the picture in it."""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mnv2bench.comparison.case_table import case_table
from mnv2bench.recommendation.answer import Answer
from mnv2bench.recommendation.block import MACHINES, NO_CASE, Conditions, RowsOf, unusual_conditions
from mnv2bench.recommendation.ladder import budget_rows
from mnv2bench.recommendation.machines import MachineAnswers
from mnv2bench.recommendation.picture import svg
from mnv2bench.recommendation.words import coverage_text, headline, remarks, setting_text, table, usability_text
from mnv2bench.report.cells import plain
from mnv2bench.report.evaluation import Evaluation
from mnv2bench.report.web.document import fragment

MOST_CASES = 50  # of a table in a notebook: to_frame() has all


@dataclass(frozen=True)
class _ShownAnswer:
    """An answer as a notebook shows it; `picture` is an address that holds the picture itself, "" without one."""

    heading: str
    headline: str
    sentences: tuple[str, ...]
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    remarks: tuple[str, ...]
    picture: str
    picture_text: str


@dataclass(frozen=True)
class _ShownMachine:
    """A machine with its files and its answers."""

    name: str
    sources: tuple[str, ...]
    notes: tuple[str, ...]
    answers: tuple[_ShownAnswer, ...]


@dataclass(frozen=True)
class _ShownCases:
    """A table of cases."""

    summary: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def answers_html(
    machines: Sequence[MachineAnswers],
    conditions: Conditions,
    evaluations: Sequence[Evaluation] = (),
    rows_of: RowsOf = budget_rows,
) -> str:
    """The answers of each machine as an HTML fragment, and a table of these evaluations where there are any.

    `rows_of` chooses the rows of an answer. Every text of a file is escaped, and the picture is an image, in which no
    script runs.
    """
    return fragment(
        "notebook.html",
        machines=[_machine(machine, unusual_conditions(machine, conditions), rows_of) for machine in machines],
        table=_cases(evaluations) if evaluations else None,
        nothing=NO_CASE,
        side_by_side=MACHINES,
    )


def _machine(machine: MachineAnswers, unusual: Sequence[str], rows_of: RowsOf) -> _ShownMachine:
    return _ShownMachine(
        name=plain(machine.name),
        sources=tuple(plain(source.text) for source in machine.sources),
        notes=tuple(map(plain, machine.notes)),
        answers=tuple(_answer(answer, unusual, rows_of, place == 0) for place, answer in enumerate(machine.answers)),
    )


def _answer(answer: Answer, unusual: Sequence[str], rows_of: RowsOf, has_picture: bool) -> _ShownAnswer:
    header, lines = table(rows_of(answer)) if answer.is_usable else ((), [])
    return _ShownAnswer(
        heading=plain(setting_text(answer.setting)),
        headline=plain(headline(answer, unusual)),
        sentences=tuple(_sentences(answer, unusual)),
        header=header,
        rows=lines,
        remarks=tuple(map(plain, remarks(answer))),
        picture=_address(answer) if has_picture else "",
        picture_text="The accuracy of each case over its cost. The table of cases has the same numbers.",
    )


def _sentences(answer: Answer, unusual: Sequence[str]) -> Iterator[str]:
    yield plain(coverage_text(answer))
    if answer.is_usable:  # else it is the headline
        yield plain(usability_text(answer, unusual))


def _address(answer: Answer) -> str:
    """The picture as an address that holds it; "" where nothing can be drawn."""
    try:
        drawn = svg(answer)
    except ValueError:
        return ""
    return f"data:image/svg+xml;base64,{b64encode(drawn.encode('utf-8')).decode('ascii')}"


def _cases(evaluations: Sequence[Evaluation]) -> _ShownCases:
    """The first cases, as the page in HTML has them."""
    shown = case_table(evaluations[:MOST_CASES])
    counted = f"{len(evaluations)} cases"
    if len(evaluations) > MOST_CASES:
        counted = f"The first {MOST_CASES} of {counted}; to_frame() has all"
    rows = [tuple(cell.text for cell in row) for row in shown.rows]
    return _ShownCases(f"{counted}. {shown.caption}".strip(), tuple(heading.text for heading in shown.headings), rows)
