"""One child process at a time, and a parent that sleeps until it ends."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnv2bench.texts import one_line

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
TAIL = 300  # characters of what a child printed last: where a traceback says what happened


@dataclass(frozen=True)
class Ended:
    """How a child ended; `measured` is {} unless it said otherwise."""

    status: str
    reason: str
    measured: dict[str, Any]
    wall_s: float


def child(
    module: str,
    job: dict[str, Any],
    variables: dict[str, str],
    timeout_s: float,
    interpreter: Sequence[str] = (sys.executable,),
) -> Ended:
    """Run `python -m module JOB` in a session of its own and wait for it without waking.

    A crash, a kill and a hang end as `failed` or `timeout` with the reason; KeyboardInterrupt kills the child first.
    """
    with tempfile.TemporaryDirectory(prefix="mnv2bench-") as folder:
        place = Path(folder)
        (place / "job.json").write_text(
            json.dumps({**job, "parent": os.getpid(), "outcome": str(place / "outcome.json")})
        )
        start = time.monotonic()
        late = threading.Event()
        with (place / "output").open("wb") as output:
            process = subprocess.Popen(
                [*interpreter, "-m", module, str(place / "job.json")],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **variables},
                start_new_session=True,
            )

        def end_late() -> None:
            late.set()
            _kill(process)

        limit = threading.Timer(timeout_s, end_late)
        limit.daemon = True  # an interrupt that comes before the wait must not leave the parent waiting for the limit
        try:
            limit.start()
            code = process.wait()
        finally:
            limit.cancel()
            _kill(process)
            process.wait()
        wall_s = time.monotonic() - start
        with suppress(OSError, ValueError):
            return Ended(**json.loads((place / "outcome.json").read_text()), wall_s=wall_s)
        if late.is_set():
            return Ended("timeout", f"no result after {timeout_s:g} s: killed", {}, wall_s)
        return Ended("failed", _reason(code, (place / "output").read_bytes()), {}, wall_s)


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """The child and whatever it started: compilers run in its process group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _reason(code: int, output: bytes) -> str:
    said = one_line(output[-4 * TAIL :].decode(errors="replace")[-TAIL:])
    if code < 0:
        with suppress(ValueError):
            name = signal.Signals(-code).name
            return f"worker ended by {name}" + (f": {said}" if said else "")
    return f"worker ended with exit code {code}" + (f": {said}" if said else "")
