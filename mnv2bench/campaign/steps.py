"""Steps: the processes that are due, block by block. What says which they are is a schedule."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from mnv2bench.campaign.items import Item
from mnv2bench.campaign.schedule import blocks


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
