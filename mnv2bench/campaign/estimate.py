"""Estimate: how many processes a campaign has, what it must export first, and how long all that takes.

A case that was measured on this machine takes what it took, with the rounds of this plan. Another one takes what the
nearest case of its backend took, with calls as much longer as it has more multiply-adds. Of a backend that was never
measured here, a process takes what stands in BASE_S and MADDS_PER_S. docs/measuring.md#how-long-it-takes
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from msgspec.structs import replace

from mnv2bench import artifacts, backends
from mnv2bench.artifacts import accuracies as kept_accuracies
from mnv2bench.campaign import accuracies, durations, exports
from mnv2bench.campaign.durations import Durations, ProcessTime
from mnv2bench.campaign.exports import Export, Files, LookUp
from mnv2bench.campaign.items import CaseItem, Item
from mnv2bench.campaign.preparation import Failure, file_chain
from mnv2bench.campaign.weights import require_weights
from mnv2bench.case import Case, Kind
from mnv2bench.machine import cores, this_machine
from mnv2bench.records import ENDED, Plan, Weights, default_weights
from mnv2bench.records.blocks import are_over, spent_s
from mnv2bench.records.journal import Journal
from mnv2bench.texts import counted, duration_text

BASE_S = {"fast": 2.0, "compiling": 11.0, "slow": 13.0}  # of a process without its rounds, by Runtime.opens
COMPILING_S = 60.0  # of the first process of a case whose backend compiles, where nothing is cached
MADDS_PER_S = 2e10  # of one call
WARMUP_ROUNDS, TRIED_SHARE = 4.2, 1.05  # on an idle machine
CALLS_BESIDE_ROUNDS = 7  # two that are checked first, five at the end: mnv2bench.workers.rotation
ITEM_S = 30.0  # of a process that is no case's, such as a probe of the machine
GUESS = 2.0  # how many times too long an estimate may be of what this machine has not measured yet
TEST_S = 10.0  # of an accuracy that no backend here ever had measured: docs/measuring.md#how-long-it-takes
FIRST_PROCESSES = 2  # of every case in a campaign with a budget, before any other gets more


@dataclass(frozen=True)
class BackendEstimate:
    """What is left to do of one backend's cases, without exports and accuracies."""

    backend: str
    cases: int
    processes: int
    seconds: float


@dataclass(frozen=True)
class Estimate:
    """What is left to do of a campaign, before it begins.

    `processes` are those to be timed, `tests` the accuracies that are not cached, and `missing` the files that are not,
    and `of_tests` those of them that only accuracies need.
    `seconds` is all of it, without waiting for an idle machine, and `tests_s` the part of the accuracies and of the
    files that they alone need. `measured_before` of the `cases` were measured on this machine, and `alike` more are
    estimated from other cases of their backend. `refused` are cases that cannot run here.

    In a campaign with a budget `processes` are the first ones of each case, `one_each_s` is all of it with one process
    of each case, and `budget_s` is what is left of the budget. Without one both are 0.
    """

    cases: int
    processes: int
    tests: int
    missing: tuple[Export, ...]
    seconds: float
    measured_before: int
    alike: int
    refused: tuple[Case, ...]
    by_backend: tuple[BackendEstimate, ...]
    tests_s: float = 0.0
    one_each_s: float = 0.0
    budget_s: float = 0.0
    of_tests: tuple[Export, ...] = ()

    @property
    def sentence(self) -> str:
        """One line: cases, processes, files to export, accuracies to test, how long, and how sure that is."""
        cases, *others = self._work
        processes = counted(self.processes, "process", "processes")
        work = ", ".join([cases, processes, *others])
        return f"{work}: about {duration_text(self.seconds)}{self._doubt}{self._bought}"

    @property
    def _work(self) -> list[str]:
        """What is to be done beside the processes."""
        work = [counted(self.cases, "case")]
        if self.missing:
            work.append(f"{counted(len(self.missing), 'file')} to export")
        if self.tests:
            work.append(f"{counted(self.tests, 'accuracy', 'accuracies')} to test")
        return work

    @property
    def _unknown(self) -> int:
        """How many cases can run here and were not measured here before."""
        return self.cases - self.measured_before - len(self.refused)

    @property
    def _doubt(self) -> str:
        doubts = []
        if self.refused:
            doubts.append(f"{len(self.refused)} of them cannot run here")
        if self._unknown:
            doubts.append(f"a guess for {self._unknown} of them, which this machine has not measured yet")
        return f" ({'; '.join(doubts)})" if doubts else ""

    @property
    def _bought(self) -> str:
        """What a budget buys beside the first processes of each case, "" without one."""
        if not self.budget_s:
            return ""
        if self.seconds <= self.budget_s:
            return f"; the other {duration_text(self.budget_s - self.seconds)} of the budget are for the contenders"
        return (
            f"; the budget of {duration_text(self.budget_s)} has time for one process of each case, about "
            f"{duration_text(self.one_each_s)}, and the rest is for the contenders"
        )

    def require_budget(self) -> None:
        """ValueError, in one line, where a budget is too small for one process of each case.

        What this machine has not measured yet is a guess, so that only a budget of less than half of it is refused.
        """
        certain_s = self.one_each_s / GUESS if self._unknown else self.one_each_s
        if self.budget_s < certain_s:
            raise ValueError(
                f"the budget of {duration_text(self.budget_s)} is not enough for one process of each case "
                f"({', '.join(self._work)}): give it {self.least_budget} or more, or fewer cases"
            )

    @property
    def least_budget(self) -> str:
        """The time for one process of each case, as --budget takes it."""
        seconds = math.ceil(self.one_each_s)
        return f"{seconds}s" if seconds < 90 else f"{math.ceil(seconds / 60)}m"


