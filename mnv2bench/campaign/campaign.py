"""A campaign: artifacts first, then blocks of worker processes, each written to the journal as it ends."""

import itertools
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mnv2bench.campaign import accuracies, durations
from mnv2bench.campaign.budget import Budget, BudgetedSchedule, Policy
from mnv2bench.campaign.estimate import Estimate, estimate
from mnv2bench.campaign.exports import CountedExports, make_missing, still_missing
from mnv2bench.campaign.items import CaseItem, Item, Needs, Statuses, stopped_items
from mnv2bench.campaign.patience import Patience, settled_load
from mnv2bench.campaign.places import require_places
from mnv2bench.campaign.preparation import (
    NO_FAILURES,
    Failure,
    Failures,
    Preparation,
    prepare,
    require_reference,
    silent,
)
from mnv2bench.campaign.processes import Turn
from mnv2bench.campaign.resuming import begin_journal, continue_journal
from mnv2bench.campaign.schedule import process_seed
from mnv2bench.campaign.steps import FixedSchedule, Schedule, Step
from mnv2bench.campaign.weights import require_weights
from mnv2bench.case import Case, described_networks
from mnv2bench.locks import Progress, measuring
from mnv2bench.machine import state, this_machine
from mnv2bench.records import ENDED, Accuracy, Plan, Record, Weights, default_weights, replace
from mnv2bench.records.blocks import are_over, spent_s
from mnv2bench.records.journal import End, Head, Journal, records
from mnv2bench.workers.environment import dropped_line
from mnv2bench.workers.noise import resident_bytes

Preparations = dict[Needs, Preparation | Failure]
NO_POLICY = "a plan with a budget needs a policy that divides it: mnv2bench.policy.policy() makes one"


@dataclass
class Campaign:
    """What is measured, how, and in which journal it is kept.

    `policy` divides the time among the cases where the plan has a budget.
    """

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
    policy: Policy | None = None


def run(campaign: Campaign, resume: bool = False) -> tuple[Record, ...]:
    """Measure every case and return its Record; on resume, what the journal already holds is not measured again.

    Meanwhile this process holds the locks of the machine and of the journal. Raises locks.Locked where another campaign
    has one of them, ValueError where the journal is of another campaign or machine or the budget is too small, OSError
    where the journal cannot be written.
    """
    require_places()
    if campaign.plan.budget_s and campaign.policy is None:
        raise ValueError(NO_POLICY)
    patience, progress = campaign.patience, campaign.progress
    with measuring(campaign.journal.path, wait=patience.campaigns, progress=progress):
        return _run(campaign, resume)


def _run(campaign: Campaign, resume: bool) -> tuple[Record, ...]:
    campaign = replace(campaign, weights=require_weights(campaign.cases, campaign.weights))
    head = Head(
        campaign.cases,
        campaign.plan,
        campaign.seed,
        campaign.weights,
        this_machine(),
        campaign.runner,
        now(),
        described_networks(campaign.cases),
    )
    journal = campaign.journal
    if campaign.weights.reading:
        campaign.progress(f"weights of {campaign.weights.file}: {campaign.weights.reading}", 0, 0)
    require_reference(campaign.cases, campaign.weights, campaign.progress)
    goes_on = continue_journal(journal, head, resume, campaign.progress)
    expected = estimate_left(campaign)
    if not goes_on:
        expected.require_budget()
        begin_journal(journal, head, campaign.progress)
    if line := dropped_line(os.environ, campaign.plan.environment):
        campaign.progress(line, 0, 0)
    campaign.progress(expected.sentence, 0, 0)
    _measure_all(replace(campaign, progress=CountedExports(campaign.progress, expected.missing)), expected)
    journal.note(state())
    journal.note(End(resident_bytes("VmHWM")))
    return records(head, journal.artifacts, journal.processes, journal.accuracies, ended=True)


def estimate_left(campaign: Campaign) -> Estimate:
    """What is left to do of a campaign."""
    return estimate(
        campaign.cases,
        campaign.plan,
        campaign.weights,
        accuracy=campaign.accuracy,
        extras=campaign.extras,
        journal=campaign.journal,
    )


def _measure_all(campaign: Campaign, expected: Estimate) -> None:
    """Measure what the journal does not hold, and keep what it took for later estimates, also of an interrupted one."""
    journal, plan = campaign.journal, campaign.plan
    before, item_s = len(journal.processes), dict[str, list[float]]()
    items: tuple[Item, ...] = (*map(CaseItem, campaign.cases), *campaign.extras)
    statuses = {item.id: item.statuses(journal) for item in items}
    tests = len(accuracies.planned(campaign.cases, campaign.weights, journal.accuracies)) if campaign.accuracy else 0
    budget = Budget(plan.budget_s, spent_s(journal.blocks, journal.processes))
    preparations: Preparations = {}
    schedule: Schedule = FixedSchedule(items, plan.processes, campaign.seed, tests)
    if plan.budget_s:
        schedule = _budgeted(campaign, items, statuses, preparations, budget, expected.tests_s)
    unfinished = unfinished_items(campaign, items, statuses)
    try:
        of_items = [export for export in expected.missing if export not in expected.of_tests]
        failures = make_missing(of_items, campaign.weights, campaign.progress, schedule.is_late)
        prepare_items(campaign, unfinished, schedule, preparations, failures)
        if unfinished:
            with budget.paused():
                load = settled_load(campaign.patience.idle_s, campaign.progress)
            measure_blocks(campaign, schedule, statuses, preparations, load, item_s)
        if tests:
            make_missing(
                still_missing(expected.of_tests, campaign.weights),
                campaign.weights,
                campaign.progress,
                schedule.is_late,
            )
            measure_accuracies(campaign, preparations, schedule, len(items) * plan.processes)
    finally:
        durations.keep(this_machine().fingerprint, journal.processes[before:], journal.accuracies, item_s, plan.rounds)
    done, _ = schedule.steps(len(items) * plan.processes + tests)
    campaign.progress("done", done, done)


