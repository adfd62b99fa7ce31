"""Placement: which machine measures which cases, from what the machines say they can."""

from collections.abc import Sequence

from mnv2bench.case import Case
from mnv2bench.fleet.agreement import likeness
from mnv2bench.fleet.kept import Share
from mnv2bench.fleet.unit import Inventory


def placed(
    inventories: Sequence[Inventory], cases: Sequence[Case], each_machine: bool = False
) -> dict[str, tuple[Case, ...]]:
    """The cases of each machine, by its name, in the order of the campaign.

    Machines of one fingerprint and with the same software share the cases that they can run; with `each_machine` none
    shares. A case that no machine can run goes to the first one, whose journal then says why.
    """
    chosen: dict[str, set[Case]] = {inventory.name: set() for inventory in inventories}
    for group in _groups(inventories, each_machine):
        for name, of_machine in _shared(group, cases).items():
            chosen[name] |= of_machine
    placed_cases = set().union(*chosen.values())
    chosen[inventories[0].name] |= {case for case in cases if case not in placed_cases}
    return {name: tuple(case for case in cases if case in of_machine) for name, of_machine in chosen.items()}


def shares(inventories: Sequence[Inventory], cases: Sequence[Case], each_machine: bool) -> dict[str, Share]:
    """The share of each machine, by its name."""
    likenesses = {inventory.name: likeness(inventory.machine) for inventory in inventories}
    return {
        name: Share(likenesses[name], tuple(case.id for case in of_machine))
        for name, of_machine in placed(inventories, cases, each_machine).items()
    }


def seconds(inventory: Inventory, cases: Sequence[Case]) -> float:
    """How long the processes of these cases take on a machine, without the files that it has to make first."""
    return sum(inventory.seconds.get(case.id, 0.0) for case in cases)


def heirs(inventories: Sequence[Inventory], like: str, cases: Sequence[Case]) -> dict[str, tuple[Case, ...]]:
    """Who of these machines takes over cases of a lost one, by its likeness: those that have the same and can."""
    group = [inventory for inventory in inventories if likeness(inventory.machine) == like]
    shared = _shared(group, cases) if group else {}
    return {name: tuple(case for case in cases if case in of_machine) for name, of_machine in shared.items()}


def _groups(inventories: Sequence[Inventory], each_machine: bool) -> list[list[Inventory]]:
    """The machines that share cases."""
    if each_machine:
        return [[inventory] for inventory in inventories]
    groups: dict[str, list[Inventory]] = {}
    for inventory in inventories:
        groups.setdefault(likeness(inventory.machine), []).append(inventory)
    return list(groups.values())


def _shared(group: Sequence[Inventory], cases: Sequence[Case]) -> dict[str, set[Case]]:
    """The cases of machines that share them: the longest first, each to the machine that has the least to do."""
    shared: dict[str, set[Case]] = {inventory.name: set() for inventory in group}
    busy_s = dict.fromkeys(shared, 0.0)
    for case in sorted(cases, key=lambda case: -max(inventory.seconds.get(case.id, 0.0) for inventory in group)):
        able = [inventory for inventory in group if case.id not in inventory.refusals]
        if able:
            least = min(able, key=lambda inventory: busy_s[inventory.name])
            shared[least.name].add(case)
            busy_s[least.name] += least.seconds[case.id]
    return shared
