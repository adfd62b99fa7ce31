"""The runner in Python, for any backend where there is a Python. It imports little until its threads are set."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from mnv2bench.refusals import Unavailable, Unsupported
from mnv2bench.remote.runners.contract import CONTRACT, COUNT, MODES, TIME, TOO_LATE, UNAVAILABLE, UNSUPPORTED
from mnv2bench.workers.environment import THREAD_VARIABLES
from mnv2bench.workers.noise import resident_bytes

COUNTS = ("rounds", "warmup_runs", "warmup_cap_rounds", "runs")  # what is left out is as in records.Plan
SECONDS = ("round_s", "warmup_s", "warmup_cap_s", "steady_slope", "limit_s")


def _shape(text: str) -> tuple[int, ...]:
    numbers = tuple(map(int, text.split(",")))
    if len(numbers) != 4 or min(numbers) < 1:
        raise ValueError(text)
    return numbers


def parser() -> argparse.ArgumentParser:
    """The parser of the contract's argument list and of the backend's name."""
    options = argparse.ArgumentParser(prog="python -m mnv2bench.remote.runners.session", allow_abbrev=False)
    for name in ("--backend", "--model", "--inputs", "--outputs"):
        options.add_argument(name, required=True)
    options.add_argument("--shape", type=_shape, required=True)
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--mode", choices=MODES, default=TIME)
    options.add_argument("--precision", default="fp32")
    for name in COUNTS:
        options.add_argument(f"--{name.replace('_', '-')}", type=int, default=argparse.SUPPRESS)
    for name in SECONDS:
        options.add_argument(f"--{name.replace('_', '-')}", type=float, default=argparse.SUPPRESS)
    return options


def _end_late(number: int, frame: FrameType | None) -> None:
    os.write(2, b"the time limit passed: the runner ended itself\n")
    os._exit(TOO_LATE)


def _refused(code: int, reason: str) -> int:
    with open(2, "w", closefd=False) as err:
        err.write(f"{reason}\n")
    return code


def main(words: Sequence[str]) -> int:
    """Run the session that the arguments describe; return the exit code."""
    interpreter_bytes = resident_bytes()
    options = parser().parse_args(words, argparse.Namespace(runs=3, warmup_runs=3, limit_s=300.0))
    signal.signal(signal.SIGALRM, _end_late)
    signal.setitimer(signal.ITIMER_REAL, options.limit_s)
    if options.mode == COUNT and options.threads != 1:
        return _refused(UNSUPPORTED, "instructions are counted of one thread: --threads 1")
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(options.threads)))  # before numpy reads them
    from mnv2bench.remote.runners import inferences

    try:
        answer = inferences.answer(options, interpreter_bytes)
    except Unavailable as error:
        return _refused(UNAVAILABLE, str(error))
    except Unsupported as error:
        return _refused(UNSUPPORTED, str(error))
    line = json.dumps({"contract": CONTRACT, "runner": f"session of {options.backend}", **answer}, allow_nan=False)
    with open(1, "w", closefd=False) as out:
        out.write(f"\n{line}\n")
    return 0


if __name__ == "__main__":
    os._exit(main(sys.argv[1:]))  # some runtimes crash while the interpreter takes them down
