"""A campaign with a time budget: which processes it runs by a simulated clock, and what its journal says of that."""

import itertools
import json
import random
from dataclasses import dataclass, field

import pytest
from measured_cases import MACHINE, SEEDED, samples

from mnv2bench.campaign.budget import Budget, BudgetedSchedule
from mnv2bench.campaign.campaign import Campaign, measure_blocks, run
from mnv2bench.campaign.durations import Durations, ProcessTime
from mnv2bench.campaign.estimate import Estimate, estimate
from mnv2bench.campaign.items import CaseItem, Needs
from mnv2bench.campaign.preparation import Failure
from mnv2bench.campaign.resuming import continue_journal
from mnv2bench.case import Case
from mnv2bench.policy import policy
from mnv2bench.records import Plan, Process, record, replace
from mnv2bench.records.blocks import BlockLine, Reason, block_of, spent_s
from mnv2bench.records.journal import End, Head, Journal, Unusable, lines, load
from mnv2bench.records.reading import contents_of
from mnv2bench.report.machine import machine
from mnv2bench.selection import BUDGETED, select
from mnv2bench.shipping.readme import _command as command
from mnv2bench.texts import duration_s

FAST, SLOW, SLOWEST = (Case(backend=name) for name in ("onnxruntime", "openvino", "torch_eager"))
PLAN = replace(BUDGETED, budget_s=100.0, rounds=4)


@dataclass
class Clock:
    """A clock that only simulated processes move."""

    now: float = 1000.0

    def __call__(self):
        return self.now


@dataclass(frozen=True)
class SimulatedCase(CaseItem):
    """A case whose processes each take so many seconds of the simulated clock, with calls of so many milliseconds."""

    clock: Clock
    took_s: float = 5.0
    ms: tuple[float, ...] = (1.0,)
    status: str = "ok"
    ended: list = field(default_factory=list)

    needs = None

    @property
    def expected_s(self):
        """What the machine took for a process before."""
        return self.took_s(0) if callable(self.took_s) else self.took_s

    def measure(self, turn, preparation, plan, journal):
        ms = self.ms[turn.number % len(self.ms)]
        took_s = self.took_s(turn.number) if callable(self.took_s) else self.took_s
        self.clock.now += took_s
        measured = samples(ms, calls=max(1, round(150 / ms))) if self.status in ("ok", "wrong") else None
        reason = "" if self.status == "ok" else f"it is {self.status}"
        process = Process(self.case, turn.number, turn.position, turn.seed, self.status, reason, took_s)
        journal.process(replace(process, samples=measured) if measured else process)
        self.ended.append(self.clock.now)
        return self.status


def everybody(candidates, left_s):
    """A policy by which every case gets as many processes as it may have."""
    return {candidate.case: Reason.REST for candidate in candidates if candidate.is_open}


def campaign_of(tmp_path, items, plan, progress=lambda *step: None):
    cases = tuple(item.case for item in items)
    return Campaign(cases, Journal(tmp_path / "budget.jsonl"), plan, seed=3, weights=SEEDED, progress=progress)


def measured(
    tmp_path, *items, chosen_by=everybody, plan=PLAN, reserved_s=0.0, progress=None, resume=False,
    extras=(), failures=None,
):  # fmt: skip
    """Run the blocks of a campaign by the simulated clock; returns its journal. `failures` are of preparations."""
    campaign = campaign_of(tmp_path, items, plan, progress or (lambda *step: None))
    journal, clock = campaign.journal, items[0].clock
    if resume:
        journal.resume()
    else:
        journal.begin(Head(campaign.cases, plan, 3, SEEDED, MACHINE))
    every = (*items, *extras)
    statuses = {item.id: item.statuses(journal) for item in every}
    preparations = {Needs(case): failure for case, failure in (failures or {}).items()}
    first_s = {item.id: ProcessTime(item.expected_s) for item in items}
    schedule = BudgetedSchedule(
        items=every,
        statuses=statuses,
        journal=journal,
        plan=plan,
        weights=SEEDED,
        seed=3,
        policy=chosen_by,
        budget=Budget(plan.budget_s, spent_s(journal.blocks, journal.processes), clock),
        known=Durations(cases=first_s, items={item.id: item.took_s for item in extras}),
        preparations=preparations,
        reserved_s=reserved_s,
    )
    measure_blocks(campaign, schedule, statuses, preparations, None, {})
    return journal


