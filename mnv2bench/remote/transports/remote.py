"""What adb and ssh share: commands for a shell there, and a last line that proves they came to their end."""

import re
import shlex
import time
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import suppress

from mnv2bench.cases import Kind
from mnv2bench.refusals import Unavailable
from mnv2bench.remote.transports import Gone, Late, Ran, Transport
from mnv2bench.remote.transports.commands import command
from mnv2bench.texts import one_line

# adb ends with 0 when the phone drops out, ssh with 255 for two things: only this line says how a program there ended
SENTINEL = "; echo MNV2_RC=$?"
ENDED = re.compile(r"MNV2_RC=(\d+)\s*\Z")
PUSH_S, PULL_S = 600, 300
RETURNS_S = 1.0  # what a phone that dropped out is given to come back, so that its folder can be removed
TAIL = 200


class Remote(Transport):
    """A folder on another machine. What a client program says instead of an answer becomes a refusal that names it."""

    kind = Kind.MEASURED_ON_DEVICE
    _folder = ""

    @property
    def folder(self) -> str:
        if not self._folder:
            raise ValueError(f"{self.device} is not entered: use it in a with statement")
        return self._folder

    @abstractmethod
    def client(self, line: str) -> list[str]:
        """The program here that has a line run by a shell there."""

    @abstractmethod
    def refusal(self, said: str) -> Unavailable | None:
        """What the client means by what it said, where it is a known refusal."""

    @abstractmethod
    def gone(self, said: str) -> Gone:
        """That no whole answer came, and what to do."""

    def ask(self, argv: Sequence[str], timeout_s: float = 10) -> Ran:
        return self.there(shlex.join(argv), timeout_s)

    def run(self, argv: Sequence[str], timeout_s: float) -> Ran:
        if self.cores and not self.mask:
            raise ValueError(f"{self.device} asks for the cores {self.cores!r}: devices.settle finds their mask")
        masked = ("taskset", self.mask, *argv) if self.mask else argv
        try:
            return self.there(f"cd {shlex.quote(self.folder)} && {shlex.join(masked)}", timeout_s)
        except Late:
            self._end()
            raise

    def there(self, line: str, timeout_s: float) -> Ran:
        """A shell's line there. Unavailable, Gone or Late where its end does not come back."""
        said = command(self.client(line + SENTINEL), timeout_s)
        ended = ENDED.search(said.out)
        if not ended:
            raise self.why(said)
        return Ran(int(ended[1]), said.out[: ended.start()], said.err)

    def why(self, said: Ran) -> Exception:
        """What it means that the client ended without an answer."""
        text = f"{said.out}\n{said.err}"
        return self.refusal(text) or self.gone(one_line(text[-2 * TAIL :])[-TAIL:])

    def close(self) -> None:
        """End what runs in the folder and remove it, also where the phone comes back only now."""
        if not self._folder:
            return
        for patience_s in (RETURNS_S, RETURNS_S, 0.0):
            with suppress(Gone, Late, Unavailable):
                self.there(f"{self._kill()}; rm -rf {shlex.quote(self.folder)}", 10)
                break
            time.sleep(patience_s)
        self._folder = ""

    def _end(self) -> None:
        with suppress(Gone, Late, Unavailable):
            self.there(self._kill(), 10)

    def _kill(self) -> str:
        """A line that ends every process whose working folder is ours, so none that has taken over an old number."""
        name = self.folder.rpartition("/")[2]
        found = f"ls -l /proc/[0-9]*/cwd 2>/dev/null | sed -n 's:.*/proc/\\([0-9]*\\)/cwd -> .*/{name}$:\\1:p'"
        return f"kill -9 $({found}) 2>/dev/null"
