"""Recommendations from the contents of files: what `recommend`, the end of a run, and Python show."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from mnv2bench.comparison.chapters import chapters
from mnv2bench.files import printable
from mnv2bench.recommendation.answer import Answer
from mnv2bench.recommendation.block import Conditions, answer_block, headline_block
from mnv2bench.recommendation.filters import Filters
from mnv2bench.recommendation.goal import Goal
from mnv2bench.recommendation.machines import MachineAnswers, by_machine
from mnv2bench.recommendation.per_machine.cheapest import Cheapest, cheapest
from mnv2bench.recommendation.per_machine.choices import MachineChoice, choices
from mnv2bench.recommendation.per_machine.prices import Prices
from mnv2bench.records import Machine
from mnv2bench.records.reading import Contents, saved_at
from mnv2bench.report.evaluation import Evaluation
from mnv2bench.statistics.conditions import conditions
from mnv2bench.statistics.floor import Floor

FloorOf = Callable[[Machine], Floor | None]


def no_floor(machine: Machine) -> None:
    """No A/A floor, whatever the machine."""


@dataclass(frozen=True, eq=False)
class Recommendation:
    """The answers of each machine for a goal, what was unusual about it by the name of a file, and prices if given."""

    machines: tuple[MachineAnswers, ...]
    conditions: Conditions
    goal: Goal = Goal()  # noqa: RUF009  it is frozen
    prices: Prices | None = None

    @property
    def answers(self) -> tuple[Answer, ...]:
        """The answers of all machines, each setting in turn."""
        return tuple(answer for machine in self.machines for answer in machine.answers)

    @property
    def per_machine(self) -> tuple[MachineChoice, ...]:
        """What to ship on each machine. ValueError, in one line, without a budget and for ambiguous prices."""
        return choices(self.machines, self.goal, self.prices)

    @property
    def cheapest(self) -> Cheapest:
        """The cheapest machine that meets the budgets. ValueError, in one line, as for `per_machine`."""
        return cheapest(self.per_machine)


def recommended(
    files: Mapping[str, Contents],
    goal: Goal = Goal(),  # noqa: B008  it is frozen
    filters: Filters = Filters(),  # noqa: B008  it is frozen
    floor_of: FloorOf = no_floor,
    prices: Prices | None = None,
) -> Recommendation:
    """The answers that files give, by their names. ValueError for a filter that no case passes.

    `floor_of` gives what identical campaigns on a machine differ by, and `prices` what machines cost.
    """
    evaluations = evaluated(files, floor_of)
    unusual = {name: conditions(contents.states) for name, contents in files.items()}
    return Recommendation(by_machine(filters.kept(evaluations), goal), unusual, goal, prices)


def evaluated(files: Mapping[str, Contents], floor_of: FloorOf = no_floor) -> tuple[Evaluation, ...]:
    """The records of files with their numbers, each case beside the others of its campaign."""
    dates = {name: saved_at(contents) for name, contents in files.items()}
    sources = [(name, contents.records) for name, contents in files.items()]
    campaigns = chapters(sources, floor_of, dates=dates)
    return tuple(evaluation for chapter in campaigns for evaluation in chapter.evaluations)


def closing(file: str, evaluations: Iterable[Evaluation], width: int, unusual: Sequence[str] = ()) -> str:
    """What the end of a run shows of its file: the block of the first setting, and how to see the others.

    Between them stand the headlines for other sorts of top-1 in that setting, and for throughput, where there are any.

    `unusual` are phrases on the machine meanwhile. "" where no case can be a candidate.
    """
    machines = by_machine(evaluations)
    answers = [answer for machine in machines for answer in machine.answers]
    if not answers:
        return ""
    rates = [answer for machine in machines for answer in machine.usable_throughput]
    beside = [a for machine in machines[:1] for a in machine.of_first_setting[1:] if a.is_usable]
    without_accuracy = "".join(f"\n{headline_block(answer, width, unusual)}" for answer in beside)
    for_throughput = "".join(f"\n{headline_block(answer, width, unusual)}" for answer in rates[:1])
    others = len(answers) - 1 - len(beside)
    more = "1 more setting" if others == 1 else f"{others} more settings"
    hint = f"\n{more}: mnv2bench recommend {printable(file)}" if others else ""
    return f"\n{answer_block(answers[0], width, unusual)}{without_accuracy}{for_throughput}{hint}\n"
