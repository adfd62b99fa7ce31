"""Rows: what the site keeps of each case of a file, by the names of the report's columns."""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import msgspec
from msgspec import Struct

from mnv2bench.records import Machine


class Row(Struct, frozen=True, array_like=True):
    """A case of a file: each field is the report's column of that name, and docs/columns.md says what it means."""

    case: str
    variant: str
    network: str
    width: float
    resolution: str
    classes: int
    channels: int
    batch: int
    backend: str
    runtime_version: str | None
    device: str
    precision: str
    threads: int
    streams: int
    kind: str
    status: str
    reason: str | None
    flags: str | None
    processes: int | None
    latency_ms: float | None
    latency_low_ms: float | None
    latency_high_ms: float | None
    p99_ms: float | None
    throughput_images_per_s: float | None
    peak_rss_mb: float | None
    published_top1: float | None
    tested_agreement: float | None
    instructions: int | None
    told_ms: float | None
    told_by: str | None

    @property
    def is_ok(self) -> bool:
        """Whether its numbers may be shown: those of a wrong case are none."""
        return self.status == "ok"

    @property
    def flag_names(self) -> tuple[str, ...]:
        """The names that its flags begin with, each once."""
        flags = self.flags.split("; ") if self.flags else []
        return tuple(dict.fromkeys(flag.partition(":")[0] for flag in flags))


class Summary(Struct, frozen=True):
    """A file: the digest of its content, when it was saved or began, its machine, how it measured, and its rows.

    `lines` are the rows as lines of a CSV, without their ends.
    """

    sha256: str
    saved_at: datetime | None
    machine: Machine
    processes: int
    rounds: int
    conditions: tuple[str, ...]
    rows: tuple[Row, ...]
    lines: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class SiteFile:
    """A file of the site: its name for readers, its address from the site's root ("" where the site has no files)."""

    name: str
    address: str
    summary: Summary

    @property
    def machine(self) -> str:
        """What its machine is called among machines: one without a fingerprint is the machine of its file alone."""
        return self.summary.machine.fingerprint or f"no fingerprint, {self.name}"

    @property
    def day(self) -> str:
        """The day on which it was saved or began; "" where it does not say."""
        return f"{self.summary.saved_at:%Y-%m-%d}" if self.summary.saved_at else ""

    @property
    def order(self) -> tuple[float, str]:
        """What files are sorted by: the date; those without one come first."""
        when = self.summary.saved_at
        return when.timestamp() if when else 0.0, self.name


@dataclass(frozen=True, eq=False)
class Place:
    """A row and the file that it is from; `verdict` is the gate's of that night, `epochs` were accepted with it.

    `line` is the row as the beginning of a line of a CSV.
    """

    file: SiteFile
    row: Row
    line: str
    verdict: str = ""
    epochs: tuple[str, ...] = ()


def rows_of(table: str) -> tuple[Row, ...]:
    """The rows of the CSV of a report, which lacks the columns that are empty in every row."""
    names = Row.__struct_fields__
    values = [[cells.get(name) or None for name in names] for cells in csv.DictReader(io.StringIO(table))]
    return tuple(msgspec.convert(row, Row, strict=False) for row in values)


def newest(places: Iterable[Place]) -> Iterator[Place]:
    """Of each case the place of its newest file, in the order of the cases."""
    of_case: dict[str, Place] = {}
    for place in sorted(places, key=lambda place: place.file.order):
        of_case[place.row.case] = place
    yield from (of_case[case] for case in sorted(of_case))
