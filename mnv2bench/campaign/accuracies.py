"""Accuracies: after the timed processes, what each backend gets right of the labelled images, in a process of its own.

An accuracy does not depend on threads and batch, so that each is measured once, with the artifact of the first case
that ran. It is kept in the cache by all that it depends on: a repeated campaign measures none again.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from mnv2bench import artifacts
from mnv2bench.artifacts import accuracies, compiled, formats
from mnv2bench.campaign.child import Task, run_side_by_side, variables
from mnv2bench.campaign.preparation import (
    NOT_OF_REFERENCES,
    Failure,
    FileChain,
    Preparation,
    gpu_facts,
    make_all,
    silent,
)
from mnv2bench.campaign.processes import compile_cache
from mnv2bench.case import Case, Kind
from mnv2bench.locks import Progress
from mnv2bench.machine import cores, this_machine
from mnv2bench.records import ENDED, Accuracy, Artifact, Plan, Weights, replace
from mnv2bench.records.journal import Journal
from mnv2bench.workers.environment import variables_of
from mnv2bench.workers.jobs import PROGRAMS, AccuracyJob
from mnv2bench.workers.programs import Outcome


@dataclass(frozen=True)
class Tested:
    """A case whose accuracy is to be measured, with the files that its processes opened."""

    case: Case
    preparation: Preparation
    plan: Plan
    progress: Progress = silent

    @property
    def weights(self) -> Weights:
        return self.preparation.weights

    @property
    def compile_cache(self) -> Path:
        """The folder where its runtime keeps what it compiles."""
        return Path(compile_cache(self.preparation, self.plan))


@dataclass(frozen=True)
class Test:
    """A process that is to measure an accuracy, and where that is kept then; None where it is not kept."""

    tested: Tested
    task: Task[AccuracyJob, Accuracy]
    place: Path | None


def planned(cases: Sequence[Case], weights: Weights, known: Collection[Case] = ()) -> tuple[Case, ...]:
    """The first case of each accuracy that a campaign has and its journal does not; `known` are those that it has."""
    first: dict[Case, Case] = {}
    for case in cases:
        if _can_test(case, weights):
            first.setdefault(case.accuracy_case, case)
    return tuple(case for key, case in first.items() if key not in known)


def _can_test(case: Case, weights: Weights) -> bool:
    return PROGRAMS[case.kind].accuracy is not None and weights.has_labelled_images(case)


def untested(cases: Sequence[Case], weights: Weights, journal: Journal) -> tuple[Case, ...]:
    """The first case that ran of each accuracy that a journal does not hold; none where nothing is labelled."""
    ended = {process.case for process in journal.processes if process.status in ENDED}
    first: dict[Case, Case] = {}
    for case in cases:
        if case in ended and _can_test(case, weights):
            first.setdefault(case.accuracy_case, case)
    return tuple(case for key, case in first.items() if key not in journal.accuracies)


def measure(
    every: Sequence[Tested], keep: Callable[[Case, Accuracy], None], is_late: Callable[[], bool] = lambda: False
) -> None:  # fmt: skip
    """Take each accuracy from the cache or measure it now, and give it to `keep` as soon as it is known.

    Nothing is timed, so that as many processes run at once as this machine has cores for; a GPU and a remote device
    have one at a time. None begins when `is_late`.
    """
    by_device: dict[str, list[Test]] = {}
    for tested in every:
        labelled = _labelled(tested)
        if isinstance(labelled, Failure):
            keep(tested.case, Accuracy(labelled.status, labelled.reason, labelled.wall_s))
            continue
        kept_at = place(tested.case, tested.plan, tested.preparation.artifact, labelled)
        if kept_at and (known := accuracies.cached(kept_at)):
            keep(tested.case, known)
        else:
            by_device.setdefault(tested.case.device, []).append(Test(tested, _task(tested, labelled), kept_at))
    for device, tests in by_device.items():
        most_threads = max(test.tested.case.threads for test in tests)
        at_once = max(1, cores() // most_threads) if device == "cpu" else 1
        for number, outcome in run_side_by_side([test.task for test in tests], at_once, is_late):
            keep(tests[number].tested.case, _accuracy(tests[number], outcome))


def _accuracy(test: Test, outcome: Outcome[Accuracy]) -> Accuracy:
    """The accuracy of a test that ended, kept in the cache where it can be."""
    if outcome.status in ENDED:
        compiled.seal(test.tested.compile_cache)
    if outcome.result is None:
        return Accuracy(outcome.status, outcome.reason, outcome.wall_s)
    accuracy = replace(outcome.result, wall_s=outcome.wall_s)
    if test.place:
        accuracies.keep(test.place, accuracy)
    return accuracy


def _labelled(tested: Tested) -> Artifact | Failure:
    """The classes of eager fp32 on the labelled images, made here if they are not cached."""
    chain = labelled_chain(tested.case)
    made = make_all(chain.case, chain.formats, tested.weights, chain.options, tested.progress)
    return made if isinstance(made, Failure) else made[chain.opened]


def labelled_chain(case: Case) -> FileChain:
    """The files that hold the classes of eager fp32 on the labelled images of a case's variant."""
    variant = replace(case.accuracy_case, **NOT_OF_REFERENCES)
    return FileChain(variant, formats.steps("labelled"), "labelled", {})


def place(case: Case, plan: Plan, artifact: Artifact, labelled: Artifact) -> Path | None:
    """Where the accuracy is kept; None for a remote device, of which nobody knows what it runs today."""
    machine = this_machine()
    if case.kind != Kind.MEASURED_HERE:
        return None
    return accuracies.path(
        (
            case.id,
            artifact.sha256,
            labelled.sha256,
            machine.fingerprint,
            machine.libraries,
            machine.sources,
            plan.environment,
            gpu_facts(case),
        )
    )


def _task(tested: Tested, labelled: Artifact) -> Task[AccuracyJob, Accuracy]:
    """The process that measures an accuracy, with the variables of a timed one."""
    case, preparation, plan = tested.case, tested.preparation, tested.plan
    program = PROGRAMS[case.kind].accuracy
    if program is None:
        raise ValueError(f"no program measures accuracies of {case.kind} cases")
    job = AccuracyJob(
        case=case,
        plan=plan,
        artifact=preparation.path,
        labelled=str(artifacts.path(labelled.format, labelled.key)),
        weights=tested.weights,
        runner=preparation.runner,
    )
    environment = variables(case.threads, 0) | compiled.variables(tested.compile_cache)
    return Task(program, job, environment | variables_of(plan.environment), plan.timeout_s)
