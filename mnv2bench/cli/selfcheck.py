"""The verb that measures the measuring: selfcheck."""

from pathlib import Path
from typing import Annotated

import typer

from mnv2bench.cli.app import app, console

CHECK_NAMES = (
    "overhead", "benchmark_app", "aa", "device", "profile_openvino", "nights", "history", "duels", "injections",
    "injections_busy",
)  # fmt: skip


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
    from mnv2bench.selfcheck import CHECKS, MEASURING, Options

    names = [name.strip() for name in only.split(",") if name.strip()] or (["device"] if device else list(MEASURING))
    if unknown := [name for name in names if name not in CHECKS]:
        raise ValueError(f"check {unknown[0]!r} is not one of {', '.join(CHECKS)}")
    options = Options(repeats, nights, minutes, old, new, out, sittings, seed, device, tuple(file or ()))
    passed = [CHECKS[name](options, console()) for name in names]
    raise typer.Exit(not all(passed))
