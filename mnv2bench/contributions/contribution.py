"""Contribution: a file that somebody sent, as it was read, and what it is held against."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path, PurePosixPath

from mnv2bench.case import Kind
from mnv2bench.contributions.finding import Finding, Severity
from mnv2bench.contributions.known import KnownFile, KnownFiles
from mnv2bench.contributions.names import place_of
from mnv2bench.records import Machine, Process, Record
from mnv2bench.records.reading import Contents, saved_at


@dataclass(frozen=True)
class Contribution:
    """A file that could be read. `now` is the time of the examination, in UTC."""

    path: Path
    contents: Contents
    known: KnownFiles
    now: datetime

    @property
    def machine(self) -> Machine:
        """The machine that the file says it is of."""
        return self.contents.head.machine

    @cached_property
    def records(self) -> tuple[Record, ...]:
        """A record for each case."""
        return self.contents.records

    @property
    def saved_at(self) -> datetime | None:
        """When it was saved or its campaign began; None where it does not say."""
        return saved_at(self.contents)

    @cached_property
    def place(self) -> PurePosixPath:
        """Where it belongs, from the folder of results."""
        return place_of(self.path, self.machine, is_saved=self.contents.datetime is not None)

    @cached_property
    def like(self) -> tuple[KnownFile, ...]:
        """The known files of the same machine, of the same processor, and of others."""
        return self.known.like(self.machine, self.contents.head.cases)

    @cached_property
    def timed(self) -> tuple[Process, ...]:
        """The processes with rounds that ended well: what is wrong in the file already claims nothing."""
        return tuple(each for each in self.contents.processes if each.status == "ok" and each.samples.rounds)

    @property
    def timed_here(self) -> tuple[Process, ...]:
        """Those of the timed processes that ran on the processor of the machine."""
        return tuple(each for each in self.timed if each.case.kind == Kind.MEASURED_HERE and each.case.gpu is None)


@dataclass(frozen=True)
class Check:
    """A question that is asked of every contribution. `passed` is what it says where it has no finding."""

    name: str
    passed: str
    findings: Callable[[Contribution], Iterator[tuple[Severity, str]]]

    def of(self, contribution: Contribution) -> tuple[Finding, ...]:
        """What the check says of a contribution: one finding at least."""
        seen = tuple(Finding(severity, self.name, text) for severity, text in self.findings(contribution))
        return seen or (Finding(Severity.FINE, self.name, self.passed),)
