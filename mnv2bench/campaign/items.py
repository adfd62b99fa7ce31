"""What a campaign measures in fresh processes: cases, and whatever other subjects add to them."""

from dataclasses import dataclass
from typing import Protocol

from mnv2bench.campaign.preparation import Failure, Preparation
from mnv2bench.campaign.processes import Turn, process_of, run_process
from mnv2bench.case import Case
from mnv2bench.records import ENDED, Plan
from mnv2bench.records.journal import Journal

Statuses = dict[str, dict[int, str]]  # by the id of an item and the number of a process: how it ended


def stopped_items(statuses: Statuses) -> set[str]:
    """The items of which a process ended badly: they are not tried again."""
    return {item for item, ended in statuses.items() if any(status not in ENDED for status in ended.values())}


@dataclass(frozen=True)
class Needs:
    """The file that an item's processes open: the artifact of a case.

    `format` is the artifact's format where it is not the one that the case's backend reads.
    """

    case: Case
    format: str = ""


class Item(Protocol):
    """What is measured in as many processes as the plan says, each of them a line in the journal."""

    @property
    def id(self) -> str:
        """The item's name in the progress and among the items of a campaign."""

    @property
    def needs(self) -> Needs | None:
        """What is made before the first process, None where nothing is."""

    def statuses(self, journal: Journal) -> dict[int, str]:
        """How the processes that a journal holds ended, by their numbers."""

    def measure(self, turn: Turn, preparation: Preparation | Failure | None, plan: Plan, journal: Journal) -> str:
        """Run one process, write how it ended to the journal, and return its status.

        `preparation` is the result of preparing `needs`: the files, or why there are none.
        """


@dataclass(frozen=True)
class CaseItem:
    """A case as an item: its processes become its Record."""

    case: Case

    @property
    def id(self) -> str:
        return self.case.id

    @property
    def needs(self) -> Needs:
        return Needs(self.case)

    def statuses(self, journal: Journal) -> dict[int, str]:
        return {p.number: p.status for p in journal.processes if p.case == self.case}

    def measure(self, turn: Turn, preparation: Preparation | Failure | None, plan: Plan, journal: Journal) -> str:
        if preparation is None:
            raise ValueError(f"{self.id} was not prepared")
        process = process_of(self.case, turn, run_process(self.case, preparation, plan, turn.seed))
        journal.process(process)
        return process.status
