"""Accuracies: after the timed processes, what each backend gets right of the labelled images, in a process of its own.

An accuracy does not depend on threads and batch, so that each is measured once, with the artifact of the first case
that ran. It is kept in the cache by all that it depends on: a repeated campaign measures none again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mnv2bench import artifacts
from mnv2bench.artifacts import accuracies, compiled, formats
from mnv2bench.campaign.child import run_child, variables
from mnv2bench.campaign.preparation import NOT_OF_REFERENCES, Failure, Preparation, gpu_facts, make_all, silent
from mnv2bench.campaign.processes import compile_cache
from mnv2bench.cases import Case, Kind
from mnv2bench.locks import Progress
from mnv2bench.machine import this_machine
from mnv2bench.records import ENDED, Accuracy, Artifact, Plan, Weights, replace
from mnv2bench.records.journal import Journal
from mnv2bench.workers.environment import variables_of
from mnv2bench.workers.jobs import PROGRAMS, AccuracyJob


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


def untested(cases: Sequence[Case], weights: Weights, journal: Journal) -> tuple[Case, ...]:
    """The first case that ran of each accuracy that a journal does not hold; none where nothing is labelled."""
    ended = {process.case for process in journal.processes if process.status in ENDED}
    first: dict[Case, Case] = {}
    for case in cases:
        if case in ended and PROGRAMS[case.kind].accuracy and weights.has_labelled_images(case):
            first.setdefault(case.accuracy_case, case)
    return tuple(case for key, case in first.items() if key not in journal.accuracies)


def measured(tested: Tested) -> Accuracy:
    """The accuracy of a case, from the cache or measured now."""
    labelled = _labelled(tested)
    if isinstance(labelled, Failure):
        return Accuracy(labelled.status, labelled.reason, labelled.wall_s)
    place = _place(tested, labelled)
    if place and (known := accuracies.cached(place)):
        return known
    accuracy = _run(tested, labelled)
    if place and accuracy.status == "ok":
        accuracies.keep(place, accuracy)
    return accuracy


def _labelled(tested: Tested) -> Artifact | Failure:
    """The classes of eager fp32 on the labelled images, made here if they are not cached."""
    variant = replace(tested.case.accuracy_case, **NOT_OF_REFERENCES)
    made = make_all(variant, formats.steps("labelled"), tested.weights, {}, tested.progress)
    return made if isinstance(made, Failure) else made["labelled"]


def _place(tested: Tested, labelled: Artifact) -> Path | None:
    """Where the accuracy is kept; None for a remote device, of which nobody knows what it runs today."""
    case, machine = tested.case, this_machine()
    if case.kind != Kind.MEASURED_HERE:
        return None
    return accuracies.path(
        (
            case.id,
            tested.preparation.artifact.sha256,
            labelled.sha256,
            machine.fingerprint,
            machine.libraries,
            machine.sources,
            tested.plan.environment,
            gpu_facts(case),
        )
    )


def _run(tested: Tested, labelled: Artifact) -> Accuracy:
    """Measure the accuracy in a process with the variables of a timed one."""
    case, preparation, plan = tested.case, tested.preparation, tested.plan
    program = PROGRAMS[case.kind].accuracy
    if program is None:
        raise ValueError(f"no program measures accuracies of {case.kind} cases")
    cache = Path(compile_cache(preparation, plan))
    job = AccuracyJob(
        case=case,
        plan=plan,
        artifact=preparation.path,
        labelled=str(artifacts.path(labelled.format, labelled.key)),
        weights=tested.weights,
        runner=preparation.runner,
    )
    environment = variables(case.threads, 0) | compiled.variables(cache) | variables_of(plan.environment)
    outcome = run_child(program, job, environment, plan.timeout_s)
    if outcome.status in ENDED:
        compiled.seal(cache)
    if outcome.result is None:
        return Accuracy(outcome.status, outcome.reason, outcome.wall_s)
    return replace(outcome.result, wall_s=outcome.wall_s)
