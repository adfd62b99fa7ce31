"""Android over adb: the client that people have, and a folder below /data/local/tmp."""

import os
import re
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path

from mnv2bench.refusals import Unavailable, Unsupported
from mnv2bench.remote.transports import Gone
from mnv2bench.remote.transports.commands import command
from mnv2bench.remote.transports.remote import PULL_S, PUSH_S, Remote
from mnv2bench.texts import one_line

WHERE = "/data/local/tmp"
ABIS = {"arm64-v8a": "android-arm64"}
FULL = "No space left on device"
DEVICE = re.compile(r"([\w.:\[\]%()-]+?)(?:@(big|middle|little|[0-9a-f]+))?")
LISTED = re.compile(r"(\S+)\s+(no permissions|\S+)(.*)")
SAID = r"(?m)^(?:adb: |error: |failed to get feature set: )+"  # how the client starts what it says itself
REFUSALS = {  # by what the client says, of versions 29 and 34
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


def place(device: str) -> "Adb":
    named = DEVICE.fullmatch(device.partition(":")[2])
    if not named or named[1].startswith("-"):
        raise ValueError(
            f"device {device!r} is not adb:SERIAL, with @big, @middle, @little or a mask like @f0 after it"
        )
    return Adb(device, named[1], named[2] or "")


def program() -> str:
    """The adb client: $ADB, else the one on PATH."""
    asked = os.environ.get("ADB") or "adb"
    found = shutil.which(asked)
    if not found and asked != "adb":
        raise Unavailable(f"$ADB names {one_line(asked)}, which is no program: unset it, or correct it")
    if not found:
        raise Unavailable("adb is not installed: apt-get install adb, or Android's platform-tools")
    return found


def attached() -> list[tuple[str, str, str]]:
    """Serial, state ("device" is ready) and model of each phone that adb knows."""
    said = command([program(), "devices", "-l"], 30)
    if said.code:
        raise Unavailable(f"adb devices fails ({one_line(said.err)}): adb kill-server, then adb devices")
    lines = said.out.partition("List of devices attached\n")[2].splitlines()
    found = [LISTED.fullmatch(one_line(line)) for line in lines]
    return [(f[1], f[2], "".join(re.findall(r"model:(\S+)", f[3])[:1]).replace("_", " ")) for f in found if f]


def mend(serial: str, state: str) -> str:
    """What to do about a phone that `adb devices` does not list as ready."""
    meant = (text for pattern, text in REFUSALS.items() if re.search(pattern, f"device {state}"))
    return next(meant, "plug {0} in again, in its normal mode").format(serial)


class Adb(Remote):
    """A phone. Its folder is removed in the end, also after a fault if the phone comes back in a few seconds."""

    def __init__(self, device: str, serial: str, cores: str) -> None:
        self.device, self.serial, self.cores = device, serial, cores

    def open(self) -> None:
        abi = one_line(self.ask(["getprop", "ro.product.cpu.abi"]).out)
        if abi not in ABIS:
            raise Unsupported(f"{self.serial} says abi {abi!r}: runners are for {', '.join(ABIS)}")
        self.target = ABIS[abi]
        folder = f"{WHERE}/mnv2bench-{secrets.token_hex(4)}"
        made = self.ask(["mkdir", "-m", "700", folder])
        if FULL in made.err:
            raise self._full()
        if made.code:
            why = one_line(made.out + made.err)
            raise Unavailable(f"{self.serial} makes no folder ({why}): see adb -s {self.serial} shell ls -ld {WHERE}")
        self._folder = folder

    def push(self, paths: Sequence[Path]) -> None:
        said = command([*self._adb(), "push", *(str(path.resolve()) for path in paths), f"{self.folder}/"], PUSH_S)
        if FULL in said.out + said.err:
            raise self._full()
        if said.code:
            raise self.why(said)

    def pull(self, name: str, to: Path) -> None:
        said = command([*self._adb(), "pull", f"{self.folder}/{name}", str(to.resolve())], PULL_S)
        if f"{name}' does not exist" in said.out + said.err:
            raise Gone(f"{self.serial} has no {name} in its folder: look at what the program there printed")
        if said.code:
            raise self.why(said)

    def _adb(self) -> list[str]:
        return [program(), "-s", self.serial]

    def _full(self) -> Unavailable:
        see = f"adb -s {self.serial} shell df -h {WHERE}"
        return Unavailable(f"{self.serial} is full ({FULL}): free some of it, {see} says how much there is")

    def client(self, line: str) -> list[str]:
        return [*self._adb(), "shell", line]

    def refusal(self, said: str) -> Unavailable | None:
        meant = (text for pattern, text in REFUSALS.items() if re.search(f"{SAID}(?:{pattern})", said))
        return next((Unavailable(text.format(self.serial)) for text in meant), None)

    def gone(self, said: str) -> Gone:
        return Gone(
            f"{self.serial} went away, or its answer is not whole (adb's last words: {said!r}): "
            "check its cable and mnv2bench devices, then run again with --resume"
        )
