"""Phones, boards and emulated processors: what is attached, what they are, how warm, and which cores."""

from typing import NamedTuple

from mnv2bench.gpu import driver
from mnv2bench.refusals import Unavailable
from mnv2bench.remote.devices.clusters import clusters, mask
from mnv2bench.remote.devices.questions import CORES, asked
from mnv2bench.remote.devices.state import cpus
from mnv2bench.remote.transports import Transport, adb, qemu

READY, UNAVAILABLE = "ready", "unavailable"


class Row(NamedTuple):
    """A line of `mnv2bench devices`: the name for --devices, whether it can run, and what to do."""

    device: str
    state: str
    what_to_do: str


def settle(t: Transport) -> None:
    """Find the mask of the cores that an entered device's name asks for. ValueError for cores that it has not."""
    if t.cores:
        t.mask = mask(t.cores, clusters(cpus(asked(t, (CORES,)))))


def listing() -> tuple[Row, ...]:
    """What cases can run on beside this machine's own processor, and why not."""
    return (
        *_gpus(),
        *_phones(),
        Row("ssh:HOST", "not asked", "any host that ssh reaches by key: ssh-copy-id HOST"),
        *_emulated(),
    )


def _gpus() -> list[Row]:
    """In CUDA's own order and numbers."""
    found: list[Row] = []
    try:
        while True:
            gpu = driver.require(len(found))
            about = (
                f"{gpu.name}, compute capability {gpu.compute_capability}, CUDA {driver.version_text(gpu.cuda_version)}"
            )
            found.append(Row(f"cuda:{gpu.index}", READY, about))
    except Unavailable as none:
        return found or [Row("cuda", UNAVAILABLE, str(none))]


def _phones() -> list[Row]:
    try:
        attached = adb.attached()
    except Unavailable as error:
        return [Row("adb:SERIAL", UNAVAILABLE, str(error))]
    if not attached:
        return [Row("adb:SERIAL", "none attached", "plug a phone in with USB debugging on, or adb connect ADDRESS")]
    return [
        Row(f"adb:{serial}", READY, model)
        if state == "device"
        else Row(f"adb:{serial}", state, adb.mend(serial, state))
        for serial, state, model in attached
    ]


def _emulated() -> list[Row]:
    try:
        here = f"qemu {qemu.version()}: counts instructions, tells no time"
        qemu.plugin()
    except Unavailable as error:
        return [Row(f"qemu:{cpu}", UNAVAILABLE, str(error)) for cpu in qemu.CPUS]
    return [Row(f"qemu:{cpu}", READY, here) for cpu in qemu.CPUS]
