"""Verbs that judge: gate, duel."""

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from msgspec.structs import replace

from mnv2bench.cases import Kind
from mnv2bench.cli.app import app, console, show
from mnv2bench.cli.options import CaseIds, Quiet, Resume, chosen_cases, takes_selection
from mnv2bench.machine import this_machine
from mnv2bench.regression.duels.duel import begin_duel
from mnv2bench.regression.judging.pairs import INCONCLUSIVE, LOOKS, REGRESSION
from mnv2bench.selection import Selection
from mnv2bench.terminal import Display
from mnv2bench.texts import one_line

ROUNDS = "10"  # of a process in a pair: more processes tell more than more rounds do
SPARE = ("p", "q", "nights", "pairs", "ms", "old ms", "new ms")


@app.command()
@takes_selection(
    defaults={"rounds": ROUNDS},
    refuses={
        "processes": "a duel measures pairs of processes until it can say, 30 at most",
        "runner": "each side measures with the runner of its own environment",
    },
)
def duel(
    old: Annotated[str, typer.Option(help="The interpreter of the environment that is compared with.")],
    new: Annotated[str, typer.Option(help="The interpreter of the environment in question; this one.")] = "",
    cases: CaseIds = None,
    *,
    selection: Selection,
    budget: Annotated[float, typer.Option(help="Minutes; what is not judged by then is inconclusive.")] = 60.0,
    out: Annotated[Path, typer.Option(help="Journals OUT.old.jsonl and OUT.new.jsonl.")] = Path("duel"),
    markdown: Annotated[Path | None, typer.Option(help="Where to write the page.")] = None,
    resume: Resume = False,
    quiet: Quiet = False,
) -> None:
    """Is the new environment slower than the old? Pairs of fresh processes, in one sitting.

    Exit codes: 0 no regression, 1 a regression, 2 bad input, 3 a case was not measured on both sides.
    """
    chosen = chosen_cases(cases, selection)
    if counted := [case.id for case in chosen if case.kind == Kind.COUNTED]:
        raise ValueError(f"{counted[0]} is counted, which pairs tell no better: mnv2bench compare A B is exact")
    plan = replace(selection.plan, processes=LOOKS[-1])
    from mnv2bench.regression.duels.confirm import confirm, rows
    from mnv2bench.regression.gate.night import differences
    from mnv2bench.regression.pages.duel import COLUMNS, duel_markdown, table_row

    budget_s, pythons = _seconds(budget), (old, new or sys.executable)
    try:
        with Display(quiet=quiet, steps="pairs") as display:
            fought = begin_duel(chosen, pythons, out, plan, selection.seed, selection.weights, display, resume)
            found = rows(fought, confirm(fought, budget_s=budget_s))
    except KeyboardInterrupt:
        _interrupted(f"{out}.old.jsonl and {out}.new.jsonl")
    notes = differences(fought)
    show(COLUMNS, [table_row(row) for row in found], spare=SPARE)
    for note in notes:
        console().print(one_line(note), markup=False)
    if markdown:
        markdown.write_text(duel_markdown(pythons, found, notes, this_machine().fingerprint))
    unmeasured = any(row.judged.verdict == INCONCLUSIVE and row.judged.pairs < LOOKS[0] for row in found)
    raise typer.Exit(1 if any(row.judged.verdict == REGRESSION for row in found) else 3 if unmeasured else 0)


@app.command()
def gate(
    night: Annotated[str, typer.Argument(help="Its name, such as 0012_nightly; the one saved last.")] = "",
    baseline: Annotated[str, typer.Option(help="The interpreter of the pinned baseline environment.")] = "",
    new: Annotated[str, typer.Option(help="The interpreter that measured the night; this one.")] = "",
    results: Annotated[Path, typer.Option(help="Where nights are saved.")] = Path("results"),
    series: Annotated[str, typer.Option(help="The NAME of --benchmark-save; that of the last night.")] = "",
    fingerprint: Annotated[str, typer.Option(help="The machine of the history; this one.")] = "",
    budget: Annotated[float, typer.Option(help="Minutes for pairs; suspects left by then are inconclusive.")] = 60.0,
    markdown: Annotated[Path | None, typer.Option(help="Where to write the summary.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Where to write JUnit XML.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the interrupted pairs of this night.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Only what is neither unchanged nor learning.")] = False,
) -> None:
    """Slower, the same, or cannot tell: tonight against its history, suspects against the baseline.

    Exit codes: 0 nothing confirmed, 1 a confirmed regression, 2 bad input, 3 the night cannot be judged.
    """
    from mnv2bench.regression.gate.night import Pairs, judge_night, tonight
    from mnv2bench.regression.pages import gate as page

    budget_s, machine = _seconds(budget), fingerprint or this_machine().fingerprint
    found = tonight(results, machine, series, night)
    for skipped in found.skipped:
        print(f"skipped: {one_line(skipped)}", file=sys.stderr)
    try:
        with Display(quiet=quiet, steps="pairs") as display:
            pairs = Pairs(baseline, new or sys.executable, budget_s, display, resume) if baseline else None
            judgement = judge_night(found, pairs)
    except KeyboardInterrupt:
        _interrupted(f"{found.folder}/{found.name}.journal.old.jsonl and .new.jsonl")
    shown = [row for row in judgement.ordered() if not quiet or row.verdict not in page.QUIET]
    timed, counted = page.split(shown)
    if timed:
        show(page.COLUMNS, [page.timed_row(row) for row in timed], spare=SPARE)
    if counted:
        show(page.COUNT_COLUMNS, [page.counted_row(row) for row in counted], spare=SPARE)
    for note in judgement.notes:
        console().print(one_line(note), markup=False)
    console().print(f"{page.headline(judgement)} ({page.tally(judgement)})", markup=False)
    text = page.gate_markdown(judgement)
    if markdown:
        markdown.write_text(text)
    if junit:
        junit.write_text(page.junit(judgement))
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a") as file:
            file.write(text)
    raise typer.Exit(judgement.code)


def _seconds(minutes: float) -> float:
    if not 0 < minutes < float("inf"):
        raise ValueError(f"--budget must be a number of minutes above 0, not {minutes}")
    return 60 * minutes


def _interrupted(where: str) -> NoReturn:
    console().print(f"interrupted: the same command with --resume goes on from {where}", markup=False)
    raise typer.Exit(130)
