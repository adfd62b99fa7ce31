"""The verb `check-contribution`: whether files that somebody sent can be taken, and what to ask."""

from pathlib import Path
from typing import Annotated

import typer

from mnv2bench.cli.app import console, show_blocks, verb
from mnv2bench.exit_codes import ExitCode
from mnv2bench.files import Content, Product, printable, require_writable, source_names, write


@verb("check-contribution")
def check_contribution(
    files: Annotated[list[Path], typer.Argument(help="Saved files or journals that somebody else measured.")],
    results: Annotated[Path, typer.Option(help="The folder with the known files, which they are held against.")] = Path(
        "results"
    ),
    markdown: Annotated[
        Path | None, typer.Option(help="Where to write the body of a comment on a pull request.")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Where to write every finding as JSON.")] = None,
    fine: Annotated[bool, typer.Option("--fine", help="Print the checks that a file passed too.")] = False,
) -> None:
    """Check files of somebody else: what is wrong, what to ask, and where each belongs under results/."""
    from mnv2bench.contributions import page
    from mnv2bench.contributions.examination import examine
    from mnv2bench.contributions.finding import Severity

    for path in files:
        if not path.is_file() and not path.is_symlink():
            raise ValueError(f"{printable(path)} is no file: name saved files or journals")
    sources = tuple(files)
    comment = Product(markdown, page.PAGE, sources) if markdown else None
    rows = Product(json, page.ROWS, sources) if json else None
    require_writable([product for product in (comment, rows) if product])
    examinations = examine(files, source_names(files), results)
    contents: dict[Product, Content] = {}
    if comment:
        contents[comment] = page.comment(examinations)
    if rows:
        contents[rows] = page.rows(examinations)
    write(contents)
    severities = tuple(each for each in Severity if fine or each != Severity.FINE)
    for examination in examinations:
        show_blocks(page.blocks(examination, severities))
    console().print(page.headline(examinations), markup=False)
    wrong = any(examination.is_wrong for examination in examinations)
    raise typer.Exit(ExitCode.BAD if wrong else ExitCode.DONE)
