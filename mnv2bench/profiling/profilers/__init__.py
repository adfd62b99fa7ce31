"""Profiler interface: `open(case, path, folder)` opens a backend with its runtime's own profiler.

One file per profiler; a backend names its own in its declaration (`mnv2bench.backends.Runtime.profiler`).
"""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from mnv2bench import backends
from mnv2bench.backends import Images, Session
from mnv2bench.cases import Case
from mnv2bench.profiling.records import Operator
from mnv2bench.refusals import Unsupported


class Arena(NamedTuple):
    """The bytes that a runtime planned or used for activations, and what this number means."""

    bytes: int
    words: str


class ProfiledSession(Session):
    """A backend's session that can be profiled. The caller times and counts its calls; nothing here is a latency.

    `put`, `run` and `get` are those of the backend's own `session`.
    """

    profiler: str  # its name: "torch.profiler", "OpenVINO's performance counters"
    notes: tuple[str, ...] = ()  # what it cannot see

    def __init__(self, session: Session) -> None:
        self.session = session

    def put(self, images: Images) -> None:
        self.session.put(images)

    def run(self) -> None:
        self.session.run()

    def get(self) -> Images:
        return self.session.get()

    def settings(self) -> dict[str, str]:
        return self.session.settings()

    def close(self) -> None:
        self.session.close()

    def start(self) -> None:
        """Profile the calls from here on."""

    def ran(self) -> None:
        """Called after each profiled call, untimed: for a runtime that keeps the events of the last call only."""

    def stop(self, trace: Path | None = None) -> Sequence[Operator]:
        """The operators of the calls since `start`. A profiler that has a Chrome trace writes it to the file `trace`.

        Raises ValueError, in one line, for a profile that cannot be read: operators differ from call to call, or a file
        is damaged.
        """
        raise NotImplementedError

    def arena(self) -> Arena | None:
        """The runtime's memory for activations; None where it does not report it."""
        return None


class Profiler(Protocol):
    """The interface of a profiler's module."""

    def open(self, case: Case, path: Path, folder: Path) -> ProfiledSession:
        """Open a case as its backend does. The profiler may write into `folder`, which is deleted afterwards."""


def why_not(backend: str) -> str:
    """Why a backend cannot be profiled, "" where it can. Imports nothing."""
    if backends.is_known(backend):
        declaration = backends.runtime(backend)
        if declaration.profiler:
            return ""
        if declaration.why_no_profiler:
            return declaration.why_no_profiler
    missing = f"there is no profiler for {backend}: write one as in mnv2bench/profiling/profilers"
    return f'{missing}, and name it in its RUNTIME: profiler="..."'


def why_no_trace(backend: str) -> str:
    """Why a backend's profiler writes no Chrome trace, "" where it does. Imports nothing."""
    if reason := why_not(backend) or backends.runtime(backend).why_no_trace:
        return f"{reason}: leave --trace out"
    return ""


def open(case: Case, path: Path, folder: Path) -> ProfiledSession:
    """Open a case with its profiler.

    Raises Unsupported where the backend cannot be profiled, and Unavailable where its runtime is not installed.
    """
    if reason := why_not(case.backend):
        raise Unsupported(reason)
    backends.backend(case.backend)  # says what is not installed, and how to install it
    name = backends.runtime(case.backend).profiler
    profiler: Profiler = importlib.import_module(name if "." in name else f"{__name__}.{name}")
    return profiler.open(case, path, folder)
