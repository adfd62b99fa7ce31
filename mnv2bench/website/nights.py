"""What the gate said of the nights among the files, and which changes people accepted with them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mnv2bench.regression.history import epochs, verdicts
from mnv2bench.regression.history.epochs import ALL, Epoch
from mnv2bench.regression.history.night import series_name
from mnv2bench.regression.history.verdicts import Verdict
from mnv2bench.website.rows import Place, SiteFile

Verdicts = Mapping[str, Mapping[str, Verdict]]


@dataclass(frozen=True)
class Judged:
    """The verdicts and the epochs in the folder of a machine; `problems` says which of its files do not read."""

    verdicts: Verdicts
    epochs: Sequence[Epoch]
    problems: tuple[str, ...] = ()


def judged(folder: Path) -> Judged:
    """What the files of a machine's folder say; nothing where there are none."""
    problems = []
    try:
        of_nights: Verdicts = verdicts.read(folder / "verdicts.jsonl")
    except ValueError as error:
        of_nights = {}
        problems.append(str(error))
    try:
        accepted: Sequence[Epoch] = epochs.read(folder / "epochs.toml")
    except ValueError as error:
        accepted = ()
        problems.append(str(error))
    return Judged(of_nights, accepted, tuple(problems))


def machine_folder(path: Path, fingerprint: str) -> Path | None:
    """The folder of the machine of a saved night; None for any other file."""
    folder = path.absolute().parent.parent
    return folder if series_name(path) and path.suffix == ".json" and folder.name == fingerprint else None


def places(file: SiteFile, night: str, of_machine: Judged | None) -> Iterator[Place]:
    """The rows of a file, each with what was said of it where the file is a night."""
    known = of_machine.verdicts.get(night, {}) if of_machine else {}
    begins = [epoch for epoch in of_machine.epochs if epoch.night == night] if of_machine else []
    for row, line in zip(file.summary.rows, file.summary.lines, strict=True):
        verdict = known.get(row.case)
        accepted = [epoch for epoch in begins if epoch.cases == ALL or row.case in epoch.cases]
        texts = tuple(f"{epoch.why} ({epoch.who})" for epoch in accepted)
        yield Place(file, row, line, verdict.verdict if verdict else "", texts)