def stop_at(step):
    """A progress that is interrupted at its first, second, ... step."""
    steps = itertools.count(1)

    def stop(*doing):
        if next(steps) == step:
            raise KeyboardInterrupt

    return stop


def counts(journal):
    """How many processes each case has, by its backend."""
    numbers = {}
    for process in journal.processes:
        numbers[process.case.backend] = numbers.get(process.case.backend, 0) + 1
    return numbers


# the loop


def test_processes_begin_as_long_as_they_end_in_time(tmp_path):
    clock = Clock()
    journal = measured(tmp_path, SimulatedCase(FAST, clock, 5.0), SimulatedCase(SLOW, clock, 20.0))
    assert counts(journal) == {"onnxruntime": 4, "openvino": 4}
    assert clock.now - 1000.0 == 100.0


def test_what_is_left_goes_to_the_processes_that_still_fit(tmp_path):
    clock = Clock()
    plan = replace(PLAN, budget_s=68.0)
    journal = measured(tmp_path, SimulatedCase(FAST, clock, 5.0), SimulatedCase(SLOW, clock, 20.0), plan=plan)
    assert counts(journal) == {"onnxruntime": 5, "openvino": 2}
    assert clock.now - 1000.0 == 65.0


@pytest.mark.parametrize("seed", range(8))
def test_a_budget_is_exceeded_by_no_more_than_the_process_that_runs(tmp_path, seed):
    """Each process takes up to ten times what the one before it took, which nobody can know."""
    chance, clock = random.Random(seed), Clock()

    def took_s(number):
        return random.Random(f"{seed} {number}").uniform(1, 10)

    items = [SimulatedCase(case, clock, took_s) for case in (FAST, SLOW, SLOWEST)]
    plan = replace(PLAN, budget_s=chance.uniform(20, 200))
    journal = measured(tmp_path, *items, plan=plan)
    ends = sorted(itertools.chain.from_iterable(item.ended for item in items))
    assert len(ends) == len(journal.processes) > 0
    assert all(end - 1000.0 < plan.budget_s for end in ends[:-1])


def test_seconds_that_are_kept_for_accuracies_are_not_measured_in(tmp_path):
    clock = Clock()
    journal = measured(tmp_path, SimulatedCase(FAST, clock, 5.0), reserved_s=70.0)
    assert counts(journal) == {"onnxruntime": 6}


def test_a_plan_says_how_many_processes_a_case_has_at_most(tmp_path):
    clock = Clock()
    journal = measured(tmp_path, SimulatedCase(FAST, clock, 1.0), plan=replace(PLAN, processes=3))
    assert counts(journal) == {"onnxruntime": 3}
    assert clock.now - 1000.0 == 3.0


def test_a_case_that_failed_or_is_wrong_gets_no_more_and_one_that_is_not_timed_gets_two(tmp_path):
    clock = Clock()
    plan = replace(PLAN, budget_s=30.0)
    failed = SimulatedCase(FAST, clock, 1.0, status="failed")
    wrong = SimulatedCase(SLOW, clock, 1.0, status="wrong")
    good = SimulatedCase(SLOWEST, clock, 7.0)
    journal = measured(tmp_path, failed, wrong, good, plan=plan)
    assert counts(journal) == {"onnxruntime": 1, "openvino": 1, "torch_eager": 4}


@dataclass(frozen=True)
class SimulatedProfile:
    """An item that is no case."""

    clock: Clock
    took_s: float
    ended: list = field(default_factory=list)

    id = "profile of a case"
    needs = None

    def statuses(self, journal):
        return {}

    def measure(self, turn, preparation, plan, journal):
        self.clock.now += self.took_s
        self.ended.append(turn.number)
        return "ok"


def test_an_item_that_is_no_case_has_two_processes_among_the_first_of_the_cases(tmp_path):
    clock = Clock()
    profile = SimulatedProfile(clock, 10.0)
    journal = measured(tmp_path, SimulatedCase(FAST, clock, 5.0), extras=(profile,))
    assert profile.ended == [0, 1]
    assert counts(journal) == {"onnxruntime": 16}
    assert [process.position for process in journal.processes[:4]] in ([0, 3, 4, 5], [1, 2, 4, 5])
    assert all(block_of(process, journal.blocks).cases == {FAST.id: "rest"} for process in journal.processes)