def _budgeted(
    campaign: Campaign,
    items: Sequence[Item],
    statuses: Statuses,
    preparations: Preparations,
    budget: Budget,
    tests_s: float,
) -> BudgetedSchedule:
    """The blocks of a campaign with a budget, of which its accuracies take so many seconds."""
    if campaign.policy is None:
        raise ValueError(NO_POLICY)
    return BudgetedSchedule(
        items=items,
        statuses=statuses,
        journal=campaign.journal,
        plan=campaign.plan,
        weights=campaign.weights,
        seed=campaign.seed,
        policy=campaign.policy,
        budget=budget,
        known=durations.read(this_machine().fingerprint),
        preparations=preparations,
        reserved_s=tests_s,
    )


def measure_accuracies(campaign: Campaign, preparations: Preparations, schedule: Schedule, done: int) -> None:
    """Test every backend on the labelled images, as far as the journal does not hold that and there is time.

    The progress counts from `done`.
    """
    journal, progress = campaign.journal, campaign.progress
    tests: list[accuracies.Tested] = []
    for case in accuracies.untested(campaign.cases, campaign.weights, journal):
        made = preparations.get(Needs(case)) or _prepared(campaign, Needs(case))
        if isinstance(made, Preparation):
            tests.append(accuracies.Tested(case, made, campaign.plan, progress))
    progress("testing accuracies", *schedule.steps(done))
    places = itertools.count(done + 1)

    def keep(case: Case, accuracy: Accuracy) -> None:
        journal.accuracy(case, accuracy)
        progress(f"tested {case.id}", *schedule.steps(next(places)))

    accuracies.measure(tests, keep, schedule.is_late)


def _prepared(campaign: Campaign, needs: Needs, failures: Failures = NO_FAILURES) -> Preparation | Failure:
    level = campaign.plan.trt_level
    return prepare(needs.case, campaign.weights, campaign.progress, campaign.runner, level, needs.format, failures)


def unfinished_items(campaign: Campaign, items: Sequence[Item], statuses: Statuses) -> list[Item]:
    """The items that may have another process."""
    if are_over(campaign.journal.blocks):
        return []
    stopped, numbers = stopped_items(statuses), set(range(campaign.plan.processes))
    return [item for item in items if item.id not in stopped and not numbers <= statuses[item.id].keys()]


def prepare_items(
    campaign: Campaign, items: Sequence[Item], schedule: Schedule, preparations: Preparations, failures: Failures
) -> None:
    """Make the files that the processes of these items open, while there is time; where that cannot be, why not.

    `failures` are those of the exports that ran side by side.
    """
    for item in items:
        needs = item.needs
        if needs is None:
            continue
        if needs not in preparations:
            if schedule.is_late():
                continue
            preparations[needs] = _prepared(campaign, needs, failures)
        made = preparations[needs]
        if isinstance(item, CaseItem) and isinstance(made, Preparation):
            campaign.journal.artifact(item.case, made.artifact)


def measure_blocks(
    campaign: Campaign,
    schedule: Schedule,
    statuses: Statuses,
    preparations: Preparations,
    load: float | None,
    item_s: dict[str, list[float]],
) -> None:
    """Run the processes of the schedule that `statuses` do not hold, block by block, and add to them how each ended.

    `load` is that of other programs before the first process. The seconds of each process of an item that is no case
    go to `item_s`; a case's stand in the journal.
    """
    journal = campaign.journal
    position = 0
    first = max((process.position + 1 for process in journal.processes), default=0)
    later: int | None = None  # how much later than planned a process comes that is measured again
    for block in schedule.blocks():
        if any(_is_due(step, statuses) for step in block):
            journal.note(replace(state(), other_load=load))
            load = None  # from now on the load is ours
        for step in block:
            if _is_due(step, statuses) and schedule.has_time(step):
                later = max(0, first - position) if later is None else later
                campaign.progress(schedule.doing(step), *schedule.steps(position))
                _measure(campaign, step, position + later, statuses, preparations, item_s)
            position += 1


def _is_due(step: Step, statuses: Statuses) -> bool:
    """Whether a process of a schedule is to be measured: it is not there, and no process of its item ended badly."""
    ended = statuses[step.item.id]
    return step.number not in ended and all(status in ENDED for status in ended.values())


def _measure(
    campaign: Campaign,
    step: Step,
    position: int,
    statuses: Statuses,
    preparations: Preparations,
    item_s: dict[str, list[float]],
) -> None:
    """Run one process to its end."""
    item = step.item
    seed = process_seed(campaign.seed, item.id, step.number)
    preparation = preparations[item.needs] if item.needs else None
    start = time.monotonic()
    status = item.measure(Turn(step.number, position, seed), preparation, campaign.plan, campaign.journal)
    statuses[item.id][step.number] = status
    if status in ENDED and not isinstance(item, CaseItem):
        item_s.setdefault(item.id, []).append(time.monotonic() - start)


def now() -> str:
    """The time in UTC, as the head of a journal has it."""
    return datetime.now(UTC).isoformat(timespec="seconds")
