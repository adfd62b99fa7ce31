"""Exports: the files of a campaign that are not in the cache and would have to be made."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import fmean

import msgspec

from mnv2bench import artifacts
from mnv2bench.artifacts import formats
from mnv2bench.campaign.preparation import FileChain, export_text, file_key
from mnv2bench.case import Case
from mnv2bench.locks import Progress
from mnv2bench.records import Artifact, Weights
from mnv2bench.texts import duration_text

START_S = 3.0  # of an export's process, which imports torch: docs/measuring.md#how-long-it-takes
UNKNOWN_S, UNKNOWN_CODE_S = 10.0, 60.0  # of an export of a format of which the cache holds none, and of machine code


@dataclass(frozen=True)
class Export:
    """A file that is not there: its format, the case that it is made for, and what tells it from others."""

    format: str
    case: Case
    identity: str


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
        key = file_key(chain.case, format, weights, source_path, chain.options)
        if source_format in missing:
            identity = f"{format} {key} of {missing[source_format].identity}"
            missing[format] = Export(format, chain.case, identity)
            continue
        artifact = artifacts.facts(format, key)
        if artifact is None or artifacts.damage(artifact):
            missing[format] = Export(format, chain.case, f"{format} {key}")
        else:
            present[format] = artifact
    return Files(present, tuple(missing.values()))


def distinct(exports: Iterable[Export]) -> tuple[Export, ...]:
    """Each export once, for the first case that needs it, in the order in which they are made."""
    first: dict[str, Export] = {}
    for export in exports:
        first.setdefault(export.identity, export)
    return tuple(first.values())


def seconds(exports: Iterable[Export]) -> float:
    """How long these exports would take one after the other, by those of the same format that the cache holds."""
    by_format = _seconds_by_format(artifacts.root() / "artifacts")
    return sum(START_S + by_format.get(export.format, _unknown_s(export.format)) for export in exports)


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
