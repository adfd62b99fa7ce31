"""The verb that measures: run."""

from pathlib import Path
from typing import Annotated

import typer

from mnv2bench.campaign import Campaign
from mnv2bench.campaign import run as measure
from mnv2bench.cases import Case
from mnv2bench.cli.app import FAILURES, app, console
from mnv2bench.cli.options import Resume, resumable, takes_selection
from mnv2bench.records import Record
from mnv2bench.records.journal import Journal
from mnv2bench.selection import SUITES, Selection, suite_cases
from mnv2bench.terminal import Display, spent_table


@app.command()
@takes_selection()
def run(
    selection: Selection,
    suites: Annotated[str, typer.Option(help=f"Comma-separated, of {', '.join(SUITES)}.")] = ",".join(SUITES),
    out: Annotated[Path, typer.Option(help="Where each process is written as it ends.")] = Path("mnv2bench.jsonl"),
    resume: Resume = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only what failed.")] = False,
) -> None:
    """Measure a selection of cases, as `pytest suites` does, without pytest."""
    cases = _cases(suites, selection)
    journal, plan = Journal(out), selection.plan
    try:
        with resumable(str(out)), Display(quiet=quiet) as display:
            campaign = Campaign(cases, journal, plan, selection.seed, selection.weights, display, selection.runner)
            records = measure(campaign, resume)
    except OSError as error:
        safe = f"; what was measured so far is safe in {out}, and --resume goes on from it" if out.is_file() else ""
        raise ValueError(f"{error}{safe}") from error
    display.console.print(spent_table(records, out))
    _print_what_did_not_run(records)
    display.console.print(f"records: {out}\nreport:  mnv2bench report {out}", markup=False)
    raise typer.Exit(any(record.status in FAILURES for record in records))


def _cases(suites: str, selection: Selection) -> tuple[Case, ...]:
    """The cases of these suites, each once. ValueError for a suite that is none, and where no case is left."""
    names = [name.strip() for name in suites.split(",")]
    if unknown := [name for name in names if name not in SUITES]:
        raise ValueError(f"suite {unknown[0]!r} is not one of {', '.join(SUITES)}")
    cases = tuple(dict.fromkeys(case for name in names for case in suite_cases(name, selection)))
    if not cases:
        raise ValueError("no case is left: the suites asked for have none of these batches")
    return cases


def _print_what_did_not_run(records: tuple[Record, ...]) -> None:
    for record in records:
        if record.status != "ok":
            console().print(f"{record.status}: {record.case.id}: {record.reason}", markup=False)
