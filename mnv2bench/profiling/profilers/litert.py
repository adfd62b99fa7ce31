"""Profiler of LiteRT: that of CompiledModel in its C API, because the interpreter in Python has none."""

from collections.abc import Sequence
from pathlib import Path

from mnv2bench.backends import require
from mnv2bench.backends.shared.litert_api import require_declared_version
from mnv2bench.backends.shared.litert_compiled import CompiledModelSession
from mnv2bench.case import Case
from mnv2bench.profiling.readers import xnnpack
from mnv2bench.profiling.records import Operator
from mnv2bench.profiling.session import ProfiledSession


class LiteRtProfiledSession(ProfiledSession):
    """A session whose profiler is read and reset after each call."""

    profiler = "LiteRT's profiler"
    notes = (
        xnnpack.CLOCK,
        "what is profiled is the CompiledModel of LiteRT's C API, with the file, the delegate and the threads of the"
        " interpreter that is timed, because the interpreter in Python has no profiler",
    )
    session: CompiledModelSession

    def __init__(self, session: CompiledModelSession) -> None:
        super().__init__(session)
        self.called: list[list[tuple[str, int]]] = []

    def start(self) -> None:
        self.events = self.session.api.made("CompiledModelGetProfiler", self.session.model)
        self.session.api.call("StartProfiler", self.events)

    def ran(self) -> None:
        self.called.append(self.session.api.events(self.events))
        self.session.api.call("ResetProfiler", self.events)  # which stops it too
        self.session.api.call("StartProfiler", self.events)

    def stop(self, trace: Path | None = None) -> Sequence[Operator]:
        self.session.api.call("StopProfiler", self.events)
        return xnnpack.operators(self.called)


def open(case: Case, path: Path, folder: Path) -> ProfiledSession:
    require(case)
    require_declared_version()
    return LiteRtProfiledSession(CompiledModelSession(case, path, profiled=True))
