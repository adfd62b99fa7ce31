"""The list of devices that cases can run on besides this machine's processor, for `mnv2bench devices`."""

from typing import NamedTuple

from mnv2bench.gpu import driver
from mnv2bench.refusals import Unavailable
from mnv2bench.remote.commands import TimedOut, TransportError
from mnv2bench.remote.transports import adb, qemu

READY, UNAVAILABLE = "ready", "unavailable"
UNUSABLE = (Unavailable, TimedOut, TransportError, OSError)  # what a program or a library that is broken ends with


class ListedDevice(NamedTuple):
    """A line of `mnv2bench devices`: the name for --devices, its state, and what it is or what to do about it."""

    device: str
    state: str
    note: str


def devices() -> tuple[ListedDevice, ...]:
    """GPUs, phones, boards and emulated processors; one that cannot be used says what to do."""
    return (
        *_gpus(),
        *_phones(),
        ListedDevice("ssh:HOST", "not asked", "any host that ssh reaches by key: ssh-copy-id HOST"),
        *_emulated(),
    )


def _gpus() -> list[ListedDevice]:
    """The GPUs in CUDA's own order and numbers."""
    gpus: list[ListedDevice] = []
    try:
        while True:
            gpu = driver.require(len(gpus))
            cuda = driver.version_text(gpu.cuda_version)
            note = f"{gpu.name}, compute capability {gpu.compute_capability}, CUDA {cuda}"
            gpus.append(ListedDevice(f"cuda:{gpu.index}", READY, note))
    except UNUSABLE as reason:
        return gpus or [ListedDevice("cuda", UNAVAILABLE, str(reason))]


def _phones() -> list[ListedDevice]:
    try:
        phones = adb.attached()
    except UNUSABLE as reason:
        return [ListedDevice("adb:SERIAL", UNAVAILABLE, str(reason))]
    if not phones:
        note = "plug a phone in with USB debugging on, or adb connect ADDRESS"
        return [ListedDevice("adb:SERIAL", "none attached", note)]
    return [_phone(phone) for phone in phones]


def _phone(phone: adb.Attached) -> ListedDevice:
    device = f"adb:{phone.serial}"
    if phone.state == "device":
        return ListedDevice(device, READY, phone.model)
    return ListedDevice(device, phone.state, adb.advice(phone.serial, phone.state))


def _emulated() -> list[ListedDevice]:
    try:
        note = f"qemu {qemu.version()}: counts instructions, tells no time"
        qemu.plugin()
    except UNUSABLE as reason:
        return [ListedDevice(f"qemu:{cpu}", UNAVAILABLE, str(reason)) for cpu in qemu.CPUS]
    return [ListedDevice(f"qemu:{cpu}", READY, note) for cpu in qemu.CPUS]
