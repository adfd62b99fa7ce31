"""A duel: two environments measured in one sitting, by pairs of fresh processes in ABBA order."""

import os
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mnv2bench.campaign.patience import Patience, settled_load
from mnv2bench.campaign.places import require_places
from mnv2bench.campaign.preparation import Failure, Preparation, silent
from mnv2bench.campaign.processes import Turn, process_of, run_process
from mnv2bench.campaign.resuming import open_journal
from mnv2bench.campaign.schedule import process_seed
from mnv2bench.campaign.weights import require_weights
from mnv2bench.case import Case, Kind, described_networks
from mnv2bench.locks import Progress, measuring
from mnv2bench.machine import state
from mnv2bench.records import Plan, Record, Weights, replace
from mnv2bench.records.journal import Head, Journal, SideLine, records
from mnv2bench.regression.duels.side import Side, side
from mnv2bench.workers.environment import dropped_line

SIDES = ("old", "new")


@dataclass(frozen=True)
class JournaledSide:
    """A side and the ordinary journal of its processes; the `number` of a process is that of its pair."""

    side: Side
    journal: Journal
    head: Head

    def records(self) -> tuple[Record, ...]:
        """The Records of the processes so far."""
        return records(self.head, self.journal.artifacts, self.journal.processes, self.journal.accuracies)


@dataclass
class Duel:
    """Two sides and the cases that are measured on both; `measure_pairs` brings cases to a number of pairs.

    `stopped`: by case id, why it has no more pairs.
    """

    cases: tuple[Case, ...]
    old: JournaledSide
    new: JournaledSide
    seed: int
    progress: Progress = silent
    stopped: dict[str, str] = field(default_factory=dict)


@contextmanager
def locked_duel(out: Path, patience: Patience, progress: Progress) -> Iterator[None]:
    """Hold the locks of the machine and of both journals. Raises locks.Locked where another campaign has one."""
    with measuring(*(journal_path(out, name) for name in SIDES), wait=patience.campaigns, progress=progress):
        yield


def begin_duel(
    cases: tuple[Case, ...],
    pythons: tuple[str, str],
    out: Path,
    plan: Plan,
    seed: int = 0,
    weights: Weights | None = None,
    progress: Progress = silent,
    resume: bool = False,
    patience: Patience | None = None,
) -> Duel:
    """Prepare both environments, old first, open the journals OUT.old.jsonl and OUT.new.jsonl, and wait for idleness.

    ValueError for an environment that cannot take part, or journals of another duel.
    """
    weights = required(cases, plan, weights or Weights(), progress)
    sides = []
    for name, python in zip(SIDES, pythons, strict=True):
        progress(f"{name}: {python}: making what {len(cases)} cases need", 0, 0)
        sides.append(checked_side(python, cases, plan, weights))
    return open_duel(cases, (sides[0], sides[1]), out, plan, seed, weights, progress, resume, patience)


def required(cases: tuple[Case, ...], plan: Plan, weights: Weights, progress: Progress) -> Weights:
    """The weights with what a duel must know of them. ValueError for cases or places that no duel can have."""
    require_timed(cases)
    require_places()
    if line := dropped_line(os.environ, plan.environment):
        progress(line, 0, 0)
    return require_weights(cases, weights)


def checked_side(python: str, cases: tuple[Case, ...], plan: Plan, weights: Weights) -> Side:
    """An environment with what the cases need. ValueError where it cannot take part."""
    prepared = side(python, cases, weights, plan.trt_level)
    _require_reference(prepared, weights)
    return prepared


def open_duel(
    cases: tuple[Case, ...],
    sides: tuple[Side, Side],
    out: Path,
    plan: Plan,
    seed: int,
    weights: Weights,
    progress: Progress = silent,
    resume: bool = False,
    patience: Patience | None = None,
) -> Duel:
    """Open the journals of two environments that are prepared, and wait for idleness.

    ValueError for journals of another duel.
    """
    journaled = []
    for name, prepared in zip(SIDES, sides, strict=True):
        journal = Journal(journal_path(out, name))
        journaled.append(_journaled(prepared, journal, cases, plan, seed, weights, progress, resume))
    duel = Duel(cases, journaled[0], journaled[1], seed, progress)
    for name, measured in zip(SIDES, journaled, strict=True):
        for process in measured.journal.processes:
            if process.status != "ok":
                duel.stopped[process.case.id] = f"{name}: {process.status}: {process.reason}"
    load = settled_load((patience or Patience()).idle_s, progress)
    duel.new.journal.note(replace(state(), other_load=load))
    return duel


