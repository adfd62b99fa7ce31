"""Programs that run in child processes: how a job reaches one of them, and how its outcome comes back."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Generic, NoReturn, TypeVar

import msgspec

from mnv2bench.networks.described import Description, register
from mnv2bench.refusals import Unavailable, Unsupported, Wrong
from mnv2bench.texts import one_line
from mnv2bench.workers import package

CONTRACT = 8  # of all jobs and results; two environments that duel must have the same one

J = TypeVar("J")
R = TypeVar("R")


class Program(msgspec.Struct, Generic[J, R], frozen=True):
    """A program for `python -m module`, with the types of the job that it takes and of the result that it gives."""

    module: str
    job: type[J]
    result: type[R]


class Outcome(msgspec.Struct, Generic[R], frozen=True):
    """How a process ended: its status (one of `records.STATUSES`), why, and its result where it has one.

    `wall_s` is how long it ran, from its parent's view.
    """

    status: str = "ok"
    reason: str = ""
    result: R | None = None
    wall_s: float = 0.0


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True):
    """A job on its way to a child process: the process that started it, and the file or pipe for its outcome.

    `parent` is there for versions without a supervisor, which ends a worker with its campaign before it reads anything.
    `sources` is the digest of the package that must run it, "" where any may. `networks` are those of the job that no
    family declares. These names, and those of `Answer`, stay
    the same in every contract, so that any two versions refuse each other in one line.
    """

    parent: int
    outcome: str
    contract: int
    job: msgspec.Raw
    sources: str = ""
    networks: tuple[Description, ...] = ()


class Answer(msgspec.Struct, frozen=True):
    """An outcome on its way to the parent."""

    status: str
    reason: str
    result: msgspec.Raw = msgspec.Raw(b"null")


def serve(program: Program[J, R], main: Callable[[J], Outcome[R]]) -> NoReturn:
    """Run `main` on the job in the file that the command line names, write how it ended, and end this process.

    Whatever happens becomes an outcome.
    """
    envelope = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Envelope)
    answer = _of_sources(envelope.sources, _answer(program, main, envelope))
    Path(envelope.outcome).write_bytes(msgspec.json.encode(answer))
    sys.stdout.flush()
    os._exit(0)  # some runtimes crash while the interpreter takes them down; the outcome is already with the parent


def _answer(program: Program[J, R], main: Callable[[J], Outcome[R]], envelope: Envelope) -> Answer:
    try:
        require_contract(envelope.contract)
        for description in envelope.networks:
            register(description)
        outcome = main(msgspec.json.decode(envelope.job, type=program.job))
        result = msgspec.Raw(msgspec.json.encode(outcome.result))
        return Answer(outcome.status, one_line(outcome.reason), result)
    except Unavailable as error:
        return Answer("unavailable", one_line(str(error)))
    except Unsupported as error:
        return Answer("unsupported", one_line(str(error)))
    except Wrong as error:
        return Answer("wrong", one_line(str(error)))
    except Exception as error:
        return Answer("failed", one_line(f"{type(error).__name__}: {error}"))


def _of_sources(sources: str, answer: Answer) -> Answer:
    """The answer, or a failure where this process ran other sources than its campaign began with."""
    if sources in ("", package.digest()):
        return answer
    return Answer(
        "failed",
        f"the sources of mnv2bench in {package.FOLDER} are not those that the campaign began with: measure it anew",
    )


def require_contract(contract: int) -> None:
    """Raises ValueError for a job of another contract than this version's."""
    if contract != CONTRACT:
        difference = f"it speaks contract {CONTRACT} of workers, the duel speaks {contract}"
        raise ValueError(f"{difference}; install one version of mnv2bench on both sides, or versions that are nearer")
