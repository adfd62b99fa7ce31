"""One night judged: from its files to its line in verdicts.jsonl, with pairs where there is a baseline environment."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mnv2bench.campaign import Patience, Progress
from mnv2bench.machine import this_machine
from mnv2bench.records import Plan
from mnv2bench.regression.duels.confirm import Answer, Question, answered
from mnv2bench.regression.duels.duel import Duel, begin_duel, locked_duel
from mnv2bench.regression.gate.counts import judged_counts
from mnv2bench.regression.gate.gate import Screened, judged, screened, to_verdicts
from mnv2bench.regression.history import Continuation, Night, date_notes, lineage, nights
from mnv2bench.regression.history import verdicts as verdicts_file
from mnv2bench.regression.history.epochs import Epoch, pinned
from mnv2bench.regression.history.lineage import machine_of, other_histories
from mnv2bench.regression.history.night import night_number
from mnv2bench.regression.history.verdicts import Verdict
from mnv2bench.regression.judging.judgement import Judgement
from mnv2bench.regression.judging.pairs import LOOKS
from mnv2bench.regression.judging.series import TAIL
from mnv2bench.statistics.versions import differing_versions

if TYPE_CHECKING:
    import pandas as pd

OTHERS = 3  # histories under other fingerprints that a night names


@dataclass(frozen=True)
class Tonight:
    """A night among the nights of its machine and series.

    `epochs`, `verdicts` and `tail_verdicts` are those of the machine's two files; `skipped` has a line for each
    file that does not read.
    """

    name: str
    machine: str
    folder: Path
    frame: "pd.DataFrame"
    epochs: tuple[Epoch, ...]
    verdicts: dict[str, dict[str, Verdict]]
    skipped: tuple[str, ...]
    series: str
    tail_verdicts: dict[str, dict[str, Verdict]] = field(default_factory=dict)
    continuations: tuple[Continuation, ...] = ()

    @property
    def path(self) -> Path:
        """The saved file of the night."""
        return self.file(self.name)

    def file(self, night: str) -> Path:
        """The saved file of any of the nights."""
        return self.folder / str(self.frame.loc[self.frame["night"] == night, "source"].iloc[0])


@dataclass(frozen=True)
class Pairs:
    """How suspects are confirmed: the interpreters of the baseline and of tonight's environment, and for how long.

    `afterwards` is given the duel when its pairs are measured, under its locks.
    """

    baseline: str
    new: str
    budget_s: float
    progress: Progress
    resume: bool = False
    patience: Patience = field(default_factory=Patience)
    afterwards: Callable[[Duel, Mapping[Question, Answer]], None] = lambda duel, answers: None


class UnreadNight(Exception):
    """The file of the night that is to be judged does not read; the message names it."""

    def __init__(self, night: str, machine: str, reason: str) -> None:
        super().__init__(reason)
        self.night, self.machine, self.reason = night, machine, reason

    def judgement(self) -> Judgement:
        """The judgement of a night without rows: it cannot be judged."""
        return Judgement(self.night, "", self.machine, (), 0.0, (self.reason,), "", unjudged=True)


def tonight(results: Path, machine: str, series: str = "", night: str = "") -> Tonight:
    """The night of that name, or the one with the highest number.

    ValueError where there is none. UnreadNight where its file does not read: no other night is judged in its place.
    """
    history = lineage(results, machine, series or None)
    names = [known for known in dict.fromkeys(history.frame["night"].astype(str)) if "/" not in known]
    unread = {file.night: file.reason for file in history.unread if series in ("", file.series)}
    if not names and not unread:
        fix_command = "pytest suites --benchmark-save=nightly"
        others = "--results, --fingerprint and --series name others"
        raise ValueError(f"no night of {machine} under {results}: {fix_command} saves one; {others}")
    name = night or max([*names, *unread], key=night_number)
    if name in unread:
        raise UnreadNight(name, machine, unread[name])
    if name not in names:
        raise ValueError(f"there is no night {name!r} of {machine} under {results}: the last one is {names[-1]}")
    series_of_night = history.frame.loc[history.frame["night"] == name, "series"].iloc[0]
    folder = results / machine
    return Tonight(
        name=name,
        machine=machine,
        folder=folder,
        frame=history.frame[history.frame["series"] == series_of_night],
        epochs=history.epochs,
        verdicts=history.verdicts,
        skipped=tuple(file.reason for file in history.unread),
        series=series_of_night,
        tail_verdicts=history.tail_verdicts,
        continuations=history.continuations,
    )


def judge_night(
    night: Tonight,
    pairs: Pairs | None,
    write_pages: Callable[[Judgement], None] = lambda judgement: None,
    strict: bool = False,
) -> Judgement:
    """Screen the night, confirm its suspects where `pairs` is given, and add its line to verdicts.jsonl.

    `write_pages` comes before that line: where it raises, the night is not judged, and can be judged again.
    ValueError where the pairs cannot be measured here, or `pairs.new` is not the environment that measured the night.
    """
    stage1 = screened(night.frame, night.name, night.epochs, night.verdicts)
    tails = screened(night.frame, night.name, night.epochs, night.tail_verdicts, TAIL)
    answers: Mapping[Question, Answer] | None = None
    notes: Sequence[str] = ()
    if pairs and night.machine != this_machine().fingerprint:
        raise ValueError(f"{night.machine} is another machine: measure pairs there, and leave --baseline out here")
    if pairs:
        questions = [*stage1.pair_questions(), *tails.pair_questions()]
        answers, notes = _confirmed(night, stage1, questions, pairs) if questions else ({}, ())
    counts = judged_counts(night.frame, night.name, night.epochs, night.verdicts)
    notes = (*notes, *date_notes(_own_nights(night), datetime.now(UTC)), *_lineage_notes(night, stage1))
    judgement = judged(stage1, tails, answers, notes, pairs.baseline if pairs else "", counts, strict)
    write_pages(judgement)
    when = datetime.now(UTC).isoformat(timespec="seconds")
    continues = [entry.fingerprint for entry in night.continuations]
    times, of_tails = to_verdicts(judgement.rows), to_verdicts(judgement.tails)
    verdicts_file.append(night.folder / "verdicts.jsonl", night.name, when, times, continues, of_tails)
    return judgement


def _own_nights(night: Tonight) -> list[Night]:
    """The nights that were saved under the machine's own fingerprint."""
    return [known for known in nights(night.frame) if "/" not in known.night]


