"""The answers of each machine: several files of one machine belong together, and machines are never ranked."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mnv2bench.recommendation.answer import Answer, answers
from mnv2bench.recommendation.goal import Goal
from mnv2bench.recommendation.throughput import throughput_answers
from mnv2bench.records import Machine
from mnv2bench.report.evaluation import Evaluation
from mnv2bench.texts import one_line

MOST_FACTS = 5  # that are written out, of those in which files differ


@dataclass(frozen=True)
class Source:
    """A file by its name, a text of anybody, and when it was saved or its campaign began; None if it says neither."""

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
    sentences on what differs from file to file. `throughput` are the answers over all batches, threads and streams of a
    device, where no goal was named and a variant ran in several of them. `software` has its versions, variables and
    weights by their names; of files that differ it has all values.
    """

    fingerprint: str
    name: str
    answers: tuple[Answer, ...]
    sources: tuple[Source, ...]
    notes: tuple[str, ...]
    software: Mapping[str, str]
    throughput: tuple[Answer, ...] = ()

    @property
    def label(self) -> str:
        """What tells it from the others in one word: the fingerprint, or the name of its file where that has none."""
        return self.fingerprint or self.sources[0].name

    @property
    def heading(self) -> str:
        """The name, and the label, which tells two machines of one name apart."""
        return f"{self.name}, {self.label}"

    @property
    def of_first_setting(self) -> tuple[Answer, ...]:
        """The first answer, and those of its setting for networks whose top-1 is of another source or not known."""
        first = [answer.setting for answer in self.answers[:1]]
        return tuple(a for a in self.answers if [a.setting._replace(top1_of=each.top1_of) for each in first] == first)

    @property
    def usable_throughput(self) -> tuple[Answer, ...]:
        """The answers for throughput whose numbers may be chosen by."""
        return tuple(answer for answer in self.throughput if answer.is_usable)


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


def machine_label(evaluation: Evaluation) -> str:
    """The label of the machine that measured: see `MachineAnswers.label`."""
    return evaluation.record.machine.fingerprint or evaluation.source


def differing_software(machines: Sequence[MachineAnswers]) -> dict[str, dict[str, str]]:
    """The software that is not the same on all machines: by its name, its version or value by the machine's label."""
    of_each: dict[str, dict[str, str]] = {}
    for machine in machines:
        for name, value in machine.software.items():
            of_each.setdefault(name, {})[machine.label] = value
    return dict(_different(of_each, [machine.label for machine in machines]))


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
        software=_software(evaluations),
        throughput=throughput_answers(evaluations) if goal == Goal() else (),
    )


def _notes(evaluations: Sequence[Evaluation], sources: Sequence[Source]) -> tuple[str, ...]:
    """A sentence for each thing in which the files differ."""
    if len(sources) < 2:
        return ()
    days = sorted({f"{source.when:%Y-%m-%d}" for source in sources if source.when})
    notes = [f"The files are of different days: {', '.join(days)}."] if len(days) > 1 else []
    names = [source.name for source in sources]
    for noun, numbers in _different(_selections(evaluations), names):
        notes.append(f"The files have different {noun}: {_by_file(numbers)}.")
    facts = list(_different(_facts(evaluations), names))
    notes += [f"The files differ in {fact}: {_by_file(values)}." for fact, values in facts[:MOST_FACTS]]
    if more := [fact for fact, _ in facts[MOST_FACTS:]]:
        notes.append(f"They also differ in {one_line(', '.join(more))}.")
    return tuple(notes)


def _by_file(values: Mapping[str, str]) -> str:
    """`a.json has 2; b.json has 3`."""
    return one_line("; ".join(f"{name} has {value}" for name, value in values.items()))


def _different(facts: Mapping[str, Mapping[str, str]], names: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """The facts that are not the same in every file or machine of these names, with their values by the name."""
    for fact, values in facts.items():
        of_every = {name: values.get(name) or "none" for name in names}
        if len(set(of_every.values())) > 1:
            yield fact, of_every


def _selections(evaluations: Sequence[Evaluation]) -> dict[str, dict[str, str]]:
    """What each file measured: how many variants, precisions and runtimes, or which where that is as many."""
    names: dict[str, dict[str, set[str]]] = {"variants": {}, "precisions": {}, "runtimes": {}}
    for evaluation in evaluations:
        case = evaluation.case
        for noun, value in (("variants", case.variant), ("precisions", case.precision), ("runtimes", case.backend)):
            names[noun].setdefault(evaluation.source, set()).add(value)
    return {noun: _counts(of_files) for noun, of_files in names.items()}


def _counts(of_files: Mapping[str, set[str]]) -> dict[str, str]:
    """The number of names of each file; the names themselves, where the numbers are equal and the names are not."""
    counts = {name: str(len(values)) for name, values in of_files.items()}
    if len(set(counts.values())) == 1 and len({frozenset(values) for values in of_files.values()}) > 1:
        return {name: ", ".join(sorted(values)) for name, values in of_files.items()}
    return counts


def _software(evaluations: Sequence[Evaluation]) -> dict[str, str]:
    """The facts of a machine's files and its Python and kernel; the values of files that differ are joined."""
    facts = _facts(evaluations)
    for evaluation in evaluations:
        machine = evaluation.record.machine
        for name, version in (("Python", machine.python), ("kernel", machine.kernel)):
            facts.setdefault(name, {})[evaluation.source] = version or ""
    return {name: ", ".join(dict.fromkeys(filter(None, values.values()))) for name, values in facts.items()}


def _facts(evaluations: Sequence[Evaluation]) -> dict[str, dict[str, str]]:
    """What moves times or accuracies and is no part of a machine's fingerprint: set variables, weights, versions."""
    facts: dict[str, dict[str, str]] = {}
    for evaluation in {evaluation.source: evaluation for evaluation in evaluations}.values():
        record = evaluation.record
        variables = [*record.plan.environment, *(f"{name}={value}" for name, value in record.machine.variables.items())]
        of_file = {
            "weights": record.weights.content,
            "variables": " ".join(variables),
            "allocator": record.machine.allocator or "",
            "cold L2 cache": "yes" if record.plan.cold_l2 else "no",
            **record.machine.libraries,
        }
        for fact, value in of_file.items():
            facts.setdefault(fact, {})[evaluation.source] = value
    return facts
