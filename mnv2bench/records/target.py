"""Target: what a process says of the remote device that it ran on, before and after, as typed values.

A field that the device was not asked for is UNSET and stands in no file; one that could not be read is None, and
`unreadable` says why.
"""

from contextlib import suppress
from typing import TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

S = TypeVar("S", bound=Struct)


class Cluster(Struct, frozen=True):
    """Cores of one design; `name` is "" where the device has only one. `part` is ARM's number of the design."""

    name: str = ""
    cpus: tuple[int, ...] = ()
    mask: str = ""  # hexadecimal, as taskset takes it
    max_freq_khz: int | None = None
    capacity: int | None = None
    part: str | None = None


class Battery(Struct, frozen=True):
    """The battery of a phone: level in percent, temperature in degrees Celsius, and what powers it."""

    level_percent: int | None = None
    temperature_c: float | None = None
    powered_by: tuple[str, ...] = ()


class Sensor(Struct, frozen=True):
    """A current temperature of Android's thermal HAL; `type` and `status` are numbers of the HAL's own enums."""

    name: str = ""
    type: int = -1
    celsius: float | None = None
    status: int | None = None


class DeviceState(Struct, frozen=True, kw_only=True):
    """How a device is at one moment; no field of an emulated processor is set.

    `governors` and `frequencies_khz` are keyed by the core's number, `off` are the cores that are off, `zones_c` are
    temperatures in degrees Celsius by "number type" of each thermal zone. `battery` and what follows are Android's;
    `thermal_status` is Android's word for how much it throttles.
    """

    governors: dict[str, str | None] | UnsetType = UNSET
    frequencies_khz: dict[str, int | None] | UnsetType = UNSET
    off: tuple[int, ...] | UnsetType = UNSET
    load: float | UnsetType | None = UNSET
    zones_c: dict[str, float] | UnsetType = UNSET
    battery: Battery | UnsetType | None = UNSET
    thermal_status: str | UnsetType | None = UNSET
    hal: tuple[Sensor, ...] | UnsetType | None = UNSET
    screen: str | UnsetType | None = UNSET
    unreadable: dict[str, str] | UnsetType = UNSET


class Cooling(Struct, frozen=True):
    """The cool-down before a process: how long it took, and whether the device was still too warm when it ended."""

    waited_s: float | None = None
    throttled: bool = False
    temperature_c: float | None = None
    why: str = ""


class Target(Struct, frozen=True, kw_only=True):
    """A remote device as one process saw it.

    `facts` are those that must agree for two numbers to be comparable. `mask` is the hexadecimal mask of the cores
    that the process was bound to, "" for all. `delegation` is what files of other tools say of delegated operators.
    """

    facts: dict[str, str] = msgspec.field(default_factory=dict)
    clusters: tuple[Cluster, ...] = ()
    mask: str = ""
    cooling: Cooling = Cooling()
    before: DeviceState = DeviceState()
    after: DeviceState = DeviceState()
    delegation: dict[str, str] | UnsetType = UNSET


def target_from_json(fields: object) -> Target | None:
    """The Target in a process's JSON, None where there is none.

    Devices and files of earlier versions differ: what is missing or is not of its type has its default.
    """
    if not fields or not isinstance(fields, dict):
        return None
    plain = _lenient(Target, {name: fields[name] for name in ("clusters", "mask") if name in fields})
    return msgspec.structs.replace(
        plain,
        facts=_texts(fields.get("facts")),
        cooling=_lenient(Cooling, fields.get("cooling")),
        before=_lenient(DeviceState, fields.get("before")),
        after=_lenient(DeviceState, fields.get("after")),
        delegation=_texts(fields["delegation"]) if "delegation" in fields else UNSET,
    )


def target_to_json(target: Target) -> dict[str, object]:
    """The JSON of a Target as it stands in a process's line."""
    fields: dict[str, object] = msgspec.to_builtins(target)
    return fields


def _lenient(struct: type[S], fields: object) -> S:
    """A struct of the fields that are there and of their types."""
    present = fields if isinstance(fields, dict) else {}
    values = {}
    for field in msgspec.structs.fields(struct):
        if field.encode_name in present:
            with suppress(msgspec.ValidationError):
                values[field.name] = msgspec.convert(present[field.encode_name], field.type)
    return struct(**values)


def _texts(fields: object) -> dict[str, str]:
    """The texts and numbers of a JSON object, all as texts."""
    present = fields if isinstance(fields, dict) else {}
    return {str(name): str(value) for name, value in present.items() if isinstance(value, str | int | float)}
