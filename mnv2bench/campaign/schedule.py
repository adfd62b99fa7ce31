"""The order of the processes, and the random environment of each; all of it follows from one seed."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from mnv2bench import backends
from mnv2bench.campaign.items import Item
from mnv2bench.case import EAGER

T = TypeVar("T")
MAX_PADDING = 4096


@dataclass(frozen=True)
class Step:
    """A process that is due: of which item, and its number among the item's own."""

    item: Item
    number: int


class Schedule(Protocol):
    """Which processes a campaign runs, block by block, and what its progress says."""

    def blocks(self) -> Iterator[Sequence[Step]]:
        """The blocks in their order. A step whose process the journal holds is passed over."""

    def has_time(self, step: Step) -> bool:
        """Whether a process may begin now."""

    def is_late(self) -> bool:
        """Whether the time of the campaign is over."""

    def doing(self, step: Step) -> str:
        """What the progress says of a process."""

    def steps(self, place: int) -> tuple[int, int]:
        """How far the campaign is at the step of this place, and how far it goes: in processes, or in seconds."""


@dataclass(frozen=True)
class FixedSchedule:
    """As many processes of every item as the plan says: a block holds each item once, in an order of its own.

    `tests` more steps follow, which are no processes.
    """

    items: Sequence[Item]
    processes: int
    seed: int
    tests: int = 0

    def blocks(self) -> Iterator[Sequence[Step]]:
        for number, block in enumerate(blocks(self.items, self.processes, self.seed)):
            yield [Step(item, number) for item in block]

    def has_time(self, step: Step) -> bool:
        return True

    def is_late(self) -> bool:
        return False

    def doing(self, step: Step) -> str:
        return f"block {step.number + 1} of {self.processes}, {step.item.id}"

    def steps(self, place: int) -> tuple[int, int]:
        return place, len(self.items) * self.processes + self.tests


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


def nuisances(seed: int) -> dict[str, str]:
    """Environment variables that change a process's memory layout and hashing, so that no layout decides a result."""
    chance = random.Random(seed)
    return {
        "PYTHONHASHSEED": str(chance.randrange(2**32)),
        "MNV2BENCH_PADDING": "x" * chance.randrange(MAX_PADDING),
    }
