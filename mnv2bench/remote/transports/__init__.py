"""Where a case runs when that is elsewhere: a phone over adb, a board over ssh, an emulated arm64 processor here."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Self

from mnv2bench.cases import is_elsewhere


class Late(Exception):
    """The time limit passed; what was started there has been ended as far as we can reach it."""


class Gone(Exception):
    """The device went away, or the answer is not whole; the message ends in what to do."""


@dataclass(frozen=True)
class Ran:
    """How a program there ended: its own exit code, 128 + N where signal N ended it, and all that it printed."""

    code: int
    out: str
    err: str


class Transport:
    """A place where programs run: a context manager that owns one private folder there and removes it in the end.

    Entering it raises Unavailable where the place cannot be reached, Unsupported where nothing of ours runs there.
    `cores` is what the device's name asks for after its @ ("big", "f0"); `mask` is that in taskset's hexadecimal, set
    by `devices.settle`: `run` refuses to run on all cores what was asked to run on some. `target` says which binaries
    run there ("android-arm64", "linux-aarch64", "linux-x86_64") and is known once it is entered.
    """

    device: str
    kind: str
    target: str = ""
    cores: str = ""
    mask: str = ""

    def push(self, paths: Sequence[Path]) -> None:
        """Files and folders into the private folder, by their names. Unavailable where they do not fit."""
        raise NotImplementedError

    def pull(self, name: str, to: Path) -> None:
        """A file of the private folder. Gone where it is not there."""
        raise NotImplementedError

    def run(self, argv: Sequence[str], timeout_s: float) -> Ran:
        """A program, in the private folder and on the cores of the mask. Late and Gone as they say."""
        raise NotImplementedError

    def ask(self, argv: Sequence[str], timeout_s: float = 10) -> Ran:
        """A small question (getprop, cat): neither in the folder, nor on the mask, nor counted."""
        raise NotImplementedError

    def facts(self) -> dict[str, str]:
        """What must be the same for two numbers of this place to be comparable, beside what the device itself says."""
        return {}

    def open(self) -> None:
        """Make the private folder."""

    def close(self) -> None:
        """Remove the private folder, and end what may still run in it. Never raises for a device that went away."""

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def transport(device: str) -> Transport:
    """The way to a device, not yet entered.

    ValueError for a name that says no device, Unsupported for an emulated processor that would compute or count wrong.
    """
    scheme, _, name = device.partition(":")
    if not is_elsewhere(device) or not name:
        raise ValueError(f"device {device!r} is not adb:SERIAL, ssh:HOST or qemu:CPU")
    found: Transport = import_module(f"{__name__}.{scheme}").place(device)
    return found
