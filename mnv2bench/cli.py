"""The verbs. Exit codes: 0, 1 something measured failed or a file was skipped, 2 bad input, 130 interrupted."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mnv2bench.artifacts import Weights
from mnv2bench.campaign import Campaign, all_backends
from mnv2bench.campaign import run as measure
from mnv2bench.cases import cases
from mnv2bench.journal import Journal, Unusable, load
from mnv2bench.measure.environment import environment
from mnv2bench.networks import NAMES
from mnv2bench.records import Plan, Record
from mnv2bench.selection import OPTIONS, SUITES, select, suite_cases
from mnv2bench.terminal import Display, spent_table

FAILURES = ("wrong", "failed", "timeout")
PROBE = Plan(processes=1, rounds=1, warmup_s=0.0, warmup_runs=1)

app = typer.Typer(
    help="Benchmark MobileNetV2: verified latency, throughput and memory on every runtime, beside the paper.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _out() -> Console:
    return Console(highlight=False, soft_wrap=True)


def _option(name: str) -> typer.models.OptionInfo:
    return typer.Option(f"--{name}", help=OPTIONS[name][1])  # type: ignore[no-any-return]


@app.command()
def run(
    suites: Annotated[str, typer.Option(help=f"Comma-separated, of {', '.join(SUITES)}.")] = ",".join(SUITES),
    grid: Annotated[str, _option("grid")] = OPTIONS["grid"][0],
    networks: Annotated[str, _option("networks")] = OPTIONS["networks"][0],
    widths: Annotated[str, _option("widths")] = "",
    resolutions: Annotated[str, _option("resolutions")] = "",
    backends: Annotated[str, _option("backends")] = "",
    devices: Annotated[str, _option("devices")] = OPTIONS["devices"][0],
    threads: Annotated[str, _option("threads")] = "",
    batches: Annotated[str, _option("batches")] = "",
    processes: Annotated[str, _option("processes")] = "",
    rounds: Annotated[str, _option("rounds")] = "",
    process_limit: Annotated[str, _option("process-limit")] = "",
    seed: Annotated[str, _option("seed")] = OPTIONS["seed"][0],
    weights: Annotated[str, _option("weights")] = "",
    out: Annotated[Path, typer.Option(help="Where each process is written as it ends.")] = Path("mnv2bench.jsonl"),
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the interrupted campaign in --out.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only what failed.")] = False,
) -> None:
    """Measure a selection of cases, as `pytest suites` does, without pytest."""
    asked = dict(locals())
    selection = select({name: asked[name.replace("-", "_")] for name in OPTIONS})
    names = [name.strip() for name in suites.split(",")]
    if unknown := [name for name in names if name not in SUITES]:
        raise ValueError(f"suite {unknown[0]!r} is not one of {', '.join(SUITES)}")
    chosen = tuple(dict.fromkeys(case for name in names for case in suite_cases(name, selection)))
    if not chosen:
        raise ValueError("no case is left: the suites asked for have none of these batches")
    try:
        with Display(quiet=quiet) as display:
            campaign = Campaign(chosen, Journal(out), selection.plan, selection.seed, selection.weights, display)
            records = measure(campaign, resume)
    except KeyboardInterrupt:
        _out().print(f"interrupted: the same command with --resume goes on from {out}", markup=False)
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
            _out().print(f"{record.status}: {record.case.id}: {record.reason}", markup=False)


@app.command()
def report(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Saved files or journals; the newest under results/.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Where to write the tidy CSV; FILE.csv where not given.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Where to write the page; FILE.md where not given.")] = None,
) -> None:
    """Write saved measurements as a tidy CSV and a Markdown page."""
    from mnv2bench import report as pages

    chosen = files or _newest(Path("results"))
    sources, skipped = [], False
    for file in chosen:
        try:
            sources.append((file.name, load(file)))
        except Unusable as error:
            skipped = True
            print(f"skipped: {error}", file=sys.stderr)
    if sources:
        csv = csv or chosen[0].with_suffix(".csv")
        markdown = markdown or chosen[0].with_suffix(".md")
        csv.write_text(pages.csv(sources))
        markdown.write_text(pages.markdown(sources))
        _out().print(f"Markdown: {markdown}\nCSV:      {csv}", markup=False)
    raise typer.Exit(skipped)


def _newest(results: Path) -> list[Path]:
    """The saved file that was written last; pytest-benchmark keeps them as FINGERPRINT/PLATFORM/0001_NAME.json."""
    saved = sorted(results.glob("*/*/*.json"), key=lambda path: path.stat().st_mtime)
    if not saved:
        raise ValueError("no FILE given and none under results/: pytest suites --benchmark-save=NAME makes one")
    return saved[-1:]


@app.command()
def paper() -> None:
    """Our counts beside the published numbers, all cells of the full grid."""
    from mnv2bench.report.paper import paper_markdown

    typer.echo(paper_markdown(), nl=False)


@app.command()
def network(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(NAMES)}.")],
    width: Annotated[float, typer.Option(help="Width multiplier.")] = 1.0,
    resolution: Annotated[int, typer.Option(help="Side of the square image.")] = 224,
) -> None:
    """A network's layers, with torchinfo's totals and ours."""
    from mnv2bench.report.network import network_page

    typer.echo(network_page(name, width, resolution), nl=False)


@app.command()
def backends() -> None:
    """Which backends work here: each computes a small network now, and is held against eager fp32."""
    small = cases([(0.35, 96)], backends=all_backends())
    with tempfile.TemporaryDirectory() as folder, Display() as display:
        records = measure(Campaign(small, Journal(Path(folder) / "probe.jsonl"), PROBE, 0, Weights(), display))
    table = Table("backend", "here", "why, or how far from eager fp32")
    for record in records:
        errors = [s.error for s in record.samples if s.error is not None]
        works = record.status == "ok"
        why = f"largest difference {max(errors):.1e} of the largest logit" if works and errors else record.reason
        table.add_row(record.case.backend, "works" if works else record.status, escape(why))
    _out().print(table)
    raise typer.Exit(any(record.status in FAILURES for record in records))


@app.command()
def env() -> None:
    """This machine as every record describes it, as JSON."""
    typer.echo(json.dumps(environment(), indent=2))


@app.command()
def selfcheck(
    only: Annotated[str, typer.Option(help="Comma-separated, of overhead, benchmark_app, aa.")] = "",
    repeats: Annotated[int, typer.Option(help="Processes or repeats of each check.")] = 5,
) -> None:
    """Measure the measuring: what the harness adds, agreement with benchmark_app, A against A."""
    from mnv2bench.selfcheck import CHECKS, check

    names = [name.strip() for name in only.split(",") if name.strip()] or list(CHECKS)
    if unknown := [name for name in names if name not in CHECKS]:
        raise ValueError(f"check {unknown[0]!r} is not one of {', '.join(CHECKS)}")
    passed = [check(name, repeats, _out()) for name in names]
    raise typer.Exit(not all(passed))


def main() -> None:
    """Run a verb; bad input ends in one line and exit code 2."""
    try:
        app()
    except (ValueError, OSError) as error:
        print(f"mnv2bench: {error}", file=sys.stderr)
        sys.exit(2)
