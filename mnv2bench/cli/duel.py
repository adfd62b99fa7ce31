"""The verb `duel`: two environments measured in pairs of fresh processes, in one sitting."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace

from mnv2bench.campaign import Patience
from mnv2bench.cli.app import console, show, verb
from mnv2bench.cli.explanations import BUDGET, EXPLAIN, show_explanations
from mnv2bench.cli.options import (
    CaseIds,
    Quiet,
    Resume,
    chosen_cases,
    resumable,
    takes_patience,
    takes_selection,
)
from mnv2bench.exit_codes import ExitCode
from mnv2bench.files import Product, require_writable, write
from mnv2bench.machine import this_machine
from mnv2bench.records.journal import require_place
from mnv2bench.regression.duels.duel import SIDES, begin_duel, journal_path, locked_duel, require_timed
from mnv2bench.regression.judging.pairs import INCONCLUSIVE, LOOKS, REGRESSION
from mnv2bench.selection import Selection
from mnv2bench.terminal import Display
from mnv2bench.texts import duration_s, one_line

ROUNDS = "10"  # of a process in a pair: more processes narrow an interval more than more rounds do
SPARE = ("p", "q", "nights", "pairs", "ms", "old ms", "new ms", "tail (95 %)")


@verb("duel")
@takes_patience
@takes_selection(
    defaults={"rounds": ROUNDS},
    refuses={
        "processes": "a duel measures pairs of processes until it can say, 30 at most",
        "runner": "each side measures with the runner of its own environment",
    },
)
def duel(
    old: Annotated[str, typer.Option(help="The Python interpreter of the old environment.")],
    new: Annotated[str, typer.Option(help="The Python interpreter of the new environment. Default: this one.")] = "",
    cases: CaseIds = None,
    *,
    selection: Selection,
    patience: Patience,
    budget: Annotated[str, typer.Option(help=BUDGET)] = "60m",
    out: Annotated[Path, typer.Option(help="Where the journals OUT.old.jsonl and OUT.new.jsonl are written.")] = Path(
        "duel"
    ),
    explain: Annotated[bool, typer.Option("--explain", help=EXPLAIN)] = False,
    markdown: Annotated[Path | None, typer.Option(help="Where to write the page.")] = None,
    resume: Resume = False,
    quiet: Quiet = False,
) -> None:
    """Judge whether a new environment is slower than an old one, by pairs of fresh processes in one sitting."""
    chosen = chosen_cases(cases, selection)
    require_timed(chosen)
    plan = replace(selection.plan, processes=LOOKS[-1])
    from mnv2bench.explanations.evidence import changed_cases
    from mnv2bench.explanations.measuring import explained
    from mnv2bench.explanations.page import explanations_section
    from mnv2bench.regression.duels.confirm import confirm, rows
    from mnv2bench.regression.gate.night import differences
    from mnv2bench.regression.pages.duel import COLUMNS, PAGE, duel_markdown, table_row

    page = Product(markdown, PAGE) if markdown else None
    journals = [journal_path(out, name) for name in SIDES]
    require_writable([page] if page else [], inputs=journals)
    for journal in journals:
        require_place(journal)  # a duel begins its journals when its environments are made, which takes minutes
    budget_s, pythons = duration_s("--budget", budget), (old, new or sys.executable)
    with (
        resumable(" and ".join(map(str, journals))),
        Display(quiet=quiet, steps="pairs") as display,
        locked_duel(out, patience, display),
    ):
        measured = begin_duel(chosen, pythons, out, plan, selection.seed, selection.weights, display, resume, patience)
        answers = confirm(measured, budget_s=budget_s)
        changed = changed_cases((case, answer.judged) for case, answer in answers.items())
        explanations = explained(measured, changed, budget_s) if explain else ()
    duel_rows = rows(measured, answers)
    notes = differences(measured)
    if page:
        moved = explanations_section(explanations)
        write({page: duel_markdown(pythons, duel_rows, notes, this_machine().fingerprint, moved)}, inputs=journals)
    show(COLUMNS, [table_row(row) for row in duel_rows], spare=SPARE)
    show_explanations(explanations)
    for note in notes:
        console().print(one_line(note), markup=False)
    if any(REGRESSION in (row.judged.verdict, row.tail and row.tail.verdict) for row in duel_rows):
        raise typer.Exit(ExitCode.BAD)
    if any(row.judged.verdict == INCONCLUSIVE and row.judged.pairs < LOOKS[0] for row in duel_rows):
        raise typer.Exit(ExitCode.NOT_JUDGED)  # a side could not be measured
