"""One process of a prepared case: how it is run, and what a journal keeps of it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mnv2bench.artifacts import compiled
from mnv2bench.campaign.child import OUR_PYTHON, Interpreter, run_child, variables
from mnv2bench.campaign.preparation import Failure, Preparation
from mnv2bench.case import Case
from mnv2bench.machine import this_machine
from mnv2bench.records import ENDED, Plan, Process, replace
from mnv2bench.records.consistency import possible_memory, require_consistent
from mnv2bench.workers.environment import variables_of
from mnv2bench.workers.jobs import PROGRAMS, Measured, MeasureJob
from mnv2bench.workers.programs import Outcome


@dataclass(frozen=True)
class Turn:
    """One process of an item: its number among the item's own, its place among all of a campaign's, its seed."""

    number: int
    position: int
    seed: int


def run_process(
    case: Case,
    preparation: Preparation | Failure,
    plan: Plan,
    seed: int,
    interpreter: Interpreter = OUR_PYTHON,
) -> Outcome[Measured]:
    """Run one process of a case to its end; a case without its files ends as its preparation did."""
    if isinstance(preparation, Failure):
        return Outcome(preparation.status, preparation.reason, wall_s=preparation.wall_s)
    job = MeasureJob(
        case=case,
        plan=plan,
        artifact=preparation.path,
        reference=preparation.reference,
        compile_cache=compile_cache(preparation, plan),
        input_seed=seed,
        runner=preparation.runner,
        weights=preparation.weights,
    )
    environment = variables(case.threads, seed) | compiled.variables(Path(job.compile_cache))
    environment |= variables_of(plan.environment)
    outcome = run_child(PROGRAMS[case.kind].measure, job, environment, plan.timeout_s, interpreter)
    if outcome.status in ENDED:
        compiled.seal(Path(job.compile_cache))
    libraries = this_machine().libraries if interpreter.libraries is None else interpreter.libraries
    return _of_libraries(libraries, outcome)


def _of_libraries(libraries: Mapping[str, str], outcome: Outcome[Measured]) -> Outcome[Measured]:
    """The outcome, or a failure where the process imported other versions than its campaign began with."""
    imported = outcome.result.samples.libraries if outcome.result else {}
    changed = [name for name, version in imported.items() if libraries.get(name) != version]
    if not changed:
        return outcome
    name = changed[0]
    before, now = libraries.get(name, "not installed"), imported[name]
    reason = f"the process imported {name} {now}, and the campaign began with {before}: measure it anew"
    return Outcome("failed", reason, wall_s=outcome.wall_s)


def compile_cache(preparation: Preparation, plan: Plan) -> str:
    """The folder where a runtime keeps what it compiles: another one where a user's variables may change that."""
    words = [word for word in plan.environment if not word.startswith("MALLOC_")]
    if not words:
        return preparation.compile_cache
    digest = hashlib.sha256("\n".join(words).encode()).hexdigest()[:8]
    return f"{preparation.compile_cache}-{digest}"


def process_of(case: Case, turn: Turn, outcome: Outcome[Measured]) -> Process:
    """What a journal keeps of a process that ended.

    A result that contradicts itself is a failure: a journal with it would not read again.
    """
    process = _process(case, turn, outcome)
    try:
        require_consistent(process)
    except ValueError as error:
        reason = f"the process reported {error}: run it again, and report it if it happens again"
        return _process(case, turn, Outcome("failed", reason, wall_s=outcome.wall_s))
    return process


def _process(case: Case, turn: Turn, outcome: Outcome[Measured]) -> Process:
    measured = outcome.result or Measured()
    return Process(
        case=case,
        number=turn.number,
        position=turn.position,
        seed=turn.seed,
        status=outcome.status,
        reason=outcome.reason,
        wall_s=outcome.wall_s,
        samples=replace(measured.samples, memory=possible_memory(measured.samples.memory)),
        counts=measured.counts,
        external_result=measured.external_result,
        target=measured.target,
    )
