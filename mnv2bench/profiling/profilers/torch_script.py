"""Profiler of TorchScript: torch.profiler, and oneDNN's verbose lines for the convolutions that it does not see."""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import torch

from mnv2bench.backends import Session, torch_script
from mnv2bench.backends.shared.torch_layers import printed_to
from mnv2bench.case import Case
from mnv2bench.profiling.readers.onednn import Primitive, primitives
from mnv2bench.profiling.readers.torch_events import Call, Span, TorchProfiledSession, calls
from mnv2bench.profiling.records import Operator

ALLOCATION = "aten::empty"


def joined(listed: Sequence[Call], executed: Sequence[Primitive]) -> list[Call]:
    """The calls of torch.profiler with the primitives that ran between its operators.

    A primitive inside an operator is that operator's own. torch allocates a convolution's result in an operator of its
    own before oneDNN runs; the time of that is added to the convolution.
    """
    with_primitives = []
    left = iter(sorted(executed, key=lambda primitive: primitive.start_ns))
    ahead = next(left, None)
    for call in listed:
        spans = list(call.spans)
        while ahead and ahead.start_ns < call.end_ns:
            if ahead.start_ns >= call.start_ns and not _inside_any(ahead, call.spans):
                end_ns = ahead.start_ns + ahead.duration_ns
                spans.append(Span(ahead.name, ahead.type, ahead.start_ns, end_ns, ahead.duration_ns))
            ahead = next(left, None)
        in_order = sorted(spans, key=lambda span: span.start_ns)
        with_primitives.append(Call(call.start_ns, call.end_ns, _with_allocations(in_order)))
    return with_primitives


def _inside_any(primitive: Primitive, spans: Sequence[Span]) -> bool:
    """Whether a primitive ran inside an operator, judged by its middle: the clocks differ by under a microsecond."""
    middle_ns = primitive.start_ns + primitive.duration_ns // 2
    return any(span.start_ns <= middle_ns < span.end_ns for span in spans)


def _with_allocations(spans: Sequence[Span]) -> list[Span]:
    """The operators with the time of each allocation added to the next operator that computes."""
    computing, allocating_ns = [], 0
    for span in spans:
        if span.name == ALLOCATION:
            allocating_ns += span.duration_ns
        elif span.type == "layout":
            computing.append(span)
        else:
            computing.append(replace(span, duration_ns=span.duration_ns + allocating_ns))
            allocating_ns = 0
    return computing


class ScriptProfiledSession(TorchProfiledSession):
    """A session with oneDNN's lines on a CPU; on a GPU torch.profiler sees every operator."""

    def __init__(self, case: Case, session: Session, folder: Path) -> None:
        super().__init__(case, session)
        self.lines = folder / "onednn.txt" if case.gpu is None else None
        self.printing = ExitStack()
        if self.lines:
            self.profiler += " and oneDNN's verbose lines"
            self.notes = (
                "the time of a convolution is that of oneDNN's kernel and of its memory, without what calls it",
            )

    def start(self) -> None:
        if self.lines:
            self.printing.enter_context(printed_to(self.lines))
            verbose = torch.backends.mkldnn.verbose(torch.backends.mkldnn.VERBOSE_ON)  # type: ignore[no-untyped-call]
            self.printing.enter_context(verbose)
        super().start()

    def calls(self) -> list[Call]:
        listed = calls(self._events(self.profile))
        if not self.lines:
            return listed
        return joined(listed, list(primitives(self.lines.read_text(errors="replace"))))

    def stop(self, trace: Path | None = None) -> Sequence[Operator]:
        self.printing.close()
        return super().stop(trace)


def open(case: Case, path: Path, folder: Path) -> ScriptProfiledSession:
    os.environ["ONEDNN_VERBOSE_TIMESTAMP"] = "1"  # oneDNN reads it when it first prints
    return ScriptProfiledSession(case, torch_script.open(case, path), folder)
