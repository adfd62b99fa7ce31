"""The files of a report: the page with the pictures that it shows."""

from collections.abc import Sequence
from pathlib import Path

from mnv2bench.comparison.chapters import Chapter
from mnv2bench.comparison.first_screen import Picture
from mnv2bench.comparison.page import PAGE, page
from mnv2bench.files import Content, Product, address, is_stream
from mnv2bench.recommendation import MachineAnswers, by_machine
from mnv2bench.recommendation.block import NO_CONDITIONS, Conditions
from mnv2bench.recommendation.picture import PICTURE, svg


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
    drawn = [_drawn(machine, number, path) for number, machine in enumerate(known)]
    whole_page = page(chapters, conditions, known, [picture for picture, _ in drawn], rows_at)
    contents: dict[Product, Content] = {Product(path, PAGE, sources): whole_page}
    for _, texts in drawn:
        contents |= {Product(place, PICTURE, sources): text for place, text in texts.items()}
    return contents


def _drawn(machine: MachineAnswers, number: int, page_path: Path) -> tuple[Picture, dict[Path, str]]:
    """The picture of a machine's first answer, and the texts of its files: for light and for dark screens."""
    if is_stream(page_path):
        return Picture(why_none="it would lie beside the page, and this page has no folder"), {}
    if not machine.answers or not machine.answers[0].is_usable:
        return Picture(why_none="there is no answer to draw"), {}
    stem = f"{page_path.name.removesuffix(PAGE.suffix)}.answer{f'-{number + 1}' if number else ''}"
    light, dark = page_path.with_name(f"{stem}.svg"), page_path.with_name(f"{stem}-dark.svg")
    try:
        texts = {light: svg(machine.answers[0]), dark: svg(machine.answers[0], dark=True)}
    except ValueError as error:
        return Picture(why_none=str(error)), {}
    except ModuleNotFoundError as error:
        return Picture(why_none=f"{error.name} is not installed: pip install --upgrade mnv2bench"), {}
    return Picture(address(light, page_path), address(dark, page_path)), texts
