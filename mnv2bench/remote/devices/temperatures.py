"""Temperatures and battery of a device: from dumpsys, the thermal HAL and the kernel's thermal zones."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from mnv2bench.records.target import Battery, Sensor
from mnv2bench.remote.conditions import SKIN, STATUSES
from mnv2bench.remote.devices.answers import Answer, by_number, text
from mnv2bench.texts import one_line

# the cached temperatures above this section may be from long ago: 84.2 where the phone had 57.9
CURRENT = re.compile(r"^Current temperatures from HAL:\s*\n((?:\s*Temperature\{.*\}\s*\n?)*)", re.MULTILINE)
TEMPERATURE = re.compile(r"Temperature\{mValue=(-?[\d.]+), mType=(-?\d+), mName=([^,}]*), mStatus=(\d+)\}")
POWER_SOURCES = ("AC", "USB", "Wireless", "Dock")


class Warmth(NamedTuple):
    """The temperature that a cool-down waits for, degrees Celsius or None, and which sensor it is from."""

    celsius: float | None
    source: str


def battery(answers: Mapping[str, Answer]) -> Battery | None:
    """The battery as dumpsys describes it; None where it gives neither level nor temperature."""
    values = dict(re.findall(r"^\s*([\w ]+): (\S+)\s*$", text(answers, "battery"), re.MULTILINE))
    level, tenths = values.get("level", ""), values.get("temperature", "")
    has_level, has_temperature = level.isdecimal(), bool(re.fullmatch(r"-?\d+", tenths))
    if not has_level and not has_temperature:
        return None
    powered = [one_line(name.removesuffix(" powered")) for name, value in values.items() if value == "true"]
    return Battery(
        level_percent=int(level) if has_level else None,
        temperature_c=int(tenths) / 10 if has_temperature else None,
        powered_by=tuple(name for name in powered if name in POWER_SOURCES),
    )


def thermal_status(answers: Mapping[str, Answer]) -> str | None:
    """Android's own word for how much it throttles: "none", "light", ..."""
    status = re.search(r"^\s*Thermal Status: (\d)", text(answers, "thermal"), re.MULTILINE)
    return STATUSES[int(status[1])] if status and int(status[1]) < len(STATUSES) else None


def hal(answers: Mapping[str, Answer]) -> tuple[Sensor, ...] | None:
    """The current temperatures of the thermal HAL, None where there are none."""
    section = CURRENT.search(text(answers, "thermal") + "\n")
    sensors = tuple(
        Sensor(name=one_line(name), type=int(type), celsius=float(celsius), status=int(status))
        for celsius, type, name, status in TEMPERATURE.findall(section[1] if section else "")
        if re.fullmatch(r"-?\d+(\.\d+)?", celsius)
    )
    return sensors or None


def zones(answers: Mapping[str, Answer]) -> dict[str, float]:
    """Degrees Celsius by "number type" of each readable thermal zone; some phones count in degrees, most in 0.001."""
    types = by_number(answers, "type")
    degrees = {}
    for number, answer in by_number(answers, "temp").items():
        if re.fullmatch(r"-?\d{1,9}", answer.text):
            value = int(answer.text)
            name = one_line(f"{number} {types[number].text if number in types else ''}")
            degrees[name] = value / 1000 if abs(value) >= 1000 else float(value)
    return degrees


def warmth(answers: Mapping[str, Answer]) -> Warmth:
    """The temperature that a cool-down waits for.

    It is the skin's, by which phones throttle; else the battery's, which every phone gives; else the hottest zone's.
    """
    skin = [sensor.celsius for sensor in hal(answers) or () if sensor.type == SKIN and sensor.celsius is not None]
    if skin:
        return Warmth(max(skin), "skin")
    cell = battery(answers)
    if cell and cell.temperature_c is not None:
        return Warmth(cell.temperature_c, "battery")
    degrees = zones(answers)
    if degrees:
        hottest = max(degrees, key=lambda name: degrees[name])
        return Warmth(degrees[hottest], f"zone {hottest}")
    return Warmth(None, "no temperature is readable")
