"""The verb `report`: saved measurements as a page and a CSV."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from mnv2bench.cli.app import console, verb
from mnv2bench.cli.options import Floors, newest_file
from mnv2bench.cli.profile import profile_contents
from mnv2bench.exit_codes import ExitCode
from mnv2bench.files import Content, Product, address, beside, printable, source_names, write
from mnv2bench.profiling.lines import profiles_of
from mnv2bench.records.journal import Unusable
from mnv2bench.records.reading import Contents, contents_of, saved_at
from mnv2bench.statistics.kept_checks import machine_allocator, machine_floor

LABELS = {
    "report page": "Markdown: ",
    "picture of an answer": "picture:  ",
    "report table": "CSV:      ",
    "report in HTML": "HTML:     ",
    "report rows": "JSON:     ",
}


@dataclass(frozen=True)
class Places:
    """The files that a report is written to; None for one that was not requested."""

    markdown: Path
    csv: Path
    html: Path | None
    json: Path | None


@verb("report")
def report(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Saved files or journals. Default: the newest file under results/.")
    ] = None,
    markdown: Annotated[Path | None, typer.Option(help="Where to write the page. Default: FILE.md.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Where to write the CSV. Default: FILE.csv.")] = None,
    html: Annotated[
        Path | None,
        typer.Option(help="Where to write the page in HTML: tables to filter and sort, and pictures."),
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Where to write the rows of the CSV as JSON.")] = None,
    all_columns: Annotated[
        bool, typer.Option("--all-columns", help="Keep the columns of CSV and JSON that are empty in every row.")
    ] = False,
    results: Floors = Path("results"),
) -> None:
    """Write saved measurements as a Markdown page with its pictures, and as a CSV with one row for each case."""
    chosen = files or [newest_file(results)]
    source_names(chosen)
    measured: list[tuple[Path, Contents]] = []
    for file in chosen:
        try:
            measured.append((file, contents_of(file)))
        except Unusable as error:
            print(f"skipped: {error}", file=sys.stderr)
    if measured:
        first = measured[0][0]
        places = Places(markdown or beside(first, ".md"), csv or beside(first, ".csv"), html, json)
        contents = _contents(measured, places, all_columns, results)
        write(contents, inputs=chosen)
        for product in contents:
            label = LABELS.get(product.sort.name, "profile:  ")
            console().print(f"{label}{printable(product.path)}", markup=False)
    unmeasured = [file for file, of_file in measured if not any(record.status == "ok" for record in of_file.records)]
    for file in unmeasured:
        print(f"no case of {printable(file.name)} was measured: the page says why", file=sys.stderr)
    raise typer.Exit(ExitCode.BAD if len(measured) < len(chosen) or unmeasured else ExitCode.DONE)


def _contents(
    measured: Sequence[tuple[Path, Contents]], places: Places, all_columns: bool, results: Path
) -> dict[Product, Content]:
    """The page and the tables of all files, and the profile pages of those that hold profiles, each beside its file."""
    from mnv2bench.comparison import chapters
    from mnv2bench.comparison.page import PAGE
    from mnv2bench.comparison.products import page_products
    from mnv2bench.comparison.tidy import ROWS, TABLE, as_json, frame, without_empty_columns
    from mnv2bench.comparison.web_page import WEB_PAGE, web_page
    from mnv2bench.profiling.pages.profiled import profiled_cases
    from mnv2bench.recommendation import by_machine
    from mnv2bench.report.csv import as_csv
    from mnv2bench.statistics.conditions import conditions

    sources = tuple(file for file, _ in measured)
    names = source_names(sources)
    named = [(name, of_file.records) for name, (_, of_file) in zip(names, measured, strict=True)]
    dates = {name: saved_at(of_file) for name, (_, of_file) in zip(names, measured, strict=True)}
    campaigns = chapters(named, partial(machine_floor, results), partial(machine_allocator, results), dates)
    machines = by_machine(evaluation for chapter in campaigns for evaluation in chapter.evaluations)
    unusual = {name: conditions(of_file.states) for name, (_, of_file) in zip(names, measured, strict=True)}
    table = frame(campaigns)
    shown = table if all_columns else without_empty_columns(table)
    rows_at = [path.name for path in (places.csv, places.html) if path]
    whole_page = Product(places.markdown, PAGE, sources)
    pictures = page_products(places.markdown, campaigns, sources, unusual, machines, rows_at)
    contents: dict[Product, Content] = {whole_page: pictures.pop(whole_page)}
    contents[Product(places.csv, TABLE, sources)] = as_csv(shown)
    if places.html:
        link = address(places.csv, places.html)
        contents[Product(places.html, WEB_PAGE, sources)] = web_page(campaigns, unusual, link, machines)
    if places.json:
        contents[Product(places.json, ROWS, sources)] = as_json(shown)
    contents |= pictures
    for (name, records), (file, of_file) in zip(named, measured, strict=True):
        profile_lines, probe_lines = profiles_of(of_file, file)
        if profile_lines or probe_lines:
            cases = profiled_cases(profile_lines, probe_lines, records)
            contents |= profile_contents(file, cases, probe_lines, records, name)
    return contents
