"""One child process at a time, and a parent that sleeps until it ends."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from mnv2bench.campaign.schedule import nuisances
from mnv2bench.texts import one_line
from mnv2bench.workers.programs import CONTRACT, Answer, Envelope, Outcome, Program

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

J = TypeVar("J")
R = TypeVar("R")


def variables(threads: int, seed: int) -> dict[str, str]:
    """The environment variables of a process: its number of threads, and the nuisances of its seed."""
    return nuisances(seed) | dict.fromkeys(THREAD_VARIABLES, str(threads))


def run_child(
    program: Program[J, R],
    job: J,
    variables: dict[str, str],
    timeout_s: float,
    interpreter: Sequence[str] = (sys.executable,),
) -> Outcome[R]:
    """Run a program in a child process, in a session of its own, and wait for it without waking.

    A crash, a kill and a hang end as `failed` or `timeout` with the reason; KeyboardInterrupt kills the child first.
    """
    with tempfile.TemporaryDirectory(prefix="mnv2bench-") as folder:
        answer, output = Path(folder, "outcome.json"), Path(folder, "output")
        envelope = Envelope(os.getpid(), str(answer), CONTRACT, msgspec.Raw(msgspec.json.encode(job)))
        job_file = Path(folder, "job.json")
        job_file.write_bytes(msgspec.json.encode(envelope))
        start = time.monotonic()
        late = threading.Event()
        with output.open("wb") as printed:
            process = subprocess.Popen(
                [*interpreter, "-m", program.module, str(job_file)],
                stdin=subprocess.DEVNULL,
                stdout=printed,
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
        with suppress(OSError, msgspec.DecodeError):
            return _outcome(program, msgspec.json.decode(answer.read_bytes(), type=Answer), wall_s)
        if late.is_set():
            return Outcome("timeout", f"no result after {timeout_s:g} s: killed", wall_s=wall_s)
        return Outcome("failed", _reason(code, output.read_bytes()), wall_s=wall_s)


def _outcome(program: Program[J, R], answer: Answer, wall_s: float) -> Outcome[R]:
    """What the child wrote, with its result decoded."""
    if answer.result == msgspec.Raw(b"null"):
        return Outcome(answer.status, answer.reason, wall_s=wall_s)
    try:
        result = msgspec.json.decode(answer.result, type=program.result)
    except msgspec.DecodeError as error:
        reason = f"the result of {program.module} cannot be read ({one_line(str(error))}): run it again"
        return Outcome("failed", reason, wall_s=wall_s)
    return Outcome(answer.status, answer.reason, result, wall_s)


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """End the child and whatever it started: compilers run in its process group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _reason(code: int, output: bytes) -> str:
    """Why a child that wrote no outcome ended, with what it printed last."""
    printed = one_line(output.decode(errors="replace"))
    ending = f"worker ended with exit code {code}"
    if code < 0:
        with suppress(ValueError):
            ending = f"worker ended by {signal.Signals(-code).name}"
    return f"{ending}: {printed}" if printed else ending
