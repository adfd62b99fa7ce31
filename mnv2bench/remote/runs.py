"""A run of one of our runners on a remote device: its limit of time, its arguments, its answer and its logits."""

import time
from pathlib import Path

import numpy as np

from mnv2bench.backends import Images
from mnv2bench.case import Case, Kind
from mnv2bench.records import Plan
from mnv2bench.refusals import Unavailable, Unsupported
from mnv2bench.remote.runners import answer, contract
from mnv2bench.remote.runners.cached import Bundle
from mnv2bench.remote.transports import TimedOut, Transport, TransportError
from mnv2bench.texts import one_line
from mnv2bench.workers.environment import ALLOCATOR, variables_of

LAST_WORDS_S = 15.0  # between the runner's own limit and the one after which the campaign kills this process
MAX_INPUT_BYTES = 64 * 2**20  # of images that are pushed
INPUTS, OUTPUTS = "inputs", "outputs"  # names of files in the folder on the device


class Clock:
    """The time that a process of this plan has left, seconds."""

    def __init__(self, plan: Plan) -> None:
        self.end = time.monotonic() + plan.timeout_s - LAST_WORDS_S

    def left(self) -> float:
        return max(1.0, self.end - time.monotonic())


def model_name(artifact: str) -> str:
    """The artifact's name on the device."""
    return f"model{Path(artifact).suffix}"


def variables(case: Case, plan: Plan) -> dict[str, str]:
    """The variables of the program on the device: the allocator's setting where time is measured, and those of --env.

    Counts go on without the setting: instructions of other allocations would be another count.
    """
    timed = ALLOCATOR if case.kind == Kind.MEASURED_ON_DEVICE else {}
    return {**timed, **variables_of(plan.environment)}


def answer_of(
    device: Transport, bundle: Bundle, case: Case, plan: Plan, model: str, mode: str, clock: Clock
) -> answer.Answer:
    """The answer of a runner of ours, run to its end in one of `contract.MODES`."""
    limit_s = clock.left()
    words = answer.arguments(case, plan, mode=mode, limit_s=limit_s, model=model, inputs=INPUTS, outputs=OUTPUTS)
    program = device.run([*bundle.start, *words], limit_s + LAST_WORDS_S / 2, variables(case, plan))
    if program.code == contract.TOO_LATE:
        raise TimedOut(f"the runner ended itself after {limit_s:.0f} s: raise --process-limit")
    message = one_line(program.err)
    if program.code == contract.UNSUPPORTED:
        raise Unsupported(message)
    if program.code == contract.UNAVAILABLE:
        raise Unavailable(message)
    if program.code:
        raise TransportError(f"the runner ended with {exit_text(program.code)}: {message or 'it printed nothing'}")
    return answer.parse(program.out)


def outputs(path: Path, shape: tuple[int, ...]) -> list[Images]:
    """The logits in a pulled file, as many arrays as the shape's first number. ValueError where that is not so."""
    logits = np.fromfile(path, np.float32)
    if logits.size != np.prod(shape):
        raise ValueError(f"the runner wrote {logits.size} logits, {int(np.prod(shape))} were expected")
    return list(logits.reshape(shape))


def exit_text(code: int) -> str:
    """An exit code in words: a shell gives 128 + the signal."""
    return f"signal {code - 128}" if 128 < code < 160 else f"exit code {code}"
