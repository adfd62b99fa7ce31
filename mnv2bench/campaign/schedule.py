"""The order of the processes, and the nuisances that each one gets; all from one seed."""

import random
from collections.abc import Sequence
from typing import TypeVar

from mnv2bench import backends
from mnv2bench.cases import EAGER

T = TypeVar("T")
MAX_PADDING = 4096


def all_backends(device: str = "cpu") -> tuple[str, ...]:
    """The default of every selection on a device: torch_eager first, as everything is compared with it."""
    found = (name for name in backends.names() if device.partition(":")[0] in backends.runtime(name).runs)
    return tuple(sorted(found, key=lambda name: (name != EAGER, name)))


def blocks(cells: Sequence[T], processes: int, seed: int) -> list[list[T]]:
    """Each block holds every cell once, shuffled anew, every second one the reverse of the one before it.

    So drift of the machine meets all cells alike, and a cell's processes are never all in a row.
    """
    chance = random.Random(seed)
    order = list(cells)
    done: list[list[T]] = []
    for block in range(processes):
        if block % 2 == 0:
            chance.shuffle(order)
        done.append(order[:] if block % 2 == 0 else order[::-1])
    return done


def nuisances(seed: int) -> dict[str, str]:
    """Environment variables that move a process's memory layout and hashing about, for one process."""
    chance = random.Random(seed)
    return {
        "PYTHONHASHSEED": str(chance.randrange(2**32)),
        "MNV2BENCH_PADDING": "x" * chance.randrange(MAX_PADDING),
    }
