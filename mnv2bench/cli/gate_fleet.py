"""The option --fleet of `gate`: what the gates of all machines said tonight, read from their files."""

import os
from pathlib import Path

import typer

from mnv2bench.cli.app import console, show
from mnv2bench.files import Content, Product, append, require_writable, write
from mnv2bench.texts import one_line

SPARE = ("saved UTC", "by chance")


def judge_fleet(results: Path, series: str, markdown: Path | None, comment: Path | None) -> None:
    """Print and write which cases regressed on most machines, and which on a single one; end with the code of it."""
    from mnv2bench.explanations.comment import COMMENT, fleet_comment
    from mnv2bench.regression.gate.machines import judged_fleet
    from mnv2bench.regression.pages import machines as page

    summary_page = Product(markdown, page.PAGE) if markdown else None
    body = Product(comment, COMMENT) if comment else None
    require_writable([product for product in (summary_page, body) if product])
    judgement = judged_fleet(results, series)
    contents: dict[Product, Content] = {}
    if summary_page:
        contents[summary_page] = page.fleet_markdown(judgement)
    if body:
        contents[body] = fleet_comment(judgement)
    write(contents)
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        append(Path(summary), page.fleet_markdown(judgement))
    show(page.MACHINE_COLUMNS, [page.machine_row(machine) for machine in judgement.machines], spare=SPARE)
    if judgement.rows:
        show(page.REGRESSION_COLUMNS, [page.regression_row(row) for row in judgement.rows], spare=SPARE)
    for sentence in page.sentences(judgement):
        console().print(one_line(sentence), markup=False)
    console().print(page.headline(judgement), markup=False)
    raise typer.Exit(judgement.code)