@dataclass(frozen=True)
class Unprepared(SimulatedCase):
    """A case of which no file could be made: its process ends at once, with the reason."""

    expected_s = 50.0

    @property
    def needs(self):
        return Needs(self.case)


def test_a_case_without_its_files_says_why_even_where_no_time_is_left_for_a_process(tmp_path):
    clock = Clock()
    items = SimulatedCase(FAST, clock, 5.0), Unprepared(SLOW, clock, 0.0, status="unavailable")
    failure = Failure("unavailable", "openvino is not installed", 0.0)
    journal = measured(tmp_path, *items, plan=replace(PLAN, budget_s=12.0), failures={SLOW: failure})
    assert counts(journal) == {"onnxruntime": 2, "openvino": 1}


def test_a_policy_is_asked_with_all_cases_and_what_their_next_processes_cost(tmp_path):
    clock, asked = Clock(), []

    def watching(candidates, left_s):
        asked.append(([(c.case.backend, len(c.processes), c.cost_s, c.is_open) for c in candidates], left_s))
        return {candidate.case: Reason.FIRST for candidate in candidates if len(candidate.processes) < 2}

    items = SimulatedCase(FAST, clock, 5.0), SimulatedCase(SLOW, clock, lambda number: 20.0 - 12.0 * number)
    measured(tmp_path, *items, chosen_by=watching)
    assert [candidates for candidates, _ in asked] == [
        [("onnxruntime", 0, 5.0, True), ("openvino", 0, 20.0, True)],
        [("onnxruntime", 1, pytest.approx(5.0), True), ("openvino", 1, pytest.approx(20.0), True)],
        [("onnxruntime", 2, pytest.approx(5.0), True), ("openvino", 2, pytest.approx(14.0), True)],
    ]
    assert [left for _, left in asked] == [100.0, 75.0, 62.0]


@dataclass(frozen=True)
class CompilingCase(SimulatedCase):
    """A case whose first process compiles, which takes 30 s more; the machine knows what the others take."""

    expected_s = 5.0

    def measure(self, turn, preparation, plan, journal):
        cold = turn.number == 0
        took_s = 35.0 if cold else 5.0
        self.clock.now += took_s
        opened = replace(samples(1.0, calls=150), cold=cold, open_s=took_s - 2.0, cold_open_s=33.0)
        journal.process(Process(self.case, turn.number, turn.position, turn.seed, "ok", "", took_s, opened))
        return "ok"


def test_the_next_process_costs_no_more_because_the_first_one_compiled(tmp_path):
    clock, costs = Clock(), []

    def watching(candidates, left_s):
        costs.append(candidates[0].cost_s)
        return everybody(candidates, left_s)

    journal = measured(tmp_path, CompilingCase(FAST, clock), chosen_by=watching, plan=replace(PLAN, budget_s=52.0))
    assert costs == [5.0, 5.0, pytest.approx(5.0), pytest.approx(5.0), pytest.approx(5.0)]
    assert counts(journal) == {"onnxruntime": 4}


def test_a_pause_takes_nothing_of_a_budget():
    clock = Clock()
    budget = Budget(60.0, 10.0, clock)
    clock.now += 5.0
    with budget.paused():
        clock.now += 1000.0
    assert (budget.spent_s, budget.left_s) == (15.0, 45.0)


def test_progress_counts_the_seconds_of_the_budget_and_says_why_a_case_is_measured(tmp_path):
    clock, said = Clock(), []
    plan = replace(PLAN, budget_s=15.0)
    measured(tmp_path, SimulatedCase(FAST, clock, 5.0), plan=plan, progress=lambda *step: said.append(step))
    assert said == [
        (f"block 1, {FAST.id}, rest", 0, 15),
        (f"block 2, {FAST.id}, rest", 5, 15),
        (f"block 3, {FAST.id}, rest", 10, 15),
    ]


# the policy


