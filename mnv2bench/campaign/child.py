"""Child processes, one at a time where anything is timed, and a parent that sleeps until they end."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Generic, TypeVar

import msgspec

from mnv2bench.campaign.schedule import nuisances
from mnv2bench.networks.described import descriptions
from mnv2bench.texts import one_line
from mnv2bench.workers import launch, package, programs
from mnv2bench.workers.environment import THREAD_VARIABLES, clean_variables, without_unset
from mnv2bench.workers.programs import CONTRACT, Answer, Envelope, Outcome, Program

SUPERVISOR = str(Path(programs.__file__).with_name("supervisor.py"))  # run by its path, never imported here

SUPERVISOR_KILLED = "the process that watched over the worker was killed"

J = TypeVar("J")
R = TypeVar("R")


@dataclass(frozen=True)
class Interpreter:
    """A Python that runs programs: our own runs the package of this process, another one the package that it has.

    Neither imports anything from the current folder. `sources` is the digest that its package must have, "" where it is
    not known yet; `libraries` are the versions that the campaign began with, None for those of this process.
    """

    path: str = sys.executable
    sources: str = ""
    libraries: Mapping[str, str] | None = None

    @property
    def is_ours(self) -> bool:
        return self.path == sys.executable

    def command(self, module: str) -> list[str]:
        """The command that runs a module with this Python, without the module's own arguments."""
        own_flags = ["-s"] if self.is_ours and sys.flags.no_user_site else []
        start = [str(launch.__file__)] if self.is_ours else ["-m"]
        return [self.path, "-P", *own_flags, *start, module]


OUR_PYTHON = Interpreter()


@cache
def our_sources() -> str:
    """The digest of this process's package when it first started a child."""
    return package.digest()


def variables(threads: int, seed: int) -> dict[str, str]:
    """The environment variables of a process: its number of threads, and the nuisances of its seed."""
    return nuisances(seed) | dict.fromkeys(THREAD_VARIABLES, str(threads))


def run_child(
    program: Program[J, R],
    job: J,
    variables: dict[str, str],
    timeout_s: float,
    interpreter: Interpreter = OUR_PYTHON,
) -> Outcome[R]:
    """Run a program in a child process, in a session of its own, and wait for it without waking.

    Job and outcome travel through pipes, so no disk has to have room for them. A crash, a kill and a hang end as
    `failed` or `timeout` with the reason; an interrupt first ends the child and all that it started.
    """
    with _started(program, variables, timeout_s, interpreter) as child:
        _give(child, job, our_sources() if interpreter.is_ours else interpreter.sources)
        return _ended(Task(program, job, variables, timeout_s), child)


@dataclass(frozen=True)
class Task(Generic[J, R]):
    """A program to run in a child process of this Python, with its variables and its limit of time.

    Tasks of one `group` never run at the same time; those without any run beside every other.
    """

    program: Program[J, R]
    job: J
    variables: dict[str, str]
    timeout_s: float
    group: str = ""


def run_side_by_side(
    tasks: Sequence[Task[J, R]],
    at_once: int,
    is_late: Callable[[], bool] = lambda: False,
    begins: Callable[[int], None] = lambda number: None,
) -> Iterator[tuple[int, Outcome[R]]]:
    """Run programs of which nothing is timed, so many at once; yield the number and the outcome of each as it ends.

    `is_late` is called before each: from when it says so, no other begins. `begins` is called with the number of each
    that begins. Whatever is still running when the caller is interrupted, or stops asking, is ended.
    """
    waiting = dict(enumerate(tasks))
    running: dict[IO[bytes], tuple[int, Child, ExitStack]] = {}
    with ExitStack() as every:
        while running or (waiting and not is_late()):
            while len(running) < at_once and not is_late():
                number = _next(waiting, {tasks[other].group for other, _, _ in running.values()})
                if number is None:
                    break
                task = waiting.pop(number)
                begins(number)
                own = every.enter_context(ExitStack())
                child = own.enter_context(_started(task.program, task.variables, task.timeout_s, OUR_PYTHON))
                _give(child, task.job, our_sources())
                running[child.answer] = number, child, own
            for answer in select.select(list(running), [], [])[0]:
                number, child, own = running.pop(answer)
                outcome = _ended(tasks[number], child)
                own.close()
                yield number, outcome


