"""The verb `ship`: the artifact of a measured case with a program that runs it, for a product."""

from pathlib import Path
from typing import Annotated

import typer

from mnv2bench.cli.app import console, verb
from mnv2bench.exit_codes import ExitCode
from mnv2bench.files import printable
from mnv2bench.locks import measuring
from mnv2bench.selection import OPTIONS, option_text, select
from mnv2bench.terminal import Display


@verb("ship")
def ship(
    case: Annotated[str, typer.Argument(help="The id of a measured case, or a part that no other has.")],
    to: Annotated[Path, typer.Option("--to", help="The folder to write: a new one, or one that ship wrote.")],
    measured: Annotated[
        list[Path] | None,
        typer.Option("--from", help="The saved file or journal with the numbers. Default: the newest under results/."),
    ] = None,
    weights: Annotated[str | None, typer.Option(help=OPTIONS["weights"][1].partition(" Default")[0])] = None,
    images: Annotated[str | None, typer.Option(help=OPTIONS["images"][1])] = None,
    results: Annotated[Path, typer.Option(help="The folder with saved files and A/A floors.")] = Path("results"),
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> None:
    """Write what a product needs of a measured case: the artifact, a program that runs it, and what was verified."""
    from mnv2bench import shipping
    from mnv2bench.campaign.weights import fitted_cases

    texts = {"weights": option_text("weights", weights), "images": option_text("images", images)}
    named = select(texts).weights if any(texts.values()) else None
    shipping.require_free(to)
    files = shipping.read_files(measured or (), results)
    chosen = shipping.measured_case(case, files)
    if named:
        (chosen,) = fitted_cases((chosen,), named)
    measurement = shipping.newest(chosen, files, results)
    with Display(quiet=quiet) as display, measuring(wait=False, progress=display):
        verification = shipping.ship(measurement, shipping.shipped_weights(measurement, named), to, display)
    if verification.wrong:
        console().print(f"{chosen.id}: run.py is wrong here: {verification.wrong}; nothing is written", markup=False)
        raise typer.Exit(ExitCode.BAD)
    console().print(f"shipped: {printable(to)}, with the numbers of {printable(measurement.file)}", markup=False)
    console().print(f"try it:  python {printable(to / 'run.py')} --time", markup=False)
