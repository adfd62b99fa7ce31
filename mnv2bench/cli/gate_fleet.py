"""The option --fleet of `gate`: what the gates of all machines said tonight, read from their files."""

import os
from pathlib import Path

import typer

from mnv2bench.cli.app import console, show
from mnv2bench.files import Product, append, require_writable, write
from mnv2bench.texts import one_line

SPARE = ("saved UTC", "by chance")


def judge_fleet(results: Path, series: str, markdown: Path | None) -> None:
    """Print and write which cases regressed on most machines, and which on a single one; end with the code of it."""
    from mnv2bench.regression.gate.machines import judged_fleet
    from mnv2bench.regression.pages import machines as page

    product = Product(markdown, page.PAGE) if markdown else None
    require_writable([product] if product else [])
    judgement = judged_fleet(results, series)
    if product:
        write({product: page.fleet_markdown(judgement)})
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        append(Path(summary), page.fleet_markdown(judgement))
    show(page.MACHINE_COLUMNS, [page.machine_row(machine) for machine in judgement.machines], spare=SPARE)
    if judgement.rows:
        show(page.REGRESSION_COLUMNS, [page.regression_row(row) for row in judgement.rows], spare=SPARE)
    for sentence in page.sentences(judgement):
        console().print(one_line(sentence), markup=False)
    console().print(page.headline(judgement), markup=False)
    raise typer.Exit(judgement.code)
