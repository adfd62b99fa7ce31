"""The report as one HTML page: the answers with their pictures, a table of all cases, and every section folded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from mnv2bench.comparison.case_table import case_table
from mnv2bench.comparison.chapters import Chapter
from mnv2bench.comparison.first_screen import plain_title
from mnv2bench.comparison.sections import MOST_CHAPTERS, Section, is_short, ranking, sections
from mnv2bench.comparison.shown_answers import Draw, Drawn, shown_machine
from mnv2bench.comparison.side_by_side import side_by_side
from mnv2bench.files import Sort
from mnv2bench.gpu.section import unverified
from mnv2bench.recommendation.answer import Answer, answers
from mnv2bench.recommendation.block import MACHINES, NO_CASE, NO_CONDITIONS, Conditions
from mnv2bench.recommendation.machines import MachineAnswers, by_machine
from mnv2bench.recommendation.picture import answer_figure
from mnv2bench.report.cells import plain
from mnv2bench.report.ranking import Ranking
from mnv2bench.report.web.document import from_markdown, html, vega

if TYPE_CHECKING:
    from markupsafe import Markup

WEB_PAGE = Sort("report in HTML", ".html")
MOST_PICTURES = 8  # of a page: those of its first answers
NO_ROOM = f"Only the first {MOST_PICTURES} answers of this page have a picture."


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
    conditions: Conditions = NO_CONDITIONS,
    csv: str = "",
    machines: Sequence[MachineAnswers] | None = None,
) -> str:
    """The page of these chapters. `csv` is the address of their table, from the page's folder.

    `conditions` holds what was unusual about the machine while a file was measured, by the source of its chapters.
    `machines` are the answers of all chapters, where they are known already.
    """
    evaluations = [evaluation for chapter in chapters for evaluation in chapter.evaluations]
    known = by_machine(evaluations) if machines is None else machines
    draw = _first_pictures()
    shown = [shown_machine(machine, conditions, draw) for machine in known]
    beside = side_by_side(known, evaluations, not is_short(chapters))
    has_figures = any(answer.drawn.figure for machine in shown for answer in machine.answers)
    return html(
        "report.html",
        programs=[vega()] if has_figures else [],
        title=plain(plain_title(known, [evaluation.case.network for evaluation in evaluations])),
        warning=from_markdown(unverified(evaluations)),
        machines=shown,
        nothing=NO_CASE,
        side_by_side=MACHINES,
        beside=list(map(_shown, beside)),
        table=case_table(evaluations),
        chapters=[_chapter(chapter, ranked) for chapter, ranked in _ranked(chapters, known)],
        csv=csv,
    )


def _first_pictures() -> Draw:
    """A function that draws an answer; after the first ones there is no room for more."""
    numbers = count()

    def draw(place: int, answer: Answer) -> Drawn:
        if next(numbers) >= MOST_PICTURES:
            return Drawn(why_none=NO_ROOM)
        try:
            return Drawn(answer_figure(answer))
        except ValueError as error:
            return Drawn(why_none=f"There is no picture: {error}.")

    return draw


def _ranked(
    chapters: Sequence[Chapter], machines: Sequence[MachineAnswers]
) -> Iterator[tuple[Chapter, Ranking | None]]:
    """The chapters with what may be compared in them; the first ones, without that, where there are too many cases."""
    if is_short(chapters):
        yield from ((chapter, None) for chapter in chapters[:MOST_CHAPTERS])
    else:
        yield from ((chapter, _ranking(chapter, chapters, machines)) for chapter in chapters)


def _ranking(chapter: Chapter, chapters: Sequence[Chapter], machines: Sequence[MachineAnswers]) -> Ranking:
    """What may be compared within a chapter."""
    if len(chapters) > 1:
        return ranking(answers(chapter.evaluations))
    return ranking([answer for machine in machines for answer in machine.answers])


def _chapter(chapter: Chapter, ranked: Ranking | None) -> _ShownChapter:
    return _ShownChapter(plain(chapter.source), tuple(map(_shown, sections(chapter, ranked))))


def _shown(section: Section) -> _Section:
    return _Section(section.title, from_markdown(f"{section.text}\n\n{section.body}"))
