"""Several machines side by side: what they are, and each case on each of them; no machine is ranked against another."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from mnv2bench.case import Kind
from mnv2bench.comparison.sections import Section, about_marks
from mnv2bench.recommendation.machines import MachineAnswers, differing_software, machine_label
from mnv2bench.report.cells import escape, latency, rate_interval, table
from mnv2bench.report.column import Cell
from mnv2bench.report.evaluation import Evaluation
from mnv2bench.report.layout import MOST_RUNTIMES, across, each_setting, each_sweep, varying
from mnv2bench.statistics.rounds import throughput

MACHINES = "The machines"
LATENCIES = "Each case on each machine: latency, ms"
RATES = "Each case on each machine: images/s"
NOT_RANKED = (
    "Columns are machines, each with the median of its own processes and its own 95 % interval. They are not ranked: "
    "nothing here says which machine is the fastest, because they differ in more than a table shows."
)
LARGEST = " Where several files of a machine have a case, the largest latency counts."
UNLIKE = (
    "**The machines differ in software or settings**: {names}. A difference between two columns may come from these."
)
ALIKE = "The machines have the same libraries, Python, kernel, variables and weights."


def side_by_side(
    machines: Sequence[MachineAnswers], evaluations: Sequence[Evaluation], has_cases: bool = True
) -> tuple[Section, ...]:
    """The sections that show several machines beside each other; none of a single machine.

    Without `has_cases` it is only what the machines are, for a page that has no room for every case.
    """
    if len(machines) < 2:
        return ()
    about = Section(MACHINES, _about_software(machines), _machines_table(machines, evaluations), folded=False)
    return (about, *(_of_cases(machines, evaluations) if has_cases else ()))


def _of_cases(machines: Sequence[MachineAnswers], evaluations: Sequence[Evaluation]) -> Iterator[Section]:
    """The sections with a line for each case, those that have one."""
    timed = [each for each in evaluations if each.record.timed and each.case.kind != Kind.COUNTED]
    shown = list(_one_of_each(timed))
    about = NOT_RANKED + (LARGEST if len(shown) < len(timed) else "")
    with_marks = "\n\n".join(filter(None, [about, "\n".join(about_marks(shown))]))
    draw = partial(_across, names=[machine.label for machine in machines])
    whole = (
        Section(LATENCIES, with_marks, each_setting(shown, partial(draw, cell=_latency))),
        Section(RATES, about, each_sweep(shown, partial(draw, cell=_rate))),
    )
    yield from (section for section in whole if section.body)


def _one_of_each(evaluations: Iterable[Evaluation]) -> Iterator[Evaluation]:
    """Each case of each machine once: the one with the largest latency of those that are ok, else the first."""
    of_each: dict[tuple[str, str], list[Evaluation]] = {}
    for evaluation in sorted(evaluations, key=lambda evaluation: evaluation.case.backend):
        of_each.setdefault((machine_label(evaluation), evaluation.case.id), []).append(evaluation)
    for same in of_each.values():
        yield max(same, key=_rank)


def _rank(evaluation: Evaluation) -> tuple[bool, float]:
    times = evaluation.latency
    return evaluation.record.status == "ok", times.median_s if times else 0.0


def _across(evaluations: Sequence[Evaluation], names: Sequence[str], cell: Cell) -> str:
    """A line for each case, a column for each machine that has one of these cases."""
    with_cases = set(map(machine_label, evaluations))
    facts: dict[str, Cell] = {"runtime": lambda evaluation: escape(evaluation.case.backend)}
    if len({evaluation.case.precision for evaluation in evaluations}) > 1:
        facts["precision"] = lambda evaluation: evaluation.case.precision
    columns = [name for name in names if name in with_cases]
    return across(evaluations, facts | varying(evaluations), cell, columns, machine_label)


def _latency(evaluation: Evaluation) -> str:
    return latency(evaluation, fastest=False)


def _rate(evaluation: Evaluation) -> str:
    """Images a second of a right result; the status of any other."""
    if evaluation.record.status != "ok":
        return evaluation.record.status
    return rate_interval(evaluation.measured(throughput), evaluation.images_per_s_interval)


def _about_software(machines: Sequence[MachineAnswers]) -> str:
    """Whether the machines have the same software, and the names of what differs."""
    names = differing_software(machines)
    return UNLIKE.format(names=escape(", ".join(names))) if names else ALIKE


def _machines_table(machines: Sequence[MachineAnswers], evaluations: Sequence[Evaluation]) -> str:
    """What each machine is, its files, and the software that differs: facts down, five machines at most across."""
    tables = []
    for start in range(0, len(machines), MOST_RUNTIMES):
        shown = machines[start : start + MOST_RUNTIMES]
        lines = {
            "machine": [machine.name for machine in shown],
            "files": ["; ".join(source.text for source in machine.sources) for machine in shown],
            "cases that are ok": [_cases(machine, evaluations) for machine in shown],
        }
        for name, values in differing_software(machines).items():
            lines[name] = [values[machine.label] for machine in shown]
        header = ["", *(escape(machine.label) for machine in shown)]
        rows = [[escape(name), *map(escape, texts)] for name, texts in lines.items()]
        tables.append(table(header, rows, texts=len(header)))
    return "\n\n".join(tables)


def _cases(machine: MachineAnswers, evaluations: Sequence[Evaluation]) -> str:
    """`150 of 154`."""
    statuses = [each.record.status for each in evaluations if machine_label(each) == machine.label]
    return f"{statuses.count('ok')} of {len(statuses)}"
