"""The verbs `profile` and `roofline`: where the time of a call goes, and what this machine can do at most."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnv2bench.campaign import Campaign, Item, Patience
from mnv2bench.campaign import run as measure
from mnv2bench.case import Case
from mnv2bench.cli.app import conclude, console, show, verb
from mnv2bench.cli.options import CaseIds, Quiet, Resume, chosen_cases, resumable, takes_patience, takes_selection
from mnv2bench.conclusion import Conclusion, Requested, conclusion
from mnv2bench.files import Content, Product, Sort, beside, printable, require_writable, write
from mnv2bench.profiling.extras import Probing, Profiling
from mnv2bench.profiling.lines import written as written_lines
from mnv2bench.profiling.profilers import why_no_trace
from mnv2bench.profiling.records import Probes
from mnv2bench.records import Record
from mnv2bench.records.journal import Journal
from mnv2bench.selection import Selection
from mnv2bench.terminal import Display

if TYPE_CHECKING:
    from mnv2bench.profiling.pages.profiled import ProfiledCase

SPARE = ("call/median", "processes", "calls", "arena MB")
TRACE = Sort("trace")
REFUSES = {"runner": "profiles are taken on this machine only, without a runner"}
Trace = Annotated[Path | None, typer.Option(help="Where to write a Chrome trace of one case, for ui.perfetto.dev.")]
Out = Annotated[Path, typer.Option(help="The journal: each process is written to it when it ends.")]


@verb("profile")
@takes_patience
@takes_selection(refuses=REFUSES)
def profile(
    selection: Selection,
    cases: CaseIds = None,
    trace: Trace = None,
    out: Out = Path("profile.jsonl"),
    resume: Resume = False,
    quiet: Quiet = False,
    *,
    patience: Patience,
) -> None:
    """Show where the time goes: each runtime's own profiler, mapped to the network's layers."""
    _profile(cases, selection, trace, out, resume, quiet, patience, probe=False)


@verb("roofline")
@takes_patience
@takes_selection(refuses=REFUSES)
def roofline(
    selection: Selection,
    cases: CaseIds = None,
    trace: Trace = None,
    out: Out = Path("roofline.jsonl"),
    resume: Resume = False,
    quiet: Quiet = False,
    *,
    patience: Patience,
) -> None:
    """Measure what this machine can do at most, and what each block of the network loses to that."""
    _profile(cases, selection, trace, out, resume, quiet, patience, probe=True)


def _profile(
    case_ids: Sequence[str] | None,
    selection: Selection,
    trace: Path | None,
    out: Path,
    resume: bool,
    quiet: bool,
    patience: Patience,
    probe: bool,
) -> None:
    """Measure the cases and their profiles, and with `probe` what the machine can do at most; print and write both."""
    cases, requested = chosen_cases(case_ids, selection), Requested.of(selection, case_ids or ())
    _require_traceable(cases, trace)
    _require_places(out, trace, resume)
    extras: list[Item] = [Profiling(case, str(trace or "")) for case in cases]
    if probe:
        extras += [Probing(threads) for threads in dict.fromkeys(case.threads for case in cases)]
    journal, plan = Journal(out), selection.plan
    with resumable(str(journal.path)), Display(quiet=quiet) as display:
        campaign = Campaign(
            *(cases, journal, plan, selection.seed, selection.weights, display), extras=tuple(extras), patience=patience
        )
        records = measure(campaign, resume)
    from mnv2bench.profiling.pages.profiled import profiled_cases

    profiles, probes = written_lines(journal)
    profiled = profiled_cases(profiles, probes, records)
    contents = profile_contents(out, profiled, probes, records)
    write(contents)
    _print_table(profiled, records)
    for product in contents:
        console().print(f"written: {printable(product.path)}", markup=False)
    if trace and trace.exists():
        console().print(f"trace:   {trace} (open it in ui.perfetto.dev)", markup=False)
    conclude(
        conclusion(records, requested),
        conclusion(profiles, requested, "profiled"),
        *([probe_conclusion(probes)] if probe else []),
    )


def probe_conclusion(probes: Sequence[Probes]) -> Conclusion:
    """How measuring the limits of the machine ended."""
    bad = [process for process in probes if process.status != "ok" or not process.probes]
    sentences = tuple(
        f"the limits of this machine with {process.threads} threads were not measured: {process.reason}"
        for process in bad
    )
    return Conclusion(bool(bad), sentences)


def _require_traceable(cases: Sequence[Case], trace: Path | None) -> None:
    """ValueError for a trace that could not be written, before anything is measured."""
    if not trace:
        return
    if len(cases) != 1:
        raise ValueError(f"--trace is of one case, not of {len(cases)}: name one case id")
    if reason := why_no_trace(cases[0].backend):
        raise ValueError(reason)


def _require_places(out: Path, trace: Path | None, resume: bool) -> None:
    """ValueError where the pages of OUT, or the trace, would be written over what is not theirs.

    Nothing tells whose a trace is, so that none is written over; a resumed campaign may have written it already.
    """
    pages = profile_products(out) if out.parent.is_dir() else []
    require_writable([*pages, *([Product(trace, TRACE)] if trace and not resume else [])], inputs=[out])


def profile_products(path: Path) -> "list[Product]":
    """The files that show a measurement's profiles: the page, the table and the pictures, beside it."""
    from mnv2bench.profiling.pages import csv as profile_csv
    from mnv2bench.profiling.pages import page, roofline_picture, shares

    sorts = (page.PAGE, profile_csv.TABLE, shares.PICTURE, roofline_picture.PICTURE)
    return [Product(beside(path, sort.suffix), sort, (path,)) for sort in sorts]


def profile_contents(
    path: Path, cases: "Sequence[ProfiledCase]", probes: Sequence[Probes], records: Sequence[Record], source: str = ""
) -> "dict[Product, Content]":
    """What is to stand in these files; `source` names the measurement where its file's own name is not enough.

    Pictures are drawn where there is a profile to draw.
    """
    from mnv2bench.profiling.pages import csv as profile_csv
    from mnv2bench.profiling.pages import page, roofline_picture, shares

    page_file, table_file, shares_file, roofline_file = profile_products(path)
    name = source or printable(path.name)
    contents: dict[Product, Content] = {
        page_file: page.page(cases, probes, records, name),
        table_file: profile_csv.csv(cases, name),
    }
    if any(profiled.profile.status == "ok" for profiled in cases):
        contents[shares_file] = shares.svg(cases)
        if any(process.status == "ok" for process in probes):
            contents[roofline_file] = roofline_picture.svg(cases, probes)
    return contents


def _print_table(cases: "Sequence[ProfiledCase]", records: Sequence[Record]) -> None:
    """Print a row for each case, and its remarks."""
    from mnv2bench.profiling.pages.page import COLUMNS, terminal_lines

    lines = terminal_lines(cases, records)
    show(COLUMNS, [row for row, _ in lines], spare=SPARE)
    for row, sentences in lines:
        for sentence in sentences:
            console().print(f"{row[0]}: {sentence}", markup=False)
