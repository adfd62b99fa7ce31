"""A campaign: artifacts first, then blocks of worker processes, each written to the journal as it ends."""

import itertools
import os
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mnv2bench.campaign import accuracies, durations
from mnv2bench.campaign.estimate import estimate
from mnv2bench.campaign.exports import CountedExports
from mnv2bench.campaign.items import CaseItem, Item, Needs
from mnv2bench.campaign.patience import Patience, settled_load
from mnv2bench.campaign.places import require_places
from mnv2bench.campaign.preparation import Failure, Preparation, prepare, require_reference, silent
from mnv2bench.campaign.processes import Turn
from mnv2bench.campaign.retries import ended_by_machine
from mnv2bench.campaign.schedule import blocks
from mnv2bench.campaign.weights import require_weights
from mnv2bench.case import Case
from mnv2bench.locks import Progress, measuring
from mnv2bench.machine import state, this_machine
from mnv2bench.records import ENDED, Accuracy, Machine, Plan, Record, Weights, default_weights, replace
from mnv2bench.records.journal import End, Head, Journal, records
from mnv2bench.workers.environment import dropped_line
from mnv2bench.workers.noise import resident_bytes

Statuses = Mapping[str, Mapping[int, str]]  # item id: number of a process: how it ended
Preparations = dict[Needs, Preparation | Failure]


@dataclass
class Campaign:
    """What is measured, how, and in which journal it is kept."""

    cases: tuple[Case, ...]
    journal: Journal
    plan: Plan = field(default_factory=Plan)
    seed: int = 0
    weights: Weights = field(default_factory=default_weights)
    progress: Progress = silent
    runner: str = ""  # what runs the cases of other devices instead of our own runners
    extras: tuple[Item, ...] = ()  # what other subjects measure among the cases
    patience: Patience = field(default_factory=Patience)
    accuracy: bool = False  # whether each backend is also tested on all labelled images


def run(campaign: Campaign, resume: bool = False) -> tuple[Record, ...]:
    """Measure every case and return its Record; on resume, what the journal already holds is not measured again.

    Meanwhile this process holds the locks of the machine and of the journal. Raises locks.Locked where another campaign
    has one of them, ValueError where the journal is of another campaign or machine, OSError where it cannot be written.
    """
    require_places()
    patience, progress = campaign.patience, campaign.progress
    with measuring(campaign.journal.path, wait=patience.campaigns, progress=progress):
        return _run(campaign, resume)


def _run(campaign: Campaign, resume: bool) -> tuple[Record, ...]:
    campaign = replace(campaign, weights=require_weights(campaign.cases, campaign.weights))
    head = Head(campaign.cases, campaign.plan, campaign.seed, campaign.weights, this_machine(), campaign.runner, _now())
    journal = campaign.journal
    if campaign.weights.reading:
        campaign.progress(f"weights of {campaign.weights.file}: {campaign.weights.reading}", 0, 0)
    require_reference(campaign.cases, campaign.weights, campaign.progress)
    open_journal(journal, head, resume, campaign.progress)
    if line := dropped_line(os.environ, campaign.plan.environment):
        campaign.progress(line, 0, 0)
    expected = estimate(
        campaign.cases,
        campaign.plan,
        campaign.weights,
        accuracy=campaign.accuracy,
        extras=campaign.extras,
        journal=journal,
    )
    campaign.progress(expected.sentence, 0, 0)
    _measure_all(replace(campaign, progress=CountedExports(campaign.progress, expected.missing)))
    journal.note(state())
    journal.note(End(resident_bytes("VmHWM")))
    return records(head, journal.artifacts, journal.processes, journal.accuracies)


def _measure_all(campaign: Campaign) -> None:
    """Measure what the journal does not hold, and keep what it took for later estimates, also of an interrupted one."""
    journal, plan = campaign.journal, campaign.plan
    before, item_s = len(journal.processes), dict[str, list[float]]()
    items: tuple[Item, ...] = (*map(CaseItem, campaign.cases), *campaign.extras)
    statuses = {item.id: item.statuses(journal) for item in items}
    processes = len(items) * plan.processes
    tests = len(accuracies.planned(campaign.cases, campaign.weights, journal.accuracies)) if campaign.accuracy else 0
    try:
        preparations = _preparations(campaign, items, statuses)
        _measure(campaign, items, statuses, preparations, processes + tests, item_s)
        if tests:
            _measure_accuracies(campaign, preparations, processes, processes + tests)
    finally:
        durations.keep(this_machine().fingerprint, journal.processes[before:], journal.accuracies, item_s, plan.rounds)
    campaign.progress("done", processes + tests, processes + tests)


def _measure_accuracies(campaign: Campaign, preparations: Preparations, done: int, total: int) -> None:
    """Test every backend on the labelled images, as far as the journal does not hold that.

    The progress counts from `done` to `total`.
    """
    journal, progress = campaign.journal, campaign.progress
    tests: list[accuracies.Tested] = []
    for case in accuracies.untested(campaign.cases, campaign.weights, journal):
        made = preparations.get(Needs(case)) or _prepared(campaign, Needs(case))
        if isinstance(made, Preparation):
            tests.append(accuracies.Tested(case, made, campaign.plan, progress))
    progress("testing accuracies", done, total)
    places = itertools.count(done + 1)

    def keep(case: Case, accuracy: Accuracy) -> None:
        journal.accuracy(case, accuracy)
        progress(f"tested {case.id}", next(places), total)

    accuracies.measure(tests, keep)


