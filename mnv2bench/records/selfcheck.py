"""What the self-checks of a machine measured, kept as `selfcheck.json` in its results folder, a part for each check."""

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from mnv2bench.case import Case
from mnv2bench.files import write_whole
from mnv2bench.records.journal import Unusable
from mnv2bench.records.record import Plan
from mnv2bench.texts import one_line

SCHEMA = 1
FILE = "selfcheck.json"
FINGERPRINT = re.compile(r"[a-z0-9-]+")
MEASURE_AGAIN = "delete it and measure again: mnv2bench selfcheck --only aa --save"
LogSeconds = Annotated[float, Meta(ge=-40, le=40)]  # the natural logarithm of a time that a process can take
Seconds = Annotated[float, Meta(gt=0, le=1e6)]


class Campaign(Struct, frozen=True, forbid_unknown_fields=True):
    """A case in one of several identical campaigns, a number for each process, in the order of measuring.

    `levels` are the statistic that two processes are compared by, `medians_s` their median calls.
    """

    levels: Annotated[tuple[LogSeconds, ...], Meta(min_length=1)]
    medians_s: Annotated[tuple[Seconds, ...], Meta(min_length=1)]

    def __post_init__(self) -> None:
        if len(self.levels) != len(self.medians_s):
            raise ValueError("a process has a level and a median, or neither")


class CheckedCase(Struct, frozen=True, forbid_unknown_fields=True):
    """A case of a check, by id."""

    case: str

    def __post_init__(self) -> None:
        Case.parse(self.case)


class Check(Struct, frozen=True, forbid_unknown_fields=True):
    """A check of a machine: when it ended, and of which commit and libraries."""

    when: Annotated[datetime, Meta(tz=True)]
    commit: str | None
    libraries: dict[str, str]


class IdenticalCase(CheckedCase, frozen=True, forbid_unknown_fields=True):
    """A case in identical campaigns, and what `mnv2bench compare` says of the first two of them."""

    campaigns: Annotated[tuple[Campaign, ...], Meta(min_length=2)]
    verdict: str


class IdenticalCampaigns(Check, frozen=True, forbid_unknown_fields=True):
    """The check `aa`: its plan and its cases."""

    plan: Plan
    cases: Annotated[tuple[IdenticalCase, ...], Meta(min_length=1)]

    def __post_init__(self) -> None:
        _require_once(self.cases)


class AllocatorTimes(Struct, frozen=True, forbid_unknown_fields=True):
    """A case with one setting of the allocator, a number for each process: its median call, its page faults a call."""

    medians_s: Annotated[tuple[Seconds, ...], Meta(min_length=1)]
    faults: tuple[Annotated[float, Meta(ge=0, le=1e9)], ...]


class AllocatorCase(CheckedCase, frozen=True, forbid_unknown_fields=True):
    """A case with our setting, with none, and in a process in which large tensors are always mapped anew."""

    ours: AllocatorTimes
    plain: AllocatorTimes
    mapped: AllocatorTimes


class AllocatorCheck(Check, frozen=True, forbid_unknown_fields=True):
    """The check `allocator`: its setting and its cases."""

    setting: str
    cases: Annotated[tuple[AllocatorCase, ...], Meta(min_length=1)]

    def __post_init__(self) -> None:
        _require_once(self.cases)


def _require_once(cases: Sequence[CheckedCase]) -> None:
    """ValueError for a case that stands twice."""
    if len({case.case for case in cases}) < len(cases):
        raise ValueError("a case that stands twice")


class SelfChecks(Struct, frozen=True, forbid_unknown_fields=True):
    """The file of a machine: a part for each check that was saved, None for one that was not."""

    fingerprint: str
    aa: IdenticalCampaigns | None = None
    allocator: AllocatorCheck | None = None
    schema: int = SCHEMA


class _AnySchema(Struct):
    """What the file of any schema has."""

    schema: int


def file_of(results: Path, fingerprint: str) -> Path:
    """Where the self-checks of a machine are kept: RESULTS/FINGERPRINT/selfcheck.json."""
    return results / fingerprint / FILE


def read(results: Path, fingerprint: str) -> SelfChecks:
    """The checks that were saved of a machine, none where there is no file. Raises Unusable, naming the file."""
    path = file_of(results, fingerprint)
    if not FINGERPRINT.fullmatch(fingerprint):  # files say of which machine they are, and name no path
        return SelfChecks(fingerprint)
    try:
        content = path.read_bytes()
        schema = msgspec.json.decode(content, type=_AnySchema).schema
        checks = msgspec.json.decode(content, type=SelfChecks) if schema <= SCHEMA else None
    except FileNotFoundError:
        return SelfChecks(fingerprint)
    except OSError as error:
        raise Unusable(f"{path} cannot be read ({error.strerror}): {MEASURE_AGAIN}") from error
    except (ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise Unusable(f"{path} is damaged ({one_line(str(error))}): {MEASURE_AGAIN}") from error
    if checks is None:
        raise Unusable(f"{path} is of a newer schema than {SCHEMA}: pip install --upgrade mnv2bench")
    if checks.fingerprint != fingerprint:
        raise Unusable(f"{path} is of another machine ({one_line(checks.fingerprint)}): {MEASURE_AGAIN}")
    return checks


def keep(results: Path, fingerprint: str, **parts: Any) -> SelfChecks:
    """Write these parts of a machine's file and leave its others as they are: whole on disk, or not at all.

    Raises Unusable for a file that cannot be read, ValueError for one that cannot be written.
    """
    checks = msgspec.structs.replace(read(results, fingerprint), **parts)
    path = file_of(results, fingerprint)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, msgspec.json.format(msgspec.json.encode(checks), indent=1) + b"\n")
    return checks
