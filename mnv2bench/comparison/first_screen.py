"""The first screen of a report: of each machine the headline, the small table and the picture."""

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mnv2bench import networks
from mnv2bench.recommendation import Answer, BudgetRow, MachineAnswers, budget_rows, budget_table, phrases, words
from mnv2bench.recommendation.block import Conditions
from mnv2bench.recommendation.remarks import remarks as remarks_of
from mnv2bench.report.cells import escape, plain, table
from mnv2bench.report.layout import fitting

NOTHING_TIMED = "No case was timed here: there is nothing to recommend.\n"
ALT_OF_RATES = "Images a second over p99 of a request: a point for each setting of a runtime"
ALT = "Accuracy over latency: a point for each case, its interval as a bar, the Pareto front as a line"


@dataclass(frozen=True)
class Picture:
    """The addresses of two files from the page's folder, for light and dark screens; or why there are none."""

    light: str = ""
    dark: str = ""
    why_none: str = ""


def title(machines: Sequence[MachineAnswers], names: Sequence[str]) -> str:
    """The title of a page in Markdown; `names` are those of the networks, which may stand there twice."""
    return escape(plain_title(machines, names))


def plain_title(machines: Sequence[MachineAnswers], names: Sequence[str]) -> str:
    """`MobileNetV2 on Intel Xeon (2 cores, virtual machine), 2026-11-26`: texts of files, not escaped."""
    where = _dated(machines[0].name, machines[0]) if len(machines) == 1 else f"{len(machines)} machines"
    return f"{networks.title(names)} on {where}"


def _dated(name: str, machine: MachineAnswers) -> str:
    """The name of a machine and the days on which its files were saved."""
    days = sorted({f"{source.when:%Y-%m-%d}" for source in machine.sources if source.when})
    first_and_last = " to ".join(dict.fromkeys((days[0], days[-1]))) if days else ""
    return ", ".join(filter(None, (name, first_and_last)))


def first_screen(
    machines: Sequence[MachineAnswers],
    conditions: Conditions,
    pictures: Sequence[Picture],
    pictures_of_rates: Sequence[Picture | None] = (),
) -> Iterator[str]:
    """The answers of each machine, side by side and never ranked; several machines have headings.

    `pictures` are those of each machine's first answer, and `pictures_of_rates` those of its first answer for
    throughput, None where it has none.
    """
    for number, machine in enumerate(machines):
        if len(machines) > 1:
            yield f"## {escape(_dated(machine.heading, machine))}\n"
        yield from _machine(machine, conditions, pictures[number] if pictures else None)
        yield from _rates(machine, conditions, pictures_of_rates[number] if pictures_of_rates else None)


def _machine(machine: MachineAnswers, conditions: Conditions, picture: Picture | None) -> Iterator[str]:
    if not machine.answers:
        yield NOTHING_TIMED
        return
    first, *beside = machine.of_first_setting
    others = [answer for answer in machine.answers if answer not in machine.of_first_setting]
    unusual = list(_unusual(machine, conditions))
    yield from _answer(first, unusual)
    if unusual and first.is_usable:
        yield f"The machine meanwhile: {escape('; '.join(unusual))}.\n"
    for note in machine.notes:
        yield f"{escape(note)}\n"
    if picture and first.is_usable:
        yield _drawn(picture)
    for answer in beside:
        yield f"**{escape(words.answer_title(answer))}**\n"
        yield from _answer(answer, unusual)
    if others:
        yield "<details>\n<summary>Other batches, numbers of threads and streams, and devices</summary>\n"
        for answer in others:
            yield f"**{escape(words.answer_title(answer))}**\n"
            yield from _answer(answer, unusual)
        yield "</details>\n"


def _rates(machine: MachineAnswers, conditions: Conditions, picture: Picture | None) -> Iterator[str]:
    """The headline of each answer for throughput that can be used, and folded the rest of it."""
    unusual = list(_unusual(machine, conditions))
    for number, answer in enumerate(machine.usable_throughput):
        yield f"**{escape(words.headline(answer, unusual))}**\n"
        yield f"<details>\n<summary>{html.escape(plain(_rates_title(answer)))}</summary>\n"
        yield from _below_headline(answer)
        if picture and not number:
            yield _drawn(picture, ALT_OF_RATES)
        yield "</details>\n"


def _rates_title(answer: Answer) -> str:
    text = phrases.setting_text(answer.setting)
    return text[0].upper() + text[1:]


def _below_headline(answer: Answer) -> Iterator[str]:
    """What stands below the headline of an answer for throughput."""
    yield f"{escape(words.usability_text(answer))} {escape(words.coverage_text(answer))}\n"
    if rows := budget_rows(answer):
        yield f"{_small_table(rows)}\n"
    yield "".join(f"- {escape(remark)}\n" for remark in remarks_of(answer))


def _unusual(machine: MachineAnswers, conditions: Conditions) -> Iterator[str]:
    """What was unusual, with the file where there are several."""
    for source in machine.sources:
        for condition in conditions.get(source.name, ()):
            yield condition if len(machine.sources) == 1 else f"{source.name}: {condition}"


def _answer(answer: Answer, unusual: Sequence[str]) -> Iterator[str]:
    """How far the rows can be used and what they cover, the headline, the small table, and remarks."""
    if answer.is_usable:
        yield f"{escape(words.usability_text(answer))} {escape(words.coverage_text(answer))}\n"
        yield f"**{escape(words.headline(answer))}**\n"
        if rows := budget_rows(answer):
            yield f"{_small_table(rows)}\n"
    else:
        yield f"**{escape(words.headline(answer, unusual))}**\n"
        yield f"{escape(words.coverage_text(answer))}\n"
    if remarks := remarks_of(answer):
        yield "".join(f"- {escape(remark)}\n" for remark in remarks)


def _small_table(budgets: Sequence[BudgetRow]) -> str:
    """The table of budgets, with runtime and precision in one column."""
    header, lines = budget_table.table(budgets)
    place = header.index("runtime")
    shown = [[*line[:place], f"{line[place]} {line[place + 1]}", *line[place + 2 :]] for line in lines]
    headings = [*header[:place], "runtime, precision", *header[place + 2 :]]
    names, rows = fitting(headings, shown, budget_table.SPARE)
    return table(names, [list(map(escape, row)) for row in rows], texts=place + 1)  # those up to where it runs


def _drawn(picture: Picture, text: str = ALT) -> str:
    """The picture in the colours of the reader's screen, or why there is none."""
    if picture.why_none:
        return f"The picture is left out: {escape(picture.why_none)}.\n"
    return (
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="{html.escape(picture.dark)}">'
        f'<img alt="{text}" src="{html.escape(picture.light)}"></picture>\n'
    )
