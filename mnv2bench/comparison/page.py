"""The comparison page in Markdown: it reads well on GitHub, its first screen answers, and the rest can be unfolded."""

import html
from collections.abc import Iterable, Iterator, Sequence

from mnv2bench.comparison.chapters import Chapter, Source, chapters
from mnv2bench.comparison.first_screen import Picture, first_screen, title
from mnv2bench.comparison.sections import MOST_CHAPTERS, Section, is_short, ranking, sections
from mnv2bench.comparison.side_by_side import side_by_side
from mnv2bench.files import Sort
from mnv2bench.gpu.section import unverified
from mnv2bench.recommendation import MachineAnswers, answers, by_machine
from mnv2bench.recommendation.block import NO_CONDITIONS, Conditions
from mnv2bench.report.cells import escape

PAGE = Sort("report page", ".md", earlier="# MobileNetV2 benchmark\n")
APART = (
    "This page holds {campaigns} campaigns from {files} and {machines}. Each is a chapter of its own: nothing is "
    "compared, ranked or divided from one to another{but}.\n"
)
BUT_FOR_ANSWERS = ", but for the answers above, which are from all files of a machine"
MORE_CHAPTERS = "{more:,} more campaigns have no chapter on this page.\n"
TOO_MANY = "These are {cases:,} cases, more than a page has room for: {places}.\n"


def markdown(sources: Iterable[Source]) -> str:
    """The page of one or more files; what is of different files, machines, plans or seeds is kept apart."""
    return page(chapters(sources))


def page(
    chapters: Sequence[Chapter],
    conditions: Conditions = NO_CONDITIONS,
    machines: Sequence[MachineAnswers] | None = None,
    pictures: Sequence[Picture] = (),
    rows_at: Sequence[str] = (),
    pictures_of_rates: Sequence[Picture | None] = (),
) -> str:
    """The page of these chapters; a single one has no heading of its own.

    `conditions` holds what was unusual about the machine while a file was measured, by the source of its chapters.
    `machines` are the answers of all chapters, where they are known already, and `pictures` those of each machine;
    `pictures_of_rates` are those of its throughput.
    `rows_at` names the files that hold every row.
    """
    every = [evaluation for chapter in chapters for evaluation in chapter.evaluations]
    known = by_machine(every) if machines is None else machines
    networks = [evaluation.case.network for evaluation in every]
    text = [f"# {title(known, networks)}\n", *filter(None, [unverified(every)])]
    text += first_screen(known, conditions, pictures, pictures_of_rates)
    short = is_short(chapters)
    text += [_section(section, "##") for section in side_by_side(known, every, not short)]
    if short:
        text.append(_too_many(len(every), rows_at))
    if len(chapters) == 1:
        return "\n".join([*text, *_chapter(chapters[0], "##", short)])
    text.append(_apart(chapters, known))
    shown = chapters[:MOST_CHAPTERS] if short else chapters
    for number, chapter in enumerate(shown, 1):
        text += [f"## {number}. {escape(chapter.source)}\n", *_chapter(chapter, "###", short)]
    if len(shown) < len(chapters):
        text.append(MORE_CHAPTERS.format(more=len(chapters) - len(shown)))
    return "\n".join(text)


def _apart(chapters: Sequence[Chapter], machines: Sequence[MachineAnswers]) -> str:
    files = len({chapter.source for chapter in chapters})
    return APART.format(
        campaigns=len(chapters),
        files="1 file" if files == 1 else f"{files} files",
        machines="one machine" if len(machines) == 1 else f"{len(machines)} different machines",
        but=BUT_FOR_ANSWERS if any(machine.answers for machine in machines) else "",
    )


def _chapter(chapter: Chapter, level: str, short: bool) -> Iterator[str]:
    ranked = None if short else ranking(answers(chapter.evaluations))
    for section in sections(chapter, ranked, f"{level}#"):
        yield _section(section, level)


def _too_many(cases: int, rows_at: Sequence[str]) -> str:
    places = f"all rows are in {escape(' and '.join(rows_at))}" if rows_at else "the CSV has a row for each"
    return TOO_MANY.format(cases=cases, places=places)


def _section(section: Section, level: str) -> str:
    """A heading and what stands below it, or a line that a reader unfolds."""
    parts = [f"{section.text}\n"] if section.text else []
    parts.append(f"{section.body.strip()}\n")
    if section.folded:
        return "\n".join([f"<details>\n<summary>{html.escape(section.title)}</summary>\n", *parts, "</details>\n"])
    return "\n".join([f"{level} {section.title}\n", *parts])