def test_a_rival_that_has_lost_gets_no_more_and_the_time_goes_to_the_contenders(tmp_path):
    clock = Clock()
    near = [tuple(ms * (1 + 0.01 * random.Random(f"{ms} {n}").gauss()) for n in range(40)) for ms in (1.0, 1.004, 3.0)]
    items = [SimulatedCase(case, clock, 2.0, ms) for case, ms in zip((FAST, SLOW, SLOWEST), near, strict=True)]
    journal = measured(tmp_path, *items, chosen_by=policy(), plan=replace(PLAN, budget_s=60.0))
    numbers = counts(journal)
    assert numbers["torch_eager"] == 2
    assert min(numbers["onnxruntime"], numbers["openvino"]) >= 5
    reasons = [set(block.cases.values()) for block in journal.blocks]
    assert reasons[:3] == [{"first"}, {"first"}, {"contender"}]


def test_no_time_is_spent_where_it_changes_nothing(tmp_path):
    """Both cases are known within a thousandth after two processes, and one is twice as fast."""
    clock = Clock()
    items = SimulatedCase(FAST, clock, 2.0, (1.0, 1.001)), SimulatedCase(SLOW, clock, 2.0, (2.0, 2.002))
    others = [
        SimulatedCase(replace(case, resolution=side), clock, 2.0, (side / 100, side / 99.9))
        for case in (FAST, SLOW)
        for side in (96, 128, 160, 192)
    ]
    measured(tmp_path, *items, *others, chosen_by=policy(), plan=replace(PLAN, budget_s=600.0))
    assert clock.now - 1000.0 < 300.0


# the order


def test_a_block_is_shuffled_and_the_next_one_with_the_same_cases_is_its_reverse(tmp_path):
    clock = Clock()
    items = [SimulatedCase(replace(FAST, threads=n), clock, 1.0) for n in range(1, 9)]
    journal = measured(tmp_path, *items, plan=replace(PLAN, budget_s=32.0))
    orders = [[p.case.threads for p in journal.processes[start : start + 8]] for start in (0, 8, 16, 24)]
    assert [sorted(order) for order in orders] == [list(range(1, 9))] * 4
    assert (orders[1], orders[3]) == (orders[0][::-1], orders[2][::-1])
    assert orders[0] != orders[2] != list(range(1, 9))
    assert len({process.seed for process in journal.processes}) == 32


# the journal


def test_a_journal_says_which_process_was_given_to_which_case_and_why(tmp_path):
    clock = Clock()

    def first_then_front(candidates, left_s):
        if any(not candidate.processes for candidate in candidates):
            return everybody(candidates, left_s) | {FAST: Reason.FIRST, SLOW: Reason.FIRST}
        return {SLOW: Reason.FRONT}

    plan = replace(PLAN, budget_s=20.0)
    journal = measured(
        tmp_path,
        SimulatedCase(FAST, clock, 5.0),
        SimulatedCase(SLOW, clock, 5.0),
        chosen_by=first_then_front,
        plan=plan,
    )
    journal.note(End(50_000_000))
    contents = contents_of(journal.path)
    assert contents.blocks == (
        BlockLine(0, 0, 0.0, {FAST.id: Reason.FIRST, SLOW.id: Reason.FIRST}),
        BlockLine(1, 2, 10.0, {SLOW.id: Reason.FRONT}),
        BlockLine(2, 3, 15.0, {SLOW.id: Reason.FRONT}),
        BlockLine(3, 4, 20.0, {}),
    )
    given = [block_of(process, contents.blocks).cases[process.case.id] for process in contents.processes]
    assert given == ["first", "first", "front", "front"]
    assert [(record.status, len(record.processes)) for record in contents.records] == [("ok", 1), ("ok", 3)]
    line = [each for each in lines(journal.path) if each["line"] == "block"][1]
    assert line == {"line": "block", "number": 1, "position": 2, "began_s": 10.0, "cases": {SLOW.id: "front"}}


def test_a_case_for_which_the_budget_had_no_time_says_so(tmp_path):
    clock = Clock()
    items = SimulatedCase(FAST, clock, 5.0), SimulatedCase(SLOW, clock, 30.0)
    journal = measured(tmp_path, *items, plan=replace(PLAN, budget_s=20.0))
    reason = "not measured: the campaign was interrupted before this case (use --resume)"
    assert [(r.status, r.reason) for r in load(journal.path)] == [("ok", ""), ("failed", reason)]
    journal.note(End(50_000_000))
    reason = "not measured: the budget was spent before this case (give a longer --budget, or fewer cases)"
    assert [(r.status, r.reason) for r in load(journal.path)] == [("ok", ""), ("failed", reason)]


