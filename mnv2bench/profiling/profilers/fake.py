"""Profiler for tests: a network of five layers and two other operators, whose times are written down here."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from mnv2bench import backends
from mnv2bench.case import Case
from mnv2bench.profiling.records import Operator
from mnv2bench.profiling.session import Arena, ProfiledSession

Reported = tuple[str, str, int, tuple[str, ...]]  # name, operator type, nanoseconds, origins


def reported(case: Case) -> tuple[Reported, ...]:
    """The first layer, the first two of the first block of three, the last three, and two that compute no layer."""
    net = case.layers
    first, head, pool, classifier = net[0], *net[-3:]
    blocks = [list(block) for _, block in groupby(net, key=lambda layer: layer.block)]
    second, third, *_ = next(block for block in blocks if len(block) >= 3)
    return (
        ("reorder", "layout", 20_000, ()),
        (first.name, "conv+activation", 60_000, first.modules[:1]),
        (second.name, "conv+activation", 70_000, second.modules[:1]),
        (third.name, "depthwise+activation", 20_000, third.modules[:1]),
        (f"{head.name} and {pool.name}", "conv+activation+pool", 20_000, (*head.modules[:1], *pool.modules)),
        ("something", "other", 5_000, ()),
        (classifier.name, "linear", 5_000, classifier.modules[-1:]),
    )


class FakeProfiledSession(ProfiledSession):
    """A session of the fake backend that reports the same times for every call."""

    profiler = "fake"
    notes = ("its times are written down, not measured",)

    def __init__(self, session: backends.Session, case: Case) -> None:
        super().__init__(session)
        self.reported = reported(case)
        self.calls = 0

    def ran(self) -> None:
        self.calls += 1

    def stop(self, trace: Path | None = None) -> Sequence[Operator]:
        if trace:
            trace.write_text('{"traceEvents": []}', encoding="utf-8")
        return [Operator(name, type, (ns,) * self.calls, origins) for name, type, ns, origins in self.reported]

    def arena(self) -> Arena:
        return Arena(2_000_000, "a number that is written down")


def open(case: Case, path: Path, folder: Path) -> ProfiledSession:
    return FakeProfiledSession(backends.backend(case.backend).open(case, path), case)
