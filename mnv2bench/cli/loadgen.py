"""The verb `loadgen`: MLPerf's load scenarios with the real LoadGen, which stay unofficial."""

import math
from pathlib import Path
from typing import Annotated

import typer

from mnv2bench.campaign.patience import Patience, settled_load
from mnv2bench.campaign.places import require_places
from mnv2bench.campaign.weights import require_weights
from mnv2bench.case import Case
from mnv2bench.cli.app import console, show, verb
from mnv2bench.cli.options import CaseIds, Quiet, chosen_cases, takes_patience, takes_selection
from mnv2bench.exit_codes import ExitCode
from mnv2bench.files import Product, printable, require_writable, write
from mnv2bench.loadgen import folder as folders
from mnv2bench.loadgen import page
from mnv2bench.loadgen.generator import require_loadgen
from mnv2bench.loadgen.measuring import Request, measure, refusal
from mnv2bench.loadgen.scenarios import Scenario, scenario_of
from mnv2bench.locks import measuring
from mnv2bench.selection import AUTO, Selection
from mnv2bench.terminal import Display
from mnv2bench.texts import one_line, quantity

UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
DEFAULT_BOUND = "15ms"  # of MLPerf's classifier of images on a server
MOST_QUERIES = 10_000_000  # LoadGen prepares all of them before it sends the first
LONGEST_S = 24 * 3600.0
USELESS = "LoadGen decides how long a process runs: name --min-duration or --min-queries"
REFUSES = {
    "processes": "each scenario is one run of LoadGen: --min-duration makes it longer",
    "rounds": USELESS,
    "runner": "LoadGen runs on this machine only, without a runner",
    "trt-level": "LoadGen runs on CPUs of this machine only",
}


@verb("loadgen")
@takes_patience
@takes_selection(refuses=REFUSES)
def loadgen(
    selection: Selection,
    cases: CaseIds = None,
    scenario: Annotated[
        str, typer.Option(help=f"Scenarios, separated by commas: {', '.join(Scenario)}.")
    ] = Scenario.SINGLE_STREAM,
    target_qps: Annotated[
        str,
        typer.Option(
            help="For server: queries a second on average, or auto, which searches the highest rate whose p99 stays "
            "under --latency-bound. Default: auto."
        ),
    ] = "",
    latency_bound: Annotated[
        str, typer.Option(help=f"For server: what p99 must stay under, as 15ms. Default: {DEFAULT_BOUND}.")
    ] = "",
    min_duration: Annotated[str, typer.Option(help="The shortest run, as 10s; MLPerf's rules want 10m.")] = "10s",
    min_queries: Annotated[
        int | None, typer.Option(help="The fewest queries. Default: as many as the scenario's percentile needs.")
    ] = None,
    out: Annotated[
        Path, typer.Option(help="The folder for LoadGen's logs and the records: CASE/SCENARIO in it.")
    ] = Path("loadgen"),
    quiet: Quiet = False,
    *,
    patience: Patience,
) -> None:
    """Send queries as MLPerf's LoadGen does: one after the other, in eights, all at once, or as they come to a server.

    The outputs are checked before, and the answers afterwards. The results are unofficial: no MLPerf submission.
    """
    require_loadgen()
    requests = _requests(scenario, target_qps, latency_bound, min_duration, min_queries, selection.seed)
    chosen = chosen_cases(cases, selection)
    _require_possible(chosen, requests)
    weights = require_weights(chosen, selection.weights)
    for case in chosen:
        for request in requests:
            folders.require_free(folders.folder_of(out, case, request.scenario))
    if out.is_dir():
        folders.records(out)
        require_writable([Product(out / page.NAME, page.PAGE, folders.record_files(out))])
    require_places()
    records = []
    runs = [(case, request) for case in chosen for request in requests]
    with Display(quiet=quiet, steps="scenarios") as display, measuring(wait=patience.campaigns, progress=display):
        load = settled_load(patience.idle_s, display)
        for number, (case, request) in enumerate(runs):
            display(f"{case.id}, {request.scenario}", number, len(runs))
            place = folders.folder_of(out, case, request.scenario)
            records.append(measure(case, request, weights, selection.plan, place, load, display))
            _write_page(out)
    rows = [[one_line(cell) for cell in page.row(record)] for record in records]
    show(page.HEADER, rows, spare=page.SPARE)
    for sentence in page.sentences(records):
        console().print(one_line(sentence), markup=False)
    console().print(f"written: {printable(out / page.NAME)}, with LoadGen's logs beside it", markup=False)
    raise typer.Exit(ExitCode.DONE if all(record.is_valid for record in records) else ExitCode.BAD)


def _write_page(out: Path) -> None:
    """Write the page of all records in a folder."""
    product = Product(out / page.NAME, page.PAGE, folders.record_files(out))
    write({product: page.page(folders.records(out))})


def _requests(
    scenario: str, target_qps: str, latency_bound: str, min_duration: str, min_queries: int | None, seed: int
) -> list[Request]:
    """What the options want of each scenario. ValueError, in one line, for what cannot be meant."""
    scenarios = [scenario_of(word.strip()) for word in dict.fromkeys(scenario.split(","))]
    for option, text in (("--target-qps", target_qps), ("--latency-bound", latency_bound)):
        if text and Scenario.SERVER not in scenarios:
            raise ValueError(f"{option} is of the scenario {Scenario.SERVER}: name that with --scenario, or drop it")
    duration_s = quantity("--min-duration", min_duration, UNITS, "10s", LONGEST_S)
    if min_queries is not None and not 1 <= min_queries <= MOST_QUERIES:
        raise ValueError(f"--min-queries is a number from 1 to {MOST_QUERIES:,}, not {min_queries}")
    bound_s = quantity("--latency-bound", latency_bound or DEFAULT_BOUND, UNITS, DEFAULT_BOUND, LONGEST_S)
    rate = _rate(target_qps, duration_s)
    return [
        Request(
            scenario=each,
            min_duration_s=duration_s,
            min_queries=min_queries,
            latency_bound_s=bound_s if each == Scenario.SERVER else None,
            target_qps=rate if each == Scenario.SERVER else None,
            seed=seed % 2**62,
        )
        for each in scenarios
    ]


def _rate(text: str, duration_s: float) -> float | None:
    """Queries a second, None for auto. ValueError for a text that is no rate, and for more queries than can be sent."""
    if text in ("", AUTO):
        return None
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not rate > 0:
        raise ValueError(f"--target-qps takes {AUTO} or a number above 0, not {text!r}")
    if rate * duration_s > MOST_QUERIES:
        raise ValueError(f"--target-qps {text} makes more than {MOST_QUERIES:,} queries: name a lower rate")
    return rate


def _require_possible(chosen: tuple[Case, ...], requests: list[Request]) -> None:
    """ValueError, in one line, for the first case that means nothing under a scenario."""
    for case in chosen:
        for request in requests:
            if reason := refusal(case, request.scenario):
                raise ValueError(reason)
