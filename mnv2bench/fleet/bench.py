"""What the worker of a machine does for a fleet: it measures one unit at a time, and keeps a journal of its own.

`answer` is the only function that a fleet runs on a machine. The journal lies in the machine's cache and is written
before anything is answered: whoever is killed, the next request goes on from it.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from mnv2bench import artifacts
from mnv2bench.campaign import Campaign, Patience, durations
from mnv2bench.campaign.campaign import (
    Preparations,
    estimate_left,
    measure_accuracies,
    measure_blocks,
    prepare_items,
    unfinished_items,
)
from mnv2bench.campaign.exports import make_missing
from mnv2bench.campaign.items import CaseItem, Statuses
from mnv2bench.campaign.patience import settled_load
from mnv2bench.campaign.places import require_places
from mnv2bench.campaign.preparation import require_reference, silent
from mnv2bench.campaign.resuming import open_journal
from mnv2bench.campaign.steps import FixedSchedule, Step
from mnv2bench.case import described_networks
from mnv2bench.fleet.inventory import inventory, require_same_weights
from mnv2bench.fleet.unit import (
    TOPIC,
    Answer,
    Ending,
    Fetching,
    Lines,
    Opening,
    Preparing,
    Refused,
    Request,
    Survey,
    Unit,
    head_digest,
    packed_answer,
    require_name,
    unpacked,
)
from mnv2bench.locks import Progress, measuring
from mnv2bench.machine import state, this_machine
from mnv2bench.networks import described
from mnv2bench.records import replace
from mnv2bench.records.encoding import parse_case
from mnv2bench.records.journal import End, Head, Journal
from mnv2bench.refusals import Unavailable, Unsupported
from mnv2bench.texts import one_line
from mnv2bench.workers.noise import resident_bytes

CAMPAIGN = re.compile(r"[0-9a-f]{16}")


def answer(request: bytes) -> bytes:
    """The answer of this machine to a request; what it cannot do is answered with the reason, in one line."""
    try:
        return packed_answer(_answer(unpacked(request)))
    except OSError as error:
        reason = f"{error.strerror}: {error.filename}" if error.strerror and error.filename else str(error)
        return packed_answer(Refused(one_line(reason)))
    except (ValueError, Unavailable, Unsupported) as error:
        return packed_answer(Refused(one_line(str(error))))


def _answer(request: Request) -> Answer:
    match request:
        case Survey():
            for description in request.networks:
                described.register(description)
            require_places()
            with measuring(wait=request.wait, progress=_progress(request.name)):
                return inventory(request)
        case Opening():
            return _opened(request)
        case Preparing():
            with _at_work(request.campaign, request.name) as (bench, start):
                bench.prepare(request.idle_s)
                return bench.lines(start)
        case Unit():
            with _at_work(request.campaign, request.name) as (bench, start):
                bench.measure(request)
                return bench.lines(start)
        case Ending():
            with _at_work(request.campaign, request.name) as (bench, start):
                bench.end(request.accuracy)
                return bench.lines(start)
        case Fetching():
            return lines_behind(journal_path(request.campaign, request.name), 0)


def journal_path(campaign: str, name: str) -> Path:
    """The journal of a campaign on this machine. ValueError for a text that is no campaign or no name."""
    if not CAMPAIGN.fullmatch(campaign):
        raise ValueError(f"{one_line(campaign)!r} names no campaign of a fleet")
    return artifacts.root() / "fleet" / campaign / f"{require_name(name)}.jsonl"


def lines_behind(path: Path, start: int) -> Lines:
    """What a journal has behind its first `start` bytes."""
    with path.open("rb") as file:
        head = head_digest(file.readline())
        file.seek(start)
        return Lines(head, start, file.read().decode())


def _opened(opening: Opening) -> Lines:
    """Begin or take up the journal of a campaign on this machine, and answer with all of it."""
    path = journal_path(opening.campaign, opening.name)
    progress = _progress(opening.name)
    for description in opening.networks:
        described.register(description)
    cases = tuple(map(parse_case, opening.cases))
    require_same_weights(cases, opening.weights)
    networks = described_networks(cases)
    head = Head(
        cases, opening.plan, opening.seed, opening.weights, this_machine(), opening.runner, opening.began, networks
    )
    _bench.cache_clear()
    with measuring(path, wait=True, progress=progress):
        journal = Journal(path)
        if path.exists():
            journal.resume()
            journal.name_cases(cases, networks)
        open_journal(Journal(path), head, resume=True, progress=silent)
    return lines_behind(path, 0)


@contextmanager
def _at_work(campaign: str, name: str) -> Iterator[tuple["Bench", int]]:
    """The bench of a campaign under this machine's lock, and how many bytes its journal has before the work."""
    path = journal_path(campaign, name)
    with measuring(path, wait=True, progress=_progress(name)):
        yield _bench(path, name), path.stat().st_size


