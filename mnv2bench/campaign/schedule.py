"""The order of the processes, and the random environment of each; all of it follows from one seed."""

import random
from collections.abc import Sequence
from typing import TypeVar

from mnv2bench import backends
from mnv2bench.case import EAGER

T = TypeVar("T")
MAX_PADDING = 4096


def all_backends(device: str = "cpu") -> tuple[str, ...]:
    """The backends that run on a device: torch_eager first, as everything is compared with it."""
    names = (name for name in backends.names() if device.partition(":")[0] in backends.runtime(name).runs)
    return tuple(sorted(names, key=lambda name: (name != EAGER, name)))


def blocks(cells: Sequence[T], processes: int, seed: int) -> list[list[T]]:
    """The cells in as many blocks as there are processes: each block holds every cell once.

    Every other block is shuffled, and the block after it is its reverse. So drift of the machine meets all cells
    alike, and the processes of a cell are never all in a row.
    """
    chance = random.Random(seed)
    order = list(cells)
    done: list[list[T]] = []
    for block in range(processes):
        if block % 2 == 0:
            chance.shuffle(order)
        done.append(order[:] if block % 2 == 0 else order[::-1])
    return done


def process_seed(seed: int, item: str, number: int) -> int:
    """The seed of a process: of a campaign's seed, the id of its item, and its number among those of the item."""
    return random.Random(f"{seed} {item} {number}").randrange(2**31)


def nuisances(seed: int) -> dict[str, str]:
    """Environment variables that change a process's memory layout and hashing, so that no layout decides a result."""
    chance = random.Random(seed)
    return {
        "PYTHONHASHSEED": str(chance.randrange(2**32)),
        "MNV2BENCH_PADDING": "x" * chance.randrange(MAX_PADDING),
    }
