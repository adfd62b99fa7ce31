"""The process between a campaign and its worker: it sleeps until either ends, and ends all that the worker started.

    python -I -S supervisor.py SECONDS ONLY_WORKER_FDS PROGRAM ARGUMENT...

Standard input is open for as long as the campaign lives, and nothing is read from it. What the worker prints is read
here, and its end is kept. Standard output gets one report when everything has ended: a line with the worker's exit code
(below 0: the signal) and 1 where it was too late, then the end of what it printed. ONLY_WORKER_FDS are numbers of file
descriptors, separated by commas, which the worker inherits.

It imports nothing but the standard library, so that it stands there before its campaign can die: a kill -9 of the
campaign closes the pipe, whenever it comes.
"""

import ctypes
import os
import select
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, NoReturn

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
PRINTED_BYTES = 4096  # of what a worker printed last
LONGEST_S = 1e6  # poll takes no longer time
NOT_STARTED = 127
ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
CAMPAIGN = 0  # standard input


class End(NamedTuple):
    """How the watching ended: the worker's wait status, None where it still runs, and whether its time was up."""

    status: int | None
    late: bool = False


def prctl(option: int, value: int) -> None:
    """Ask the Linux kernel for something; elsewhere nothing happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value)


class Supervisor:
    """A worker, the pipe with what it prints, and the pipe that wakes the supervisor on a signal."""

    def __init__(self, command: list[str], only_worker_fds: Sequence[int]) -> None:
        prctl(PR_SET_CHILD_SUBREAPER, 1)  # what the worker's children leave behind becomes a child of this process
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)  # where a fork of the campaign keeps its end of the pipe open
        self.printed, self.printing = os.pipe()
        self.woken, waking = os.pipe()
        os.set_blocking(waking, False)
        for number in (signal.SIGCHLD, *ENDING_SIGNALS):
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
        self.tail = b""
        own = os.getpid()
        self.worker = os.fork()
        if self.worker == 0:
            self._become_worker(command, own)
        for descriptor in (self.printing, *only_worker_fds):
            os.close(descriptor)

    def _become_worker(self, command: list[str], supervisor: int) -> NoReturn:
        """In the new process: a session of its own, which ends with its supervisor, and the program."""
        try:
            os.setsid()
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != supervisor:
                os._exit(NOT_STARTED)
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and ignored is inherited
                signal.signal(number, signal.SIG_DFL)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(self.printing, 1)
            os.dup2(self.printing, 2)
            os.execvp(command[0], command)
        except OSError as error:
            os.write(2, f"{command[0]}: {error.strerror}".encode())
        os._exit(NOT_STARTED)

    def watch(self, seconds: float) -> End:
        """Sleep until the worker has ended, its time is up, or the campaign is gone."""
        end = time.monotonic() + min(seconds, LONGEST_S)
        poll = select.poll()
        poll.register(CAMPAIGN, 0)  # nothing but that its other end is closed
        poll.register(self.printed, select.POLLIN)
        poll.register(self.woken, select.POLLIN)
        while (left := end - time.monotonic()) > 0:
            ready = {descriptor for descriptor, _ in poll.poll(1000 * left)}
            if self.printed in ready and not self._read_printed():
                poll.unregister(self.printed)
            if CAMPAIGN in ready:
                return End(None)
            if self.woken in ready:
                numbers = os.read(self.woken, 4096)
                status = self._reaped()
                if status is not None:
                    return End(status)
                if any(number in numbers for number in ENDING_SIGNALS):
                    return End(None)
        return End(None, late=True)

    def _read_printed(self) -> bool:
        """Read once from what the worker prints; False where nothing more can come."""
        chunk = os.read(self.printed, 1 << 16)
        self.tail = (self.tail + chunk)[-PRINTED_BYTES:]
        return bool(chunk)

    def _reaped(self) -> int | None:
        """Take the status of every child that ended; that of the worker where it is among them."""
        status = None
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == self.worker:
                    status = ended[1]
        return status

    def end_all(self, end: End) -> int:
        """End what is left of the worker and of all that it started; return the worker's exit code, below 0 its signal.

        After a worker that ended by itself with 0, only what is in its session: adb's server, which adb starts in
        a session of its own, goes on for the next worker.
        """
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.worker, signal.SIGKILL)
        status = end.status
        if status is None:
            _killed(self.worker)  # it may not yet have had a session of its own
            status = os.waitpid(self.worker, 0)[1]
        self._end_descendants(everything=status != 0)
        return os.waitstatus_to_exitcode(status)

    def _end_descendants(self, everything: bool) -> None:
        """Kill the children of this process, and those that they leave behind, until none is left."""
        with suppress(ChildProcessError):
            while True:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
                left = [child for child in children() if everything or _session(child) == self.worker]
                killed = [child for child in left if _killed(child)]
                if not killed:
                    return
                os.waitpid(killed[0], 0)

    def report(self, code: int, late: bool) -> None:
        """Read what is left of what was printed, and write the report."""
        os.set_blocking(self.printed, False)
        with suppress(BlockingIOError):
            while self._read_printed():
                pass
        with suppress(BrokenPipeError):
            os.write(1, f"{code} {int(late)}\n".encode() + self.tail)


def children() -> Iterator[int]:
    """The process ids of this process's children, on Linux."""
    own = str(os.getpid())
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            # after the name of the program, which may hold anything: the state, and the parent
            if (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[1] == own:
                yield int(folder.name)


def _session(process: int) -> int | None:
    with suppress(OSError):
        return os.getsid(process)
    return None


def _killed(process: int) -> bool:
    """Kill a process; False where it is of another user, or gone."""
    with suppress(OSError):
        os.kill(process, signal.SIGKILL)
        return True
    return False


def main(arguments: Sequence[str]) -> None:
    """Run the program of the command line to its end."""
    seconds, descriptors, *command = arguments
    supervisor = Supervisor(command, [int(number) for number in descriptors.split(",") if number])
    end = supervisor.watch(float(seconds))
    code = supervisor.end_all(end)
    supervisor.report(code, end.late)


if __name__ == "__main__":
    main(sys.argv[1:])
