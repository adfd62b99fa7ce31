"""Commands: one program on this machine, its limits of time and output, and how it ended."""

import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mnv2bench.refusals import Unavailable
from mnv2bench.texts import one_line

MAX_BYTES = 64 * 2**20  # of what one program may print: a broken one must not fill this machine's memory


class TimedOut(Exception):
    """The time limit passed; the program has been ended as far as it can be reached."""


class TransportError(Exception):
    """The device went away, its program failed, or the answer is not whole; the message ends in what to do."""


@dataclass(frozen=True)
class ProgramResult:
    """How a program ended: its own exit code, 128 + N where signal N ended it, and all that it printed."""

    code: int
    out: str
    err: str


def command(
    argv: Sequence[str], timeout_s: float, folder: Path | None = None, variables: Mapping[str, str] | None = None
) -> ProgramResult:
    """Run a program in a session of its own and sleep until it ends. OSError where it is not installed.

    TimedOut where it takes longer, TransportError where it prints without end; both end it and what it started.
    """
    deadline_s = time.monotonic() + timeout_s
    with subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=variables,
        start_new_session=True,
    ) as process:
        assert process.stdout and process.stderr
        try:
            out, err = _read((process.stdout, process.stderr), deadline_s)
            code = process.wait(max(deadline_s - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            raise TimedOut(f"no result after {timeout_s:g} s: ended") from None
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
    return ProgramResult(code if code >= 0 else 128 - code, _text(out), _text(err))


def succeed(
    argv: Sequence[str],
    failure: str,
    fix: str,
    timeout_s: float = 300.0,
    folder: Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> str:
    """The output of a command. Unavailable, with `failure` and how to fix it, where it fails or takes too long."""
    try:
        result = command(argv, timeout_s, folder, variables)
    except FileNotFoundError as error:
        raise Unavailable(f"{argv[0]} is not installed: {fix}") from error
    except (TimedOut, TransportError, OSError) as error:
        raise Unavailable(f"{failure} ({error}): {fix}") from error
    if result.code:
        raise Unavailable(f"{failure} ({one_line(result.err or result.out)}): {fix}")
    return result.out


def program(names: Sequence[str]) -> str | None:
    """The path of the first of these programs that is installed."""
    return next(filter(None, map(shutil.which, names)), None)


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace").replace("\r\n", "\n")


def _read(pipes: Sequence[IO[bytes]], deadline_s: float) -> list[bytes]:
    """All that comes out of the pipes until each is closed, or the deadline passes."""
    output = [bytearray() for _ in pipes]
    with selectors.DefaultSelector() as selector:
        for pipe, collected in zip(pipes, output, strict=True):
            selector.register(pipe, selectors.EVENT_READ, collected)
        while selector.get_map() and time.monotonic() < deadline_s:
            for ready, _ in selector.select(max(deadline_s - time.monotonic(), 0)):
                part = os.read(ready.fd, 2**16)
                ready.data.extend(part)
                if not part:
                    selector.unregister(ready.fileobj)
            if sum(map(len, output)) > MAX_BYTES:
                start = one_line(_text(bytes(output[0][:80])))
                raise TransportError(
                    f"it printed more than {MAX_BYTES >> 20} MiB ({start!r} ...) and was ended: see what it runs"
                )
    return [bytes(collected) for collected in output]
