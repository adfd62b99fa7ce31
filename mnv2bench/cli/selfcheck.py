"""The verb `selfcheck`: how exact the measurements are, and how often the gate is wrong."""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from mnv2bench.campaign.patience import Patience, settled_load
from mnv2bench.case import is_gpu
from mnv2bench.cli.app import console, verb
from mnv2bench.cli.options import takes_patience
from mnv2bench.exit_codes import ExitCode
from mnv2bench.locks import measuring
from mnv2bench.records import MachineState
from mnv2bench.statistics.conditions import conditions
from mnv2bench.terminal import Display

CHECK_NAMES = (
    "overhead", "benchmark_app", "aa", "allocator", "streams", "ship", "loadgen", "device", "profile_openvino",
    "nights", "history", "duels", "injections", "injections_busy",
)  # fmt: skip
SAVED = ("aa", "allocator")  # the checks whose results --save keeps


@verb("selfcheck")
@takes_patience
def selfcheck(
    only: Annotated[
        str,
        typer.Option(help=f"Checks to run, separated by commas: {', '.join(CHECK_NAMES)}. Default: the first three."),
    ] = "",
    repeats: Annotated[int, typer.Option(help="Number of processes or repeats of each check.")] = 5,
    nights: Annotated[int, typer.Option(help="Number of virtual nights, for the check `nights`.")] = 400,
    minutes: Annotated[float, typer.Option(help="How long the check `duels` measures.")] = 40.0,
    old: Annotated[str, typer.Option(help="A Python interpreter, for `duels` and `injections`.")] = "",
    new: Annotated[
        str, typer.Option(help="The interpreter of another environment, built separately from the same versions.")
    ] = "",
    out: Annotated[Path, typer.Option(help="The journals of duels begin with this name.")] = Path("selfcheck"),
    sittings: Annotated[
        Path | None, typer.Option(help="A CSV that the check `duels` wrote, whose noise the check `nights` uses.")
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Seed of the virtual nights, and of the choice of cells that are slowed.")
    ] = 20261124,
    device: Annotated[str, typer.Option(help="Check only this device, such as adb:SERIAL or cuda.")] = "",
    save: Annotated[
        bool,
        typer.Option(
            "--save", help=f"Keep what {' and '.join(SAVED)} measured: selfcheck.json in the machine's folder."
        ),
    ] = False,
    results: Annotated[Path, typer.Option(help="The folder with the machines' folders, for --save.")] = Path("results"),
    file: Annotated[
        list[Path] | None, typer.Option(help="With --device cuda: judge the records of this file instead of measuring.")
    ] = None,
    *,
    patience: Patience,
) -> None:
    """Check the measurements and the gate: what the harness adds to a time, and what the gate finds and misses."""
    from mnv2bench.selfcheck import CHECKS, DEFAULT_CHECKS, Options

    names = [name.strip() for name in only.split(",") if name.strip()]
    if only and not names:
        raise ValueError(f"--only {only!r} names no check: name some of {', '.join(CHECKS)}")
    if not names:
        names = ["device"] if device else list(DEFAULT_CHECKS)
    if unknown := [name for name in names if name not in CHECKS]:
        raise ValueError(f"check {unknown[0]!r} is not one of {', '.join(CHECKS)}")
    if file and not is_gpu(device):
        raise ValueError("--file is judged by the check of a GPU: name --device cuda too")
    for option, number in (("--repeats", repeats), ("--nights", nights)):
        if number < 1:
            raise ValueError(f"{option} must be at least 1, not {number}")
    if save and not set(names) & set(SAVED):
        raise ValueError(f"--save keeps what {' and '.join(SAVED)} measured: name --only {SAVED[0]}")
    keeps = results if save else None
    options = Options(repeats, nights, minutes, old, new, out, sittings, seed, device, tuple(file or ()), keeps)
    with Display() as display, nullcontext() if file else measuring(wait=patience.campaigns, progress=display):
        load = None if file else settled_load(patience.idle_s, display)
        for condition in conditions([MachineState(other_load=load)]):
            console().print(condition, markup=False)
        passed = [CHECKS[name](options, console()) for name in names]
    raise typer.Exit(ExitCode.DONE if all(passed) else ExitCode.BAD)
