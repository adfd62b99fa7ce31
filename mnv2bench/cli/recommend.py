"""The verb `recommend`: which variant, runtime and precision to ship."""

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from mnv2bench.cli.app import console, verb
from mnv2bench.cli.options import Floors, newest_file
from mnv2bench.exit_codes import ExitCode
from mnv2bench.files import source_names
from mnv2bench.networks import parsed_resolutions
from mnv2bench.recommendation.filters import Filters
from mnv2bench.recommendation.goal import Cost, Goal
from mnv2bench.records.reading import contents_of
from mnv2bench.statistics.kept_checks import machine_floor
from mnv2bench.texts import quantity

if TYPE_CHECKING:
    from mnv2bench.comparison.recommended import Recommendation
    from mnv2bench.recommendation.machines import MachineAnswers

N = TypeVar("N", int, float)
MILLISECONDS = {"": 1.0, "ms": 1.0, "us": 1e-3, "µs": 1e-3, "s": 1e3}
MEGABYTES = {"": 1.0, "mb": 1.0, "gb": 1e3, "kb": 1e-3, "mib": 1.048576, "gib": 1073.741824}
ONLY = "Only cases with these, separated by commas."
COST = (
    "What a more accurate case may cost more of. --for throughput: the batch, threads and streams with the most images "
    "a second, whose requests keep --latency."
)
PER_CENT = {"": 1.0, "%": 1.0}
PRICES = (
    "A .csv or .toml of what machines cost an hour or a month: also say which machine that meets the budgets is the "
    "cheapest, with --for throughput of a million images."
)


@verb("recommend")
def recommend(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Saved files or journals. Default: the newest file under results/.")
    ] = None,
    latency: Annotated[str, typer.Option(help="The most that a call may take: 5ms, 800us; a number is of ms.")] = "",
    memory: Annotated[
        str, typer.Option(help="The most resident memory of the process: 100MB, 1GB; a number is of MB.")
    ] = "",
    accuracy: Annotated[str, typer.Option(help="The least top-1: 70%; a number is of per cent.")] = "",
    percentile: Annotated[
        float | None, typer.Option(help="The budget is for this percentile, 90, 99 or 99.9, and not for the median.")
    ] = None,
    cost: Annotated[Cost, typer.Option("--cost", "--for", help=COST)] = Cost.LATENCY,
    networks: Annotated[str, typer.Option(help=ONLY)] = "",
    widths: Annotated[str, typer.Option(help=ONLY)] = "",
    resolutions: Annotated[str, typer.Option(help=ONLY)] = "",
    backends: Annotated[str, typer.Option(help=ONLY)] = "",
    devices: Annotated[str, typer.Option(help=ONLY)] = "",
    precisions: Annotated[str, typer.Option(help=ONLY)] = "",
    classes: Annotated[str, typer.Option(help=ONLY)] = "",
    channels: Annotated[str, typer.Option(help=ONLY)] = "",
    threads: Annotated[str, typer.Option(help=ONLY)] = "",
    batches: Annotated[str, typer.Option(help=ONLY)] = "",
    streams: Annotated[str, typer.Option(help=ONLY)] = "",
    per_machine: Annotated[
        bool, typer.Option("--per-machine", help="A line for each machine: what to ship there within the budgets.")
    ] = False,
    prices: Annotated[Path | None, typer.Option(help=PRICES)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    results: Floors = Path("results"),
) -> None:
    """Say which variant, runtime and precision to ship within a budget; without one, show the Pareto front."""
    from mnv2bench.comparison.recommended import recommended
    from mnv2bench.recommendation.per_machine.choices import require_budget
    from mnv2bench.recommendation.per_machine.prices import prices_of

    goal = Goal(
        latency_ms=_quantity("--latency", latency, MILLISECONDS, "5ms"),
        memory_mb=_quantity("--memory", memory, MEGABYTES, "100MB"),
        accuracy=_quantity("--accuracy", accuracy, PER_CENT, "70%"),
        percentile=percentile,
        cost=cost,
    )
    if goal.accuracy is not None and goal.accuracy <= 1:
        raise ValueError(f"--accuracy {accuracy} is under one per cent: write 70%")
    filters = Filters(
        networks=_words(networks),
        widths=_numbers("widths", widths, float),
        resolutions=parsed_resolutions("resolutions", _words(resolutions)),
        backends=_words(backends),
        devices=_words(devices),
        precisions=_words(precisions),
        classes=_numbers("classes", classes, int),
        channels=_numbers("channels", channels, int),
        threads=_numbers("threads", threads, int),
        batches=_numbers("batches", batches, int),
        streams=_numbers("streams", streams, int),
    )
    if per_machine or prices:
        require_budget(goal)
    money = prices_of(prices) if prices else None
    chosen = files or [newest_file(results)]
    contents = dict(zip(source_names(chosen), map(contents_of, chosen), strict=True))
    recommendation = recommended(contents, goal, filters, partial(machine_floor, results), money)
    if per_machine or money:
        _print_per_machine(recommendation, as_json)
    else:
        _print_answers(recommendation, goal, as_json)
    raise typer.Exit(max(map(_code, recommendation.machines), default=ExitCode.NOT_JUDGED))


def _print_answers(recommendation: "Recommendation", goal: Goal, as_json: bool) -> None:
    """Print every answer of every machine."""
    from mnv2bench.recommendation.as_json import as_json as json_values
    from mnv2bench.recommendation.block import block
    from mnv2bench.recommendation.ladder import budget_rows, front_rows

    if as_json:
        _print_json(json_values(recommendation.machines, recommendation.conditions))
        return
    out = console()
    rows_of = front_rows if goal.budget is None else budget_rows
    out.print(block(recommendation.machines, out.width, recommendation.conditions, rows_of), markup=False)


def _print_per_machine(recommendation: "Recommendation", as_json: bool) -> None:
    """Print a line for each machine, and the cheapest of them where there are prices."""
    from mnv2bench.recommendation.per_machine.text import text, values

    choices, prices = recommendation.per_machine, recommendation.prices
    if as_json:
        _print_json(values(choices, prices))
    else:
        out = console()
        out.print(text(choices, prices, out.width), markup=False)


def _print_json(values: dict[str, object]) -> None:
    console().print(json.dumps(values, indent=2, allow_nan=False), markup=False)


def _code(machine: "MachineAnswers") -> ExitCode:
    """DONE where something fits in any setting of a machine, BAD where nothing does, else NOT_JUDGED."""
    if any(answer.is_usable and answer.best for answer in machine.answers):
        return ExitCode.DONE
    return ExitCode.BAD if any(answer.is_usable for answer in machine.answers) else ExitCode.NOT_JUDGED


def _quantity(option: str, text: str, units: dict[str, float], example: str) -> float | None:
    """The number of an option; None where it was not given."""
    return quantity(option, text, units, example) if text.strip() else None


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _numbers(name: str, text: str, number: type[N]) -> tuple[N, ...]:
    try:
        return tuple(number(word) for word in _words(text))
    except ValueError:
        raise ValueError(f"--{name} takes numbers separated by commas, not {text!r}") from None
