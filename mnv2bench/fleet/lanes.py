"""Lanes: what each machine of a fleet has still to do, in the order in which it does it."""

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mnv2bench.campaign.items import CaseItem
from mnv2bench.campaign.steps import FixedSchedule
from mnv2bench.case import Case
from mnv2bench.fleet.kept import FleetCampaign
from mnv2bench.fleet.mirror import Mirror
from mnv2bench.fleet.unit import Ending, Fetching, Opening, Preparing, Request, Unit

if TYPE_CHECKING:
    from distributed import Future


@dataclass
class Lane:
    """What one machine has still to do. The first of its requests is with the machine while `future` stands.

    `lost` says why the machine does nothing any more, "" while it works. `unseen_since` is when the machine left the
    scheduler, by `time.monotonic`; None while it is there.
    """

    name: str
    mirror: Mirror
    requests: deque[Request] = field(default_factory=deque)
    future: "Future | None" = None
    done: int = 0
    doing: str = "begins"
    lost: str = ""
    unseen_since: float | None = None

    @property
    def is_busy(self) -> bool:
        """Whether the machine has something to do and can do it."""
        return bool(self.requests) and not self.lost

    @property
    def total(self) -> int:
        """How many processes this machine measures in all."""
        return self.done + sum(isinstance(request, Unit) for request in self.requests)

    def ended(self) -> Request:
        """The request that the machine has answered: it is done with it."""
        self.future = None
        request = self.requests.popleft()
        self.done += isinstance(request, Unit)
        return request

    def fetch(self, campaign: str) -> None:
        """Ask next for all that the machine has."""
        self.requests.appendleft(Fetching(campaign, self.name))

    def see(self, is_there: bool) -> float:
        """Keep whether the scheduler has the machine; return for how many seconds it has not had it."""
        if is_there:
            self.unseen_since = None
            return 0.0
        if self.unseen_since is None:
            self.unseen_since = time.monotonic()
        return time.monotonic() - self.unseen_since


def requests(
    campaign: FleetCampaign, name: str, due: Iterable[Case], idle_s: float, opened: Iterable[str]
) -> list[Request]:
    """What a machine does to measure the cases that are due: its blocks, in the order that it would have alone.

    `opened` are the cases that its journal names, by their ids.
    """
    items = tuple(map(CaseItem, due))
    opening = Opening(
        campaign.fleet,
        name,
        tuple(opened),
        campaign.plan,
        campaign.seed,
        campaign.weights,
        campaign.began,
        campaign.runner,
        campaign.networks,
    )
    blocks = FixedSchedule(items, campaign.plan.processes, campaign.seed).blocks()
    units = [Unit(campaign.fleet, name, step.item.id, step.number) for block in blocks for step in block]
    ending = Ending(campaign.fleet, name, campaign.accuracy)
    return [opening, Preparing(campaign.fleet, name, idle_s), *units, ending]