def estimate(
    cases: Sequence[Case],
    plan: Plan,
    weights: Weights | None = None,
    *,
    accuracy: bool = False,
    extras: Sequence[Item] = (),
    journal: Journal | None = None,
) -> Estimate:
    """What a campaign of these cases would do and how long that takes; nothing is made or measured.

    `journal` is one that was resumed: what it holds is not counted. ValueError, in one line, where the weights do not
    fit the cases.
    """
    read = require_weights(cases, default_weights() if weights is None else weights)
    known = durations.read(this_machine().fingerprint)
    look_up = exports.LookUp(read)
    work = [_work(item, plan, look_up, journal) for item in (*map(CaseItem, cases), *extras)]
    tests = _tests(cases, plan, look_up, journal) if accuracy else ()
    of_items = [export for item in work if item.runs for export in item.files.missing]
    missing = exports.distinct([*of_items, *(export for test in tests for export in test.files.missing)])
    of_tests = missing[len(exports.distinct(of_items)) :]
    refused_exports = sum(bool(item.files.missing) for item in work if not item.runs and item.left)
    times = [_item_time(item, known, plan, read) for item in work]
    tests_s = _tests_s(tests, known)
    others_s = tests_s + exports.seconds(missing) + exports.START_S * refused_exports
    second_s = sum(_next_s(item, known, plan) for item in work if item.left >= FIRST_PROCESSES)
    case_work = [item for item in work if isinstance(item.item, CaseItem)]
    return Estimate(
        cases=len(cases),
        processes=sum(item.left for item in work if item.runs),
        tests=len(tests),
        missing=missing,
        of_tests=of_tests,
        seconds=others_s + sum(times),
        measured_before=sum(item.runs and item.item.id in known.cases for item in case_work),
        alike=sum(item.runs and item.item.id not in known.cases and _has_like(item, known) for item in case_work),
        refused=tuple(item.item.case for item in case_work if isinstance(item.item, CaseItem) and not item.runs),
        by_backend=_by_backend(work, times),
        tests_s=tests_s + exports.seconds(of_tests),
        one_each_s=others_s + sum(times) - second_s if plan.budget_s else 0.0,
        budget_s=max(0.0, plan.budget_s - (spent_s(journal.blocks, journal.processes) if journal else 0.0)),
    )


def planned_processes(plan: Plan) -> int:
    """How many processes every case is planned to have: with a budget, its first ones."""
    return min(FIRST_PROCESSES, plan.processes) if plan.budget_s else plan.processes


@dataclass(frozen=True)
class Work:
    """What is left to do of an item: how many processes, whether it can run here, and the files that it needs."""

    item: Item
    left: int
    runs: bool
    files: Files


NO_FILES = Files({}, ())


def _by_backend(work: Sequence[Work], times: Sequence[float]) -> tuple[BackendEstimate, ...]:
    """A row for each backend, in the order of the cases."""
    rows: dict[str, BackendEstimate] = {}
    for of_item, seconds in zip(work, times, strict=True):
        if isinstance(of_item.item, CaseItem):
            name = of_item.item.case.backend
            row = rows.get(name, BackendEstimate(name, 0, 0, 0.0))
            processes = row.processes + of_item.left * of_item.runs
            rows[name] = BackendEstimate(name, row.cases + 1, processes, row.seconds + seconds)
    return tuple(rows.values())


def _work(item: Item, plan: Plan, look_up: LookUp, journal: Journal | None) -> Work:
    statuses = item.statuses(journal) if journal else {}
    stopped = any(status not in ENDED for status in statuses.values())
    stopped = stopped or (journal is not None and are_over(journal.blocks))
    left = 0 if stopped else len(set(range(planned_processes(plan))) - statuses.keys())
    needs = item.needs
    if needs is None:
        return Work(item, left, True, NO_FILES)
    chain = file_chain(needs.case, plan.trt_level, needs.format)
    if isinstance(chain, Failure):
        return Work(item, left, False, NO_FILES)
    files = look_up.files(chain) if left else NO_FILES
    return Work(item, left, is_installed(needs.case), files)


def is_installed(case: Case) -> bool:
    """Whether one of the distributions is installed that a backend may come with; another device has its own."""
    names = backends.runtime(case.backend).distributions
    return case.kind != Kind.MEASURED_HERE or not names or any(name in this_machine().libraries for name in names)


def _item_time(work: Work, known: Durations, plan: Plan, weights: Weights) -> float:
    """Seconds of the processes that are left of an item."""
    if not work.runs or not work.left:
        return 0.0
    return work.left * _next_s(work, known, plan) + compiling_s(work.item, known, weights)


