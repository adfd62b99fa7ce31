"""Exports: the files of a campaign that are not in the cache and would have to be made."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import fmean

import msgspec
import psutil

from mnv2bench import artifacts
from mnv2bench.artifacts import formats
from mnv2bench.campaign.child import run_side_by_side
from mnv2bench.campaign.preparation import (
    Failure,
    Failures,
    FileChain,
    export_job,
    export_task,
    export_text,
    exported,
)
from mnv2bench.case import Case, Kind
from mnv2bench.locks import Progress
from mnv2bench.machine import cores
from mnv2bench.records import Artifact, Weights
from mnv2bench.texts import duration_text
from mnv2bench.workers.jobs import ExportJob

START_S = 3.0  # of an export's process, which imports torch: docs/measuring.md#how-long-it-takes
EXPORT_BYTES = 3_000_000_000  # of memory that an export may need: docs/measuring.md#how-long-it-takes
UNKNOWN_S, UNKNOWN_CODE_S = 10.0, 60.0  # of an export of a format of which the cache holds none, and of machine code


@dataclass(frozen=True)
class Export:
    """A file that is not there: its format, the case that it is made for, and what tells it from others.

    `job` makes it; None where what it is made from is not there either. `chain` are the files that it belongs to.
    """

    format: str
    case: Case
    identity: str
    job: ExportJob | None = None
    chain: FileChain | None = None


@dataclass(frozen=True)
class Files:
    """Of one chain: the artifacts that are in the cache, by format, and those that are not."""

    artifacts: Mapping[str, Artifact]
    missing: tuple[Export, ...]


def files(chain: FileChain, weights: Weights) -> Files:
    """What the cache holds of a chain. What is made from a file that is missing is missing too."""
    present: dict[str, Artifact] = {}
    missing: dict[str, Export] = {}
    for format in chain.formats:
        source_format = formats.format(format).made_from
        source = present.get(source_format)
        source_path = str(artifacts.path(source_format, source.key)) if source else ""
        job = export_job(chain.case, format, weights, source_path, chain.options)
        if source_format in missing:
            identity = f"{format} {job.key} of {missing[source_format].identity}"
            missing[format] = Export(format, chain.case, identity, chain=chain)
            continue
        artifact = artifacts.facts(format, job.key)
        if artifact is None or artifacts.damage(artifact):
            missing[format] = Export(format, chain.case, f"{format} {job.key}", job, chain)
        else:
            present[format] = artifact
    return Files(present, tuple(missing.values()))


class LookUp:
    """The files of chains with some weights, each chain looked up in the cache once."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self._files: dict[tuple[object, ...], Files] = {}

    def files(self, chain: FileChain) -> Files:
        """What the cache holds of a chain."""
        place = (chain.case, chain.formats, *chain.options.items())
        if place not in self._files:
            self._files[place] = files(chain, self.weights)
        return self._files[place]


def distinct(exports: Iterable[Export]) -> tuple[Export, ...]:
    """Each export once, for the first case that needs it, in the order in which they are made."""
    first: dict[str, Export] = {}
    for export in exports:
        first.setdefault(export.identity, export)
    return tuple(first.values())


def seconds(exports: Iterable[Export]) -> float:
    """How long these exports would take side by side, by those of the same format that the cache holds.

    Files that are made from others come after those, as `make_missing` does it.
    """
    by_format = _seconds_by_format(artifacts.root() / "artifacts")
    passes: dict[int, list[float]] = {}
    for export in exports:
        each_s = START_S + by_format.get(export.format, _unknown_s(export.format))
        passes.setdefault(len(formats.steps(export.format)), []).append(each_s)
    return sum(max(max(of_pass), sum(of_pass) / at_once()) for of_pass in passes.values())


def at_once() -> int:
    """How many exports run side by side: one for each core, as far as there is memory for them.

    One where the system does not say how much memory there is.
    """
    try:
        available = psutil.virtual_memory().available
    except (psutil.Error, OSError):
        return 1
    return max(1, min(cores(), available // EXPORT_BYTES))


def make_missing(
    missing: Sequence[Export], weights: Weights, progress: Progress, is_late: Callable[[], bool] = lambda: False
) -> Failures:
    """Make files that are not there side by side, each after what it is made from, and return why some cannot be made.

    Nothing may be timed meanwhile. Files of GPUs and of other devices are left to `prepare`: a GPU's are timed by the
    builder that makes them, and another device is first asked whether it is there. From when `is_late` says so, no
    other export begins.
    """
    failures: dict[tuple[str, str], Failure] = {}
    waiting = [export for export in missing if _is_ours(export.case)]
    while jobs := _ready(waiting, failures):
        tasks = [export_task(job, progress) for job in jobs]
        for number, outcome in run_side_by_side(tasks, at_once(), is_late, lambda n: _say(jobs[n], progress)):
            made = exported(jobs[number], outcome)
            if isinstance(made, Failure):
                failures[jobs[number].format, jobs[number].key] = made
        if is_late():
            break
        waiting = still_missing((export for export in waiting if export.job is None), weights)
    return failures


def still_missing(missing: Iterable[Export], weights: Weights) -> list[Export]:
    """What is not there now of files that were not there before, with the jobs of those whose sources were made."""
    chains = [export.chain for export in missing if export.chain]
    return list(distinct(export for chain in chains for export in files(chain, weights).missing))


def _is_ours(case: Case) -> bool:
    return case.kind == Kind.MEASURED_HERE and case.gpu is None


def _ready(waiting: Iterable[Export], failures: Failures) -> list[ExportJob]:
    """The jobs whose sources are there and which have not failed."""
    jobs = [export.job for export in waiting if export.job]
    return [job for job in jobs if (job.format, job.key) not in failures]


def _say(job: ExportJob, progress: Progress) -> None:
    progress(export_text(job.case, job.format), 0, 0)


def _unknown_s(format: str) -> float:
    return UNKNOWN_CODE_S if formats.format(format).per_machine else UNKNOWN_S


@cache
def _seconds_by_format(folder: Path) -> dict[str, float]:
    """The mean seconds of the exports that lie in this folder of the cache, by format."""
    taken: dict[str, list[float]] = {}
    for path in sorted(folder.glob("*.json")):
        try:
            artifact = msgspec.json.decode(path.read_bytes(), type=Artifact)
        except (OSError, ValueError):
            continue
        taken.setdefault(artifact.format, []).append(artifact.export_s)
    return {format: fmean(of_format) for format, of_format in taken.items()}


class CountedExports:
    """A campaign's progress that says of each export which of how many it is, and how long the rest takes."""

    def __init__(self, progress: Progress, missing: Sequence[Export]) -> None:
        self.progress, self.missing = progress, list(missing)
        self.total = len(missing)

    def __call__(self, doing: str, done: int, total: int) -> None:
        """Pass on what the campaign does next. An export that nobody expected is not counted."""
        texts = [export_text(export.case, export.format) for export in self.missing]
        if doing in texts:
            number, left = self.total - len(self.missing) + 1, duration_text(seconds(self.missing))
            del self.missing[texts.index(doing)]
            doing = f"{doing} ({number} of {self.total}, {left} left)"
        self.progress(doing, done, total)
