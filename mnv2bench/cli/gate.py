"""The verb `gate`: a night judged against its history, suspects confirmed against the baseline environment."""

import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnv2bench.campaign import Patience
from mnv2bench.cli.app import console, show, verb
from mnv2bench.cli.duel import SPARE
from mnv2bench.cli.explanations import BUDGET, EXPLAIN, show_explanations
from mnv2bench.cli.gate_fleet import judge_fleet
from mnv2bench.cli.options import resumable, takes_patience
from mnv2bench.files import Content, Product, address, append, printable, require_writable, write
from mnv2bench.machine import this_machine
from mnv2bench.regression.judging.judgement import Judgement
from mnv2bench.terminal import Display
from mnv2bench.texts import duration_s, one_line

if TYPE_CHECKING:
    from mnv2bench.explanations.evidence import Evidence
    from mnv2bench.regression.duels.confirm import Answer, Question
    from mnv2bench.regression.duels.duel import Duel


@verb("gate")
@takes_patience
def gate(
    night: Annotated[str, typer.Argument(help="The night's name, such as 0012_nightly. Default: the newest.")] = "",
    baseline: Annotated[
        str, typer.Option(help="The Python interpreter of the pinned baseline environment. Without it, no pairs.")
    ] = "",
    new: Annotated[str, typer.Option(help="The Python interpreter that measured the night. Default: this one.")] = "",
    results: Annotated[Path, typer.Option(help="The folder with the nights.")] = Path("results"),
    series: Annotated[
        str, typer.Option(help="The NAME of --benchmark-save=NAME. Default: the series of the newest night.")
    ] = "",
    fingerprint: Annotated[str, typer.Option(help="The machine of the history. Default: this machine.")] = "",
    budget: Annotated[str, typer.Option(help=BUDGET)] = "60m",
    explain: Annotated[bool, typer.Option("--explain", help=EXPLAIN)] = False,
    comment: Annotated[
        Path | None, typer.Option(help="Where to write the body of an issue or of a comment on a pull request.")
    ] = None,
    markdown: Annotated[Path | None, typer.Option(help="Where to write the summary.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Where to write JUnit XML.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the interrupted pairs of this night.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="A suspect fails the night, also where no pairs confirmed it.")
    ] = False,
    fleet: Annotated[
        bool,
        typer.Option("--fleet", help="Read what the gates of all machines under --results said; measure nothing."),
    ] = False,
    *,
    patience: Patience,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Leave out rows with the verdicts unchanged and learning.")
    ] = False,
) -> None:
    """Judge a night against its history: slower, the same, or cannot tell. Pairs of processes confirm a suspect."""
    if fleet:
        _require_none(
            *(("NIGHT", night), ("--baseline", baseline), ("--new", new), ("--fingerprint", fingerprint)),
            *(("--junit", junit), ("--resume", resume), ("--strict", strict), ("--explain", explain)),
        )
        judge_fleet(results, series, markdown, comment)
    if explain and not baseline:
        raise ValueError("--explain profiles what pairs confirmed, and there are none without --baseline: name it too")
    from mnv2bench.comparison.reports import reports_of
    from mnv2bench.explanations.comment import COMMENT, gate_comment
    from mnv2bench.explanations.evidence import evidence
    from mnv2bench.explanations.page import explanations_section
    from mnv2bench.regression.gate.night import Pairs, UnreadNight, judge_night, tonight
    from mnv2bench.regression.pages import gate as page

    summary_page = Product(markdown, page.PAGE) if markdown else None
    test_results = Product(junit, page.JUNIT) if junit else None
    body = Product(comment, COMMENT) if comment else None
    require_writable([product for product in (summary_page, test_results, body) if product])
    budget_s, machine = duration_s("--budget", budget), fingerprint or this_machine().fingerprint
    of_duel: list[Evidence] = []

    def keep_evidence(duel: "Duel", answers: "Mapping[Question, Answer]") -> None:
        of_duel.append(evidence(duel, answers, explain, budget_s))

    def write_pages(judgement: Judgement, reports: Sequence[Path] = ()) -> None:
        contents: dict[Product, Content] = {}
        moved = explanations_section([each for known in of_duel for each in known.explanations])
        if summary_page:
            links = [address(report, summary_page.path) for report in reports]
            contents[summary_page] = page.gate_markdown(judgement, links, moved)
        if test_results:
            contents[test_results] = page.junit(judgement)
        if body:
            contents[body] = gate_comment(judgement, of_duel[0] if of_duel else None)
        write(contents)
        if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
            append(Path(summary), page.gate_markdown(judgement, section=moved))

    try:
        measured_night = tonight(results, machine, series, night)
    except UnreadNight as unread:
        print(f"mnv2bench: {one_line(str(unread))}", file=sys.stderr)
        write_pages(unread.judgement())
        console().print(page.summary(unread.judgement()), markup=False)
        raise typer.Exit(unread.judgement().code) from None
    for skipped in measured_night.skipped:
        print(f"skipped: {one_line(skipped)}", file=sys.stderr)
    reports = reports_of(measured_night.path)
    journals = f"{measured_night.folder}/{measured_night.name}.journal.old.jsonl and .new.jsonl"
    with resumable(journals), Display(quiet=quiet, steps="pairs") as display:
        python = new or sys.executable
        pairs = Pairs(baseline, python, budget_s, display, resume, patience, keep_evidence) if baseline else None
        judgement = judge_night(measured_night, pairs, partial(write_pages, reports=reports), strict)
    shown = [row for row in judgement.ordered() if not quiet or row.verdict not in page.QUIET]
    timed, counted = page.split(shown)
    if timed:
        show(page.COLUMNS, [page.timed_row(row) for row in timed], spare=SPARE)
    tails = [row for row in judgement.ordered_tails() if page.needs_attention(row)]
    if tails:
        show(page.TAIL_COLUMNS, [page.tail_row(row) for row in tails], "tails", spare=SPARE)
    if counted:
        show(page.COUNT_COLUMNS, [page.counted_row(row) for row in counted], spare=SPARE)
    show_explanations([each for known in of_duel for each in known.explanations])
    for note in judgement.notes:
        console().print(one_line(note), markup=False)
    for report in reports:
        console().print(f"report of the night: {printable(report)}", markup=False)
    console().print(page.summary(judgement), markup=False)
    raise typer.Exit(judgement.code)


def _require_none(*options: tuple[str, object]) -> None:
    """ValueError for an option that decides something on one machine alone."""
    for name, value in options:
        if value:
            raise ValueError(f"{name} is of one machine, and --fleet reads what each machine's gate said: leave it out")
