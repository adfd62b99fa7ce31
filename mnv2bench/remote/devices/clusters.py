"""The clusters of a phone's cores, worked out from its own files, and their masks for taskset."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

NAMES = ("little", "middle", "big")


@dataclass(frozen=True)
class Cpu:
    """One core as its files describe it; None is what could not be read. `part` is ARM's number of its design."""

    number: int
    max_freq_khz: int | None
    capacity: int | None = None
    part: str | None = None
    online: bool = True


@dataclass(frozen=True)
class Cluster:
    """Cores of one kind; `name` is "" where there is only one kind."""

    name: str
    cpus: tuple[int, ...]
    mask: str
    max_freq_khz: int | None
    capacity: int | None
    part: str | None


def hexadecimal(cpus: Sequence[int]) -> str:
    """As taskset takes it: cores 4 to 7 are f0."""
    return f"{sum(1 << cpu for cpu in set(cpus)):x}"


def clusters(cpus: Sequence[Cpu]) -> tuple[Cluster, ...]:
    """Little first: grouped by maximum frequency, capacity where that is the same. Cores that are off belong to none.

    A core whose frequency is unreadable where another's is not is left out: nobody knows where it belongs.
    """
    on = [cpu for cpu in cpus if cpu.online]
    if any(cpu.max_freq_khz for cpu in on):
        on = [cpu for cpu in on if cpu.max_freq_khz]
    kinds = [list(same) for _, same in groupby(sorted(on, key=lambda cpu: (*_kind(cpu), cpu.number)), key=_kind)]
    return tuple(_cluster(_name(place, len(kinds)), same) for place, same in enumerate(kinds))


def _kind(cpu: Cpu) -> tuple[int, int]:
    return cpu.max_freq_khz or 0, cpu.capacity or 0


def _name(place: int, many: int) -> str:
    if many == 1:
        return ""
    return NAMES[0] if place == 0 else NAMES[2] if place == many - 1 else NAMES[1]


def _cluster(name: str, cpus: Sequence[Cpu]) -> Cluster:
    numbers = tuple(cpu.number for cpu in cpus)
    first = cpus[0]
    parts = {cpu.part for cpu in cpus}
    part = first.part if len(parts) == 1 else None
    return Cluster(name, numbers, hexadecimal(numbers), first.max_freq_khz, first.capacity, part)


def mask(asked: str, clusters: Sequence[Cluster]) -> str:
    """What taskset is given for "big", "middle", "little" or hexadecimal; ValueError for what the phone has not."""
    there = {cpu for cluster in clusters for cpu in cluster.cpus}
    if not there:
        raise ValueError(f"cores {asked!r}: the phone's cores cannot be read; leave out the part after @")
    has = ", ".join(f"{c.name or 'one kind'} {c.mask}" for c in clusters)
    if asked in NAMES:
        named = [cpu for cluster in clusters if cluster.name == asked for cpu in cluster.cpus]
        if not named:
            raise ValueError(
                f"the phone has no {asked} cores, it has {has}: ask for those, or leave out the part after @"
            )
        return hexadecimal(named)
    if not re.fullmatch(r"0*[1-9a-f][0-9a-f]*", asked):
        raise ValueError(f"cores {asked!r} are not one of {', '.join(NAMES)}, nor a mask like f0")
    if int(asked, 16) & ~int(hexadecimal(sorted(there)), 16):
        raise ValueError(f"mask {asked} names cores that the phone has not, or that are off: it has {has}")
    return f"{int(asked, 16):x}"