@pytest.mark.parametrize("stopped_at", range(1, 12))
def test_an_interrupted_campaign_goes_on_with_the_time_that_it_had_left(tmp_path, stopped_at):
    """The process in flight is lost, and its time with it: the journal knows of what ended."""
    clock = Clock()
    items = SimulatedCase(FAST, clock, 5.0), SimulatedCase(SLOW, clock, 10.0)
    with pytest.raises(KeyboardInterrupt):
        measured(tmp_path, *items, progress=stop_at(stopped_at))
    clock.now += 10_000.0
    before = clock.now
    first = load(tmp_path / "budget.jsonl")
    journal = measured(tmp_path, *items, resume=True)
    assert sum(process.wall_s for process in journal.processes) == pytest.approx(100.0, abs=5.0)
    assert clock.now - before == pytest.approx(100.0 - sum(p.wall_s for r in first for p in r.processes), abs=5.0)
    journal.note(End(50_000_000))
    for of_case in load(journal.path):
        assert [process.number for process in of_case.processes] == list(range(len(of_case.processes)))


def test_a_campaign_that_came_to_its_end_measures_nothing_when_it_is_resumed(tmp_path):
    clock = Clock()
    items = SimulatedCase(FAST, clock, 5.0), SimulatedCase(SLOW, clock, 30.0)
    journal = measured(tmp_path, *items)
    journal.note(End(50_000_000))
    before, now = journal.path.read_bytes(), clock.now
    measured(tmp_path, *items, resume=True)
    assert (journal.path.read_bytes(), clock.now) == (before, now)


def test_a_longer_budget_goes_on_where_a_campaign_had_come_to_its_end(tmp_path):
    clock = Clock()
    items = SimulatedCase(FAST, clock, 5.0), SimulatedCase(SLOW, clock, 10.0)
    journal = measured(tmp_path, *items, plan=replace(PLAN, budget_s=31.0))
    journal.note(End(50_000_000))
    assert (counts(journal), clock.now) == ({"onnxruntime": 2, "openvino": 2}, 1030.0)
    longer = replace(PLAN, budget_s=60.0)
    head = Head((FAST, SLOW), longer, 3, SEEDED, MACHINE)
    assert continue_journal(Journal(journal.path), head, True, lambda *step: None)
    assert contents_of(journal.path).head == head
    resumed = measured(tmp_path, *items, plan=longer, resume=True)
    assert (counts(resumed), clock.now) == ({"onnxruntime": 4, "openvino": 4}, 1060.0)
    resumed.note(End(50_000_000))
    assert [block.number for block in contents_of(journal.path).blocks] == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="the interrupted campaign had other plan"):
        continue_journal(Journal(journal.path), replace(head, plan=Plan()), True, lambda *step: None)


BLOCK = 1  # the place of the first block's line in the file below; behind it are a state and a process


@pytest.fixture
def saved_lines(tmp_path):
    """The lines of a campaign of one case with two blocks of a process each, and the last block."""
    clock = Clock()
    measured(tmp_path, SimulatedCase(FAST, clock, 5.0), plan=replace(PLAN, budget_s=10.0))
    return [json.loads(line) for line in (tmp_path / "budget.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda ls: ls[BLOCK].update(cases={FAST.id: "luck"}), "Invalid enum value 'luck'"),
        (lambda ls: ls[BLOCK].update(cases={SLOW.id: "first"}), f"line 2: {SLOW.id} is no case of this campaign"),
        (lambda ls: ls[BLOCK].update(cases={}), f"line 4: process 0 of {FAST.id} is of no block"),
        (lambda ls: ls[BLOCK].update(number=1), "line 2: block 1 comes where 0 is due"),
        (lambda ls: ls[BLOCK].update(position=1), f"line 4: process 0 of {FAST.id} is of no block"),
        (lambda ls: ls[BLOCK].update(began_s=-1.0), "line 2: Expected `float` >= 0.0"),
        (lambda ls: ls[BLOCK].update(began_s=7.0), "line 5: block 1 began before the one before it"),
        (lambda ls: ls[BLOCK].update(why="so"), "line 2: a BlockLine with the unknown field 'why'"),
        (lambda ls: ls[BLOCK].pop("began_s"), "line 2: a BlockLine without the field 'began_s'"),
        (lambda ls: ls[BLOCK + 3].update(position=0), "line 5: block 1 begins at the position of a process before it"),
        (lambda ls: ls.pop(BLOCK), f"line 3: process 0 of {FAST.id} is of no block"),
        (lambda ls: ls[0]["plan"].update(budget_s=0.0), "line 2: a block in a campaign without a budget"),
    ],
)  # fmt: skip
def test_a_block_that_cannot_stand_where_it_does_is_refused(tmp_path, saved_lines, change, says):
    change(saved_lines)
    path = tmp_path / "changed.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in saved_lines))
    with pytest.raises(Unusable) as refusal:
        load(path)
    assert says in str(refusal.value)


