"""The verb `report`: saved measurements as a page and a CSV."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnv2bench.cli.app import console, verb
from mnv2bench.cli.options import Floors, newest_file
from mnv2bench.cli.profile import profile_contents
from mnv2bench.exit_codes import ExitCode
from mnv2bench.files import Content, Product, beside, printable, source_names, write
from mnv2bench.profiling.lines import profiles_of
from mnv2bench.records.journal import Unusable

if TYPE_CHECKING:
    from mnv2bench.comparison.measured_files import MeasuredFile

LABELS = {
    "report page": "Markdown: ",
    "picture of an answer": "picture:  ",
    "picture of throughput": "picture:  ",
    "report table": "CSV:      ",
    "report in HTML": "HTML:     ",
    "report rows": "JSON:     ",
}


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
    from mnv2bench.comparison.measured_files import measured_files
    from mnv2bench.library.reports import Places, report_contents

    chosen = files or [newest_file(results)]
    measured: list[MeasuredFile] = []
    # the rows of the JSON are made from a table of all cases
    for file in measured_files(chosen, source_names(chosen), results, keeps_samples=json is not None):
        if isinstance(file, Unusable):
            print(f"skipped: {file}", file=sys.stderr)
        else:
            measured.append(file)
    if measured:
        first = measured[0].path
        places = Places(markdown or beside(first, ".md"), csv or beside(first, ".csv"), html, json)
        contents = report_contents(measured, places, all_columns) | _profile_contents(measured)
        write(contents, inputs=chosen)
        for product in contents:
            label = LABELS.get(product.sort.name, "profile:  ")
            console().print(f"{label}{printable(product.path)}", markup=False)
    unmeasured = [file.path for file in measured if not file.is_measured]
    for path in unmeasured:
        print(f"no case of {printable(path.name)} was measured: the page says why", file=sys.stderr)
    raise typer.Exit(ExitCode.BAD if len(measured) < len(chosen) or unmeasured else ExitCode.DONE)


def _profile_contents(measured: "Sequence[MeasuredFile]") -> dict[Product, Content]:
    """The profile pages of those files that hold profiles, each beside its file."""
    from mnv2bench.profiling.pages.profiled import profiled_cases

    contents: dict[Product, Content] = {}
    for file in measured:
        if file.contents and file.contents.others:
            profile_lines, probe_lines = profiles_of(file.contents, file.path)
            records = file.contents.records
            cases = profiled_cases(profile_lines, probe_lines, records)
            contents |= profile_contents(file.path, cases, probe_lines, records, file.name)
    return contents
