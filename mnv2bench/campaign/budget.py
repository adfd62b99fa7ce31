"""A campaign's time budget: how much of it is spent, and the blocks in which a policy divides it among the cases."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from mnv2bench.campaign import durations
from mnv2bench.campaign.durations import Durations, ProcessTime
from mnv2bench.campaign.estimate import compiling_s, next_s, planned_processes
from mnv2bench.campaign.items import CaseItem, Item, Needs, Statuses, stopped_items
from mnv2bench.campaign.preparation import Failure, Preparation
from mnv2bench.campaign.steps import Step
from mnv2bench.case import Case
from mnv2bench.records import ENDED, Plan, Process, Weights, replace
from mnv2bench.records.blocks import BlockLine, Reason, are_over
from mnv2bench.records.journal import Journal


@dataclass(frozen=True)
class Candidate:
    """A case that a policy chooses among: its processes so far, and what its next one is estimated to take.

    `is_open`: whether it may have another process. One that failed, is wrong, or has as many processes as the plan
    allows may not, and neither may one that is not timed and has its first processes.
    """

    case: Case
    processes: tuple[Process, ...]
    cost_s: float
    is_open: bool


# Which cases get a process in the next block and why, by the candidates and the seconds that are left; none: stop
Policy = Callable[[Sequence[Candidate], float], Mapping[Case, Reason]]


class Budget:
    """A number of seconds, of which everything from now on takes its part, except what happens in a pause."""

    def __init__(self, seconds: float, spent_s: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._start = clock() - spent_s

    @property
    def spent_s(self) -> float:
        return self._clock() - self._start

    @property
    def left_s(self) -> float:
        return self.seconds - self.spent_s

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What happens meanwhile takes nothing of the budget."""
        before = self._clock()
        try:
            yield
        finally:
            self._start += self._clock() - before


@dataclass
class BudgetedSchedule:
    """Blocks of the cases that a policy chooses, until it chooses none or the time is over.

    `statuses` are those of the processes so far, to which the campaign adds. `known` is what processes took before this
    campaign, and `preparations` are the files of the items, or why there are none. `reserved_s` of the budget are kept
    for what follows the timed processes. An item that is no case has as many processes as every case first has.
    """

    items: Sequence[Item]
    statuses: Statuses
    journal: Journal
    plan: Plan
    weights: Weights
    seed: int
    policy: Policy
    budget: Budget
    known: Durations
    preparations: Mapping[Needs, Preparation | Failure]
    reserved_s: float = 0.0
    _costs: dict[str, float] = field(default_factory=dict, init=False)  # of the next process of each item, by its id

    def blocks(self) -> Iterator[Sequence[Step]]:
        """The blocks in their order; each stands in the journal before its first process.

        The last one has no cases. A resumed journal goes on with a new block, or with none behind that one.
        """
        while not are_over(self.journal.blocks):
            reasons = self._reasons()
            block = self._ordered([item for item in self.items if item.id in reasons])
            cases = {step.item.id: reasons[step.item.id] for step in block if isinstance(step.item, CaseItem)}
            number, position = len(self.journal.blocks), next_position(self.journal)
            self.journal.block(BlockLine(number, position, round(self.budget.spent_s, 3), cases))
            yield block

    def has_time(self, step: Step) -> bool:
        """Whether a process is estimated to end in time."""
        return self._costs[step.item.id] <= self._left_s

    def is_late(self) -> bool:
        """Whether all of the budget is spent."""
        return self.budget.left_s <= 0

    def doing(self, step: Step) -> str:
        block = self.journal.blocks[-1]
        reason = block.cases.get(step.item.id)
        return f"block {block.number + 1}, {step.item.id}{f', {reason}' if reason else ''}"

    def steps(self, place: int) -> tuple[int, int]:
        """The seconds that are spent, and those of the budget."""
        return round(self.budget.spent_s), round(self.budget.seconds)

    @property
    def _left_s(self) -> float:
        """Seconds that are left for timed processes."""
        return self.budget.left_s - self.reserved_s

    def _reasons(self) -> dict[str, Reason]:
        """The items of the next block, by their ids, and why they are in it."""
        candidates = self._candidates()
        left_s = self._left_s
        chosen = self.policy(list(candidates.values()), left_s) if any(c.is_open for c in candidates.values()) else {}
        reasons: dict[str, Reason] = {}
        for item in self.items:
            if candidate := candidates.get(item.id):
                reason = chosen.get(candidate.case) if candidate.is_open else None
            else:
                reason = Reason.FIRST if self._is_first(item.id) else None
            if reason and self._costs[item.id] <= left_s:
                reasons[item.id] = reason
        return reasons

    def _is_first(self, id: str) -> bool:
        """Whether an item has another of its first processes."""
        return id not in stopped_items(self.statuses) and len(self.statuses[id]) < planned_processes(self.plan)

    def _candidates(self) -> dict[str, Candidate]:
        """The cases, by their ids; the costs of all items are estimated anew from what this campaign measured."""
        by_case: dict[Case, list[Process]] = {}
        for process in self.journal.processes:
            by_case.setdefault(process.case, []).append(process)
        known = replace(self.known, cases=self.known.cases | self._times(by_case))
        self._costs = {item.id: self._cost_s(item, known) for item in self.items}
        stopped = stopped_items(self.statuses)
        return {
            item.id: Candidate(item.case, processes, self._costs[item.id], self._is_open(item, processes, stopped))
            for item in self.items
            if isinstance(item, CaseItem)
            for processes in [tuple(by_case.get(item.case, ()))]
        }

    def _times(self, by_case: Mapping[Case, Sequence[Process]]) -> dict[str, ProcessTime]:
        """What the processes of this campaign took, by the ids of their cases; one that compiled tells of no other."""
        warm = {
            case: [process for process in processes if process.status in ENDED and not process.samples.cold]
            for case, processes in by_case.items()
        }
        return {case.id: durations.process_time(ended, self.plan.rounds) for case, ended in warm.items() if ended}

    def _cost_s(self, item: Item, known: Durations) -> float:
        """Seconds of the next process of an item: the first one compiles, and one without its files ends at once."""
        if item.needs and isinstance(self.preparations.get(item.needs), Failure):
            return 0.0
        first_s = 0.0 if self.statuses[item.id] else compiling_s(item, known, self.weights)
        return next_s(item, known, self.plan) + first_s

    def _is_open(self, item: CaseItem, processes: Sequence[Process], stopped: set[str]) -> bool:
        if item.id in stopped or any(process.status != "ok" for process in processes):
            return False
        is_timed = all(process.samples.rounds for process in processes)
        return len(processes) < (self.plan.processes if is_timed else planned_processes(self.plan))

    def _ordered(self, items: Sequence[Item]) -> list[Step]:
        """The items in the order of the next block: every other block of the same items is the reverse of the other."""
        number = len(self.journal.blocks)
        order = list(items)
        random.Random(f"{self.seed} {number // 2}").shuffle(order)
        return [Step(item, len(self.statuses[item.id])) for item in (order[::-1] if number % 2 else order)]


def next_position(journal: Journal) -> int:
    """The first position that no process and no block of a journal has."""
    of_processes = [process.position + 1 for process in journal.processes]
    return max([*of_processes, *(block.position for block in journal.blocks)], default=0)
