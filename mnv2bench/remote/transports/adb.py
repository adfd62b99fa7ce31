"""The transport to Android phones: the adb client that is installed, and a folder below /data/local/tmp."""

import os
import re
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mnv2bench.refusals import Unavailable, Unsupported
from mnv2bench.remote.commands import TimedOut, command
from mnv2bench.remote.transports import TransportError
from mnv2bench.remote.transports.shell import PULL_S, PUSH_S, ShellTransport
from mnv2bench.texts import one_line

WHERE = "/data/local/tmp"
LIST_S = 15.0  # seconds for a list of phones: the client may have to start its daemon first
RESTART = "adb kill-server, then adb devices"
ABIS = {"arm64-v8a": "android-arm64"}
FULL = "No space left on device"
DEVICE = re.compile(r"([\w.:\[\]%()-]+?)(?:@(big|middle|little|[0-9a-f]+))?")
LISTED = re.compile(r"(\S+)\s+(no permissions|\S+)(.*)")
MESSAGE = r"(?m)^(?:adb: |error: |failed to get feature set: )+"  # how the client's own messages start
REFUSALS = {  # by the client's messages, in versions 29 and 34
    r"device '[^']*' not found|no devices/emulators found": (
        "adb knows no device {0}: plug it in with USB debugging on, or adb connect {0}; mnv2bench devices lists them"
    ),
    r"device unauthorized|device still authorizing": (
        "{0} does not trust this machine yet: unlock it, and confirm its question whether to allow USB debugging"
    ),
    r"device offline|device still connecting": "{0} is offline: plug it in again, or adb reconnect offline",
    r"(?:device has )?(?:no|insufficient) permissions": (
        "this user may not open {0}: apt-get install android-sdk-platform-tools-common, and plug it in again"
    ),
    r"cannot connect to daemon": "adb's server does not start: adb kill-server, then adb devices",
}


class Attached(NamedTuple):
    """A phone that adb knows: its serial, its state ("device" where it is ready) and its model."""

    serial: str
    state: str
    model: str


def transport(device: str) -> "Adb":
    """The transport of a device's name, not yet entered. ValueError for a name that no phone can have."""
    parts = DEVICE.fullmatch(device.partition(":")[2])
    if not parts or parts[1].startswith("-"):
        raise ValueError(
            f"device {device!r} is not adb:SERIAL, with @big, @middle, @little or a mask like @f0 after it"
        )
    return Adb(device, parts[1], parts[2] or "")


def client_path() -> str:
    """The adb client: $ADB, else the one on PATH."""
    name = os.environ.get("ADB") or "adb"
    path = shutil.which(name)
    if not path and name != "adb":
        raise Unavailable(f"$ADB names {one_line(name)}, which is no program: unset it, or correct it")
    if not path:
        raise Unavailable("adb is not installed: apt-get install adb, or Android's platform-tools")
    return path


def attached() -> list[Attached]:
    """The phones that adb knows."""
    try:
        result = command([client_path(), "devices", "-l"], LIST_S)
    except (TimedOut, TransportError, OSError) as error:
        raise Unavailable(f"adb devices gives no list ({one_line(str(error))}): {RESTART}") from error
    if result.code or "List of devices attached" not in result.out:
        reason = one_line(result.err or result.out) or f"exit code {result.code}"
        raise Unavailable(f"adb devices fails ({reason}): {RESTART}")
    phones = []
    for line in result.out.partition("List of devices attached\n")[2].splitlines():
        if parts := LISTED.fullmatch(one_line(line)):
            model = re.search(r"model:(\S+)", parts[3])
            phones.append(Attached(parts[1], parts[2], model[1].replace("_", " ") if model else ""))
    return phones


def advice(serial: str, state: str) -> str:
    """What to do about a phone that `adb devices` does not list as ready."""
    for pattern, text in REFUSALS.items():
        if re.search(pattern, f"device {state}"):
            return text.format(serial)
    return f"plug {serial} in again, in its normal mode"


class Adb(ShellTransport):
    """A phone over adb. Its folder is removed in the end, also where the phone dropped out and is back in seconds."""

    def __init__(self, device: str, serial: str, cores: str) -> None:
        self.device, self.serial, self.cores = device, serial, cores

    def open(self) -> None:
        abi = one_line(self.ask(["getprop", "ro.product.cpu.abi"]).out)
        if abi not in ABIS:
            raise Unsupported(f"{self.serial} says abi {abi!r}: runners are for {', '.join(ABIS)}")
        self.target = ABIS[abi]
        folder = f"{WHERE}/mnv2bench-{secrets.token_hex(4)}"
        result = self.ask(["mkdir", "-m", "700", folder])
        if FULL in result.err:
            raise self._full()
        if result.code:
            reason = one_line(result.out + result.err)
            raise Unavailable(
                f"{self.serial} makes no folder ({reason}): see adb -s {self.serial} shell ls -ld {WHERE}"
            )
        self._folder = folder

    def push(self, paths: Sequence[Path]) -> None:
        result = command([*self._adb(), "push", *(str(path.resolve()) for path in paths), f"{self.folder}/"], PUSH_S)
        if FULL in result.out + result.err:
            raise self._full()
        if result.code:
            raise self.failure(result)

    def pull(self, name: str, to: Path) -> None:
        result = command([*self._adb(), "pull", f"{self.folder}/{name}", str(to.resolve())], PULL_S)
        if f"{name}' does not exist" in result.out + result.err:
            raise TransportError(f"{self.serial} has no {name} in its folder: look at what the program there printed")
        if result.code:
            raise self.failure(result)

    def _adb(self) -> list[str]:
        return [client_path(), "-s", self.serial]

    def _full(self) -> Unavailable:
        see = f"adb -s {self.serial} shell df -h {WHERE}"
        return Unavailable(f"{self.serial} is full ({FULL}): free some of it, {see} says how much there is")

    def client(self, line: str) -> list[str]:
        return [*self._adb(), "shell", line]

    def refusal(self, message: str) -> Unavailable | None:
        for pattern, text in REFUSALS.items():
            if re.search(f"{MESSAGE}(?:{pattern})", message):
                return Unavailable(text.format(self.serial))
        return None

    def lost(self, message: str) -> TransportError:
        return TransportError(
            f"{self.serial} went away, or its answer is not whole (adb's last words: {message!r}): "
            "check its cable and mnv2bench devices, then run again with --resume"
        )
