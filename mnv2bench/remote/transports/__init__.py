"""Transports: the ways to a remote device: a phone over adb, a board over ssh, an emulated arm64 processor here."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from mnv2bench.case import Kind, is_elsewhere
from mnv2bench.remote.commands import ProgramResult, TimedOut, TransportError

__all__ = ["ProgramResult", "TimedOut", "Transport", "TransportError", "transport"]

NO_VARIABLES: Mapping[str, str] = MappingProxyType({})


class Transport:
    """The way to one device: a context manager that owns a private folder there and removes it in the end.

    Entering it raises Unavailable where the device cannot be reached, Unsupported where no runner of ours runs on it.
    `cores` are the cores that the device's name asks for after its @ ("big", "f0"); `mask` is their hexadecimal mask
    for taskset, which `devices.set_mask` sets: until then `run` refuses, so that nothing runs on other cores. `target`
    says which binaries run there ("android-arm64", "linux-aarch64", "linux-x86_64"), once the transport is entered.
    `counting`: where an emulator runs the device, it counts the instructions of what runs.
    """

    device: str
    kind: Kind
    target: str = ""
    cores: str = ""
    mask: str = ""
    counting: bool = True

    def push(self, paths: Sequence[Path]) -> None:
        """Copy files and folders into the private folder, by their names. Unavailable where they do not fit."""
        raise NotImplementedError

    def pull(self, name: str, to: Path) -> None:
        """Copy a file out of the private folder. TransportError where it is missing."""
        raise NotImplementedError

    def run(self, argv: Sequence[str], timeout_s: float, variables: Mapping[str, str] = NO_VARIABLES) -> ProgramResult:
        """Run a program in the private folder, on the cores of the mask, with these variables besides its own.

        Raises TimedOut and TransportError.
        """
        raise NotImplementedError

    def ask(self, argv: Sequence[str], timeout_s: float = 10) -> ProgramResult:
        """Run a small command (getprop, cat): not in the folder, not on the mask, and not counted."""
        raise NotImplementedError

    def instructions(self) -> tuple[str, ...]:
        """The instruction sets of the processor, as its system names them; empty where it does not say."""
        raise NotImplementedError

    def facts(self) -> dict[str, str]:
        """What must agree for two numbers to be comparable, besides what the device itself says."""
        return {}

    def open(self) -> None:
        """Make the private folder."""

    def close(self) -> None:
        """Remove the private folder, and end what still runs in it. Never raises for a device that went away."""

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def transport(device: str) -> Transport:
    """The transport of a device, not yet entered.

    ValueError for a name of no device, Unsupported for an emulated processor that would compute or count wrong.
    """
    scheme, _, name = device.partition(":")
    if not is_elsewhere(device) or not name:
        raise ValueError(f"device {device!r} is not adb:SERIAL, ssh:HOST or qemu:CPU")
    transport: Transport = import_module(f"{__name__}.{scheme}").transport(device)
    return transport
