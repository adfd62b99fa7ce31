"""The verb `site`: saved measurements as a static site."""

import gc
import sys
from pathlib import Path
from typing import Annotated

import typer

from mnv2bench.cli.app import console, verb
from mnv2bench.exit_codes import ExitCode
from mnv2bench.files import printable
from mnv2bench.texts import counted, one_line


@verb("site")
def site(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where to build: a new or empty folder, or a site that was built.")
    ],
    files: Annotated[
        list[Path] | None, typer.Argument(help="Saved files or journals. Default: all that lie under --results.")
    ] = None,
    results: Annotated[
        Path, typer.Option(help="The folder of measured files, and of what self-checks of machines showed.")
    ] = Path("results"),
    no_files: Annotated[
        bool, typer.Option("--no-files", help="Leave the measured files out: numbers are no links then.")
    ] = False,
) -> None:
    """Build a static site: a page for each machine, each case over time and each runtime, with search and CSV."""
    from mnv2bench.records.measured import measured_paths
    from mnv2bench.website.build import build

    chosen = [(path, printable(path)) for path in files or ()] or list(measured_paths(results, folder))
    if not chosen:
        raise ValueError(f"no FILE given and none under {printable(results)}/: mnv2bench run measures some")
    gc.disable()  # rows hold no reference cycles, and looking for some takes a quarter of the time
    try:
        built = build(folder, chosen, results, has_files=not no_files)
    finally:
        gc.enable()
    for reason in built.unread:
        print(f"left out: {one_line(reason)}", file=sys.stderr)
    numbers = (
        counted(built.files, "file"),
        counted(built.machines, "machine"),
        counted(built.cases, "case"),
        counted(built.runtimes, "runtime"),
    )
    console().print(f"{', '.join(numbers)}: {counted(built.pages, 'page and table', 'pages and tables')}", markup=False)
    console().print(f"written: {built.written}; deleted: {built.deleted}", markup=False)
    console().print(f"site: {printable(folder / 'index.html')}", markup=False)
    raise typer.Exit(ExitCode.BAD if built.unread else ExitCode.DONE)