@lru_cache(maxsize=1)
def _bench(path: Path, name: str) -> "Bench":
    """The bench of a journal, as it stands on the disk when it is first needed."""
    journal = Journal(path)
    head = journal.resume()
    campaign = Campaign(
        head.cases,
        journal,
        head.plan,
        seed=head.seed,
        weights=head.weights,
        progress=_progress(name),
        runner=head.runner,
        patience=Patience(campaigns=True, idle_s=0.0),
    )
    items = tuple(map(CaseItem, head.cases))
    return Bench(campaign, items, {item.id: item.statuses(journal) for item in items}, len(journal.processes))


@dataclass(frozen=True)
class OneStep(FixedSchedule):
    """The schedule of one unit: a block with one process."""

    step: Step = field(kw_only=True)

    def blocks(self) -> Iterator[Sequence[Step]]:
        yield [self.step]


@dataclass
class Bench:
    """A campaign on this machine: what is measured, what its processes need, and what the machine's load was before.

    `before` is how many processes the journal held when this worker took it up.
    """

    campaign: Campaign
    items: tuple[CaseItem, ...]
    statuses: Statuses
    before: int
    preparations: Preparations | None = None
    load: float | None = None

    @property
    def schedule(self) -> FixedSchedule:
        return FixedSchedule(self.items, self.campaign.plan.processes, self.campaign.seed)

    def lines(self, start: int) -> Lines:
        """What the journal has behind its first `start` bytes."""
        return lines_behind(self.campaign.journal.path, start)

    def prepare(self, idle_s: float) -> Preparations:
        """Make the files of every case that may have another process, then wait for an idle machine."""
        campaign = self.campaign
        require_reference(campaign.cases, campaign.weights, campaign.progress)
        failures = make_missing(estimate_left(campaign).missing, campaign.weights, campaign.progress)
        self.preparations = {}
        unfinished = unfinished_items(campaign, self.items, self.statuses)
        prepare_items(campaign, unfinished, self.schedule, self.preparations, failures)
        self.load = settled_load(idle_s, campaign.progress)
        return self.preparations

    def measure(self, unit: Unit) -> None:
        """Run one process, where it is due."""
        item = CaseItem(parse_case(unit.case))
        if item not in self.items:
            raise ValueError(f"{item.id} is no case of the campaign {unit.campaign} on this machine")
        preparations = self.prepare(0.0) if self.preparations is None else self.preparations
        campaign = self.campaign
        block = OneStep(self.items, campaign.plan.processes, campaign.seed, step=Step(item, unit.number))
        measure_blocks(replace(campaign, progress=silent), block, self.statuses, preparations, self.load, {})
        self.load = None  # from now on the load is ours

    def end(self, accuracy: bool) -> None:
        """Test the accuracies, where the campaign has them, and close the journal.

        It stays open where a case has not all its processes, because the rest of it went to another machine.
        """
        campaign, journal = self.campaign, self.campaign.journal
        if accuracy:
            measure_accuracies(campaign, self.preparations or {}, self.schedule, 0)
        journal.note(state())
        if not unfinished_items(campaign, self.items, self.statuses):
            journal.note(End(resident_bytes("VmHWM")))
        durations.keep(
            this_machine().fingerprint,
            journal.processes[self.before :],
            journal.accuracies,
            {},
            campaign.plan.rounds,
        )


def _progress(name: str) -> Progress:
    """What tells the fleet what this machine does; nothing where no worker runs this."""
    from distributed import get_worker

    try:
        worker = get_worker()
    except ValueError:
        return silent

    def tell(doing: str, done: int, total: int) -> None:
        worker.log_event(TOPIC, {"name": name, "doing": one_line(doing)})

    return tell
