"""One program here: its time limit, and all that it printed."""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from mnv2bench.remote.transports import Gone, Late, Ran
from mnv2bench.texts import one_line

MAX_BYTES = 64 * 2**20  # of what one program may print: a broken one must not fill this machine's memory


def command(
    argv: Sequence[str], timeout_s: float, folder: Path | None = None, variables: Mapping[str, str] | None = None
) -> Ran:
    """Run a program in a session of its own and sleep until it ends. OSError where it is not there.

    Late where it is not done in time, Gone where it prints without end; either way it is ended, and what it started.
    """
    until = time.monotonic() + timeout_s
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
            out, err = _read((process.stdout, process.stderr), until)
            code = process.wait(max(until - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            raise Late(f"no result after {timeout_s:g} s: ended") from None
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
    return Ran(code if code >= 0 else 128 - code, _text(out), _text(err))


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace").replace("\r\n", "\n")


def _read(pipes: Sequence[IO[bytes]], until: float) -> list[bytes]:
    """All that comes out of the pipes until each is closed, or the limit comes."""
    read = [bytearray() for _ in pipes]
    with selectors.DefaultSelector() as waiting:
        for pipe, kept in zip(pipes, read, strict=True):
            waiting.register(pipe, selectors.EVENT_READ, kept)
        while waiting.get_map() and time.monotonic() < until:
            for ready, _ in waiting.select(max(until - time.monotonic(), 0)):
                part = os.read(ready.fd, 2**16)
                ready.data.extend(part)
                if not part:
                    waiting.unregister(ready.fileobj)
            if sum(map(len, read)) > MAX_BYTES:
                start = one_line(_text(bytes(read[0][:80])))
                raise Gone(
                    f"it printed more than {MAX_BYTES >> 20} MiB ({start!r} ...) and was ended: see what it runs"
                )
    return [bytes(kept) for kept in read]
