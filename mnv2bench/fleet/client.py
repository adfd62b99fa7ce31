"""The client of a fleet: it asks the machines what they are, gives them their units and keeps what they measure.

Dask distributed carries the units: each is a task that only its machine has the resources for, one at a time, and a
task whose worker dies is given back once. Nothing here measures.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnv2bench.case import Case, described_networks
from mnv2bench.fleet import bench, kept
from mnv2bench.fleet.kept import FleetCampaign, Share
from mnv2bench.fleet.lanes import Lane, requests
from mnv2bench.fleet.mirror import Mirror, mirror_path, moved_aside
from mnv2bench.fleet.placement import heirs
from mnv2bench.fleet.unit import (
    TOPIC,
    Fetching,
    Inventory,
    Lines,
    Opening,
    Request,
    Survey,
    Unit,
    packed,
    require_name,
    resources,
    unpacked_answer,
)
from mnv2bench.records import Plan, Weights, replace
from mnv2bench.texts import counted, one_line

if TYPE_CHECKING:
    from distributed import Client, Future

LOOK_S = 4.0  # between two looks at which machines are there
SURVEY_S = 600.0  # for the inventories: a file of weights is read, devices are asked

FleetProgress = Callable[[str, str, int, int], None]  # machine, what it does, processes done, processes in all


@dataclass(frozen=True)
class FleetEnd:
    """How a fleet's campaign ended: each machine's journal and share, by its name, and sentences on what is missing."""

    journals: Mapping[str, Path]
    shares: Mapping[str, Share]
    missing: tuple[str, ...]


def machine_names(client: "Client") -> list[str]:
    """The names of the machines that have joined. ValueError, in one line, where there is none or two have one name."""
    names = [str(worker["name"]) for worker in client.scheduler_info()["workers"].values()]
    for name in names:
        require_name(name)
    if not names:
        raise ValueError("no machine has joined this fleet: start mnv2bench fleet-join on each")
    return sorted(names)


def inventories(
    client: "Client", cases: Sequence[Case], plan: Plan, weights: Weights, wait: bool
) -> tuple[Inventory, ...]:
    """What each machine is and can, in the order of their names.

    ValueError, in one line with the machine's name, where one does not answer or cannot take part.
    """
    from distributed import wait as wait_for

    ids, networks = tuple(case.id for case in cases), described_networks(cases)
    surveys = {name: Survey(name, ids, plan, weights, networks, wait) for name in machine_names(client)}
    futures = {name: _submitted(client, survey) for name, survey in surveys.items()}
    with suppress(TimeoutError), client.as_current():
        wait_for(list(futures.values()), timeout=None if wait else SURVEY_S)
    answers = []
    for name, future in futures.items():
        if future.status != "finished":
            raise ValueError(f"{name} does not say what it is: {_failure(future)}")
        try:
            answers.append(unpacked_answer(future.result(), Inventory))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    return tuple(answers)


@dataclass
class FleetRun:
    """A campaign that runs on a fleet. `out` names the journals at home, and `inventories` are by machine.

    A machine that has left the scheduler for `gone_s` is lost. Each waits at most `idle_s` until it is idle.
    """

    client: "Client"
    campaign: FleetCampaign
    inventories: Mapping[str, Inventory]
    out: Path
    progress: FleetProgress
    idle_s: float
    gone_s: float
    look_s: float = LOOK_S
    lanes: dict[str, Lane] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    def run(self) -> FleetEnd:
        """Measure everything that is not measured yet, and return when no machine has anything to do any more.

        OSError where a journal cannot be written here, or where the scheduler is gone.
        """
        for name, share in self.campaign.shares.items():
            self.lanes[name] = Lane(name, Mirror(mirror_path(self.out, name)))
            if share.due:
                self._extend(name, share.due)
        self.client.subscribe_topic(TOPIC, self._tell)
        looked_at = 0.0
        try:
            while busy := [lane for lane in self.lanes.values() if lane.is_busy]:
                self._submit(busy)
                self._take_answers(busy)
                if time.monotonic() - looked_at > self.look_s:
                    self._look(busy)
                    looked_at = time.monotonic()
        finally:
            for lane in self.lanes.values():
                if lane.future is not None:
                    lane.future.cancel()
        journals = {name: lane.mirror.path for name, lane in self.lanes.items() if lane.mirror.path.exists()}
        return FleetEnd(journals, self.campaign.shares, tuple(self.missing))

    def _extend(self, name: str, due: Sequence[Case]) -> None:
        """Give a machine these cases too, which stand in its share."""
        opened = self.campaign.shares[name].cases
        self.lanes[name].requests.extend(requests(self.campaign, name, due, self.idle_s, opened))

    def _submit(self, busy: Sequence[Lane]) -> None:
        """Send the next request of every machine that has none."""
        for lane in busy:
            if lane.future is None:
                lane.future = _submitted(self.client, lane.requests[0])

    def _take_answers(self, busy: Sequence[Lane]) -> None:
        """Wait a while for answers and take those that came."""
        from distributed import CancelledError, wait

        with suppress(TimeoutError, CancelledError), self.client.as_current():
            wait([lane.future for lane in busy], timeout=self.look_s, return_when="FIRST_COMPLETED")
        for lane in busy:
            if lane.future is not None and lane.future.status != "pending":
                self._take(lane, lane.future)

    def _take(self, lane: Lane, future: Any) -> None:
        """Take the answer of a machine. One that was cut off with the scheduler is asked again."""
        if future.status in ("cancelled", "lost"):
            lane.future = None
            self._require_scheduler()
            return
        if future.status == "error":
            self._lose(lane, _failure(future))
            return
        try:
            self._keep(lane, unpacked_answer(future.result(), Lines))
        except ValueError as error:
            self._lose(lane, str(error))

    def _keep(self, lane: Lane, lines: Lines) -> None:
        """Write what a machine answered to its journal here."""
        if isinstance(lane.requests[0], Opening | Fetching):
            if aside := lane.mirror.replace(lines):
                self.progress(lane.name, moved_aside(aside), 0, 0)
            lane.ended()
        elif lane.mirror.add(lines):
            lane.ended()
        else:
            lane.ended()
            lane.fetch(self.campaign.fleet)
        request = lane.requests[0] if lane.requests else None
        doing = request.case if isinstance(request, Unit) else lane.doing
        self.progress(lane.name, doing if request else "done", lane.done, lane.total)

    def _look(self, busy: Sequence[Lane]) -> None:
        """Look which machines are there: one that has left for long is lost."""
        if not self._require_scheduler():
            return
        with suppress(OSError, TimeoutError):
            there = {str(worker["name"]) for worker in self.client.scheduler_info()["workers"].values()}
            for lane in busy:
                unseen_s = lane.see(lane.name in there)
                if unseen_s > self.gone_s:
                    self._lose(lane, f"it left the fleet {unseen_s:.0f} s ago")

    def _require_scheduler(self) -> bool:
        """Whether there is a scheduler now. OSError where there will be none any more."""
        if self.client.status == "running":
            return True
        if self.client.status in ("closing", "closed"):
            raise OSError("the scheduler of the fleet is gone: start mnv2bench fleet-serve again")
        time.sleep(0.1)  # Dask connects again, or closes the client
        return False

    def _lose(self, lane: Lane, reason: str) -> None:
        """Give up a machine: its cases begin anew on others like it, once, or are missing."""
        lane.lost = reason
        if lane.future is not None:
            lane.future.cancel()
        share = self.campaign.shares[lane.name]
        unfinished = {request.case for request in lane.requests if isinstance(request, Unit)}
        elsewhere = {id for other in self.campaign.shares.values() for id in other.moved}
        can_move = tuple(case for case in share.due if case.id in unfinished - elsewhere)
        if self.campaign.each_machine:
            can_move = ()  # the others measure them anyway
        alive = [name for name, other in self.lanes.items() if not other.lost and other.unseen_since is None]
        able = [self.inventories[name] for name in alive if name in self.inventories]
        moves = heirs(able, share.likeness, can_move)
        moved = {case.id for cases in moves.values() for case in cases}
        gone = lane.mirror.without(moved)  # what was measured of the others stays in its journal
        left = tuple(id for id in share.cases if id not in gone)
        shares = {lane.name: replace(share, cases=left, moved=(*share.moved, *sorted(moved)))}
        for name, cases in moves.items():
            heir = self.campaign.shares[name]
            shares[name] = replace(heir, cases=tuple(dict.fromkeys((*heir.cases, *(case.id for case in cases)))))
        self.campaign = self.campaign.with_shares(shares)
        kept.write(self.out, self.campaign)
        self._say(lane.name, reason, moves, [id for id in share.cases if id in unfinished - moved])
        for name, cases in moves.items():
            if cases:
                self._extend(name, cases)

    def _say(self, name: str, reason: str, moves: Mapping[str, Sequence[Case]], missing: Sequence[str]) -> None:
        """Say that a machine is lost, where its cases go, and what is missing now."""
        places = [f"{counted(len(cases), 'case')} begin anew on {heir}" for heir, cases in moves.items() if cases]
        if missing:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            places.append(f"not measured to the end: {missing[0]}{more}, --resume goes on")
        sentence = f"{name} is lost ({one_line(reason)}): {'; '.join(places) or 'all its cases are measured'}"
        self.missing.append(sentence)
        self.progress(name, sentence, 0, 0)

    def _tell(self, event: tuple[float, Mapping[str, str]]) -> None:
        """What a machine says that it does."""
        _, message = event
        lane = self.lanes.get(str(message.get("name")))
        if lane:
            lane.doing = one_line(str(message.get("doing")))
            self.progress(lane.name, lane.doing, lane.done, lane.total)


def _submitted(client: "Client", request: Request) -> "Future":
    """A request as a task that only its machine has the resources for."""
    return client.submit(bench.answer, packed(request), resources=resources(request.name), pure=False)


def _failure(future: "Future") -> str:
    """Why a task has no answer."""
    from distributed import KilledWorker

    if future.status != "error":
        return "no answer came"
    error = future.exception()
    if isinstance(error, KilledWorker):
        return "its worker died twice at the same unit"
    return one_line(f"{type(error).__name__}: {error}")
