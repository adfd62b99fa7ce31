"""Clusters of a phone's cores, worked out from its own files, and their masks for taskset."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from mnv2bench.records.target import Cluster

NAMES = ("little", "middle", "big")


@dataclass(frozen=True)
class Cpu:
    """One core as its files describe it; a value is None where unreadable. `part` is ARM's number of its design."""

    number: int
    max_freq_khz: int | None
    capacity: int | None = None
    part: str | None = None
    online: bool = True


def hexadecimal(cpus: Sequence[int]) -> str:
    """The mask of these cores as taskset takes it: cores 4 to 7 are f0."""
    return f"{sum(1 << cpu for cpu in set(cpus)):x}"


def clusters(cpus: Sequence[Cpu]) -> tuple[Cluster, ...]:
    """The clusters, little first: cores of one maximum frequency and capacity. Cores that are off belong to none.

    A core whose frequency is unreadable while another's is readable is left out, since its cluster is unknown.
    """
    on = [cpu for cpu in cpus if cpu.online]
    if any(cpu.max_freq_khz for cpu in on):
        on = [cpu for cpu in on if cpu.max_freq_khz]
    ordered = sorted(on, key=lambda cpu: (*_design(cpu), cpu.number))
    designs = [list(cpus) for _, cpus in groupby(ordered, key=_design)]
    return tuple(_cluster(_name(index, len(designs)), cpus) for index, cpus in enumerate(designs))


def _design(cpu: Cpu) -> tuple[int, int]:
    """What tells one design of cores from another."""
    return cpu.max_freq_khz or 0, cpu.capacity or 0


def _name(index: int, count: int) -> str:
    if count == 1:
        return ""
    if index == 0:
        return NAMES[0]
    return NAMES[2] if index == count - 1 else NAMES[1]


def _cluster(name: str, cpus: Sequence[Cpu]) -> Cluster:
    first, parts = cpus[0], {cpu.part for cpu in cpus}
    numbers = tuple(cpu.number for cpu in cpus)
    return Cluster(
        name=name,
        cpus=numbers,
        mask=hexadecimal(numbers),
        max_freq_khz=first.max_freq_khz,
        capacity=first.capacity,
        part=first.part if len(parts) == 1 else None,
    )


def mask(cores: str, clusters: Sequence[Cluster]) -> str:
    """The mask for "big", "middle", "little" or a hexadecimal number; ValueError for cores that the phone lacks."""
    present = {cpu for cluster in clusters for cpu in cluster.cpus}
    if not present:
        raise ValueError(f"cores {cores!r}: the phone's cores cannot be read; leave out the part after @")
    masks = ", ".join(f"{cluster.name or 'one kind'} {cluster.mask}" for cluster in clusters)
    if cores in NAMES:
        named = [cpu for cluster in clusters if cluster.name == cores for cpu in cluster.cpus]
        if not named:
            raise ValueError(
                f"the phone has no {cores} cores, it has {masks}: ask for those, or leave out the part after @"
            )
        return hexadecimal(named)
    if not re.fullmatch(r"0*[1-9a-f][0-9a-f]*", cores):
        raise ValueError(f"cores {cores!r} are not one of {', '.join(NAMES)}, nor a mask like f0")
    if int(cores, 16) & ~int(hexadecimal(sorted(present)), 16):
        raise ValueError(f"mask {cores} names cores that the phone lacks, or that are off: it has {masks}")
    return f"{int(cores, 16):x}"
