"""Verbs that measure: run, backends, env, selfcheck."""

import json
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from mnv2bench.artifacts import Weights
from mnv2bench.campaign import Campaign, all_backends
from mnv2bench.campaign import run as measure
from mnv2bench.cases import cases
from mnv2bench.cli.app import FAILURES, app, console
from mnv2bench.machine import environment
from mnv2bench.records import Plan, Record
from mnv2bench.records.journal import Journal
from mnv2bench.selection import FLAGS, OPTIONS, SUITES, select, suite_cases
from mnv2bench.terminal import Display, spent_table

CHECK_NAMES = (
    "overhead", "benchmark_app", "aa", "device", "profile_openvino", "nights", "history", "duels", "injections",
    "injections_busy",
)  # fmt: skip
PROBE = Plan(processes=1, rounds=1, warmup_s=0.0, warmup_runs=1)


def option(name: str) -> typer.models.OptionInfo:
    return typer.Option(f"--{name}", help=OPTIONS[name][1])  # type: ignore[no-any-return]


@app.command()
def run(
    suites: Annotated[str, typer.Option(help=f"Comma-separated, of {', '.join(SUITES)}.")] = ",".join(SUITES),
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
    cold_l2: Annotated[bool, typer.Option("--cold-l2", help=FLAGS["cold-l2"])] = False,
    runner: Annotated[str, option("runner")] = "",
    weights: Annotated[str, option("weights")] = "",
    out: Annotated[Path, typer.Option(help="Where each process is written as it ends.")] = Path("mnv2bench.jsonl"),
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the interrupted campaign in --out.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only what failed.")] = False,
) -> None:
    """Measure a selection of cases, as `pytest suites` does, without pytest."""
    asked = dict(locals())
    flags = {"cold-l2": "yes" if cold_l2 else ""}
    selection = select({name: asked[name.replace("-", "_")] for name in OPTIONS} | flags)
    names = [name.strip() for name in suites.split(",")]
    if unknown := [name for name in names if name not in SUITES]:
        raise ValueError(f"suite {unknown[0]!r} is not one of {', '.join(SUITES)}")
    chosen = tuple(dict.fromkeys(case for name in names for case in suite_cases(name, selection)))
    if not chosen:
        raise ValueError("no case is left: the suites asked for have none of these batches")
    try:
        with Display(quiet=quiet) as display:
            campaign = Campaign(
                chosen, Journal(out), selection.plan, selection.seed, selection.weights, display, selection.runner
            )
            records = measure(campaign, resume)
    except KeyboardInterrupt:
        console().print(f"interrupted: the same command with --resume goes on from {out}", markup=False)
        raise typer.Exit(130) from None
    except OSError as error:
        safe = f"; what was measured so far is safe in {out}, and --resume goes on from it" if out.is_file() else ""
        raise ValueError(f"{error}{safe}") from error
    display.console.print(spent_table(records, out))
    _say_what_did_not_run(records)
    display.console.print(f"records: {out}\nreport:  mnv2bench report {out}", markup=False)
    raise typer.Exit(any(record.status in FAILURES for record in records))


def _say_what_did_not_run(records: tuple[Record, ...]) -> None:
    for record in records:
        if record.status != "ok":
            console().print(f"{record.status}: {record.case.id}: {record.reason}", markup=False)


@app.command()
def backends() -> None:
    """Which backends work here: each computes a small network now, and is held against eager fp32."""
    smallest = [(0.35, 96)]
    small = cases(smallest, backends=all_backends()) + cases(smallest, backends=all_backends("cuda"), devices=("cuda",))
    with tempfile.TemporaryDirectory() as folder, Display() as display:
        records = measure(Campaign(small, Journal(Path(folder) / "probe.jsonl"), PROBE, 0, Weights(), display))
    table = Table("backend", "device", "here", "why, or how far from eager fp32")
    for record in records:
        errors = [s.error for s in record.samples if s.error is not None]
        works = record.status == "ok"
        why = f"largest difference {max(errors):.1e} of the largest logit" if works and errors else record.reason
        table.add_row(record.case.backend, record.case.device, "works" if works else record.status, escape(why))
    console().print(table)
    raise typer.Exit(any(record.status in FAILURES for record in records))


@app.command()
def env() -> None:
    """This machine as every record describes it, as JSON."""
    typer.echo(json.dumps(environment(), indent=2))


@app.command()
def selfcheck(
    only: Annotated[str, typer.Option(help=f"Comma-separated, of {', '.join(CHECK_NAMES)}; the first three.")] = "",
    repeats: Annotated[int, typer.Option(help="Processes or repeats of each check.")] = 5,
    nights: Annotated[int, typer.Option(help="Virtual nights of the check of that name.")] = 400,
    minutes: Annotated[float, typer.Option(help="How long duels of identical environments go on.")] = 40.0,
    old: Annotated[str, typer.Option(help="An interpreter, for duels and injections.")] = "",
    new: Annotated[str, typer.Option(help="Another one, of an environment built separately.")] = "",
    out: Annotated[Path, typer.Option(help="Journals of duels begin with this name.")] = Path("selfcheck"),
    sittings: Annotated[Path | None, typer.Option(help="A CSV of duels, whose noise nights draws again.")] = None,
    seed: Annotated[int, typer.Option(help="Of virtual nights, and of which cells are slowed.")] = 20261124,
    device: Annotated[str, typer.Option(help="Check this device, such as adb:SERIAL or cuda, and nothing else.")] = "",
    file: Annotated[
        list[Path] | None, typer.Option(help="With --device cuda: judge what this file holds instead of measuring.")
    ] = None,
) -> None:
    """Measure the measuring and the deciding: what the harness adds, and what the gate finds and misses."""
    from mnv2bench.selfcheck import CHECKS, MEASURING, Asked

    names = [name.strip() for name in only.split(",") if name.strip()] or (["device"] if device else list(MEASURING))
    if unknown := [name for name in names if name not in CHECKS]:
        raise ValueError(f"check {unknown[0]!r} is not one of {', '.join(CHECKS)}")
    asked = Asked(repeats, nights, minutes, old, new, out, sittings, seed, device, tuple(file or ()))
    passed = [CHECKS[name](asked, console()) for name in names]
    raise typer.Exit(not all(passed))
