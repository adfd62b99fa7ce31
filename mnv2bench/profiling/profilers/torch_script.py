"""torch.profiler and, for the convolutions that it does not see, oneDNN's verbose lines, joined by when they ran."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch

from mnv2bench.backends import Session, torch_script
from mnv2bench.cases import Case
from mnv2bench.profiling.readers.onednn import Primitive, primitives
from mnv2bench.profiling.readers.torch_events import Call, Span, TorchProfiled, calls
from mnv2bench.profiling.records import Operator

STDOUT = 1
ALLOCATION = "aten::empty"
WEIGHTS = "layout"


@contextmanager
def printed_to(file: Path) -> Iterator[None]:
    """What C prints meanwhile; Python's own writes are flushed at once only where they are asked to be."""
    kept = os.dup(STDOUT)
    opened = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    os.dup2(opened, STDOUT)
    os.close(opened)
    yield
    os.dup2(kept, STDOUT)
    os.close(kept)


def joined(found: Sequence[Call], executed: Sequence[Primitive]) -> list[Call]:
    """The calls with the primitives that no operator of torch's encloses, and memory counted to what it is taken for.

    A convolution takes the memory of its result before oneDNN runs, as an operator of torch's own.
    """
    told = []
    left = iter(sorted(executed, key=lambda primitive: primitive.start_ns))
    ahead = next(left, None)
    for call in found:
        spans = list(call.spans)
        while ahead and ahead.start_ns < call.end_ns:
            middle_ns = ahead.start_ns + ahead.duration_ns // 2  # the two clocks differ by less than a microsecond
            if ahead.start_ns >= call.start_ns and not any(s.start_ns <= middle_ns < s.end_ns for s in call.spans):
                end_ns = ahead.start_ns + ahead.duration_ns
                spans.append(Span(ahead.name, ahead.kind, ahead.start_ns, end_ns, ahead.duration_ns))
            ahead = next(left, None)
        told.append(Call(call.start_ns, call.end_ns, _with_memory(sorted(spans, key=lambda s: s.start_ns))))
    return told


def _with_memory(spans: Sequence[Span]) -> list[Span]:
    told, taken_ns = [], 0
    for span in spans:
        if span.name == ALLOCATION:
            taken_ns += span.duration_ns
        elif span.kind == WEIGHTS:
            told.append(span)
        else:
            told.append(Span(span.name, span.kind, span.start_ns, span.end_ns, span.duration_ns + taken_ns))
            taken_ns = 0
    return told


class ScriptProfiled(TorchProfiled):
    """On a CPU with oneDNN's lines; on a GPU torch.profiler sees all."""

    def __init__(self, case: Case, session: Session, folder: Path) -> None:
        super().__init__(case, session)
        self.lines = folder / "onednn.txt" if case.gpu is None else None
        self.printing = ExitStack()
        if self.lines:
            self.profiler += " and oneDNN's verbose lines"
            self.notes = ("of a convolution oneDNN's kernel and its memory are told, not what calls it",)

    def start(self) -> None:
        if self.lines:
            self.printing.enter_context(printed_to(self.lines))
            verbose = torch.backends.mkldnn.verbose(torch.backends.mkldnn.VERBOSE_ON)  # type: ignore[no-untyped-call]
            self.printing.enter_context(verbose)
        super().start()

    def calls(self) -> list[Call]:
        found = calls(self._events(self.profile))
        return joined(found, list(primitives(self.lines.read_text(errors="replace")))) if self.lines else found

    def stop(self, trace: Path | None = None) -> Sequence[Operator]:
        self.printing.close()
        return super().stop(trace)


def open(case: Case, path: Path, folder: Path) -> ScriptProfiled:
    os.environ["ONEDNN_VERBOSE_TIMESTAMP"] = "1"  # oneDNN reads it when it first prints
    return ScriptProfiled(case, torch_script.open(case, path), folder)
