"""The transport to boards: the system's ssh and scp with the user's own configuration, and a folder below /tmp."""

import os
import re
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

from mnv2bench.refusals import Unavailable, Unsupported
from mnv2bench.remote.commands import command
from mnv2bench.remote.transports import TransportError
from mnv2bench.remote.transports.shell import PULL_S, PUSH_S, ShellTransport
from mnv2bench.texts import one_line

CONNECT_S = 10
MACHINES = {"aarch64": "linux-aarch64", "arm64": "linux-aarch64", "x86_64": "linux-x86_64"}
HOST = re.compile(r"(?:[\w.][\w.-]*@)?[\w.:][\w.:%-]*")
FOLDER = re.compile(r"/tmp/mnv2bench-\w{6}")
OPTIONS = {
    "BatchMode": "yes",  # a question would hang: nobody is there to answer
    "ConnectTimeout": str(CONNECT_S),
    "ServerAliveInterval": "10",  # a board that lost its power does not close the connection
    "ServerAliveCountMax": "3",
    "ForwardAgent": "no",
    "ForwardX11": "no",
    "ClearAllForwardings": "yes",
    "ControlMaster": "no",  # a master that outlives its command keeps our pipes open
    "RemoteCommand": "none",
}
REFUSALS = {  # by OpenSSH's messages before a command runs
    r"^.*Permission denied \(": "{0} refuses every key of ours: ssh-copy-id {0}",
    r"^Host key verification failed": (
        "the host key of {0} is unknown or has changed: find out why, then log in once by hand, ssh {0}"
    ),
    r"^ssh: Could not resolve hostname": "there is no host {0}: correct the name, or give it one in ~/.ssh/config",
    r"^ssh: connect to host .*: Connection refused": (
        "{0} is there, but no sshd answers: start it there, or name its port in ~/.ssh/config"
    ),
    r"^ssh: connect to host .*: |^Connection timed out during": (
        "{0} does not answer: switch it on, and see whether ssh {0} reaches it"
    ),
    r"^kex_exchange_identification|^Connection closed by .* port \d+": (
        "{0} hangs up before the login: its sshd's log says why, journalctl -u ssh"
    ),
    r"^\S+ ?(?:line \d+)?: .*[Bb]ad configuration|^Bad owner or permissions": (
        "ssh does not take its own configuration: ssh {0} says which line"
    ),
}


def transport(device: str) -> "Ssh":
    """The transport of a device's name, not yet entered. ValueError for a name that no host can have."""
    host = device.partition(":")[2]
    if not HOST.fullmatch(host):
        raise ValueError(f"device {device!r} is not ssh:HOST or ssh:USER@HOST")
    return Ssh(device, host)


class Ssh(ShellTransport):
    """A board, or any machine that lets us in by key. $MNV2BENCH_SSH_CONFIG takes the place of ~/.ssh/config."""

    def __init__(self, device: str, host: str) -> None:
        self.device, self.host = device, host

    def open(self) -> None:
        machine = one_line(self.ask(["uname", "-m"], 3 * CONNECT_S).out)
        if machine not in MACHINES:
            raise Unsupported(
                f"{self.host} is {machine!r}: runners are for aarch64 and x86_64, so it needs a 64-bit system"
            )
        self.target = MACHINES[machine]
        result = self.ask(["mktemp", "-d", "/tmp/mnv2bench-XXXXXX"], 3 * CONNECT_S)
        folder = result.out.strip()
        if result.code or not FOLDER.fullmatch(folder):
            reason = one_line(result.out + result.err)
            raise Unavailable(f"{self.host} makes no folder in /tmp ({reason}): see ssh {self.host} df -h /tmp")
        self._folder = folder

    def push(self, paths: Sequence[Path]) -> None:
        sources = [path.resolve() for path in paths]
        result = command([*self._scp(), *map(str, sources), f"{self.host}:{self.folder}/"], PUSH_S)
        if result.code:
            raise self.refusal(result.out + result.err) or self._full(sources) or self.failure(result)

    def _full(self, sources: Sequence[Path]) -> Unavailable | None:
        """The refusal of a full disk. scp's message is "Failure" for that and anything else, so df is asked."""
        files = [file for source in sources for file in (source, *source.rglob("*")) if file.is_file()]
        free = re.search(r"(\d+)\s+\d+%\s+/", self.ask(["df", "-Pk", self.folder]).out)
        if not free or int(free[1]) * 1024 > sum(file.stat().st_size for file in files):
            return None
        see = f"ssh {self.host} df -h /tmp"
        return Unavailable(
            f"{self.host} is full (No space left on device): free some of it, {see} says how much there is"
        )

    def pull(self, name: str, to: Path) -> None:
        result = command([*self._scp(), f"{self.host}:{self.folder}/{name}", str(to.resolve())], PULL_S)
        if "No such file or directory" in result.err:
            raise TransportError(f"{self.host} has no {name} in its folder: look at what the program there printed")
        if result.code:
            raise self.failure(result)

    def _options(self, program: str) -> list[str]:
        path = shutil.which(program)
        if not path:
            raise Unavailable(f"{program} is not installed: apt-get install openssh-client")
        config = os.environ.get("MNV2BENCH_SSH_CONFIG")
        options = [word for name, value in OPTIONS.items() for word in ("-o", f"{name}={value}")]
        return [path, *(("-F", config) if config else ()), *options]

    def _scp(self) -> list[str]:
        return [*self._options("scp"), "-r", "-p", "-q", "--"]

    def client(self, line: str) -> list[str]:
        # whatever the user's shell there is, the line is one for sh
        return [*self._options("ssh"), "-T", "--", self.host, f"sh -c {shlex.quote(line)}"]

    def refusal(self, message: str) -> Unavailable | None:
        for pattern, text in REFUSALS.items():
            if re.search(f"(?m){pattern}", message):
                return Unavailable(text.format(self.host))
        return None

    def lost(self, message: str) -> TransportError:
        return TransportError(
            f"{self.host} went away, or its answer is not whole (ssh's last words: {message!r}): "
            f"see whether ssh {self.host} reaches it, then run again with --resume"
        )
