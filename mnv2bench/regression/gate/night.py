"""One night judged, from its files to its line in verdicts.jsonl, pairs included where there is a baseline."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mnv2bench.campaign import Progress
from mnv2bench.cases import Case
from mnv2bench.machine import this_machine
from mnv2bench.records import Plan
from mnv2bench.regression.duels.confirm import Answer, confirm
from mnv2bench.regression.duels.duel import Duel, begin
from mnv2bench.regression.gate.counts import judged_counts
from mnv2bench.regression.gate.gate import Screened, judged, rivals, screened, to_verdicts
from mnv2bench.regression.history import epochs, load, verdicts
from mnv2bench.regression.history.epochs import Epoch, pinned
from mnv2bench.regression.judging.judgement import Judgement
from mnv2bench.regression.judging.pairs import LOOKS
from mnv2bench.statistics.versions import differing_versions

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Tonight:
    """A night among the nights of its machine and series; `skipped` has a line for each file that does not read."""

    name: str
    machine: str
    folder: Path
    frame: "pd.DataFrame"
    accepted: tuple[Epoch, ...]
    said: dict[str, dict[str, verdicts.Verdict]]
    skipped: tuple[str, ...]


@dataclass(frozen=True)
class Pairs:
    """How suspects are confirmed: the interpreters of the baseline and of tonight's environment, and for how long."""

    baseline: str
    new: str
    budget_s: float
    progress: Progress
    resume: bool = False


def tonight(results: Path, machine: str, series: str = "", night: str = "") -> Tonight:
    """The night of that name, the one saved last where none is named. ValueError where there is none."""
    history = load(results, machine, series or None)
    names = list(dict.fromkeys(history.frame["night"].astype(str)))
    if not names:
        mend = "pytest suites --benchmark-save=nightly saves one; --results, --fingerprint and --series name others"
        raise ValueError(f"no night of {machine} under {results}: {mend}")
    name = night or names[-1]
    if name not in names:
        raise ValueError(f"there is no night {name!r} of {machine} under {results}: the last one is {names[-1]}")
    own = history.frame.loc[history.frame["night"] == name, "series"].iloc[0]
    folder = results / machine
    return Tonight(
        name=name,
        machine=machine,
        folder=folder,
        frame=history.frame[history.frame["series"] == own],
        accepted=epochs.read(folder / "epochs.toml"),
        said=verdicts.read(folder / "verdicts.jsonl"),
        skipped=history.skipped,
    )


def judge_night(night: Tonight, pairs: Pairs | None) -> Judgement:
    """Screen the night, confirm its suspects where `pairs` says how, and write down what was said.

    ValueError where the pairs cannot be measured here, or `pairs.new` is not the environment that measured the night.
    """
    found = screened(night.frame, night.name, night.accepted, night.said)
    answers: Mapping[Case, Answer] | None = None
    notes: Sequence[str] = ()
    if pairs and night.machine != this_machine().fingerprint:
        raise ValueError(f"{night.machine} is another machine: measure pairs there, and leave --baseline out here")
    if pairs:
        answers, notes = _confirmed(night, found, pairs) if found.cases() else ({}, ())
    counts = judged_counts(night.frame, night.name, night.accepted, night.said)
    judgement = judged(found, answers, notes, pairs.baseline if pairs else "", counts)
    when = datetime.now(UTC).isoformat(timespec="seconds")
    verdicts.append(night.folder / "verdicts.jsonl", night.name, when, to_verdicts(judgement))
    return judgement


def _confirmed(night: Tonight, found: Screened, pairs: Pairs) -> tuple[Mapping[Case, Answer], Sequence[str]]:
    first, cases = found.tonight.iloc[0], found.cases()
    plan = Plan(processes=LOOKS[-1], **json.loads(first["plan"]))
    out = night.folder / f"{night.name}.journal"
    fought = begin(tuple(cases), (pairs.baseline, pairs.new), out, plan, found.seed, None, pairs.progress, pairs.resume)
    for name, then, now in differing_versions(json.loads(first["libraries"]), fought.new.side.machine.libraries):
        mend = "give --new the interpreter that measured the night"
        raise ValueError(f"{night.name} was measured with {name} {then}, {pairs.new} has {now}: {mend}")
    asked = {case: found.asked.asked[cell] for case, cell in cases.items()}
    answers = confirm(fought, asked, rivals(found), pairs.budget_s)
    return answers, [*_unlike_the_pinned(night, fought), *differences(fought)]


def _unlike_the_pinned(night: Tonight, fought: Duel) -> list[str]:
    epoch = pinned(night.accepted)
    now = fought.old.side.machine.libraries
    moved = differing_versions(epoch.libraries, now) if epoch else []
    return [f"The baseline environment is not that of its night: {n} was {a} and is {b}." for n, a, b in moved]


def differences(fought: Duel) -> list[str]:
    """Sentences on what differs between the two environments of a duel."""
    found = differing_versions(fought.old.side.versions, fought.new.side.versions)
    said = [f"Old and new differ in {name}: {before}, {after}." for name, before, after in found]
    return said or ["Old and new have the same distributions in the same versions, at the same commit."]