def _next_s(work: Work, known: Durations, plan: Plan) -> float:
    return next_s(work.item, known, plan) if work.runs else 0.0


def next_s(item: Item, known: Durations, plan: Plan) -> float:
    """Seconds of one more process of an item, when what its backend compiles is there."""
    if not isinstance(item, CaseItem):
        return known.items.get(item.id, ITEM_S)
    of_process = _process_time(item.case, known)
    in_rounds = of_process.warmup_rounds + of_process.tried_share * plan.rounds
    return of_process.base_s + in_rounds * _round_s(plan.round_s, of_process.call_s)


def compiling_s(item: Item, known: Durations, weights: Weights) -> float:
    """Seconds that the first process of an item takes longer because its backend compiles; 0 where that is cached."""
    if not isinstance(item, CaseItem) or _is_compiled(item.case, weights):
        return 0.0
    return _process_time(item.case, known).compiling_s


def _process_time(case: Case, known: Durations) -> ProcessTime:
    return known.cases.get(case.id) or _like(case, known) or _model(case)


def _round_s(planned_s: float, call_s: float) -> float:
    """Seconds of a round: it ends with the call in which its time is over."""
    return math.ceil(planned_s / call_s) * call_s if call_s else 0.0


def _is_compiled(case: Case, weights: Weights) -> bool:
    """Whether what the backend compiles for a case is in its cache."""
    return (artifacts.compile_cache(case, weights, this_machine().fingerprint) / "complete").is_file()


def _model(case: Case) -> ProcessTime:
    """What a process takes of a backend that was never measured here."""
    opens = backends.runtime(case.backend).opens
    compiling_s = COMPILING_S if opens == "compiling" else 0.0
    return ProcessTime(BASE_S[opens], _madds(case) / MADDS_PER_S, WARMUP_ROUNDS, TRIED_SHARE, compiling_s)


def _like(case: Case, known: Durations) -> ProcessTime | None:
    """What the nearest case of the same backend took, with its calls scaled by multiply-adds; None without one."""
    others = durations.of_backend(known.cases, case.backend)
    if not others:
        return None
    nearest = min(others, key=lambda other: _distance(case, other))
    took = known.cases[nearest.id]
    call_s = took.call_s * _madds(case) / _madds(nearest)
    base_s = took.base_s + CALLS_BESIDE_ROUNDS * (call_s - took.call_s)
    return replace(took, call_s=call_s, base_s=max(base_s, 0.0))


def _distance(case: Case, other: Case) -> tuple[bool, bool, bool, float]:
    """How unlike two cases of one backend are: device and precision and threads first, then multiply-adds."""
    return (
        case.device != other.device,
        case.precision != other.precision,
        (case.threads, case.streams) != (other.threads, other.streams),
        abs(math.log(_madds(case) / _madds(other))),
    )


@cache
def _madds(case: Case) -> int:
    """The multiply-adds of one call."""
    return max(1, case.batch * case.count.madds)  # a file may hold a network without any


def _has_like(work: Work, known: Durations) -> bool:
    return isinstance(work.item, CaseItem) and _like(work.item.case, known) is not None


@dataclass(frozen=True)
class Test:
    """An accuracy that is not cached, and the files that its process opens."""

    case: Case
    files: Files


def _tests(cases: Sequence[Case], plan: Plan, look_up: LookUp, journal: Journal | None) -> tuple[Test, ...]:
    """The accuracies that would be measured."""
    tests = []
    for case in accuracies.planned(cases, look_up.weights, journal.accuracies if journal else ()):
        chain = file_chain(case, plan.trt_level)
        if isinstance(chain, Failure) or not is_installed(case):
            continue
        labelled_chain = accuracies.labelled_chain(case)
        opened, labelled = look_up.files(chain), look_up.files(labelled_chain)
        artifact, classes = opened.artifacts.get(chain.opened), labelled.artifacts.get(labelled_chain.opened)
        place = accuracies.place(case, plan, artifact, classes) if artifact and classes else None
        if place is None or kept_accuracies.cached(place) is None:
            tests.append(Test(case, Files({}, (*opened.missing, *labelled.missing))))
    return tuple(tests)


def _tests_s(tests: Iterable[Test], known: Durations) -> float:
    """Seconds of these accuracies: as many at once as the processor has cores for, one at once on another device."""
    seconds = 0.0
    for test in tests:
        at_once = max(1, cores() // test.case.threads) if test.case.device == "cpu" else 1
        seconds += _test_s(test.case, known.accuracies) / at_once
    return seconds


def _test_s(case: Case, known: Mapping[str, float]) -> float:
    """Seconds of one accuracy: what it took before, or the nearest one of its backend, by multiply-adds."""
    own = case.accuracy_case
    if own.id in known:
        return known[own.id]
    others = durations.of_backend(known, own.backend)
    if not others:
        return TEST_S
    nearest = min(others, key=lambda other: _distance(own, other))
    return known[nearest.id] * _madds(own) / _madds(nearest)
