"""Profiled session: a backend's session that can be profiled."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mnv2bench.backends import Images, Session
from mnv2bench.profiling.records import Operator


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