def _prepared(campaign: Campaign, needs: Needs) -> Preparation | Failure:
    level = campaign.plan.trt_level
    return prepare(needs.case, campaign.weights, campaign.progress, campaign.runner, level, needs.format)


def _stopped(statuses: Statuses) -> set[str]:
    """The items of which a process ended badly: they are not tried again."""
    return {item for item, ended in statuses.items() if any(status not in ENDED for status in ended.values())}


def _preparations(campaign: Campaign, items: Sequence[Item], statuses: Statuses) -> Preparations:
    """Make the files that the processes still to be measured open; where that cannot be, why not."""
    stopped, numbers = _stopped(statuses), set(range(campaign.plan.processes))
    preparations: Preparations = {}
    for item in items:
        needs = item.needs
        if needs is None or item.id in stopped or numbers <= statuses[item.id].keys():
            continue
        if needs not in preparations:
            preparations[needs] = _prepared(campaign, needs)
        made = preparations[needs]
        if isinstance(item, CaseItem) and isinstance(made, Preparation):
            campaign.journal.artifact(item.case, made.artifact)
    return preparations


def _measure(
    campaign: Campaign,
    items: Sequence[Item],
    statuses: Statuses,
    preparations: Preparations,
    total: int,
    item_s: dict[str, list[float]],
) -> None:
    """Run the processes that the journal does not hold, block by block; `total` is what the progress counts to.

    The seconds of each process of an item that is no case go to `item_s`; a case's stand in the journal.
    """
    journal, processes = campaign.journal, campaign.plan.processes
    stopped = _stopped(statuses)
    done = sum(map(len, statuses.values()))
    load: float | None = None
    if done < len(items) * processes:
        load = settled_load(campaign.patience.idle_s, campaign.progress)
    seeds = random.Random(campaign.seed)
    position = 0
    first = max((process.position + 1 for process in journal.processes), default=0)
    later: int | None = None  # how much later than planned a process comes that is measured again
    for number, block in enumerate(blocks(items, processes, campaign.seed)):
        if done < position + len(block):
            journal.note(replace(state(), other_load=load))
            load = None  # from now on the load is ours
        for item in block:
            seed = seeds.randrange(2**31)
            if number not in statuses[item.id] and item.id not in stopped:
                later = max(0, first - position) if later is None else later
                turn = Turn(number, position + later, seed)
                campaign.progress(f"block {number + 1} of {processes}, {item.id}", position, total)
                preparation = preparations[item.needs] if item.needs else None
                start = time.monotonic()
                status = item.measure(turn, preparation, campaign.plan, journal)
                if status not in ENDED:
                    stopped.add(item.id)
                elif not isinstance(item, CaseItem):
                    item_s.setdefault(item.id, []).append(time.monotonic() - start)
            position += 1


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _words(variables: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in variables.items()) or "none of those that are recorded"


def open_journal(journal: Journal, head: Head, resume: bool, progress: Progress) -> None:
    """Begin the journal, or continue the interrupted one; ValueError where that one is of another campaign."""
    is_there = journal.path.exists() and journal.path.stat().st_size > 0
    if resume and not is_there:
        progress(f"nothing to resume in {journal.path}: a new campaign begins", 0, 0)
    if resume and is_there:
        _require_same(journal.resume(), head)
        if retried := journal.forget(ended_by_machine):
            progress(f"measured again, as the machine had ended them: {len(retried)} processes", 0, 0)
    elif aside := journal.begin(head):
        progress(f"what stood in {journal.path} is kept as {aside}", 0, 0)


def _require_same(before: Head, now: Head) -> None:
    for name in ("cases", "plan", "seed", "weights", "runner"):
        if getattr(before, name) != getattr(now, name):
            raise ValueError(f"the interrupted campaign had other {name}: repeat its command with --resume, or drop it")
    if before.machine.allocator != now.machine.allocator or before.machine.variables != now.machine.variables:
        raise ValueError(
            "the interrupted campaign had another environment: set its variables again "
            f"({_words(before.machine.variables)}), or measure it anew, without --resume"
        )
    if before.machine.fingerprint != now.machine.fingerprint:
        raise ValueError("the interrupted campaign ran on another machine: measure it anew, without --resume")
    if _code(before.machine) != _code(now.machine):
        then, today = (head.machine.commit or "no commit" for head in (before, now))
        raise ValueError(
            f"mnv2bench itself changed since the campaign was interrupted ({then} then, {today} now): "
            "measure it anew, without --resume"
        )
    if before.machine.libraries != now.machine.libraries:
        raise ValueError("libraries changed since the campaign was interrupted: measure it anew, without --resume")


def _code(machine: Machine) -> tuple[str | None, str | None]:
    """What tells one state of mnv2bench's code from another: its commit, and the digest of what ran."""
    return machine.commit, machine.sources
