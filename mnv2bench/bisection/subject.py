"""What is bisected: a package or a checkout, and its releases or commits from the good one to the bad one."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from mnv2bench.bisection.releases import Release
from mnv2bench.bisection.search import Direction
from mnv2bench.files import printable, write_whole


class Subject(Struct, frozen=True):
    """A package in an index or a checkout, of which the other is "", with its releases in order, good first.

    `left_out` holds why other releases in between are not among them.
    """

    package: str
    checkout: str
    releases: tuple[Release, ...]
    left_out: dict[str, str]

    @property
    def name(self) -> str:
        """The name of the package, or that of the checkout's folder."""
        return self.package or Path(self.checkout).name

    @property
    def noun(self) -> str:
        """What one of its releases is called."""
        return "release" if self.package else "commit"

    def label(self, number: int) -> str:
        """A release as texts name it, such as openvino 2026.1.0."""
        return f"{self.name} {self.releases[number].name}"


class Request(Struct, frozen=True):
    """What a person asked of a bisection, and the subject that was read then; the first file in its folder.

    `cases` are their ids.
    """

    good: str
    bad: str
    pre: bool
    direction: Direction
    cases: tuple[str, ...]
    subject: Subject


REQUEST = "bisection.json"


def kept_request(folder: Path) -> Request | None:
    """The request in the folder of an interrupted bisection, None where there is none. ValueError for another file."""
    path = folder / REQUEST
    try:
        return msgspec.json.decode(path.read_bytes(), type=Request)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise ValueError(f"{printable(path)} cannot be read ({error}): name another folder with --out") from error


def keep_request(request: Request, folder: Path) -> None:
    """Write the request into its folder. ValueError where a file of that name is of somebody else."""
    kept_request(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / REQUEST, msgspec.json.format(msgspec.json.encode(request), indent=1) + b"\n")


def require_same(kept: Request, wanted: Mapping[str, object]) -> None:
    """ValueError, which names the option, where an interrupted bisection was asked something else."""
    before = {
        "package": kept.subject.package,
        "git": kept.subject.checkout,
        "good": kept.good,
        "bad": kept.bad,
        "pre": kept.pre,
        "direction": kept.direction,
        "cases": kept.cases,
    }
    for name, value in wanted.items():
        if before[name] != value:
            raise ValueError(
                f"the interrupted bisection had another {name}: repeat its command with --resume, or drop it"
            )
