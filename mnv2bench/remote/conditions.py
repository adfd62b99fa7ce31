"""The condition of a remote device while records were taken on it: identity, temperatures, throttling, delegation."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mnv2bench.case import Kind
from mnv2bench.records import Process, Record
from mnv2bench.records.target import DeviceState, Target

NAMING_FACTS = ("soc", "model", "platform", "board", "hardware")  # facts that may name a known SoC or board
SHORT_FACTS = {  # the facts that a short description holds, and how it spells each
    Kind.MEASURED_ON_DEVICE: {"model": "{}", "soc": "{}"},
    Kind.COUNTED: {"qemu": "qemu {}", "cpu": "{}"},
}
STATUSES = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")  # Android's, in their order
SKIN = 3  # the thermal HAL's type of a sensor on the outside of a phone
DELEGATED, NOT_DELEGATED = "delegated operators", "operators not delegated"  # settings of a runtime with delegates
MAX_DIGITS = 9  # of a number of operators


@dataclass(frozen=True)
class ThermalReading:
    """The worst thermal status and the highest temperature that any process saw; None where nothing was readable."""

    thermal_status: str | None
    celsius: float | None


@dataclass(frozen=True)
class Condition:
    """The condition of a device over all processes that ran on it.

    `throttled` of the `processes` were throttled, and the longest cool-down took `waited_s`. Texts are the device's
    own and are joined where processes differ.
    """

    processes: int
    throttled: int
    mask: str
    governors: str
    before: ThermalReading
    after: ThermalReading
    waited_s: float | None


@dataclass(frozen=True)
class Delegation:
    """The delegate that a runtime used, and how many operators ran in it and outside it; None where it does not say.

    `everything` is whether all of them ran in it, of a runtime that says only that.
    """

    delegate: str
    inside: int | None
    outside: int | None
    everything: bool | None = None

    @property
    def text(self) -> str:
        """`66 of 66`, or `all`, `not all` and `none` of a runtime that gives no numbers; "" where it says nothing."""
        if self.inside is not None and self.outside is not None:
            return f"{self.inside} of {self.inside + self.outside}"
        if self.everything is not None:
            return "all" if self.everything else "not all"
        return "none" if self.delegate == "none" else ""


def device_facts(record: Record) -> dict[str, str]:
    """The facts of the first process that has any: numbers are comparable where these agree."""
    for process in record.processes:
        if process.target and process.target.facts:
            return process.target.facts
    return {}


def target(record: Record) -> str:
    """A short description: the phone and its SoC, or qemu and the CPU that it emulates. "" for this machine."""
    facts = device_facts(record)
    spelling = SHORT_FACTS.get(record.case.kind, {})
    return ", ".join(text.format(facts[name]) for name, text in spelling.items() if facts.get(name))


def names(record: Record) -> tuple[str, ...]:
    """The texts in which a SoC or a board may be named."""
    facts = device_facts(record)
    return tuple(facts[name] for name in NAMING_FACTS if name in facts)


def is_throttled(process: Process) -> bool:
    """Whether the device was still too warm after the cool-down, or said before or after that it throttled."""
    if process.target is None:
        return False
    if process.target.cooling.throttled:
        return True
    statuses = [_status(state) for state in (process.target.before, process.target.after)]
    return any(status not in (None, STATUSES[0]) for status in statuses)


def heat_doubts(record: Record) -> Iterator[str]:
    """`throttled` where a process of the record ran while its device was too hot."""
    throttled = [process for process in record.processes if is_throttled(process)]
    if throttled:
        yield f"throttled: {len(throttled)} of {len(record.processes)} processes ran while the device was too hot"


def condition(records: Iterable[Record]) -> Condition | None:
    """The condition over all processes of these records; None where none of them ran on a remote device."""
    processes = [p for record in records for p in record.processes if p.target and p.status in ("ok", "wrong")]
    targets = [p.target for p in processes if p.target]
    if not targets:
        return None
    return Condition(
        processes=len(processes),
        throttled=sum(map(is_throttled, processes)),
        mask=_joined(target.mask for target in targets),
        governors=_joined(governor for target in targets for governor in _governors(target)),
        before=_worst([target.before for target in targets]),
        after=_worst([target.after for target in targets]),
        waited_s=max((t.cooling.waited_s for t in targets if t.cooling.waited_s is not None), default=None),
    )


def thermal(condition: Condition) -> str:
    """`throttled in 2 of 5; status none to severe; 31.0 to 42.5 °C`, before to after; "" where nothing was readable."""
    before, after = condition.before, condition.after
    parts = []
    if condition.throttled:
        parts.append(f"throttled in {condition.throttled} of {condition.processes}")
    statuses = [status for status in (before.thermal_status, after.thermal_status) if status is not None]
    if statuses:
        parts.append(f"status {' to '.join(dict.fromkeys(statuses))}")
    if before.celsius is not None and after.celsius is not None:
        parts.append(f"{before.celsius:.1f} to {after.celsius:.1f} °C")
    return "; ".join(parts)


def delegation(record: Record) -> Delegation | None:
    """The delegation that the last process that ended well reports; None where no runtime speaks of delegates."""
    for process in reversed(record.processes):
        settings = process.counts.settings if process.counts else process.samples.settings
        reported = {**_target_delegation(process.target), **settings}
        if process.status == "ok" and "delegate" in reported:
            return Delegation(
                delegate=str(reported["delegate"]),
                inside=_count(reported.get(DELEGATED)),
                outside=_count(reported.get(NOT_DELEGATED)),
                everything={"yes": True, "no": False}.get(str(reported.get("fully accelerated"))),
            )
    return None


def _target_delegation(target: Target | None) -> dict[str, str]:
    return (target.delegation or {}) if target else {}


def _status(state: DeviceState) -> str | None:
    """Android's thermal status, None where the device did not say one that is known."""
    return state.thermal_status if state.thermal_status in STATUSES else None


def _governors(target: Target) -> list[str]:
    return [governor for governor in (target.before.governors or {}).values() if governor]


def _worst(states: Iterable[DeviceState]) -> ThermalReading:
    states = tuple(states)
    statuses = [status for state in states if (status := _status(state)) is not None]
    return ThermalReading(
        thermal_status=max(statuses, key=STATUSES.index, default=None),
        celsius=max((celsius for state in states for celsius in _temperatures(state)), default=None),
    )


def _temperatures(state: DeviceState) -> Iterator[float]:
    """The temperatures that a cool-down looks at: the skin's, else the battery's, else those of the zones."""
    skin = [sensor.celsius for sensor in state.hal or () if sensor.type == SKIN and sensor.celsius is not None]
    if skin:
        yield from skin
    elif state.battery and state.battery.temperature_c is not None:
        yield state.battery.temperature_c
    else:
        yield from (state.zones_c or {}).values()


def _count(text: str | None) -> int | None:
    """The whole number that a runtime's setting spells."""
    if text is None or not (text.isascii() and text.isdigit()) or len(text) > MAX_DIGITS:
        return None
    return int(text)


def _joined(texts: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(filter(None, texts)))
