"""The whole history of a machine: its own nights, and before them those under a name that an update changed."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mnv2bench.machine import GIVEN, differences
from mnv2bench.records import Machine
from mnv2bench.records.journal import Unusable
from mnv2bench.records.journal import load as load_records
from mnv2bench.regression.history import epochs as epochs_file
from mnv2bench.regression.history import verdicts as verdicts_file
from mnv2bench.regression.history.epochs import Continuation, Epoch
from mnv2bench.regression.history.frame import Unread, load
from mnv2bench.regression.history.night import night_number, series_name
from mnv2bench.regression.history.reading import saved_files
from mnv2bench.regression.history.verdicts import Verdict

if TYPE_CHECKING:
    import pandas as pd

UPDATED = ("cpu_flags_hash", "kernel_major", "os", "python")  # facts of a fingerprint that a routine update changes


@dataclass(frozen=True, eq=False)
class Lineage:
    """All nights that count as nights of a machine, in order, with what people accepted and what the gate said.

    Nights of a continued history have names such as FINGERPRINT/0012_nightly. `unread` are the machine's own files that
    are left out.
    """

    frame: "pd.DataFrame"
    unread: tuple[Unread, ...]
    epochs: tuple[Epoch, ...]
    verdicts: dict[str, dict[str, Verdict]]
    tail_verdicts: dict[str, dict[str, Verdict]]
    continuations: tuple[Continuation, ...]


@dataclass(frozen=True)
class OtherHistory:
    """Nights of the same series under another fingerprint.

    `differs`: the facts of the fingerprint that differ, a phrase each. `same_hardware`: whether an update of the system
    changes all of these facts.
    """

    fingerprint: str
    nights: int
    differs: tuple[str, ...]
    same_hardware: bool

    def sentence(self, series: str) -> str:
        """How many nights lie there, what differs, and what to do."""
        facts = "; ".join(self.differs) or "facts that its files do not name"
        text = f"{self.nights} nights of {series} lie under {self.fingerprint}, which differs in {facts}"
        if self.same_hardware:
            return f"{text}: mnv2bench accept --continue-from {self.fingerprint} --why TEXT goes on from them."
        return f"{text}: that is another machine, whose nights say nothing about this one."


def lineage(results: Path, fingerprint: str, series: str | None = None, later: tuple[str, ...] = ()) -> Lineage:
    """The history of a machine with those that it continues. ValueError where one of these is missing or a loop."""
    folder = results / fingerprint
    own = load(results, fingerprint, series)
    accepted = folder / "epochs.toml"
    continued = epochs_file.continuations(accepted)
    judged = folder / "verdicts.jsonl"
    whole = Lineage(
        frame=own.frame,
        unread=own.unread,
        epochs=epochs_file.read(accepted),
        verdicts=verdicts_file.read(judged),
        tail_verdicts=verdicts_file.read_tails(judged),
        continuations=continued,
    )
    for entry in reversed(continued):
        if entry.fingerprint in (*later, fingerprint):
            raise ValueError(f"{accepted} continues {entry.fingerprint}, which continues it: correct that file")
        if not (results / entry.fingerprint).is_dir():
            raise ValueError(f"{accepted} continues {entry.fingerprint}, which is not under {results}: bring it there")
        earlier = lineage(results, entry.fingerprint, series, (*later, fingerprint))
        whole = _joined(_until(earlier, entry), whole)
    return whole


def _until(earlier: Lineage, entry: Continuation) -> Lineage:
    """A continued history up to the night that the entry names, its nights under their longer names."""
    last, prefix = night_number(entry.night), f"{entry.fingerprint}/"
    frame = earlier.frame
    counting = [night_number(night) <= last for night in frame["night"].astype(str)]
    frame = frame[counting]
    renamed = frame.assign(
        night=[prefix + night for night in frame["night"].astype(str)],
        source=[f"../{prefix}{source}" for source in frame["source"].astype(str)],
    )
    return Lineage(
        frame=renamed,
        unread=(),
        epochs=tuple(
            replace(epoch, night=prefix + epoch.night) for epoch in earlier.epochs if night_number(epoch.night) <= last
        ),
        verdicts=_renamed(earlier.verdicts, prefix, last),
        tail_verdicts=_renamed(earlier.tail_verdicts, prefix, last),
        continuations=(),
    )


def _renamed(
    verdicts: dict[str, dict[str, Verdict]], prefix: str, last: tuple[bool, int, str]
) -> dict[str, dict[str, Verdict]]:
    """The verdicts of nights up to the last one that counts, under their longer names."""
    return {prefix + night: of_night for night, of_night in verdicts.items() if night_number(night) <= last}


def _joined(earlier: Lineage, later: Lineage) -> Lineage:
    return Lineage(
        frame=_stacked(earlier.frame, later.frame),
        unread=later.unread,
        epochs=(*earlier.epochs, *later.epochs),
        verdicts={**earlier.verdicts, **later.verdicts},
        tail_verdicts={**earlier.tail_verdicts, **later.tail_verdicts},
        continuations=later.continuations,
    )


def _stacked(earlier: "pd.DataFrame", later: "pd.DataFrame") -> "pd.DataFrame":
    """One frame, its texts as categories again."""
    import pandas as pd

    texts = list(later.select_dtypes("category").columns)
    if earlier.empty:
        return later
    frames = [frame.astype(dict.fromkeys(texts, object)) for frame in (earlier, later) if len(frame)]
    stacked = pd.concat(frames, ignore_index=True)
    for name in texts:
        stacked[name] = pd.Categorical(stacked[name], categories=stacked[name].dropna().unique())
    return stacked


def machine_of(folder: Path, series: str = "") -> Machine | None:
    """The machine as its newest file that reads describes it; None where no file does."""
    for name in sorted(_saved(folder, series), key=lambda name: night_number(Path(name).stem), reverse=True):
        try:
            records = load_records(folder / name)
        except Unusable:
            continue
        if records:
            return records[0].machine
    return None


def other_histories(
    results: Path, here: Machine, fingerprint: str, series: str, known: Iterable[str]
) -> "list[OtherHistory]":
    """Where else nights of this series lie: those of the same hardware first, then those with the most nights."""
    histories = []
    for folder in sorted(results.iterdir()):
        nights = len(_saved(folder, series)) if folder.is_dir() else 0
        if not nights or folder.name in (fingerprint, *known):
            continue
        there = machine_of(folder, series)
        differs = tuple(differences(here, there)) if there else ()
        histories.append(OtherHistory(folder.name, nights, differs, bool(there and same_hardware(here, there))))
    return sorted(histories, key=lambda history: (not history.same_hardware, -history.nights))


def same_hardware(here: Machine, there: Machine) -> bool:
    """Whether two machines differ in nothing but what an update of the system changes."""
    facts = [difference.partition(":")[0] for difference in differences(here, there)]
    return all(fact in (*UPDATED, *GIVEN) for fact in facts) and here.cpu_flags == there.cpu_flags


def _saved(folder: Path, series: str) -> list[str]:
    return [name for name in saved_files(folder).stamps if series in ("", series_name(Path(name)))]
