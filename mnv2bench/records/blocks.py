"""Blocks of a campaign with a time budget: which cases got a process together, and why."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from mnv2bench.records.ranges import NotNegative, Text, Whole
from mnv2bench.records.record import Process

MAX_BLOCK_CASES = 20_000


class Reason(StrEnum):
    """Why a case gets another process.

    It is one of the first processes of a case; the fastest of its setting is not known yet and the case may be it; its
    interval is one of the widest on the front of latency and accuracy; it is not measured precisely enough yet.
    """

    FIRST = "first"
    CONTENDER = "contender"
    FRONT = "front"
    REST = "rest"


class BlockLine(Struct, tag_field="line", tag="block", frozen=True, forbid_unknown_fields=True):
    """A block on disk: its number, the position of its first process, and the cases of which it has a process each.

    `began_s` is how much of the budget was spent when it began. A block without cases says that the campaign gave no
    further process to any case.
    """

    number: Whole
    position: Whole
    began_s: NotNegative
    cases: Annotated[dict[Text, Reason], Meta(max_length=MAX_BLOCK_CASES)]


def block_of(process: Process, blocks: Sequence[BlockLine]) -> BlockLine:
    """The block in which a process ran: the last one that began at its position or before it."""
    return next(block for block in reversed(blocks) if block.position <= process.position)


def are_over(blocks: Sequence[BlockLine]) -> bool:
    """Whether no case gets another process: the last block has no cases."""
    return bool(blocks) and not blocks[-1].cases


def spent_s(blocks: Sequence[BlockLine], processes: Iterable[Process]) -> float:
    """How much of the budget is known to be spent: until the last block began, and in its processes that ended."""
    if not blocks:
        return 0.0
    last = blocks[-1]
    return last.began_s + sum(process.wall_s for process in processes if process.position >= last.position)
