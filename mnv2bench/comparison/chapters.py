"""The chapters of a report: the campaigns of each file, with their numbers evaluated."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mnv2bench.flags import flags
from mnv2bench.records import Record
from mnv2bench.report.evaluation import Evaluation
from mnv2bench.statistics.campaigns import campaigns
from mnv2bench.statistics.latency import speedups

Source = tuple[str, Sequence[Record]]  # the name of a file, and the records in it


@dataclass(frozen=True)
class Chapter:
    """One campaign of a file: what a report compares. Nothing is compared from one chapter to another."""

    source: str
    evaluations: tuple[Evaluation, ...]

    @property
    def records(self) -> tuple[Record, ...]:
        return tuple(evaluation.record for evaluation in self.evaluations)


def chapters(sources: Iterable[Source]) -> tuple[Chapter, ...]:
    """The campaigns of every file; the CSV and the page of the same chapters compute each number once."""
    return tuple(
        Chapter(name, evaluations(campaign, name)) for name, records in sources for campaign in campaigns(records)
    )


def evaluations(campaign: Sequence[Record], source: str = "") -> tuple[Evaluation, ...]:
    """The records of one campaign, in its order. ValueError for records of several: see `campaigns`."""
    by_case = speedups(campaign)
    return tuple(Evaluation(record, source, by_case.get(record.case), flags) for record in campaign)
