"""Examination: all that is said of contributed files: what is wrong, what to ask, and where each belongs."""

import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from mnv2bench.contributions import facts, place, samples, speed
from mnv2bench.contributions.contribution import Check, Contribution
from mnv2bench.contributions.finding import Finding, Severity
from mnv2bench.contributions.known import KnownFiles, Likeness
from mnv2bench.files import MEASURED_SUFFIXES, printable
from mnv2bench.records import Machine
from mnv2bench.records.lines import Unusable
from mnv2bench.records.measured import NOT_MEASURED
from mnv2bench.records.reading import contents_of

MOST_BYTES = 50_000_000  # of a file: GitHub warns from there on, and refuses 100 MB


@dataclass(frozen=True)
class Summary:
    """What a file that could be read is: texts of the file, and numbers."""

    machine: Machine
    measured_on: str
    cases: int
    processes: int
    schema: int
    place: PurePosixPath


@dataclass(frozen=True)
class Examination:
    """A contributed file by its name, what it is, and every finding; without a summary where it could not be read."""

    name: str
    findings: tuple[Finding, ...]
    summary: Summary | None = None

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings of this severity."""
        return tuple(finding for finding in self.findings if finding.severity == severity)

    @property
    def is_wrong(self) -> bool:
        """Whether the file cannot be taken as it is."""
        return bool(self.of(Severity.WRONG))


def _twins(contribution: Contribution) -> Iterator[tuple[Severity, str]]:
    """The file, or its campaign, is not there already."""
    if not contribution.known.paths and not contribution.known.results.is_dir():
        yield Severity.UNCHECKED, f"There is no folder {printable(contribution.known.results)} with known files."
        return
    twins = contribution.known.twins(contribution.path)
    if twins:
        yield Severity.WRONG, f"The same file is there already: {', '.join(twins[:3])}."
        return
    head = contribution.contents.head
    for file in contribution.like:
        if file.likeness == Likeness.MACHINE and head.began and file.head.began == head.began:
            yield (
                Severity.QUESTION,
                f"{file.name} is of a machine with the same fingerprint and began at the same second, {head.began}: "
                "is it the same campaign, or another machine of a fleet?",
            )


CHECKS = (
    Check("duplicates", "Neither the file nor its campaign is there already.", _twins),
    *place.CHECKS,
    *facts.CHECKS,
    *samples.CHECKS,
    *speed.CHECKS,
)


def examine(
    paths: Sequence[Path], names: Sequence[str], results: Path, now: datetime | None = None
) -> list[Examination]:
    """The examination of each of these files against those under `results` and against each other.

    `names` are those that the examinations call them by. `now` is the time that dates are held against.
    """
    when = now or datetime.now(UTC)
    return [
        _examined(path, name, KnownFiles(results, tuple(paths[:place]), tuple(paths[place:])), when)
        for place, (path, name) in enumerate(zip(paths, names, strict=True))
    ]


def _examined(path: Path, name: str, known: KnownFiles, now: datetime) -> Examination:
    """One file: where it can be read, everything that the checks say of it."""
    if reason := _unread(path):
        return Examination(name, (Finding(Severity.WRONG, "file", reason),))
    try:
        contents = contents_of(path)
    except Unusable as error:
        reason = str(error).removeprefix(str(path)).strip()
        return Examination(name, (Finding(Severity.WRONG, "file", f"It {reason}."),))
    contribution = Contribution(path, contents, known, now)
    findings = [Finding(Severity.FINE, "file", f"It is a whole file of schema {contents.schema}.")]
    findings += [finding for check in CHECKS for finding in check.of(contribution)]
    when = contribution.saved_at
    summary = Summary(
        machine=contribution.machine,
        measured_on=f"{when:%Y-%m-%d}" if when else "",
        cases=len(contents.head.cases),
        processes=len(contents.processes),
        schema=contents.schema,
        place=contribution.place,
    )
    return Examination(name, tuple(findings), summary)


def _unread(path: Path) -> str:
    """Why a file is not even opened; "" where it is."""
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        return "It is a link or no file: a contribution is the file itself."
    if path.suffix not in MEASURED_SUFFIXES or path.name in NOT_MEASURED:
        return (
            "It is no measurement: contribute the saved file or the journal alone. Pages, tables and pictures are made "
            "of it again by `mnv2bench report`."
        )
    if status.st_size > MOST_BYTES:
        return f"It has {status.st_size / 1e6:,.0f} MB, and a contribution has {MOST_BYTES / 1e6:.0f} MB at most."
    return ""
