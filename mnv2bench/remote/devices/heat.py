"""How warm a device says it is: battery, thermal status, temperatures from the HAL, thermal zones."""

import re
from typing import Any

from mnv2bench.remote.devices.questions import Answer, numbered
from mnv2bench.texts import one_line

SKIN = 3  # android.hardware.thermal TemperatureType
STATUSES = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")
# the cached temperatures above this section may be from long ago: 84.2 where the phone had 57.9
CURRENT = re.compile(r"^Current temperatures from HAL:\s*\n((?:\s*Temperature\{.*\}\s*\n?)*)", re.MULTILINE)
TEMPERATURE = re.compile(r"Temperature\{mValue=(-?[\d.]+), mType=(-?\d+), mName=([^,}]*), mStatus=(\d+)\}")


def battery(found: dict[str, Answer]) -> dict[str, Any] | None:
    """Level in percent, temperature in degrees, and what powers it; None where dumpsys says nothing of these."""
    text = found["battery"].text if "battery" in found else ""
    values = dict(re.findall(r"^\s*([\w ]+): (\S+)\s*$", text, re.MULTILINE))
    level, tenths = values.get("level", ""), values.get("temperature", "")
    if not level.isdecimal() and not re.fullmatch(r"-?\d+", tenths):
        return None
    powered = [one_line(name.removesuffix(" powered")) for name, value in values.items() if value == "true"]
    return {
        "level_percent": int(level) if level.isdecimal() else None,
        "temperature_c": int(tenths) / 10 if re.fullmatch(r"-?\d+", tenths) else None,
        "powered_by": [name for name in powered if name in ("AC", "USB", "Wireless", "Dock")],
    }


def thermal_status(found: dict[str, Answer]) -> str | None:
    """Android's own word for how much it throttles: "none", "light", ..."""
    status = re.search(r"^\s*Thermal Status: (\d)", found["thermal"].text if "thermal" in found else "", re.MULTILINE)
    return STATUSES[int(status[1])] if status and int(status[1]) < len(STATUSES) else None


def hal(found: dict[str, Answer]) -> list[dict[str, Any]] | None:
    """The current temperatures of the thermal HAL, None where there are none."""
    section = CURRENT.search(f"{found['thermal'].text}\n" if "thermal" in found else "")
    seen = TEMPERATURE.findall(section[1]) if section else []
    return [
        {"name": one_line(name), "type": int(kind), "celsius": float(value), "status": int(status)}
        for value, kind, name, status in seen
        if re.fullmatch(r"-?\d+(\.\d+)?", value)
    ] or None


def zones(found: dict[str, Answer]) -> dict[str, float]:
    """Degrees by "number type" of each thermal zone that could be read; some phones count in degrees, most in 0.001."""
    types = numbered(found, "type")
    read = {n: int(a.text) for n, a in numbered(found, "temp").items() if re.fullmatch(r"-?\d{1,9}", a.text)}
    return {
        one_line(f"{n} {types[n].text if n in types else ''}"): value / 1000 if abs(value) >= 1000 else float(value)
        for n, value in read.items()
    }


def warmth(found: dict[str, Answer]) -> tuple[float | None, str]:
    """The one temperature that a cool-down waits for, and whose it is.

    The skin's, by which phones throttle; else the battery's, which every phone tells; else the hottest zone.
    """
    skins = [t["celsius"] for t in hal(found) or () if t["type"] == SKIN]
    if skins:
        return max(skins), "skin"
    cell = battery(found)
    if cell and cell["temperature_c"] is not None:
        return cell["temperature_c"], "battery"
    read = zones(found)
    if read:
        hottest = max(read, key=lambda name: read[name])
        return read[hottest], f"zone {hottest}"
    return None, "no temperature is readable"
