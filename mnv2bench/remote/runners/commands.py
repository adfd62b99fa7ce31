"""Compilers and downloads: they succeed, or what needs them is unavailable."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from mnv2bench.refusals import Unavailable
from mnv2bench.remote.transports import Late
from mnv2bench.remote.transports.commands import command
from mnv2bench.texts import one_line

TAIL = 300  # characters of what a failing command printed last


def succeed(
    argv: Sequence[str],
    what: str,
    mending: str,
    timeout_s: float = 300.0,
    folder: Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> str:
    """What the command printed. Unavailable, with `what` and how to mend it, where it fails or is not done in time."""
    try:
        ran = command(argv, timeout_s, folder, variables)
    except FileNotFoundError as error:
        raise Unavailable(f"{argv[0]} is not installed: {mending}") from error
    except Late as late:
        raise Unavailable(f"{what} ({late}): {mending}") from late
    if ran.code:
        raise Unavailable(f"{what} ({one_line((ran.err or ran.out)[-TAIL:])}): {mending}")
    return ran.out


def program(names: Sequence[str]) -> str | None:
    """The first of these programs that is here."""
    return next(filter(None, map(shutil.which, names)), None)
