"""Verbs for other devices: devices, build-runner."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from mnv2bench.cli.app import app, console

TARGETS = ("android-arm64", "linux-aarch64", "linux-x86_64")
BUILT = ("litert", "executorch")


@app.command()
def devices() -> None:
    """Where cases can run beside this processor: GPUs, phones that adb sees, emulated arm64, and what is missing."""
    from mnv2bench.remote.devices import listing

    table = Table("for --devices", "state", "what it is, or what to do")
    for device, state, text in listing.devices():
        table.add_row(escape(device), escape(state), escape(text))
    console().print(table)


@app.command(name="build-runner")
def build_runner(
    runtime: Annotated[str, typer.Argument(help=f"One of {', '.join(BUILT)}.")],
    target: Annotated[str, typer.Option(help=f"One of {', '.join(TARGETS)}.")] = TARGETS[0],
    ndk: Annotated[str, typer.Option(help="The Android NDK; $ANDROID_NDK_HOME.")] = "",
    libraries: Annotated[
        str, typer.Option(help="A folder with the runtime's Android libraries and headers, which no wheel has.")
    ] = "",
) -> None:
    """Build the program that runs a model on a device and tells every sample; `run` uses it from then on."""
    from mnv2bench.remote.runners.bundles import build

    for name, value, known in (("runtime", runtime, BUILT), ("target", target, TARGETS)):
        if value not in known:
            raise ValueError(f"{name} {value!r} is not one of {', '.join(known)}")
    console().print(f"built: {build(runtime, target, ndk, libraries)}", markup=False)
