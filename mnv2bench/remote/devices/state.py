"""What a device is, and how it is just now: frequencies, battery, heat, load; null and a reason where unread."""

import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from mnv2bench.remote.devices.clusters import Cpu, clusters
from mnv2bench.remote.devices.heat import battery, hal, thermal_status, zones
from mnv2bench.remote.devices.questions import (
    ANDROID_HEAT,
    BOARD,
    CORES,
    HEAT,
    IDENTITY,
    NOW,
    PHONE,
    SCREEN,
    Answer,
    asked,
    numbered,
)
from mnv2bench.remote.transports import Transport
from mnv2bench.texts import one_line


def is_emulated(t: Transport) -> bool:
    return t.kind == "emulated-count"


def is_android(t: Transport) -> bool:
    return t.device.startswith("adb:")


def facts(t: Transport) -> dict[str, Any]:
    """What does not change: model, SoC, Android and build, abi, kernel, clusters. {} for an emulated processor."""
    if is_emulated(t):
        return {}
    names = tuple(IDENTITY) if is_android(t) else ("model", "soc", "abi", "os")
    found = asked(t, (PHONE if is_android(t) else BOARD, "q kernel uname -r", CORES))
    seen: dict[str, Any] = {name: _line(found, name) for name in (*names, "kernel")}
    seen["clusters"] = [{**asdict(c), "cpus": list(c.cpus)} for c in clusters(cpus(found))]
    return {**seen, "unreadable": unreadable(found, (*names, "kernel", "max", "capacity", "parts"))}


def state(t: Transport) -> dict[str, Any]:
    """How the device is now. Temperatures in degrees Celsius, frequencies in kHz. {} for an emulated processor."""
    if is_emulated(t):
        return {}
    scripts = (ANDROID_HEAT, SCREEN) if is_android(t) else (HEAT,)
    found = asked(t, (NOW, *scripts))
    seen: dict[str, Any] = {
        "governors": {str(n): one_line(a.text) or None for n, a in numbered(found, "governor").items()},
        "frequencies_khz": {str(n): whole(a.text) for n, a in numbered(found, "now").items()},
        "off": [n for n, a in numbered(found, "online").items() if a.text == "0"],
        "load": _load(found),
        "zones_c": zones(found),
    }
    asked_for = ["governor", "now", "load", "type", "temp"]
    if is_android(t):
        seen |= {"battery": battery(found), "thermal_status": thermal_status(found), "hal": hal(found)}
        seen["screen"] = (re.findall(r"mWakefulness=(\w+)", _text(found, "screen")) or [None])[0]
        asked_for += ["battery", "thermal", "screen"]
    reasons = unreadable(found, asked_for)
    if is_android(t) and seen["hal"] is None:
        reasons.setdefault("hal", "no section of current temperatures: this phone's thermal HAL is not ready")
    return {**seen, "unreadable": reasons}


def cpus(found: dict[str, Answer]) -> list[Cpu]:
    """The cores, from the answers to CORES. A core without an `online` file cannot be switched off."""
    parts = _parts(_text(found, "parts"))
    maximum, capacity, online = (numbered(found, name) for name in ("max", "capacity", "online"))
    none = Answer("")
    return [
        Cpu(n, whole(a.text), whole(capacity.get(n, none).text), parts.get(n), online.get(n, none).text != "0")
        for n, a in maximum.items()
    ]


def _parts(text: str) -> dict[int, str]:
    pairs = re.findall(r"processor\s*:\s*(\d+)\n+(?:CPU part\s*:\s*(0x[0-9a-f]+))?", f"{text}\n")
    return {int(number): part for number, part in pairs if part}


def whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"\d{1,12}", text) else None


def _load(found: dict[str, Answer]) -> float | None:
    first = re.match(r"\d+\.\d+", _text(found, "load"))
    return float(first[0]) if first else None


def _text(found: dict[str, Answer], name: str) -> str:
    return found[name].text if name in found else ""


def _line(found: dict[str, Answer], name: str) -> str | None:
    return one_line(_text(found, name).strip('"')) or None


def unreadable(found: dict[str, Answer], names: Sequence[str]) -> dict[str, str]:
    """Why each missing value is missing; what is the same for all cores or zones is said once."""
    reasons: dict[str, str] = {}
    for name in names:
        mine = {key: a.reason for key, a in found.items() if key == name or key.startswith(f"{name}/")}
        missing = {key: reason for key, reason in mine.items() if reason}
        if not mine:
            reasons[name] = "not answered"
        elif len(missing) == len(mine):
            reasons[name] = next(iter(missing.values()))
        else:
            reasons |= missing
    return reasons
