"""The file of a fleet's campaign at home: what is measured, and which machine measures what; --resume goes on from it.

It is written whole, before anything begins and whenever cases move.
"""

import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from mnv2bench.campaign.campaign import now
from mnv2bench.case import Case, described_networks
from mnv2bench.files import beside, printable, write_whole
from mnv2bench.networks import Description, described
from mnv2bench.records import Plan, Weights
from mnv2bench.records.appended import AppendedFile
from mnv2bench.records.encoding import parse_case
from mnv2bench.texts import one_line

SUFFIX = ".fleet.json"
START = b'{"fleet":'
MOST_BYTES = 64 << 20


class Share(Struct, frozen=True):
    """What one machine measures: the cases that its journal names, by their ids.

    `moved` are those that went to another machine since; `cases` has them too where some of their processes were
    measured here.
    `likeness` is equal for machines that may share cases.
    """

    likeness: str
    cases: tuple[str, ...]
    moved: tuple[str, ...] = ()

    @property
    def due(self) -> tuple[Case, ...]:
        """The cases that this machine has to measure."""
        return tuple(parse_case(id) for id in self.cases if id not in self.moved)


class FleetCampaign(Struct, frozen=True, forbid_unknown_fields=True):
    """A campaign of a fleet: what is measured, and the share of each machine, by its name. `fleet` is its own name."""

    fleet: str
    began: str
    cases: tuple[str, ...]
    plan: Plan
    seed: int
    weights: Weights
    runner: str = ""
    accuracy: bool = False
    each_machine: bool = False
    networks: tuple[Description, ...] = ()
    shares: dict[str, Share] = {}

    def with_shares(self, shares: Mapping[str, Share]) -> "FleetCampaign":
        """The same campaign with other shares of these machines."""
        return replace(self, shares=self.shares | dict(shares))


def new_campaign(
    cases: Iterable[Case],
    plan: Plan,
    seed: int,
    weights: Weights,
    runner: str = "",
    accuracy: bool = False,
    each_machine: bool = False,
) -> FleetCampaign:
    """A campaign that begins now, without shares."""
    every = tuple(cases)
    return FleetCampaign(
        secrets.token_hex(8),
        now(),
        tuple(case.id for case in every),
        plan,
        seed,
        weights,
        runner,
        accuracy,
        each_machine,
        described_networks(every),
    )


def kept_path(out: Path) -> Path:
    """The file of a fleet's campaign beside the journals: night.jsonl gives night.fleet.json."""
    return beside(out, SUFFIX)


def begin(out: Path, campaign: FleetCampaign) -> Path | None:
    """Write the file of a new campaign; one that stands there is kept under another name, which is returned."""
    return AppendedFile(kept_path(out)).begin(START, _encoded(campaign))


def write(out: Path, campaign: FleetCampaign) -> None:
    """Write the file anew."""
    write_whole(kept_path(out), _encoded(campaign))


def read(out: Path) -> FleetCampaign | None:
    """The campaign to go on with, whose networks are known from then on; None where there is none.

    ValueError, which names the file, where it does not read.
    """
    path = kept_path(out)
    if not path.exists():
        return None
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"it has more than {MOST_BYTES} bytes")
        campaign = msgspec.json.decode(path.read_bytes(), type=FleetCampaign)
    except (OSError, ValueError) as error:
        raise ValueError(f"{printable(path)} is no campaign of a fleet ({one_line(str(error))})") from error
    for description in campaign.networks:
        described.register_recorded(description)
    return campaign


def require_same(before: FleetCampaign, after: FleetCampaign) -> None:
    """ValueError, in one line, where a command with --resume is not that of the interrupted campaign."""
    for name in ("cases", "plan", "seed", "weights", "runner", "accuracy", "each_machine"):
        if getattr(before, name) != getattr(after, name):
            word = name.replace("_", " ")
            raise ValueError(f"the interrupted campaign had other {word}: repeat its command with --resume, or drop it")


def _encoded(campaign: FleetCampaign) -> bytes:
    return msgspec.json.encode(campaign) + b"\n"
