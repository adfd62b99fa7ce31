"""Verbs that look inside: profile, roofline."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnv2bench.campaign import Campaign, Item
from mnv2bench.campaign import run as measure
from mnv2bench.cases import Case
from mnv2bench.cli.app import FAILURES, app, console, show
from mnv2bench.cli.measuring import option
from mnv2bench.profiling.extras import Probing, Profiling
from mnv2bench.profiling.lines import written as written_lines
from mnv2bench.profiling.profilers import why_no_trace
from mnv2bench.profiling.records import Probes
from mnv2bench.records import Record
from mnv2bench.records.journal import Journal
from mnv2bench.selection import OPTIONS, select, suite_cases
from mnv2bench.terminal import Display

if TYPE_CHECKING:
    from mnv2bench.profiling.pages.profiled import Profiled

SPARE = ("call/median", "processes", "calls", "arena MB")


@app.command("profile", help="Where the time goes: each runtime's own profiler, on the network's own layers.")
@app.command("roofline", help="What this machine can do at most, and what each block of the cases loses to that.")
def profile(
    context: typer.Context,
    cases: Annotated[list[str] | None, typer.Argument(help="Case ids; without them, the options choose.")] = None,
    grid: Annotated[str, option("grid")] = OPTIONS["grid"][0],
    networks: Annotated[str, option("networks")] = OPTIONS["networks"][0],
    widths: Annotated[str, option("widths")] = "",
    resolutions: Annotated[str, option("resolutions")] = "",
    backends: Annotated[str, option("backends")] = "",
    devices: Annotated[str, option("devices")] = OPTIONS["devices"][0],
    precisions: Annotated[str, option("precisions")] = "",
    threads: Annotated[str, option("threads")] = "",
    batches: Annotated[str, option("batches")] = "",
    processes: Annotated[str, option("processes")] = "",
    rounds: Annotated[str, option("rounds")] = "",
    process_limit: Annotated[str, option("process-limit")] = "",
    seed: Annotated[str, option("seed")] = OPTIONS["seed"][0],
    trt_level: Annotated[str, option("trt-level")] = OPTIONS["trt-level"][0],
    weights: Annotated[str, option("weights")] = "",
    trace: Annotated[Path | None, typer.Option(help="A Chrome trace of one case, for ui.perfetto.dev.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where each process is written as it ends; profile.jsonl, or roofline.jsonl.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the interrupted campaign in --out.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
) -> None:
    given = dict(locals())
    verb = context.info_name or "profile"
    selection = select({name: given[key] for name in OPTIONS if (key := name.replace("-", "_")) in given})
    suite = "throughput" if any(batch != 1 for batch in selection.batches) else "latency"
    chosen = tuple(dict.fromkeys(map(Case.parse, cases or ()))) or suite_cases(suite, selection)
    _require_traceable(chosen, trace)
    extras: list[Item] = [Profiling(case, str(trace or "")) for case in chosen]
    if verb == "roofline":
        extras += [Probing(count) for count in dict.fromkeys(case.threads for case in chosen)]
    journal = Journal(out or Path(f"{verb}.jsonl"))
    plan, weighed = selection.plan, selection.weights
    try:
        with Display(quiet=quiet) as display:
            campaign = Campaign(chosen, journal, plan, selection.seed, weighed, display, extras=tuple(extras))
            records = measure(campaign, resume)
    except KeyboardInterrupt:
        console().print(f"interrupted: the same command with --resume goes on from {journal.path}", markup=False)
        raise typer.Exit(130) from None
    from mnv2bench.profiling.pages.profiled import profiled

    profiles, probes = written_lines(journal)
    found = profiled(profiles, probes, records)
    _tell(found, records)
    for file in written(journal.path, found, probes, records):
        console().print(f"written: {file}", markup=False)
    if trace and trace.exists():
        console().print(f"trace:   {trace} (open it in ui.perfetto.dev)", markup=False)
    ended = {r.status for r in records} | {p.status for p in profiles} | {p.status for p in probes}
    raise typer.Exit(not ended.isdisjoint(FAILURES))


def _require_traceable(cases: Sequence[Case], trace: Path | None) -> None:
    """ValueError for a trace that could not be written, before anything is measured."""
    if not trace:
        return
    if len(cases) != 1:
        raise ValueError(f"--trace is of one case, not of {len(cases)}: name one case id")
    if reason := why_no_trace(cases[0].backend):
        raise ValueError(reason)
    if not trace.parent.is_dir():
        raise ValueError(f"--trace {trace}: there is no folder {trace.parent}")


def written(path: Path, found: "Sequence[Profiled]", probes: Sequence[Probes], records: Sequence[Record]) -> list[Path]:
    """The page, the CSV and the pictures of a file's profiles, beside it; of pictures only what can be drawn."""
    from mnv2bench.profiling.pages import csv as profile_csv
    from mnv2bench.profiling.pages import page, roofline, shares

    files = {
        path.with_suffix(".profile.md"): page.page(found, probes, records, path.name),
        path.with_suffix(".profile.csv"): profile_csv.csv(found, path.name),
    }
    if any(one.profile.status == "ok" for one in found):
        try:
            files[path.with_suffix(".shares.svg")] = shares.svg(found)
            if any(probed.status == "ok" for probed in probes):
                files[path.with_suffix(".roofline.svg")] = roofline.svg(found, probes)
        except ModuleNotFoundError as error:
            console().print(f"no pictures: {error.name} is not installed: pip install 'mnv2bench[plots]'", markup=False)
    for file, text in files.items():
        file.write_text(text)
    return list(files)


def _tell(profiled: "Sequence[Profiled]", records: Sequence[Record]) -> None:
    """A line a case, and what to know of it."""
    from mnv2bench.profiling.pages.page import COLUMNS, told

    found = told(profiled, records)
    show(COLUMNS, [row for row, _ in found], spare=SPARE)
    for row, sentences in found:
        for sentence in sentences:
            console().print(f"{row[0]}: {sentence}", markup=False)
