"""Known files: what the folder of results holds already, as far as a contribution is held against it."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache, cached_property
from pathlib import Path

from mnv2bench.artifacts import digest
from mnv2bench.case import Case
from mnv2bench.files import printable
from mnv2bench.records import Machine, Process, Record
from mnv2bench.records.lines import Head, Unusable
from mnv2bench.records.measured import may_be_measured, measured_paths
from mnv2bench.records.reading import contents_of, head_of
from mnv2bench.statistics.latency import median_s
from mnv2bench.statistics.rounds import measured

MOST_HEADS = 200  # of the files of a machine, the newest first
MOST_FOLDERS = 6  # of machines of each likeness


class Likeness(IntEnum):
    """How like the machine of a known file is to that of a contribution."""

    OTHER = 1
    PROCESSOR = 2  # another machine with the same model of processor
    MACHINE = 3  # the same fingerprint


# The newest files of each folder that are read whole, of those with a case of the contribution
FILES = {Likeness.MACHINE: 8, Likeness.PROCESSOR: 3, Likeness.OTHER: 1}


@dataclass(frozen=True)
class Numbers:
    """What a contribution is held against: the median of each case, its rounds, and the machine's peak.

    `medians_s` is by the id of the case. `rounds` are keys of the rounds: see `round_key`. `peak_madds_per_s` is that
    of one thread, None where no process says it.
    """

    medians_s: Mapping[str, float]
    rounds: frozenset[bytes]
    peak_madds_per_s: float | None


@dataclass(frozen=True)
class KnownFile:
    """A measurement that is there already; without `numbers` where only its head was read."""

    name: str
    likeness: Likeness
    head: Head
    numbers: Numbers | None


@dataclass(frozen=True)
class KnownFiles:
    """The measurements that a contribution is held against.

    They are those under a folder of results, but for the contribution itself and for those that came with it and are
    `later`; and those `earlier` ones that came with it.
    """

    results: Path
    earlier: tuple[Path, ...] = ()
    later: tuple[Path, ...] = ()

    @cached_property
    def paths(self) -> tuple[Path, ...]:
        """Every measurement, those with the highest names first: later nights have higher numbers."""
        left_out = {path.resolve() for path in (*self.earlier, *self.later)}
        others = [path for path, _ in measured_paths(self.results) if path.resolve() not in left_out]
        others += filter(may_be_measured, self.earlier)
        return tuple(sorted(others, key=lambda path: (path.name, path), reverse=True))

    def name(self, path: Path) -> str:
        """The path from the folder of results, as a text; the name of a file that is not in it."""
        return printable(path.relative_to(self.results) if path.is_relative_to(self.results) else path.name)

    def twins(self, path: Path) -> tuple[str, ...]:
        """The names of the files that have the same content as this one."""
        size = path.stat().st_size
        alike = [other for other in self.paths if other.stat().st_size == size]
        if not alike:
            return ()
        content = digest(path)
        return tuple(self.name(other) for other in alike if digest(other) == content)

    def like(self, machine: Machine, cases: Iterable[Case]) -> tuple[KnownFile, ...]:
        """The files that a contribution of this machine and these cases is held against, the same machine's first."""
        read: list[KnownFile] = []
        folders: Counter[Likeness] = Counter()
        for paths in self._folders():
            likeness = _likeness(paths, machine)
            if likeness and folders[likeness] < MOST_FOLDERS:
                folders[likeness] += 1
                read += self._read(paths, likeness, frozenset(cases))
        return tuple(sorted(read, key=lambda file: -file.likeness))

    def _folders(self) -> list[list[Path]]:
        """The files of each folder of a machine."""
        folders: dict[str, list[Path]] = {}
        for path in self.paths:
            inside = path.is_relative_to(self.results)
            folders.setdefault(path.relative_to(self.results).parts[0] if inside else str(path), []).append(path)
        return list(folders.values())

    def _read(self, paths: Sequence[Path], likeness: Likeness, cases: frozenset[Case]) -> Iterator[KnownFile]:
        """The newest of these files: those that share a case have their numbers, as far as FILES says."""
        left = FILES[likeness]
        for path in paths[:MOST_HEADS]:
            head = _head(path)
            if head is None:
                continue
            numbers = _numbers(path) if left and not cases.isdisjoint(head.cases) else None
            left -= numbers is not None
            if numbers or likeness == Likeness.MACHINE:
                yield KnownFile(self.name(path), likeness, head, numbers)
            elif not left:
                return


def numbers_of(records: Iterable[Record], processes: Iterable[Process]) -> Numbers:
    """The numbers of a file that contributions are held against."""
    every = tuple(processes)
    timed = [record for record in records if record.status == "ok" and record.timed and measured(record)]
    peaks = [peak for process in every if (peak := thread_peak(process))]
    return Numbers(
        medians_s={record.case.id: median_s(record) for record in timed},
        rounds=frozenset(round_key(each.durations_ns) for process in every for each in process.samples.rounds),
        peak_madds_per_s=max(peaks, default=None),
    )


def thread_peak(process: Process) -> float | None:
    """Multiply-adds a second that a thread of the processor does at most, as the process saw it; None on a GPU."""
    checks = process.samples.checks
    if checks is None or not checks.peak_madds_per_s or process.case.gpu is not None:
        return None
    return checks.peak_madds_per_s / process.case.total_threads


def round_key(durations_ns: Sequence[int]) -> bytes:
    """A digest of the durations of a round, whatever their order."""
    return hashlib.blake2b(repr(sorted(durations_ns)).encode(), digest_size=16).digest()


def _likeness(paths: Sequence[Path], machine: Machine) -> Likeness | None:
    """How like the machine of these files is, by the first of them that can be read; None where none can."""
    for path in paths:
        head = _head(path)
        if head is None:
            continue
        if head.machine.fingerprint and head.machine.fingerprint == machine.fingerprint:
            return Likeness.MACHINE
        same_processor = head.machine.cpu_model and head.machine.cpu_model == machine.cpu_model
        return Likeness.PROCESSOR if same_processor else Likeness.OTHER
    return None


@cache  # several contributions are held against the same files
def _head(path: Path) -> Head | None:
    """The head of a known file; None for a file that cannot be read, which is no fault of a contribution."""
    try:
        return head_of(path)
    except Unusable:
        return None


@cache
def _numbers(path: Path) -> Numbers | None:
    """The numbers of a known file, None where it cannot be read."""
    try:
        contents = contents_of(path)
    except Unusable:
        return None
    return numbers_of(contents.records, contents.processes)
