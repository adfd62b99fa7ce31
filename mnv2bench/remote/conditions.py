"""What a record's processes say of the device that they ran on: any of it may be missing, or not what it should be."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mnv2bench.records import Process, Record

NAMED_BY = ("soc", "model", "platform", "board", "hardware")  # facts that may name a SoC or a board that is known
SHORT = {  # kind: facts, and how they are told
    "measured-device": {"model": "{}", "soc": "{}"},
    "emulated-count": {"qemu": "qemu {}", "cpu": "{}"},
}
STATUSES = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")  # Android's, in their order
SKIN = 3  # of the thermal HAL
INSIDE, OUTSIDE = "delegated operators", "operators not delegated"


@dataclass(frozen=True)
class Moment:
    """Before or after: the worst that any process saw. None where nothing was readable."""

    thermal_status: str | None
    celsius: float | None


@dataclass(frozen=True)
class Condition:
    """How a device was while records were taken; `throttled` of the processes that ran there, `waited_s` the longest.

    Texts are from the device, and are joined where processes differ.
    """

    processes: int
    throttled: int
    mask: str
    governors: str
    before: Moment
    after: Moment
    waited_s: float | None


@dataclass(frozen=True)
class Delegation:
    """Which delegate a runtime used, and of how many operators it says so; None where it does not say."""

    delegate: str
    inside: int | None
    outside: int | None
    everything: bool | None = None

    @property
    def text(self) -> str:
        """`66 of 66`; what is said in place of numbers; "" of a runtime that says nothing."""
        if self.inside is not None and self.outside is not None:
            return f"{self.inside} of {self.inside + self.outside}"
        if self.everything is not None:
            return "all" if self.everything else "not all"
        return "none" if self.delegate == "none" else ""


def facts(process: Process) -> dict[str, str]:
    """What makes the numbers of a process comparable with others', as texts."""
    said = _mapping(process.target.get("facts"))
    return {str(name): str(value) for name, value in said.items() if isinstance(value, str | int | float)}


def known(record: Record) -> dict[str, str]:
    """The facts of the first process that has any."""
    return next((found for process in record.processes if (found := facts(process))), {})


def target(record: Record) -> str:
    """In a few words: the phone and its SoC, or qemu and the CPU that it plays. "" for this machine."""
    said = known(record)
    short = SHORT.get(record.case.kind, {})
    return ", ".join(text.format(said[name]) for name, text in short.items() if said.get(name))


def names(record: Record) -> tuple[str, ...]:
    """The texts in which a SoC or a board may be named."""
    said = known(record)
    return tuple(said[name] for name in NAMED_BY if name in said)


def is_throttled(process: Process) -> bool:
    """Whether it began too hot for the cool-down rule, or the device slowed itself down before it ended."""
    said = (_moment([process], moment).thermal_status for moment in ("before", "after"))
    too_warm = _mapping(process.target.get("cooling")).get("throttled") is True
    return too_warm or any(status not in (None, STATUSES[0]) for status in said)


def heat_doubts(record: Record) -> Iterator[str]:
    """`throttled` where a process of the record ran while its device was too hot."""
    throttled = [process for process in record.processes if is_throttled(process)]
    if throttled:
        yield f"throttled: {len(throttled)} of {len(record.processes)} processes ran while the device was too hot"


def condition(records: Iterable[Record]) -> Condition | None:
    """Of all processes of these records; None where none of them ran elsewhere."""
    there = [p for record in records for p in record.processes if p.target and p.status in ("ok", "wrong")]
    if not there:
        return None
    waits = [_number(_mapping(p.target.get("cooling")).get("waited_s")) for p in there]
    return Condition(
        processes=len(there),
        throttled=sum(map(is_throttled, there)),
        mask=_joined(str(p.target.get("mask") or "") for p in there),
        governors=_joined(g for p in there for g in _texts(_mapping(p.target.get("before")).get("governors"))),
        before=_moment(there, "before"),
        after=_moment(there, "after"),
        waited_s=max((wait for wait in waits if wait is not None), default=None),
    )


def thermal(found: Condition) -> str:
    """`throttled in 2 of 5; status none to severe; 31.0 to 42.5 °C`, before to after; "" where nothing was readable."""
    before, after = found.before, found.after
    said = [f"throttled in {found.throttled} of {found.processes}"] if found.throttled else []
    statuses = [status for status in (before.thermal_status, after.thermal_status) if status is not None]
    if statuses:
        said.append(f"status {' to '.join(dict.fromkeys(statuses))}")
    if before.celsius is not None and after.celsius is not None:
        said.append(f"{before.celsius:.1f} to {after.celsius:.1f} °C")
    return "; ".join(said)


def delegation(record: Record) -> Delegation | None:
    """As the last process that ended well tells it; None where no runtime speaks of delegates."""
    for process in reversed(record.processes):
        settings = process.counts.settings if process.counts else process.samples.settings
        said = {**_mapping(process.target.get("delegation")), **_mapping(settings)}
        if process.status == "ok" and "delegate" in said:
            whole = {"yes": True, "no": False}.get(str(said.get("fully accelerated")))
            return Delegation(str(said["delegate"]), _count(said.get(INSIDE)), _count(said.get(OUTSIDE)), whole)
    return None


def _moment(processes: Iterable[Process], moment: str) -> Moment:
    states = [_mapping(p.target.get(moment)) for p in processes]
    statuses = [STATUSES.index(s) for state in states if (s := state.get("thermal_status")) in STATUSES]
    return Moment(
        thermal_status=STATUSES[max(statuses)] if statuses else None,
        celsius=max((celsius for state in states for celsius in _degrees(state)), default=None),
    )


def _degrees(state: Mapping[str, Any]) -> Iterator[float]:
    """What the cool-down rule looks at: the skin where it is told, else the battery, else the zones."""
    sensors = [_mapping(sensor) for sensor in state.get("hal") or ()] if isinstance(state.get("hal"), list) else []
    skin = [_number(sensor.get("celsius")) for sensor in sensors if sensor.get("type") == SKIN]
    battery = [_number(_mapping(state.get("battery")).get("temperature_c"))]
    zones = [_number(zone) for zone in _mapping(state.get("zones_c")).values()]
    told = ([degrees for degrees in source if degrees is not None] for source in (skin, battery, zones))
    yield from next(filter(None, told), ())


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _count(value: object) -> int | None:
    """A whole number, or the text of one."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _texts(value: object) -> list[str]:
    values = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else [value]
    return [str(text) for text in values if isinstance(text, str) and text]


def _joined(texts: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(filter(None, texts)))