# the texts of a time


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("1h", 3600), ("10", 600), ("1.5h", 5400), (".5", 30), ("2 min", 120), (" 7 m ", 420)],
)
def test_a_time_is_a_number_with_its_unit_and_a_number_alone_is_minutes(text, seconds):
    assert duration_s("--budget", text) == seconds


@pytest.mark.parametrize("text", ["", "-1", "nan", "inf", "10 parsecs", "m", "1h30m", "٣m", "1.2.3m"])
def test_any_other_text_of_a_time_is_refused_in_one_line(text):
    with pytest.raises(ValueError) as refusal:
        duration_s("--budget", text)
    assert str(refusal.value) == (
        f"--budget {text!r} is no number with one of the units s, m, min, h: write 90s, 10m or 1h"
    )


@pytest.mark.parametrize("text", ["0", "9000h", "1e9"])
def test_a_time_is_above_0_and_at_most_a_year(text):
    with pytest.raises(ValueError) as refusal:
        duration_s("--budget", text)
    assert str(refusal.value) == (
        f"--budget must be a number above 0 and at most 31536000s, not {text!r}: write 90s, 10m or 1h"
    )


# the plan and the estimate


def test_with_a_budget_processes_are_the_most_that_a_case_has_and_rounds_are_few():
    assert select({"budget": "10m"}).plan == Plan(processes=30, rounds=5, budget_s=600.0)
    published = select({"budget": "30m", "grid": "published", "processes": "4", "rounds": "9"}).plan
    assert (published.processes, published.rounds, published.budget_s) == (4, 9, 1800.0)


def test_an_estimate_of_what_is_left_knows_the_time_that_was_spent_and_the_end_of_the_blocks(tmp_path):
    clock = Clock()
    items = SimulatedCase(FAST, clock, 5.0), SimulatedCase(SLOW, clock, 30.0)
    cases, plan = (FAST, SLOW), replace(PLAN, budget_s=46.0, processes=3)
    with pytest.raises(KeyboardInterrupt):
        measured(tmp_path, *items, plan=plan, progress=stop_at(2))
    journal = Journal(tmp_path / "budget.jsonl")
    journal.resume()
    spent = sum(process.wall_s for process in journal.processes)
    left = estimate(cases, plan, SEEDED, journal=journal)
    assert (left.processes, left.budget_s) == (3, 46.0 - spent)
    ended = estimate(cases, plan, SEEDED, journal=measured(tmp_path, *items, plan=plan, resume=True))
    assert (ended.processes, ended.seconds) == (0, 0.0)


def an_estimate(seconds, one_each_s, budget_s):
    return Estimate(
        cases=40,
        processes=80,
        tests=0,
        missing=(),
        seconds=seconds,
        measured_before=40,
        alike=0,
        refused=(),
        by_backend=(),
        one_each_s=one_each_s,
        budget_s=budget_s,
    )


def test_the_first_line_says_what_a_budget_buys():
    assert an_estimate(360.0, 200.0, 600.0).sentence == (
        "40 cases, 80 processes: about 6 min; the other 4 min of the budget are for the contenders"
    )
    assert an_estimate(900.0, 480.0, 600.0).sentence == (
        "40 cases, 80 processes: about 15 min; the budget of 10 min has time for one process of each case, about "
        "8 min, and the rest is for the contenders"
    )


