"""What travels in a fleet: requests to a machine and its answers, as bytes of JSON, and the lines of a journal.

A machine is its worker's name. Every request names the campaign; what the campaign is stands in the head of the journal
that the machine keeps, so that a unit of work is only a case and the number of a process.
"""

import hashlib
import re
from typing import TypeVar

import msgspec
from msgspec import Raw, Struct

from mnv2bench.networks import Description
from mnv2bench.records import SCHEMA, Machine, Plan, Weights
from mnv2bench.texts import one_line
from mnv2bench.workers.programs import CONTRACT

NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
BENCH = "bench"  # the resource of which each machine has one: it measures one unit at a time
TOPIC = "mnv2bench"  # under which machines tell what they do
R = TypeVar("R")


class Envelope(Struct, frozen=True):
    """A request on its way: these names stay the same, so that any two versions refuse each other in one line."""

    contract: int
    schema: int
    request: Raw


class Survey(Struct, frozen=True, tag=True):
    """Request: what this machine is, and which of these cases it can run.

    `wait`: where another campaign measures there, wait for its end instead of refusing.
    """

    name: str
    cases: tuple[str, ...]
    plan: Plan
    weights: Weights
    networks: tuple[Description, ...] = ()
    wait: bool = False


class Opening(Struct, frozen=True, tag=True):
    """Request: begin the journal of these cases on this machine, or take it up where it is there already."""

    campaign: str
    name: str
    cases: tuple[str, ...]
    plan: Plan
    seed: int
    weights: Weights
    began: str
    runner: str = ""
    networks: tuple[Description, ...] = ()


class Preparing(Struct, frozen=True, tag=True):
    """Request: make the files that the cases need, then wait at most so long until the machine is idle."""

    campaign: str
    name: str
    idle_s: float


class Unit(Struct, frozen=True, tag=True):
    """Request: measure one case's process of one block, unless it is measured already or its case ended badly."""

    campaign: str
    name: str
    case: str
    number: int


class Ending(Struct, frozen=True, tag=True):
    """Request: test the accuracies of what was measured, where the campaign has them, and close the journal."""

    campaign: str
    name: str
    accuracy: bool


class Fetching(Struct, frozen=True, tag=True):
    """Request: the whole journal."""

    campaign: str
    name: str


class Refusal(Struct, frozen=True):
    """Why a machine cannot run a case: the status that its record gets, and the reason."""

    status: str
    reason: str


class Inventory(Struct, frozen=True, tag=True):
    """Answer: what a machine is, when its clock says that is, and which cases it cannot run, by their ids.

    `seconds` is how long the processes of each other case take there, as far as that is known.
    """

    name: str
    host: str
    machine: Machine
    clock_s: float
    refusals: dict[str, Refusal]
    seconds: dict[str, float]


class Lines(Struct, frozen=True, tag=True):
    """Answer: what the journal of a machine has behind its first `start` bytes; `head` is the digest of its head."""

    head: str
    start: int
    text: str


class Refused(Struct, frozen=True, tag=True):
    """Answer: why the machine did not do it, in one line."""

    reason: str


Request = Survey | Opening | Preparing | Unit | Ending | Fetching
Answer = Inventory | Lines | Refused


def resources(name: str) -> dict[str, float]:
    """What the worker of a machine offers, and what each unit that is to run there takes."""
    return {BENCH: 1, f"machine {name}": 1}


def require_name(name: str) -> str:
    """The name of a machine. ValueError for one that is no part of a file's name."""
    if not NAME.fullmatch(name):
        raise ValueError(f"{one_line(name)!r} is no name of a machine: letters, digits, and .-_ between them")
    return name


def packed(request: Request) -> bytes:
    """A request as it travels."""
    return msgspec.json.encode(Envelope(CONTRACT, SCHEMA, Raw(msgspec.json.encode(request))))


def unpacked(text: bytes) -> Request:
    """The request that arrived. ValueError for one of another version of mnv2bench."""
    envelope = msgspec.json.decode(text, type=Envelope)
    for word, ours, theirs in (("contract", CONTRACT, envelope.contract), ("schema", SCHEMA, envelope.schema)):
        if ours != theirs:
            raise ValueError(
                f"mnv2bench of this machine has {word} {ours}, and that of the fleet {theirs}: install one version"
            )
    request: Request = msgspec.json.decode(envelope.request, type=Request)
    return request


def packed_answer(answer: Answer) -> bytes:
    """An answer as it travels."""
    return msgspec.json.encode(answer)


def unpacked_answer(text: bytes, kind: type[R]) -> R:
    """The answer of this kind that arrived. ValueError with the machine's reason where it refused."""
    answer = msgspec.json.decode(text, type=Answer)
    if isinstance(answer, Refused):
        raise ValueError(one_line(answer.reason))
    if not isinstance(answer, kind):
        raise ValueError(f"a machine answered with {type(answer).__name__}, not with {kind.__name__}")
    return answer


def head_digest(line: bytes) -> str:
    """What tells one head of a journal from another: its first line, without the end of the line."""
    return hashlib.sha256(line.rstrip(b"\n")).hexdigest()[:16]
