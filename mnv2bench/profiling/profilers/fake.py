"""Profiler for tests: a network of five layers and two other operators, whose times are written down here."""

from collections.abc import Sequence
from pathlib import Path

from mnv2bench import backends
from mnv2bench.cases import Case
from mnv2bench.profiling.profilers import Arena, ProfiledSession
from mnv2bench.profiling.records import Operator

OPERATORS = (  # name, operator type, nanoseconds, origins
    ("reorder", "layout", 20_000, ()),
    ("stem", "conv+activation", 60_000, ("features.0.0",)),
    ("block1 expand", "conv+activation", 70_000, ("features.2.conv.0.0",)),
    ("block1 depthwise", "depthwise+activation", 20_000, ("features.2.conv.1.0",)),
    ("head and pool", "conv+activation+pool", 20_000, ("features.18.0", "")),
    ("something", "other", 5_000, ()),
    ("classifier", "linear", 5_000, ("classifier.1",)),
)


class FakeProfiledSession(ProfiledSession):
    profiler = "fake"
    notes = ("it is told its times",)
    calls = 0

    def ran(self) -> None:
        self.calls += 1

    def stop(self, trace: Path | None = None) -> Sequence[Operator]:
        if trace:
            trace.write_text('{"traceEvents": []}')
        return [Operator(name, type, (ns,) * self.calls, origins) for name, type, ns, origins in OPERATORS]

    def arena(self) -> Arena:
        return Arena(2_000_000, "as it is told")


def open(case: Case, path: Path, folder: Path) -> ProfiledSession:
    return FakeProfiledSession(backends.backend(case.backend).open(case, path))
