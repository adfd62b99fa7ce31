"""The files of a report: pages in Markdown and HTML with their pictures, and the rows as CSV and JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mnv2bench.comparison.measured_files import MeasuredFile, csv_of
from mnv2bench.comparison.page import PAGE
from mnv2bench.comparison.products import page_products
from mnv2bench.comparison.tidy import ROWS, TABLE, as_json, frame, without_empty_columns
from mnv2bench.comparison.web_page import WEB_PAGE, web_page
from mnv2bench.files import Content, Product, address
from mnv2bench.recommendation import by_machine


@dataclass(frozen=True)
class Places:
    """Where a report is written to; None for a file that was not requested."""

    markdown: Path | None = None
    csv: Path | None = None
    html: Path | None = None
    json: Path | None = None


def report_contents(
    measured: Sequence[MeasuredFile], places: Places, all_columns: bool = False
) -> dict[Product, Content]:
    """What is to stand in the files of a report, the pictures of the page in Markdown last.

    Columns of the rows that are empty in each of them are left out, unless `all_columns`.
    """
    sources = tuple(file.path for file in measured)
    campaigns = tuple(chapter for file in measured for chapter in file.chapters)
    machines = by_machine(evaluation for chapter in campaigns for evaluation in chapter.evaluations)
    unusual = {file.name: file.conditions for file in measured}
    contents: dict[Product, Content] = {}
    pictures: dict[Product, Content] = {}
    if places.markdown:
        rows_at = [path.name for path in (places.csv, places.html) if path]
        whole_page = Product(places.markdown, PAGE, sources)
        pictures = page_products(places.markdown, campaigns, sources, unusual, machines, rows_at)
        contents[whole_page] = pictures.pop(whole_page)
    if places.csv:
        contents[Product(places.csv, TABLE, sources)] = csv_of(measured, all_columns)
    if places.html:
        link = address(places.csv, places.html) if places.csv else ""
        contents[Product(places.html, WEB_PAGE, sources)] = web_page(campaigns, unusual, link, machines)
    if places.json:
        table = frame(campaigns)
        shown = table if all_columns else without_empty_columns(table)
        contents[Product(places.json, ROWS, sources)] = as_json(shown)
    return contents | pictures
