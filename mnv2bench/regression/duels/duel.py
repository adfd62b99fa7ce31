"""Two environments measured in one sitting: pairs of fresh processes, old and new back to back, in ABBA order."""

import random
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mnv2bench.artifacts import Weights
from mnv2bench.campaign.campaign import open_journal
from mnv2bench.campaign.preparation import Preparation, Progress, silent
from mnv2bench.campaign.processes import Turn, process_of, run_process
from mnv2bench.cases import Case, Kind
from mnv2bench.machine import state
from mnv2bench.records import Plan, Record
from mnv2bench.records.journal import Head, Journal, records
from mnv2bench.regression.duels.side import Side, side

SIDES = ("old", "new")


@dataclass(frozen=True)
class Corner:
    """A side, and the ordinary journal that its processes are written to; a process's `number` is its pair's."""

    side: Side
    journal: Journal
    head: Head

    def records(self) -> tuple[Record, ...]:
        return records(self.head, self.journal.artifacts, self.journal.processes)


@dataclass
class Duel:
    """What is measured against what: `pairs` brings cases to a number of pairs, as often as it is asked to."""

    cases: tuple[Case, ...]
    old: Corner
    new: Corner
    seed: int
    progress: Progress = silent
    stopped: dict[str, str] = field(default_factory=dict)  # case id: why it has no more pairs


def begin(
    cases: tuple[Case, ...],
    pythons: tuple[str, str],
    out: Path,
    plan: Plan,
    seed: int = 0,
    weights: Weights | None = None,
    progress: Progress = silent,
    resume: bool = False,
) -> Duel:
    """Ask both environments, old first, and open the journals OUT.old.jsonl and OUT.new.jsonl.

    ValueError for an environment that cannot take part, or journals of another duel.
    """
    if counted := [case.id for case in cases if case.kind == Kind.COUNTED]:
        raise ValueError(f"{counted[0]} is an exact count and needs no pairs: mnv2bench compare A B on two saved files")
    chosen = weights or Weights()
    stored = asdict(chosen) | {"content": chosen.content}
    corners = []
    for name, python in zip(SIDES, pythons, strict=True):
        progress(f"{name}: {python}: making what {len(cases)} cases need", 0, 0)
        prepared = side(python, cases, chosen, plan.trt_level)
        head = Head(cases, plan, seed, stored, prepared.machine)
        journal = Journal(out.with_name(f"{out.name}.{name}.jsonl"))
        open_journal(journal, head, resume, progress)
        journal.note("side", {"interpreter": prepared.interpreter[0], "distributions": prepared.distributions})
        for case in cases:
            preparation = prepared.preparations[case.id]
            if isinstance(preparation, Preparation) and case.id not in journal.artifacts:
                journal.artifact(case, preparation.artifact)
        corners.append(Corner(prepared, journal, head))
    duel = Duel(cases, corners[0], corners[1], seed, progress)
    for name, corner in zip(SIDES, corners, strict=True):
        for ended in corner.journal.processes:
            if ended.status != "ok":
                duel.stopped[ended.case.id] = f"{name}: {ended.status}: {ended.reason}"
    return duel


def pairs(duel: Duel, cases: Iterable[Case], upto: int, late: Callable[[], bool] = lambda: False) -> bool:
    """Bring each of these cases to `upto` pairs; what the journals hold is not measured again.

    Pair n of every case comes before pair n + 1 of any, in an order of its own, so a bad minute of the machine meets
    one pair of each case and not many of one. Even pairs run old first, odd ones new first; both processes of a pair
    have the same seed. False where `late` said so before the end: asked before each pair.
    """
    wanted = sorted(cases, key=lambda case: case.id)
    corners = dict(zip(SIDES, (duel.old, duel.new), strict=True))
    done = {(name, p.case.id, p.number) for name, corner in corners.items() for p in corner.journal.processes}
    for number in range(upto):
        order = random.Random(f"{duel.seed} {number}").sample(wanted, len(wanted))
        left = [c for c in order if c.id not in duel.stopped and any((n, c.id, number) not in done for n in SIDES)]
        if left:
            duel.new.journal.note("state", state())
        for step, case in enumerate(left):
            if late():
                return False
            duel.progress(f"pair {number + 1} of {upto}, {case.id}", number * len(wanted) + step, upto * len(wanted))
            for name in SIDES if number % 2 == 0 else SIDES[::-1]:
                if case.id not in duel.stopped and (name, case.id, number) not in done:
                    _measure(duel, name, corners[name], case, number)
    return True


def _measure(duel: Duel, name: str, corner: Corner, case: Case, number: int) -> None:
    seed = random.Random(f"{duel.seed} {case.id} {number}").randrange(2**31)
    position = len(duel.old.journal.processes) + len(duel.new.journal.processes)
    preparation, interpreter = corner.side.preparations[case.id], corner.side.interpreter
    outcome = run_process(case, preparation, corner.head.plan, seed, interpreter)
    corner.journal.process(process_of(case, Turn(number, position, seed), outcome))
    if outcome.status != "ok":
        duel.stopped[case.id] = f"{name}: {outcome.status}: {outcome.reason}"
