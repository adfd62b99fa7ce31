"""What adb and ssh share: lines for a shell on the device, and a last line that proves that they came to their end."""

import re
import shlex
import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress

from mnv2bench.case import Kind
from mnv2bench.refusals import Unavailable
from mnv2bench.remote.commands import command
from mnv2bench.remote.transports import NO_VARIABLES, ProgramResult, TimedOut, Transport, TransportError
from mnv2bench.texts import one_line

# adb exits with 0 when the phone drops out, ssh with 255 for two things: only this line says how a program there ended
SENTINEL = "; echo MNV2_RC=$?"
ENDED = re.compile(r"MNV2_RC=(\d+)\s*\Z")
INSTRUCTIONS = re.compile(r"^(?:Features|flags)\s*:(.*)$", re.MULTILINE)  # of /proc/cpuinfo, a line for each core
PUSH_S, PULL_S = 600, 300
RECONNECT_S = 1.0  # a phone that dropped out may come back in this time, so that its folder can be removed


class ShellTransport(Transport):
    """A transport to another machine. What the client program prints instead of an answer becomes a named refusal."""

    kind = Kind.MEASURED_ON_DEVICE
    _folder = ""

    @property
    def folder(self) -> str:
        if not self._folder:
            raise ValueError(f"{self.device} is not entered: use it in a with statement")
        return self._folder

    @abstractmethod
    def client(self, line: str) -> list[str]:
        """The command here that has a shell on the device run a line."""

    @abstractmethod
    def refusal(self, message: str) -> Unavailable | None:
        """The refusal that a client's message means, None where the message is none that is known."""

    @abstractmethod
    def lost(self, message: str) -> TransportError:
        """The error that no whole answer came, with the client's last words and what to do."""

    def ask(self, argv: Sequence[str], timeout_s: float = 10) -> ProgramResult:
        return self.shell(shlex.join(argv), timeout_s)

    def run(self, argv: Sequence[str], timeout_s: float, variables: Mapping[str, str] = NO_VARIABLES) -> ProgramResult:
        if self.cores and not self.mask:
            raise ValueError(f"{self.device} asks for the cores {self.cores!r}: devices.set_mask finds their mask")
        bound = ("taskset", self.mask, *argv) if self.mask else argv
        try:
            settings = "".join(f"{name}={shlex.quote(value)} " for name, value in variables.items())
            return self.shell(f"cd {shlex.quote(self.folder)} && {settings}{shlex.join(bound)}", timeout_s)
        except TimedOut:
            with suppress(TransportError, TimedOut, Unavailable):
                self.shell(self._kill_line(), 10)
            raise

    def instructions(self) -> tuple[str, ...]:
        """Those that every core has: not all cores of a phone are alike."""
        cores = [set(names.split()) for names in INSTRUCTIONS.findall(self.ask(["cat", "/proc/cpuinfo"]).out)]
        return tuple(sorted(set.intersection(*cores))) if cores else ()

    def shell(self, line: str, timeout_s: float) -> ProgramResult:
        """Run a line in a shell on the device. Unavailable, TransportError or TimedOut where its end is not seen."""
        result = command(self.client(line + SENTINEL), timeout_s)
        ended = ENDED.search(result.out)
        if not ended:
            raise self.failure(result)
        return ProgramResult(int(ended[1]), result.out[: ended.start()], result.err)

    def failure(self, result: ProgramResult) -> Exception:
        """The reason why the client ended without an answer."""
        message = f"{result.out}\n{result.err}"
        return self.refusal(message) or self.lost(one_line(message))

    def close(self) -> None:
        """End what runs in the folder and remove it; a phone that dropped out is tried again."""
        if not self._folder:
            return
        for wait_s in (RECONNECT_S, RECONNECT_S, 0.0):
            with suppress(TransportError, TimedOut, Unavailable):
                self.shell(f"{self._kill_line()}; rm -rf {shlex.quote(self.folder)}", 10)
                break
            time.sleep(wait_s)
        self._folder = ""

    def _kill_line(self) -> str:
        """A line that ends each process whose working folder is ours, and so none that has a reused number."""
        name = self.folder.rpartition("/")[2]
        numbers = f"ls -l /proc/[0-9]*/cwd 2>/dev/null | sed -n 's:.*/proc/\\([0-9]*\\)/cwd -> .*/{name}$:\\1:p'"
        return f"kill -9 $({numbers}) 2>/dev/null"
