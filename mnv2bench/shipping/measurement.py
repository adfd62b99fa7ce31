"""The measurement that a shipped case is described by: its newest record in saved files, never anything else."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mnv2bench.cases import Case
from mnv2bench.comparison.chapters import evaluations
from mnv2bench.files import printable
from mnv2bench.recommendation import Candidate
from mnv2bench.records import Record
from mnv2bench.records.journal import Unusable
from mnv2bench.records.reading import Contents, contents_of, saved_at
from mnv2bench.report.evaluation import Evaluation
from mnv2bench.statistics.campaigns import campaigns


@dataclass(frozen=True)
class Measurement:
    """A case that was measured and is right: its evaluation, the file, and when the file was saved or last written."""

    evaluation: Evaluation
    file: Path
    day: datetime

    @property
    def record(self) -> Record:
        return self.evaluation.record

    @property
    def candidate(self) -> Candidate:
        """The numbers that recommendations compare."""
        return Candidate(self.evaluation)


def saved_files(results: Path) -> tuple[Path, ...]:
    """The journals and saved files under a folder of results."""
    return tuple(sorted(path for pattern in ("*/*.jsonl", "*/*/*.json") for path in results.glob(pattern)))


def newest(case: Case, named: Sequence[Path], results: Path) -> Measurement:
    """The measurement of a case in the newest file that has it: of those that a user named, else of those in `results`.

    Raises ValueError, in one line, where none has it, or where what the newest one has is no number to ship by. A file
    in `results` that cannot be read is passed over; one that was named is not.
    """
    holding = list(_holding(case, named) if named else _holding(case, saved_files(results), passes_over=True))
    if not holding:
        where = printable(", ".join(map(str, named))) if named else f"{printable(results)}/"
        advice = "measure it with mnv2bench run, and name its journal with --from"
        raise ValueError(f"{case.id} was not measured in {where}: {advice}")
    file, contents = max(holding, key=lambda pair: _day(*pair))
    (record,) = (record for record in contents.records if record.case == case)
    _require_shippable(record, file)
    return Measurement(_evaluation(record, contents, file), file, _day(file, contents))


def _holding(case: Case, files: Iterable[Path], passes_over: bool = False) -> Iterator[tuple[Path, Contents]]:
    """The files that name the case, with their contents."""
    for file in files:
        try:
            contents = contents_of(file)
        except Unusable:
            if not passes_over:
                raise
            continue
        if case in contents.head.cases:
            yield file, contents


def _day(file: Path, contents: Contents) -> datetime:
    """When a file was saved; of a journal, which does not say it, when it was last written."""
    return saved_at(contents) or datetime.fromtimestamp(file.stat().st_mtime, UTC)


def _require_shippable(record: Record, file: Path) -> None:
    name = printable(file)
    if record.status != "ok":
        raise ValueError(f"{record.case.id} is {record.status} in {name} ({record.reason}): ship another case")
    if not record.timed:
        raise ValueError(f"{record.case.id} has no time of ours in {name}: measure it with mnv2bench run")


def _evaluation(record: Record, contents: Contents, file: Path) -> Evaluation:
    """The record's numbers, beside those of its campaign."""
    (campaign,) = (campaign for campaign in campaigns(contents.records) if any(r.case == record.case for r in campaign))
    (evaluation,) = (e for e in evaluations(campaign, file.name) if e.case == record.case)
    return evaluation
