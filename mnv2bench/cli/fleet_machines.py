"""The verbs that set a fleet up: `fleet-serve` and `fleet-join`."""

import shlex
import socket
from pathlib import Path
from typing import Annotated

import typer

from mnv2bench.cli.app import console, verb
from mnv2bench.exit_codes import ExitCode
from mnv2bench.files import printable
from mnv2bench.fleet import key as keys
from mnv2bench.fleet.connection import ANYBODY, DEFAULT_PORT, Address, address, is_loopback, listening
from mnv2bench.fleet.unit import require_name
from mnv2bench.texts import duration_s

KeyFile = Annotated[
    Path | None,
    typer.Option("--key", help="The fleet's key file. Default: mnv2bench/fleet.key in the user's settings."),
]


@verb("fleet-serve")
def fleet_serve(
    listen: Annotated[
        str,
        typer.Option(
            help="ADDRESS[:PORT] of this machine. Default: the one by which it reaches others, if not public."
        ),
    ] = "",
    key: KeyFile = None,
) -> None:
    """Run the scheduler of a fleet: machines join it, and `mnv2bench fleet` gives it work. Ctrl-C ends it.

    The first time it makes the fleet's key, a file that has to be copied to every machine of the fleet.
    """
    keys.require_fleet()
    from mnv2bench.fleet import serving

    path = key or keys.default_path()
    place = listening(listen, ANYBODY, DEFAULT_PORT)
    is_new = not path.exists()
    held = keys.make(path) if is_new else keys.read(path)

    def started(scheduler: Address) -> None:
        made = "made" if is_new else "read"
        _say(f"a fleet listens at {scheduler}, with the key {held.name} ({made}: {printable(path)})")
        _say(f"on each machine, with a copy of that file: mnv2bench fleet-join {_words(scheduler, key)}")
        _say(f"to measure: mnv2bench fleet --scheduler {_words(scheduler, key)}")
        if is_loopback(scheduler):
            _say("only this machine can reach that address: name one of your network with --listen")

    serving.serve(place, held, _say, started)


@verb("fleet-join")
def fleet_join(
    scheduler: Annotated[str, typer.Argument(help="What fleet-serve printed, as tls://HOST:8786.")],
    key: KeyFile = None,
    name: Annotated[str, typer.Option(help="The name of this machine in the fleet. Default: its host name.")] = "",
    listen: Annotated[
        str,
        typer.Option(help="ADDRESS[:PORT] of this machine. Default: the one by which it reaches the scheduler."),
    ] = "",
    give_up: Annotated[str, typer.Option(help="End when the scheduler was gone for so long, as 10m.")] = "10m",
) -> None:
    """Let this machine measure for a fleet: one case at a time, until its scheduler is gone. Ctrl-C ends it."""
    keys.require_fleet()
    from mnv2bench.fleet import joining

    target = address("SCHEDULER", scheduler)
    held = keys.read(key or keys.default_path())
    place = listening(listen, target, 0)
    machine = joining.Machine(require_name(name or socket.gethostname()), place, duration_s("--give-up", give_up))
    try:
        joining.join(target, held, machine, _say)
    except joining.Killed as killed:
        _say(str(killed))
        raise typer.Exit(ExitCode.BAD) from killed
    _say(f"the scheduler {target} did not come back: this machine has left the fleet")


def _words(scheduler: Address, key: Path | None) -> str:
    """The words of a command that name a scheduler and a key."""
    return shlex.join([str(scheduler), *(["--key", str(key)] if key else [])])


def _say(line: str) -> None:
    console().print(line, markup=False)
