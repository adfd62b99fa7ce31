"""Conditions: what a reader must know of the whole machine while a campaign measured, in a few words."""

from collections.abc import Iterator, Sequence

from mnv2bench.records import MachineState

IDLE_LOAD = 0.25  # docs/thresholds.md#conditions
SLOW_GOVERNOR = "powersave"


def conditions(states: Sequence[MachineState]) -> tuple[str, ...]:
    """Short phrases: busy, on battery, governor powersave, turbo changed. Empty where nothing unusual is known."""
    return tuple(_conditions(states))


def _conditions(states: Sequence[MachineState]) -> Iterator[str]:
    load = max((state.other_load for state in states if state.other_load is not None), default=0.0)
    if load > IDLE_LOAD:
        yield f"busy: load {load:.1f}"
    if any(state.on_battery for state in states):
        yield "on battery"
    if any(SLOW_GOVERNOR in (state.governor or "") for state in states):
        yield f"governor {SLOW_GOVERNOR}"
    if len({state.turbo for state in states if state.turbo is not None}) > 1:
        yield "turbo changed"
