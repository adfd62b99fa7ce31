"""The chapters of a report: the campaigns of each file, with their numbers evaluated."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from types import MappingProxyType

from mnv2bench.flags import flags
from mnv2bench.records import Machine, Record
from mnv2bench.records.blocks import BlockLine, block_of
from mnv2bench.records.selfcheck import AllocatorCheck
from mnv2bench.report.evaluation import Evaluation
from mnv2bench.statistics.campaigns import campaigns
from mnv2bench.statistics.floor import Floor
from mnv2bench.statistics.latency import Speedups, latency, speedups, with_spread
from mnv2bench.statistics.rounds import measured, throughput_per_process
from mnv2bench.statistics.spread import spread_group, spreads_of_medians

Source = tuple[str, Sequence[Record]]  # the name of a file, and the records in it
Dates = Mapping[str, datetime | None]  # by the name of a file: when it was saved or began; None where it says neither
NO_DATES: Dates = MappingProxyType({})
Blocks = Mapping[str, Sequence[BlockLine]]  # how campaigns with a time budget divided it, by the name of a file
NO_BLOCKS: Blocks = MappingProxyType({})


@dataclass(frozen=True)
class Chapter:
    """One campaign of a file: what a report compares. Nothing is compared from one chapter to another.

    `floor` is what identical campaigns on its machine differ by, None where nobody measured that;
    `allocator` is what the allocator's setting is worth there, likewise. `has_samples` is False where only numbers are
    kept of its records, because its report has more cases than a page shows.
    """

    source: str
    evaluations: tuple[Evaluation, ...]
    floor: Floor | None = None
    allocator: AllocatorCheck | None = None
    has_samples: bool = True

    @property
    def records(self) -> tuple[Record, ...]:
        return tuple(evaluation.record for evaluation in self.evaluations)

    @property
    def saved_at(self) -> datetime | None:
        """When its file was saved or its campaign began; None where the file says neither."""
        return self.evaluations[0].saved_at


def chapters(
    sources: Iterable[Source],
    floor_of: Callable[[Machine], Floor | None] = lambda machine: None,
    allocator_of: Callable[[Machine], AllocatorCheck | None] = lambda machine: None,
    dates: Dates = NO_DATES,
    blocks: Blocks = NO_BLOCKS,
) -> tuple[Chapter, ...]:
    """The campaigns of every file; the CSV and the page of the same chapters compute each number once.

    `floor_of` gives what identical campaigns on a machine differ by, `allocator_of` what the allocator's setting is
    worth there, and `blocks` how a file's time budget was divided.
    """
    return tuple(
        Chapter(
            name,
            evaluations(campaign, name, floor_of(campaign[0].machine), dates.get(name), blocks.get(name, ())),
            floor_of(campaign[0].machine),
            allocator_of(campaign[0].machine),
        )
        for name, records in sources
        for campaign in campaigns(records)
    )


def evaluations(
    campaign: Sequence[Record],
    source: str = "",
    floor: Floor | None = None,
    saved_at: datetime | None = None,
    blocks: Sequence[BlockLine] = (),
) -> tuple[Evaluation, ...]:
    """The records of one campaign, in its order. ValueError for records of several: see `campaigns`."""
    pairs = [(record, latency(record) if measured(record) else None) for record in campaign]
    timed = [(record, times) for record, times in pairs if times and record.timed]
    known = spreads_of_medians([(record.case, times.process_medians) for record, times in timed], floor)
    rates = {record.case: throughput_per_process(record) for record, _ in timed}
    known_of_rates = spreads_of_medians(rates.items())
    by_case = speedups(campaign, {r.case: times.median_s for r, times in pairs if times and r.status == "ok"})
    find_flags = partial(flags, floor=floor)
    made = []
    for record, times in pairs:
        group = spread_group(record.case)
        spread = known.get(group)
        faster = by_case.get(record.case, Speedups())
        reasons = tuple(block_of(process, blocks).cases[record.case.id] for process in record.processes if blocks)
        evaluation = Evaluation(
            record, source, faster, find_flags, saved_at, floor, spread, known_of_rates.get(group), reasons
        )
        if times:
            evaluation.remember(latency, with_spread(times, spread))
        if record.case in rates:
            evaluation.remember(throughput_per_process, rates[record.case])
        made.append(evaluation)
    return tuple(made)
