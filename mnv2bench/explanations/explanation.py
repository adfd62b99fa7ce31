"""What the profiles of a case in two environments say of a change that pairs of processes confirmed."""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mnv2bench.case import Case
from mnv2bench.profiling.case_profile import LAYOUT, UNMAPPED, CaseProfile, case_profile
from mnv2bench.profiling.records import Profile
from mnv2bench.profiling.remarks import doubts
from mnv2bench.records import Record
from mnv2bench.statistics.latency import median_s

# Where each number comes from: docs/thresholds.md#explanations
MOVED = 3  # blocks that are named
LEAST_EXPLAINED, MOST_EXPLAINED = 0.5, 1.5  # of the change of the case; beyond these the profiles are doubted
NO_CASE = "it was not measured on both sides"


@dataclass(frozen=True)
class MovedBlock:
    """A block of the network in both environments, seconds of one call; blocks that a runtime fuses are one.

    `is_apart`: in every process of one side it took longer than in every process of the other.
    """

    name: str
    old_s: float
    new_s: float
    is_apart: bool

    @property
    def change_s(self) -> float:
        """New less old, seconds."""
        return self.new_s - self.old_s


@dataclass(frozen=True)
class Explanation:
    """The blocks of a case, those first that moved most the way the case did; none where `reason` says why.

    `old_s` and `new_s` are the medians of the pairs, measured without a profiler. `profilers` are those of old and new.
    `doubts` are those of the profiles of a side.
    """

    case: Case
    old_s: float = 0.0
    new_s: float = 0.0
    blocks: tuple[MovedBlock, ...] = ()
    reason: str = ""
    processes: int = 0
    profilers: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def change_s(self) -> float:
        """What the case itself changed by, seconds: new less old."""
        return self.new_s - self.old_s

    @property
    def explained(self) -> float:
        """The part of the case's change that its blocks add up to; it may be negative, and more than all of it."""
        return self.share(self.blocks)

    def share(self, blocks: Iterable[MovedBlock]) -> float:
        """The part of the case's change that these blocks add up to."""
        moved = math.fsum(block.change_s for block in blocks)
        return moved / self.change_s if self.change_s else math.nan

    @property
    def most_moved(self) -> tuple[MovedBlock, ...]:
        """The blocks that moved most."""
        return self.blocks[:MOVED]


def explanation(
    case: Case, profiles: tuple[Sequence[Profile], Sequence[Profile]], records: tuple[Record, Record]
) -> Explanation:  # fmt: skip
    """What the profiles of a case, old and new, say of its change; `records` are those of the pairs."""
    if not all(record.samples for record in records):
        return Explanation(case, reason=NO_CASE)
    old_s, new_s = map(median_s, records)
    failed = [
        f"{name}: {profile.status}: {profile.reason}"
        for name, of_side in zip(("old", "new"), profiles, strict=True)
        for profile in of_side
        if profile.status != "ok"
    ]
    if failed or not all(profiles):
        return Explanation(case, old_s, new_s, reason=failed[0] if failed else "no process was profiled")
    whole = [case_profile(of_side, record) for of_side, record in zip(profiles, records, strict=True)]
    blocks = moved_blocks(profiles)
    direction = math.copysign(1.0, new_s - old_s)
    return Explanation(
        case=case,
        old_s=old_s,
        new_s=new_s,
        blocks=tuple(sorted(blocks, key=lambda block: -direction * block.change_s)),
        processes=min(map(len, profiles)),
        profilers=tuple(profile.profiler for profile in whole),
        doubts=tuple(_doubts(whole, records)),
    )


def moved_blocks(profiles: tuple[Sequence[Profile], Sequence[Profile]]) -> tuple[MovedBlock, ...]:
    """Every block in both environments: the median over processes, in no order that means anything."""
    times = [[_block_times(profile) for profile in of_side] for of_side in profiles]
    names = [name for of_side in times for process in of_side for name in process]
    blocks = []
    for name, parts in _fused(names).items():
        old, new = ([math.fsum(process.get(p, 0.0) for p in parts) for process in of_side] for of_side in times)
        is_apart = min(new) > max(old) or min(old) > max(new)
        blocks.append(MovedBlock(name, statistics.median(old), statistics.median(new), is_apart))
    return tuple(blocks)


def _block_times(profile: Profile) -> dict[str, float]:
    """Seconds of each block in one process, and of what belongs to none."""
    return {row.name: row.time.median_s for row in case_profile([profile], None).blocks}


def _fused(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The groups of rows that share a block, by the names of their blocks: A+B of a side joins A and B of the other."""
    groups: list[tuple[list[str], list[str]]] = []  # blocks, rows
    for row in dict.fromkeys(names):
        parts = [row] if row in (LAYOUT, UNMAPPED) else row.split("+")
        shared = [group for group in groups if not set(group[0]).isdisjoint(parts)]
        groups = [group for group in groups if group not in shared]
        blocks = [block for of_group, _ in shared for block in of_group]
        rows = [known for _, of_group in shared for known in of_group]
        groups.append((list(dict.fromkeys([*blocks, *parts])), [*rows, row]))
    return {"+".join(blocks): tuple(rows) for blocks, rows in groups}


def _doubts(whole: Sequence[CaseProfile], records: Sequence[Record]) -> Iterable[str]:
    """What to doubt of the profile of each side; what both have is there once."""
    old, new = (doubts(profile, record) for profile, record in zip(whole, records, strict=True))
    yield from (f"old: {doubt}" for doubt in old if doubt not in new)
    yield from (f"new: {doubt}" for doubt in new if doubt not in old)
    yield from (f"old and new: {doubt}" for doubt in old if doubt in new)
