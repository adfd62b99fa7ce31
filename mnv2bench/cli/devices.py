"""The verbs for other devices: `devices` and `build-runner`."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from mnv2bench.cli.app import console, verb

TARGETS = ("android-arm64", "linux-aarch64", "linux-x86_64")
BUILDABLE = ("litert", "executorch")


@verb("devices")
def devices() -> None:
    """List where else cases can run: GPUs, phones seen by adb, emulated arm64; and what is missing."""
    from mnv2bench.remote.devices import listing

    table = Table("for --devices", "state", "what it is, or what to do")
    for device, state, text in listing.devices():
        table.add_row(escape(device), escape(state), escape(text))
    console().print(table)


@verb("build-runner")
def build_runner(
    runtime: Annotated[str, typer.Argument(help=f"One of {', '.join(BUILDABLE)}.")],
    target: Annotated[str, typer.Option(help=f"One of {', '.join(TARGETS)}.")] = TARGETS[0],
    ndk: Annotated[str, typer.Option(help="The folder of the Android NDK. Default: $ANDROID_NDK_HOME.")] = "",
    libraries: Annotated[
        str,
        typer.Option(help="A folder with the runtime's Android libraries and headers, which no Python package has."),
    ] = "",
) -> None:
    """Build the program that runs a model on a device and reports every sample. `run` uses it from then on."""
    from mnv2bench.remote.runners.bundles import build

    for name, value, known in (("runtime", runtime, BUILDABLE), ("target", target, TARGETS)):
        if value not in known:
            raise ValueError(f"{name} {value!r} is not one of {', '.join(known)}")
    console().print(f"built: {build(runtime, target, ndk, libraries)}", markup=False)
