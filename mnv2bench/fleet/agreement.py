"""What the machines of a fleet have in common, and what not: their software, and their clocks."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mnv2bench.fleet.unit import Inventory
from mnv2bench.records import Machine

NOT_THERE = "-"
SHORT_COMMIT = 12  # letters
MOST_CLOCK_S = 60.0  # that a machine's clock may differ before it is said: journals use it for their dates alone


@dataclass(frozen=True)
class Difference:
    """Software that not all machines have alike: its name, and what each machine has, by the machine's name."""

    name: str
    values: Mapping[str, str]


def differences(inventories: Sequence[Inventory]) -> tuple[Difference, ...]:
    """What is unlike in the software of the machines, in the order in which it is shown."""
    software = {inventory.name: _software(inventory.machine) for inventory in inventories}
    names = dict.fromkeys(name for of_machine in software.values() for name in of_machine)
    rows = [
        Difference(name, {machine: of_machine.get(name, NOT_THERE) for machine, of_machine in software.items()})
        for name in names
    ]
    return tuple(row for row in rows if len({*row.values.values()}) > 1)


def likeness(machine: Machine) -> str:
    """What machines have in common that may share cases: their fingerprint, and a digest of their software."""
    digest = hashlib.sha256(json.dumps(_software(machine)).encode()).hexdigest()[:8]
    return f"{machine.fingerprint}-{digest}"


def _software(machine: Machine) -> dict[str, str]:
    """The software of a machine that can change a number, by name."""
    own = {
        "mnv2bench, commit": _short(machine.commit),
        "mnv2bench, sources": machine.sources or "unknown",
        "Python": machine.python or "unknown",
        "allocator": machine.allocator or "unknown",
    }
    variables = {f"variable {name}": value for name, value in sorted(machine.variables.items())}
    return own | dict(sorted(machine.libraries.items())) | variables


def _short(commit: str | None) -> str:
    """A commit as people write it, with "+" where the sources differ from it."""
    if commit is None:
        return "of no commit"
    return commit[:SHORT_COMMIT] + ("+" if commit.endswith("+") else "")


def clock_remarks(inventories: Sequence[Inventory], asked_s: float, answered_s: float) -> list[str]:
    """A sentence for each machine whose clock is off. It was asked and had answered at these times of our own clock."""
    remarks = []
    for inventory in inventories:
        off_s = max(asked_s - inventory.clock_s, inventory.clock_s - answered_s)
        if off_s > MOST_CLOCK_S:
            direction = "behind" if inventory.clock_s < asked_s else "ahead"
            remarks.append(
                f"the clock of {inventory.name} is {_time_text(off_s)} {direction}: nothing is timed by it, and the "
                "dates in its journal are this machine's"
            )
    return remarks


def _time_text(seconds: float) -> str:
    """A long time in its largest unit."""
    for unit, length_s in (("days", 86_400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 1.5 * length_s:
            return f"{seconds / length_s:.1f} {unit}"
    return f"{seconds:.0f} seconds"