def _next(waiting: Mapping[int, Task[J, R]], groups: Collection[str]) -> int | None:
    """The number of the first waiting task of which no other of its group runs; None where each has one."""
    for number, task in waiting.items():
        if not task.group or task.group not in groups:
            return number
    return None


def _give(child: "Child", job: J, sources: str) -> None:
    """Give a child its job; `sources` is the digest of the package that must run it."""
    job_bytes = msgspec.Raw(msgspec.json.encode(job))
    case = getattr(job, "case", None)
    networks = () if case is None else descriptions(case.network)
    envelope = Envelope(child.supervisor.pid, f"/dev/fd/{child.answer_fd}", CONTRACT, job_bytes, sources, networks)
    child.give(msgspec.json.encode(envelope))


def _ended(task: Task[J, R], child: "Child") -> Outcome[R]:
    """Wait until a child has ended, and read how."""
    answer = child.answer.read()
    report = child.report()
    wall_s = time.monotonic() - child.started
    with suppress(msgspec.DecodeError):
        return _outcome(task.program, msgspec.json.decode(answer, type=Answer), wall_s)
    if report.late:
        return Outcome("timeout", f"no result after {task.timeout_s:g} s: killed", wall_s=wall_s)
    return Outcome("failed", _reason(report), wall_s=wall_s)


@dataclass(frozen=True)
class Report:
    """What a supervisor says of a worker that ended; `code` is None where the supervisor was killed itself."""

    code: int | None
    late: bool
    printed: bytes


@dataclass(frozen=True)
class Child:
    """A worker and its supervisor (see `mnv2bench.workers.supervisor`), and the ends of the pipes that lead to them.

    `answer_fd` is the number that the worker knows its end of the answer's pipe by. `started` is by `time.monotonic`.
    """

    supervisor: "subprocess.Popen[bytes]"
    job: IO[bytes]
    answer: IO[bytes]
    answer_fd: int
    started: float

    def give(self, envelope: bytes) -> None:
        """Write the job; nothing happens where the worker has ended before it read all of it."""
        with suppress(BrokenPipeError), self.job:
            self.job.write(envelope)

    def report(self) -> Report:
        """Wait until everything has ended."""
        assert self.supervisor.stdout
        line, _, printed = self.supervisor.stdout.read().partition(b"\n")
        try:
            code, late = map(int, line.split())
        except ValueError:
            return Report(None, False, line + printed)
        return Report(code, bool(late), printed)


@contextmanager
def _started(
    program: Program[J, R], variables: dict[str, str], timeout_s: float, interpreter: Interpreter
) -> Iterator[Child]:
    """A worker under its supervisor. When the block is left, the worker ends and everything that it started."""
    start = time.monotonic()
    job_read, job_write = os.pipe()
    answer_read, answer_write = os.pipe()
    with open(job_write, "wb") as job, open(answer_read, "rb") as answer:  # noqa: PTH123
        try:
            supervisor = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-S", SUPERVISOR, repr(timeout_s), f"{job_read},{answer_write}"),
                    *(*interpreter.command(program.module), f"/dev/fd/{job_read}"),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=without_unset(clean_variables(os.environ, interpreter.is_ours) | variables),
                pass_fds=(job_read, answer_write),
                start_new_session=True,
            )
        finally:
            os.close(job_read)
            os.close(answer_write)
        assert supervisor.stdin and supervisor.stdout
        try:
            with supervisor.stdout, supervisor.stdin:  # closing its input tells the supervisor to end everything
                yield Child(supervisor, job, answer, answer_write, start)
        finally:
            supervisor.wait()


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


def _reason(report: Report) -> str:
    """Why a child that wrote no outcome ended, with what it printed last."""
    printed = one_line(report.printed.decode(errors="replace"))
    if report.code is None:
        ending = SUPERVISOR_KILLED
    elif report.code < 0:
        ending = f"worker ended by {_signal_name(-report.code)}"
    else:
        ending = f"worker ended with exit code {report.code}"
    return f"{ending}: {printed}" if printed else ending


def _signal_name(number: int) -> str:
    with suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"
