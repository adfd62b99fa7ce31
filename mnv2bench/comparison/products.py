"""The files of a report: the page with the pictures that it shows."""

from collections.abc import Sequence
from pathlib import Path

from mnv2bench.comparison.chapters import Chapter
from mnv2bench.comparison.first_screen import Picture
from mnv2bench.comparison.page import PAGE, page
from mnv2bench.files import Content, Product, address, is_stream
from mnv2bench.recommendation import Answer, MachineAnswers, by_machine
from mnv2bench.recommendation.block import NO_CONDITIONS, Conditions
from mnv2bench.recommendation.picture import PICTURE, PICTURE_OF_RATES, svg

Texts = dict[Path, str]  # of files, by their places


def page_products(
    path: Path,
    chapters: Sequence[Chapter],
    sources: tuple[Path, ...] = (),
    conditions: Conditions = NO_CONDITIONS,
    machines: Sequence[MachineAnswers] | None = None,
    rows_at: Sequence[str] = (),
) -> dict[Product, Content]:
    """The Markdown page of these chapters at this path, and beside it the pictures of its first screen.

    `sources` are the measurements; `machines` are the answers of all chapters, where they are known already, and
    `rows_at` names the files that hold every row.
    """
    every = [evaluation for chapter in chapters for evaluation in chapter.evaluations]
    known = by_machine(every) if machines is None else machines
    drawn = [_first(machine, number, path) for number, machine in enumerate(known)]
    rates = [_throughput(machine, number, path) for number, machine in enumerate(known)]
    pictures, pictures_of_rates = [picture for picture, _ in drawn], [picture for picture, _ in rates]
    whole_page = page(chapters, conditions, known, pictures, rows_at, pictures_of_rates)
    contents: dict[Product, Content] = {Product(path, PAGE, sources): whole_page}
    for sort, of_sort in ((PICTURE, drawn), (PICTURE_OF_RATES, rates)):
        for _, texts in of_sort:
            contents |= {Product(place, sort, sources): text for place, text in texts.items()}
    return contents


def _first(machine: MachineAnswers, number: int, page_path: Path) -> tuple[Picture, Texts]:
    """The picture of a machine's first answer, and the texts of its files."""
    if not machine.answers or not machine.answers[0].is_usable:
        return Picture(why_none="there is no answer to draw"), {}
    return _drawn(machine.answers[0], number, page_path, "answer")


def _throughput(machine: MachineAnswers, number: int, page_path: Path) -> tuple[Picture | None, Texts]:
    """The same of its first answer for throughput; None where there is none."""
    usable = machine.usable_throughput
    return _drawn(usable[0], number, page_path, "throughput") if usable else (None, {})


def _drawn(answer: Answer, number: int, page_path: Path, word: str) -> tuple[Picture, Texts]:
    """The picture of an answer, and the texts of its files: for light and for dark screens."""
    if is_stream(page_path):
        return Picture(why_none="it would lie beside the page, and this page has no folder"), {}
    stem = f"{page_path.name.removesuffix(PAGE.suffix)}.{word}{f'-{number + 1}' if number else ''}"
    light, dark = page_path.with_name(f"{stem}.svg"), page_path.with_name(f"{stem}-dark.svg")
    try:
        texts = {light: svg(answer), dark: svg(answer, dark=True)}
    except ValueError as error:
        return Picture(why_none=str(error)), {}
    except ModuleNotFoundError as error:
        return Picture(why_none=f"{error.name} is not installed: pip install --upgrade mnv2bench"), {}
    return Picture(address(light, page_path), address(dark, page_path)), texts
