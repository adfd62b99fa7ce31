"""The measurement that a shipped case is described by: its newest record in saved files, never anything else."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mnv2bench.case import Case
from mnv2bench.comparison.chapters import evaluations
from mnv2bench.files import printable
from mnv2bench.matching import matching_name, matching_names
from mnv2bench.recommendation import Candidate
from mnv2bench.records import Record
from mnv2bench.records.journal import Unusable
from mnv2bench.records.reading import Contents, contents_of, saved_at
from mnv2bench.report.evaluation import Evaluation
from mnv2bench.statistics.campaigns import campaigns
from mnv2bench.statistics.kept_checks import machine_floor
from mnv2bench.texts import one_line


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


@dataclass(frozen=True)
class SavedFile:
    """A journal or saved file, and all that it holds."""

    path: Path
    contents: Contents

    @property
    def day(self) -> datetime:
        """When it was saved or its campaign began; of an older journal, when it was last written."""
        return saved_at(self.contents) or datetime.fromtimestamp(self.path.stat().st_mtime, UTC)


def saved_files(results: Path) -> tuple[Path, ...]:
    """The journals and saved files under a folder of results."""
    return tuple(sorted(path for pattern in ("*/*.jsonl", "*/*/*.json") for path in results.glob(pattern)))


def read_files(named: Sequence[Path], results: Path) -> tuple[SavedFile, ...]:
    """The files that a user named, else those in `results`; of the latter one that cannot be read is passed over.

    Raises Unusable, in one line, for a file that was named and cannot be read.
    """
    files: list[SavedFile] = []
    for path in named or saved_files(results):
        try:
            files.append(SavedFile(path, contents_of(path)))
        except Unusable:
            if named:
                raise
    return tuple(files)


def measured_case(text: str, files: Sequence[SavedFile]) -> Case:
    """The case of an id, or the only case of these files that has the text in its id. ValueError, in one line, else."""
    try:
        return Case.parse(text)
    except ValueError as error:
        ids = list(dict.fromkeys(case.id for file in files for case in file.contents.head.cases))
        if matching_names(text, ids):
            return Case.parse(matching_name(text, ids))
        raise ValueError(f"{error}, nor a part of one that was measured") from None


def newest(case: Case, files: Sequence[SavedFile], results: Path) -> Measurement:
    """The measurement of a case in the newest of these files that has it; `results` holds the machines' A/A floors.

    Raises ValueError, in one line, where none has it, or where what the newest one has is no number to ship by.
    """
    holding = [file for file in files if case in file.contents.head.cases]
    if not holding:
        names = printable(", ".join(str(file.path) for file in files)) if files else "any file, and there is none"
        advice = "measure it with mnv2bench run, and name its journal with --from"
        raise ValueError(f"{case.id} was not measured in {one_line(names)}: {advice}")
    file = max(holding, key=lambda file: file.day)
    (record,) = (record for record in file.contents.records if record.case == case)
    _require_shippable(record, file.path)
    return Measurement(_evaluation(record, file, results), file.path, file.day)


def _require_shippable(record: Record, file: Path) -> None:
    name = printable(file)
    if record.status != "ok":
        raise ValueError(f"{record.case.id} is {record.status} in {name} ({record.reason}): ship another case")
    if not record.timed:
        raise ValueError(f"{record.case.id} has no time of ours in {name}: measure it with mnv2bench run")


def _evaluation(record: Record, file: SavedFile, results: Path) -> Evaluation:
    """The record's numbers, beside those of its campaign."""
    every = campaigns(file.contents.records)
    (campaign,) = (campaign for campaign in every if any(other.case == record.case for other in campaign))
    floor = machine_floor(results, record.machine)
    (evaluation,) = (e for e in evaluations(campaign, file.path.name, floor) if e.case == record.case)
    return evaluation
