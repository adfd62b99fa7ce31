"""The report as one HTML page: the answers with their pictures, a table of all cases, and every section folded."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mnv2bench.comparison.case_table import case_table
from mnv2bench.comparison.chapters import Chapter
from mnv2bench.comparison.page import NO_CONDITIONS
from mnv2bench.comparison.sections import ranking, sections
from mnv2bench.files import Sort
from mnv2bench.recommendation import words
from mnv2bench.recommendation.answer import Answer, answers
from mnv2bench.recommendation.goal import Goal
from mnv2bench.recommendation.ladder import budget_rows
from mnv2bench.recommendation.machines import MachineAnswers, by_machine
from mnv2bench.recommendation.picture import answer_figure
from mnv2bench.report.cells import plain
from mnv2bench.report.web.document import from_markdown, html, vega
from mnv2bench.report.web.figure import Figure

if TYPE_CHECKING:
    from markupsafe import Markup

WEB_PAGE = Sort("report in HTML", ".html")
MOST_PICTURES = 8  # of a page: those of its first answers
TITLE = "MobileNetV2 benchmark"


@dataclass(frozen=True)
class _ShownAnswer:
    """An answer as the page shows it; `figure` is None where there is none, and `why_no_figure` says why."""

    answer: Answer
    heading: str
    headline: str
    sentences: tuple[str, ...]
    remarks: tuple[str, ...]
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    figure: Figure | None
    why_no_figure: str


@dataclass(frozen=True)
class _ShownMachine:
    """A machine with its answers: the first is open, the others are folded."""

    name: str
    sources: tuple[str, ...]
    notes: tuple[str, ...]
    answers: tuple[_ShownAnswer, ...]


@dataclass(frozen=True)
class _Section:
    """A section of a chapter, folded under its title."""

    title: str
    content: "Markup"


@dataclass(frozen=True)
class _ShownChapter:
    """The sections of a campaign of a file."""

    source: str
    sections: tuple[_Section, ...]


def web_page(
    chapters: Sequence[Chapter],
    conditions: Mapping[str, Sequence[str]] = NO_CONDITIONS,
    csv: str = "",
    goal: Goal = Goal(),  # noqa: B008  it is frozen
) -> str:
    """The page of these chapters. `csv` is the address of their table, from the page's folder.

    `conditions` holds what was unusual about the machine while a file was measured, by the source of its chapters.
    """
    evaluations = [evaluation for chapter in chapters for evaluation in chapter.evaluations]
    machines = list(_machines(by_machine(evaluations, goal), conditions))
    has_figures = any(shown.figure for machine in machines for shown in machine.answers)
    return html(
        "report.html",
        programs=[vega()] if has_figures else [],
        title=_title(machines),
        machines=machines,
        conditions=[(source, "; ".join(unusual)) for source, unusual in conditions.items() if unusual],
        table=case_table(evaluations),
        chapters=[_chapter(chapter) for chapter in chapters],
        csv=csv,
    )


def _title(machines: Sequence[_ShownMachine]) -> str:
    if len(machines) != 1:
        return TITLE
    return f"MobileNetV2 on {plain(machines[0].name)}"


def _machines(machines: Sequence[MachineAnswers], conditions: Mapping[str, Sequence[str]]) -> Iterator[_ShownMachine]:
    left = MOST_PICTURES
    for machine in machines:
        unusual = [sentence for source in machine.sources for sentence in conditions.get(source.name, ())]
        shown = tuple(_answer(answer, unusual, place < left) for place, answer in enumerate(machine.answers))
        left -= len(shown)
        yield _ShownMachine(
            name=plain(machine.name),
            sources=tuple(plain(source.text) for source in machine.sources),
            notes=tuple(map(plain, machine.notes)),
            answers=shown,
        )


def _answer(answer: Answer, conditions: Sequence[str], has_room: bool) -> _ShownAnswer:
    header, rows = words.table(budget_rows(answer)) if answer.is_usable else ((), [])
    figure, why_no_figure = _figure(answer) if has_room else (None, f"Only the first {MOST_PICTURES} answers have one.")
    usability = [words.usability_text(answer, conditions)] if answer.is_usable else []  # else it is the headline
    return _ShownAnswer(
        answer=answer,
        heading=plain(words.setting_text(answer.setting)),
        headline=words.headline(answer, conditions),
        sentences=(*usability, words.coverage_text(answer)),
        remarks=words.remarks(answer),
        header=header,
        rows=rows,
        figure=figure,
        why_no_figure=why_no_figure,
    )


def _figure(answer: Answer) -> tuple[Figure | None, str]:
    try:
        return answer_figure(answer), ""
    except ValueError as error:
        return None, f"There is no picture: {error}."


def _chapter(chapter: Chapter) -> _ShownChapter:
    return _ShownChapter(plain(chapter.source), tuple(_sections(chapter)))


def _sections(chapter: Chapter) -> Iterator[_Section]:
    for section in sections(chapter, ranking(answers(chapter.evaluations))):
        yield _Section(section.title, from_markdown(f"{section.text}\n\n{section.body}"))
