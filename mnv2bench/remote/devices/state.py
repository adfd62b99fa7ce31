"""The facts and the state of a device; a value that cannot be read is None and has a reason."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec import UNSET

from mnv2bench.case import Kind
from mnv2bench.records.target import Cluster, DeviceState
from mnv2bench.remote.devices.answers import (
    ANDROID_HEAT,
    BOARD,
    CORES,
    HEAT,
    IDENTITY,
    NOW,
    PHONE,
    SCREEN,
    Answer,
    ask,
    by_number,
    text,
    unreadable,
)
from mnv2bench.remote.devices.clusters import Cpu, clusters
from mnv2bench.remote.devices.temperatures import battery, hal, thermal_status, zones
from mnv2bench.remote.transports import Transport
from mnv2bench.texts import one_line

BOARD_FACTS = ("model", "soc", "abi", "os")
STATE_ANSWERS = ("governor", "now", "load", "type", "temp")
ANDROID_ANSWERS = ("battery", "thermal", "screen")
NO_HAL = "no section of current temperatures: this phone's thermal HAL is not ready"


@dataclass(frozen=True)
class DeviceFacts:
    """What does not change of a device: texts by name (model, soc, abi, kernel, ...), and its clusters of cores."""

    texts: dict[str, str | None] = field(default_factory=dict)
    clusters: tuple[Cluster, ...] = ()
    unreadable: dict[str, str] = field(default_factory=dict)

    @property
    def readable(self) -> dict[str, str]:
        """The texts that could be read."""
        return {name: text for name, text in self.texts.items() if text is not None}


def is_emulated(transport: Transport) -> bool:
    """Whether an emulator runs the device, so that its instructions are counted."""
    return transport.kind == Kind.COUNTED


def is_android(transport: Transport) -> bool:
    """Whether the device is an Android phone that adb reaches."""
    return transport.device.startswith("adb:")


def facts(transport: Transport) -> DeviceFacts:
    """Model, SoC, operating system, abi, kernel and clusters of a device; nothing of an emulated processor."""
    if is_emulated(transport):
        return DeviceFacts()
    names = (*IDENTITY, "kernel") if is_android(transport) else (*BOARD_FACTS, "kernel")
    answers = ask(transport, (PHONE if is_android(transport) else BOARD, "q kernel uname -r", CORES))
    return DeviceFacts(
        texts={name: _line(answers, name) for name in names},
        clusters=clusters(cpus(answers)),
        unreadable=unreadable(answers, (*names, "max", "capacity", "parts")),
    )


def state(transport: Transport) -> DeviceState:
    """The state of a device now. Temperatures in degrees Celsius, frequencies in kHz. Nothing of an emulated one."""
    if is_emulated(transport):
        return DeviceState()
    if is_android(transport):
        return _android_state(ask(transport, (NOW, ANDROID_HEAT, SCREEN)))
    answers = ask(transport, (NOW, HEAT))
    return _state(answers, unreadable(answers, STATE_ANSWERS))


def _android_state(answers: Mapping[str, Answer]) -> DeviceState:
    reasons = unreadable(answers, (*STATE_ANSWERS, *ANDROID_ANSWERS))
    sensors = hal(answers)
    if sensors is None:
        reasons.setdefault("hal", NO_HAL)
    wakefulness = re.search(r"mWakefulness=(\w+)", text(answers, "screen"))
    return _state(
        answers,
        reasons,
        DeviceState(
            battery=battery(answers),
            thermal_status=thermal_status(answers),
            hal=sensors,
            screen=wakefulness[1] if wakefulness else None,
        ),
    )


def _state(answers: Mapping[str, Answer], reasons: dict[str, str], android: DeviceState | None = None) -> DeviceState:
    """What any Linux gives, and beside it what Android gave."""
    return DeviceState(
        governors={str(n): one_line(a.text) or None for n, a in by_number(answers, "governor").items()},
        frequencies_khz={str(n): whole(a.text) for n, a in by_number(answers, "now").items()},
        off=tuple(n for n, a in by_number(answers, "online").items() if a.text == "0"),
        load=_load(answers),
        zones_c=zones(answers),
        battery=android.battery if android else UNSET,
        thermal_status=android.thermal_status if android else UNSET,
        hal=android.hal if android else UNSET,
        screen=android.screen if android else UNSET,
        unreadable=reasons,
    )


def cpus(answers: Mapping[str, Answer]) -> list[Cpu]:
    """The cores, from the answers to CORES. A core without an `online` file cannot be switched off."""
    parts = _parts(text(answers, "parts"))
    return [
        Cpu(
            number=number,
            max_freq_khz=whole(maximum.text),
            capacity=whole(text(answers, f"capacity/{number}")),
            part=parts.get(number),
            online=text(answers, f"online/{number}") != "0",
        )
        for number, maximum in by_number(answers, "max").items()
    ]


def _parts(cpuinfo: str) -> dict[int, str]:
    pairs = re.findall(r"processor\s*:\s*(\d+)\n+(?:CPU part\s*:\s*(0x[0-9a-f]+))?", f"{cpuinfo}\n")
    return {int(number): part for number, part in pairs if part}


def whole(text: str) -> int | None:
    """The whole number that a text spells, None for any other text."""
    return int(text) if re.fullmatch(r"\d{1,12}", text) else None


def _load(answers: Mapping[str, Answer]) -> float | None:
    first = re.match(r"\d+\.\d+", text(answers, "load"))
    return float(first[0]) if first else None


def _line(answers: Mapping[str, Answer], name: str) -> str | None:
    return one_line(text(answers, name).strip('"')) or None
