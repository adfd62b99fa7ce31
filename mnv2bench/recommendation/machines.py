"""The answers of each machine: several files of one machine belong together, and machines are never ranked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from mnv2bench.recommendation.answer import Answer, answers
from mnv2bench.recommendation.goal import Goal
from mnv2bench.records import Machine
from mnv2bench.report.evaluation import Evaluation
from mnv2bench.texts import one_line


@dataclass(frozen=True)
class Source:
    """A file by its name, a text of anybody, and when it was saved; None where it does not say, as a journal."""

    name: str
    when: datetime | None

    @property
    def text(self) -> str:
        """The name on one line, and the day where that is known."""
        name = one_line(self.name)
        return f"{name}, {self.when:%Y-%m-%d}" if self.when else name


@dataclass(frozen=True, eq=False)
class MachineAnswers:
    """The answers of one machine, a setting each, from all files of it.

    `name` is a text of a file: the processor's model, its cores, and whether it is a virtual machine. `notes` are
    sentences on what differs from file to file.
    """

    fingerprint: str
    name: str
    answers: tuple[Answer, ...]
    sources: tuple[Source, ...]
    notes: tuple[str, ...]


def by_machine(
    evaluations: Iterable[Evaluation],
    goal: Goal = Goal(),  # noqa: B008  it is frozen
) -> tuple[MachineAnswers, ...]:
    """The answers of each machine, in the order of the evaluations.

    A machine without a fingerprint is the machine of its file and of no other.
    """
    groups: dict[tuple[str, str], list[Evaluation]] = {}
    for evaluation in evaluations:
        fingerprint = evaluation.record.machine.fingerprint
        groups.setdefault((fingerprint, "" if fingerprint else evaluation.source), []).append(evaluation)
    return tuple(_machine(fingerprint, group, goal) for (fingerprint, _), group in groups.items())


def machine_name(machine: Machine) -> str:
    """`Intel Xeon (2 cores, virtual machine)`: a text of a file."""
    cores = "" if machine.cores is None else "1 core" if machine.cores == 1 else f"{machine.cores} cores"
    virtual = "virtual machine" if machine.hypervisor else ""
    model = one_line(machine.cpu_model or "an unknown processor")
    facts = ", ".join(filter(None, (cores, virtual)))
    return f"{model} ({facts})" if facts else model


def _machine(fingerprint: str, evaluations: Sequence[Evaluation], goal: Goal) -> MachineAnswers:
    dates = {evaluation.source: evaluation.saved_at for evaluation in evaluations}
    sources = tuple(Source(name, when) for name, when in dates.items())
    return MachineAnswers(
        fingerprint=fingerprint,
        name=machine_name(evaluations[0].record.machine),
        answers=answers(evaluations, goal),
        sources=sources,
        notes=_notes(evaluations, sources),
    )


def _notes(evaluations: Sequence[Evaluation], sources: Sequence[Source]) -> tuple[str, ...]:
    """A sentence for each thing in which the files differ."""
    if len(sources) < 2:
        return ()
    days = sorted({f"{source.when:%Y-%m-%d}" for source in sources if source.when})
    notes = [f"The files are of different days: {', '.join(days)}."] if len(days) > 1 else []
    for noun, values in _by_source(evaluations).items():
        if len({frozenset(of_file) for of_file in values.values()}) > 1:
            counts = "; ".join(f"{one_line(name)} has {len(of_file)}" for name, of_file in values.items())
            notes.append(f"The files have different {noun}: {counts}.")
    return tuple(notes)


def _by_source(evaluations: Sequence[Evaluation]) -> dict[str, dict[str, set[str]]]:
    """The variants, precisions and runtimes of each file."""
    values: dict[str, dict[str, set[str]]] = {"variants": {}, "precisions": {}, "runtimes": {}}
    for evaluation in evaluations:
        case = evaluation.case
        for noun, value in (("variants", case.variant), ("precisions", case.precision), ("runtimes", case.backend)):
            values[noun].setdefault(evaluation.source, set()).add(value)
    return values