def _lineage_notes(night: Tonight, stage1: Screened) -> list[str]:
    """Sentences on nights under other fingerprints: those that count here, and where a case is learning those that lie
    unused.
    """
    names = [known.night for known in nights(night.frame)]
    notes = []
    for entry in night.continuations:
        count = sum(name.startswith(f"{entry.fingerprint}/") for name in names)
        facts = "; ".join(entry.differs)
        notes.append(
            f"{count} nights of {entry.fingerprint} count here since {entry.when[:10]}: {entry.why} ({entry.who}). "
            f"It differs in {facts}."
        )
    here = machine_of(night.folder, night.series) if stage1.screen.learning.any() else None
    if here:
        known = [entry.fingerprint for entry in night.continuations]
        others = other_histories(night.folder.parent, here, night.machine, night.series, known)
        notes += [other.sentence(night.series) for other in others[:OTHERS]]
    return notes


def _confirmed(
    night: Tonight, stage1: Screened, questions: Sequence[Question], pairs: Pairs
) -> tuple[Mapping[Question, Answer], Sequence[str]]:
    """Stage 2: the answers of pairs, and sentences on what differs between the environments."""
    first_row, cases = stage1.tonight.iloc[0], tuple(dict.fromkeys(question.case for question in questions))
    plan = msgspec.convert(json.loads(first_row["plan"]) | {"processes": LOOKS[-1]}, Plan)
    out = night.folder / f"{night.name}.journal"
    pythons = (pairs.baseline, pairs.new)
    with locked_duel(out, pairs.patience, pairs.progress):
        duel = begin_duel(*(cases, pythons, out, plan, stage1.seed, None, pairs.progress, pairs.resume, pairs.patience))
        _require_tonights_libraries(night, json.loads(first_row["libraries"]), pairs.new, duel)
        answers = answered(duel, questions, pairs.budget_s)
        pairs.afterwards(duel, answers)
    return answers, [*_differences_from_pinned(night, duel), *differences(duel)]


def _require_tonights_libraries(night: Tonight, libraries: dict[str, str], python: str, duel: Duel) -> None:
    """ValueError where the new side's libraries are not those that measured the night."""
    for name, before, now in differing_versions(libraries, duel.new.side.machine.libraries):
        fix = "give --new the interpreter that measured the night"
        raise ValueError(f"{night.name} was measured with {name} {before}, {python} has {now}: {fix}")


def _differences_from_pinned(night: Tonight, duel: Duel) -> list[str]:
    """Sentences on what differs between the old side and the environment of the last epoch's night."""
    epoch = pinned(night.epochs)
    changed = differing_versions(epoch.libraries, duel.old.side.machine.libraries) if epoch else []
    return [
        f"The baseline environment is not that of its night: {name} was {before} and is {now}."
        for name, before, now in changed
    ]


def differences(duel: Duel) -> list[str]:
    """Sentences on what differs between the two environments of a duel."""
    changed = differing_versions(duel.old.side.versions, duel.new.side.versions)
    if not changed:
        return ["Old and new have the same distributions in the same versions, at the same commit."]
    return [f"Old and new differ in {name}: {before}, {after}." for name, before, after in changed]