def require_timed(cases: Iterable[Case]) -> None:
    """ValueError where a case is counted, which pairs of processes do not make more exact."""
    for case in cases:
        if case.kind == Kind.COUNTED:
            reason = f"{case.id} is counted, and pairs of processes do not make a count more exact"
            raise ValueError(f"{reason}: use mnv2bench compare A B")


def journal_path(out: Path, side: str) -> Path:
    """The journal of a side: OUT.old.jsonl and OUT.new.jsonl, whatever OUT ends in."""
    return out.with_name(f"{out.name}.{side}.jsonl")


def _require_reference(prepared: Side, weights: Weights) -> None:
    """ValueError, in one line, where nothing could be checked with the user's weights in this environment."""
    for preparation in prepared.preparations.values():
        if weights.file and isinstance(preparation, Failure) and preparation.status == "wrong":
            raise ValueError(f"--weights {weights.file}: {preparation.reason.partition(': ')[2]}")


def _journaled(
    prepared: Side,
    journal: Journal,
    cases: tuple[Case, ...],
    plan: Plan,
    seed: int,
    weights: Weights,
    progress: Progress,
    resume: bool,
) -> JournaledSide:
    """A side with its journal, begun or resumed, in which its environment and its artifacts are written down."""
    head = Head(cases, plan, seed, weights, prepared.machine, networks=described_networks(cases))
    open_journal(journal, head, resume, progress)
    journal.note(SideLine(prepared.interpreter.path, prepared.distributions))
    for case in cases:
        preparation = prepared.preparations[case.id]
        if isinstance(preparation, Preparation) and case.id not in journal.artifacts:
            journal.artifact(case, preparation.artifact)
    return JournaledSide(prepared, journal, head)


def measure_pairs(
    duel: Duel, cases: Iterable[Case], target: int, is_late: Callable[[], bool] = lambda: False
) -> bool:  # fmt: skip
    """Bring each of these cases to `target` pairs; what the journals hold is not measured again.

    Pair n of every case comes before pair n + 1 of any, in an order of its own, so a bad minute of the machine meets
    one pair of each case and not many of one. Even pairs run old first, odd ones new first; both processes of a pair
    have the same seed. `is_late` is called before each pair; False where it stopped the measuring.
    """
    ordered = sorted(cases, key=lambda case: case.id)
    sides = dict(zip(SIDES, (duel.old, duel.new), strict=True))
    done = {(name, p.case.id, p.number) for name, measured in sides.items() for p in measured.journal.processes}
    for number in range(target):
        shuffled = random.Random(f"{duel.seed} {number}").sample(ordered, len(ordered))
        open_cases = [case for case in shuffled if case.id not in duel.stopped]
        remaining = [case for case in open_cases if any((name, case.id, number) not in done for name in SIDES)]
        if remaining:
            duel.new.journal.note(state())
        for step, case in enumerate(remaining):
            if is_late():
                return False
            message = f"pair {number + 1} of {target}, {case.id}"
            duel.progress(message, number * len(ordered) + step, target * len(ordered))
            for name in SIDES if number % 2 == 0 else SIDES[::-1]:
                if case.id not in duel.stopped and (name, case.id, number) not in done:
                    _measure(duel, name, sides[name], case, number)
    return True


def _measure(duel: Duel, name: str, measured: JournaledSide, case: Case, number: int) -> None:
    seed = process_seed(duel.seed, case.id, number)
    position = len(duel.old.journal.processes) + len(duel.new.journal.processes)
    preparation, interpreter = measured.side.preparations[case.id], measured.side.interpreter
    outcome = run_process(case, preparation, measured.head.plan, seed, interpreter)
    process = process_of(case, Turn(number, position, seed), outcome)
    measured.journal.process(process)
    if process.status != "ok":
        duel.stopped[case.id] = f"{name}: {process.status}: {process.reason}"