def test_a_budget_that_is_too_small_for_one_process_of_each_case_is_refused_with_the_estimate():
    an_estimate(900.0, 480.0, 480.0).require_budget()
    with pytest.raises(ValueError) as refusal:
        an_estimate(900.0, 479.5, 479.0).require_budget()
    assert str(refusal.value) == (
        "the budget of 8 min is not enough for one process of each case (40 cases): give it 8m or more, or fewer cases"
    )


def test_a_budget_is_held_against_half_of_an_estimate_that_is_a_guess():
    guess = replace(an_estimate(900.0, 480.0, 240.0), measured_before=39)
    guess.require_budget()
    with pytest.raises(ValueError, match="the budget of 4 min is not enough for one process of each case"):
        replace(guess, budget_s=239.0).require_budget()


def test_an_estimate_with_a_budget_is_of_two_processes_of_each_case():
    cases = [Case(width=0.35, resolution=96, backend="fake"), Case(width=0.35, resolution=64, backend="fake")]
    plan = replace(BUDGETED, budget_s=600.0)
    budgeted, fixed = estimate(cases, plan, SEEDED), estimate(cases, replace(plan, processes=2, budget_s=0.0), SEEDED)
    once = estimate(cases, replace(plan, processes=1, budget_s=0.0), SEEDED)
    assert (budgeted.processes, budgeted.seconds) == (4, fixed.seconds)
    assert budgeted.one_each_s == pytest.approx(once.seconds)
    assert (budgeted.budget_s, fixed.budget_s, fixed.one_each_s) == (600.0, 0.0, 0.0)


def test_pages_say_that_a_budget_was_divided_and_the_command_of_a_case_has_the_processes_that_it_had():
    plan = replace(PLAN, budget_s=600.0)
    processes = [Process(FAST, n, n, 0, "ok", "", 9.0, samples(1.0)) for n in range(7)]
    of_case = record(FAST, plan, MACHINE, processes)
    assert (
        "a budget of 10 min, of which a case gets 30 fresh processes at most, in shuffled blocks, 4 undis"
        in machine("night", [of_case])
    )
    assert "--processes 7 --rounds 4 " in command(of_case)


def test_a_plan_with_a_budget_needs_a_policy(tmp_path):
    with pytest.raises(ValueError, match="a plan with a budget needs a policy"):
        run(Campaign((FAST,), Journal(tmp_path / "none.jsonl"), PLAN))
    assert not (tmp_path / "none.jsonl").exists()


# real processes


def budgeted_words(out, *more):
    words = (
        "--suites",
        "latency",
        "--backends",
        "fake",
        "--widths",
        "0.35",
        "--resolutions",
        "64,96",
        "--threads",
        "1",
    )
    return ("run", *words, "--rounds", "1", "--no-accuracy", "--no-wait", "--out", str(out), *more)


def test_a_budget_that_buys_nothing_is_refused_before_anything_is_measured(verb, tmp_path):
    out = tmp_path / "refused.jsonl"
    for more in ((), ("--dry-run",)):
        refused = verb(*budgeted_words(out, "--budget", "1s", *more))
        assert (refused.returncode, refused.err.count("\n")) == (2, 1)
        assert "the budget of 1 s is not enough for one process of each case" in refused.err
    bad = verb(*budgeted_words(out, "--budget", "soon"))
    assert (bad.returncode, bad.err.count("\n")) == (2, 1)
    assert not out.exists()


@pytest.mark.slow
def test_a_killed_campaign_with_a_budget_goes_on_and_ends_whole(started, command, tmp_path, wait_for):
    out = tmp_path / "night.jsonl"
    words = budgeted_words(out, "--budget", "2m", "--processes", "3")
    campaign = started("mnv2bench", *words)
    wait_for(lambda: out.exists() and out.read_bytes().count(b'"line":"process"') >= 2)
    campaign.kill()
    before = contents_of(out)
    resumed = command("mnv2bench", *words, "--resume")
    assert (resumed.returncode, resumed.stderr) == (0, "")
    contents = contents_of(out)
    assert contents.processes[: len(before.processes)] == before.processes
    assert [(r.status, 2 <= len(r.processes) <= 3) for r in contents.records] == [("ok", True)] * 2
    assert contents.end is not None
    assert contents.blocks[-1].cases == {}
    assert all(block_of(p, contents.blocks).cases[p.case.id] for p in contents.processes)
    assert sum(p.wall_s for p in contents.processes) < 120
