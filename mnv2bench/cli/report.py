"""The verb `report`: saved measurements as a page and a CSV."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from mnv2bench.cli.app import console, verb
from mnv2bench.cli.profile import written
from mnv2bench.exit_codes import ExitCode
from mnv2bench.profiling.lines import profiles
from mnv2bench.records import Record
from mnv2bench.records.journal import Unusable, load
from mnv2bench.texts import one_line


@verb("report")
def report(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Saved files or journals. Default: the newest file under results/.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Where to write the CSV. Default: FILE.csv.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Where to write the page. Default: FILE.md.")] = None,
) -> None:
    """Write saved measurements as a CSV with one row for each case, and as a Markdown page."""
    from mnv2bench.comparison import chapters
    from mnv2bench.comparison.page import page
    from mnv2bench.comparison.tidy import frame
    from mnv2bench.report.csv import as_csv

    chosen = files or _newest(Path("results"))
    sources, skipped = [], False
    for file in chosen:
        try:
            sources.append((file.name, load(file)))
        except Unusable as error:
            skipped = True
            print(f"skipped: {error}", file=sys.stderr)
    if sources:
        csv = csv or chosen[0].with_suffix(".csv")
        markdown = markdown or chosen[0].with_suffix(".md")
        campaigns = chapters(sources)
        csv.write_text(as_csv(frame(campaigns)))
        markdown.write_text(page(campaigns))
        console().print(f"Markdown: {markdown}\nCSV:      {csv}", markup=False)
        _write_profiles(chosen, dict(sources))
    unmeasured = [name for name, records in sources if not any(record.status == "ok" for record in records)]
    for name in unmeasured:
        print(f"no case of {one_line(name)} was measured: the page says why", file=sys.stderr)
    raise typer.Exit(ExitCode.BAD if skipped or unmeasured else ExitCode.DONE)


def _write_profiles(files: list[Path], records_by_file: dict[str, Sequence[Record]]) -> None:
    """The pages of the files that hold profiles, each beside its file."""
    from mnv2bench.profiling.pages.profiled import profiled_cases

    for file in files:
        if file.name not in records_by_file:
            continue
        profile_lines, probe_lines = profiles(file)
        if profile_lines or probe_lines:
            records = records_by_file[file.name]
            for page in written(file, profiled_cases(profile_lines, probe_lines, records), probe_lines, records):
                console().print(f"profile:  {page}", markup=False)


def _newest(results: Path) -> list[Path]:
    """The newest saved file, in a list; pytest-benchmark saves files as FINGERPRINT/PLATFORM/0001_NAME.json."""
    saved = sorted(results.glob("*/*/*.json"), key=lambda path: path.stat().st_mtime)
    if not saved:
        raise ValueError("no FILE given and none under results/: pytest suites --benchmark-save=NAME makes one")
    return saved[-1:]
