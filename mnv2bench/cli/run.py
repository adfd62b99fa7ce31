"""The verb `run`: measure a selection of cases."""

from pathlib import Path
from typing import Annotated

import typer

from mnv2bench.campaign import Campaign, Patience
from mnv2bench.campaign import run as measure
from mnv2bench.campaign.estimate import estimate
from mnv2bench.case import Case
from mnv2bench.cli.app import console, verb
from mnv2bench.cli.options import (
    ALL_SUITES,
    Resume,
    Suites,
    cases_of_suites,
    resumable,
    takes_patience,
    takes_selection,
)
from mnv2bench.conclusion import Requested, conclusion
from mnv2bench.policy import policy_of
from mnv2bench.records.journal import Journal
from mnv2bench.run_end import print_end
from mnv2bench.selection import BUDGET, DRY_RUN, NO_ACCURACY, SWEEP, Selection
from mnv2bench.terminal import Display, estimate_texts, steps

RESULTS = Path("results")


@verb("run")
@takes_patience
@takes_selection(more=BUDGET | SWEEP)
def run(
    selection: Selection,
    suites: Suites = ALL_SUITES,
    out: Annotated[Path, typer.Option(help="The journal: each process is written to it when it ends.")] = Path(
        "mnv2bench.jsonl"
    ),
    resume: Resume = False,
    no_accuracy: Annotated[bool, typer.Option("--no-accuracy", help=NO_ACCURACY)] = False,
    *,
    patience: Patience,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress; print only what failed.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=DRY_RUN)] = False,
) -> None:
    """Measure a selection of cases, as `pytest suites` does, without pytest."""
    cases = cases_of_suites(suites, selection)
    journal = Journal(out)
    if dry_run:
        _print_estimate(cases, journal, selection, accuracy=not no_accuracy, resume=resume)
        return
    try:
        with resumable(str(out)), Display(quiet=quiet, steps=steps(selection.plan)) as display:
            campaign = Campaign(
                cases,
                journal,
                selection.plan,
                seed=selection.seed,
                weights=selection.weights,
                progress=display,
                runner=selection.runner,
                patience=patience,
                accuracy=not no_accuracy,
                policy=policy_of(selection.plan, RESULTS),
            )
            records = measure(campaign, resume)
    except FileExistsError:
        raise  # nothing was measured, or the message says where that is
    except OSError as error:
        advice = ""
        if out.is_file():
            advice = f"; what was measured so far is safe in {out}, and --resume goes on from it"
        raise ValueError(f"{error}{advice}") from error
    ended = conclusion(records, Requested.of(selection))
    print_end(out, console(), RESULTS, ended.missed, quiet)
    raise typer.Exit(ended.code)


def _print_estimate(
    cases: tuple[Case, ...], journal: Journal, selection: Selection, accuracy: bool, resume: bool
) -> None:
    """Print what the run would do, and how long that takes; with --resume, what is left of it."""
    if resume:
        journal.read()
    expected = estimate(
        cases, selection.plan, selection.weights, accuracy=accuracy, journal=journal if resume else None
    )
    if not resume:
        expected.require_budget()
    for text in estimate_texts(expected):
        console().print(text, markup=False)
