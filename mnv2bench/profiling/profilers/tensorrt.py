"""Profiler of TensorRT: its IProfiler, which times each layer of a plan with events, without the CUDA graph."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import tensorrt as trt

from mnv2bench.backends.shared.torch_session import prepare
from mnv2bench.backends.tensorrt import TensorRtSession
from mnv2bench.case import Case
from mnv2bench.profiling.readers.tensorrt import operator_type
from mnv2bench.profiling.records import Operator
from mnv2bench.profiling.session import ProfiledSession


class LayerTimes(trt.IProfiler):
    """The nanoseconds of each layer in one call, as TensorRT reports them."""

    def __init__(self) -> None:
        trt.IProfiler.__init__(self)
        self.ns: Counter[str] = Counter()

    def report_layer_time(self, layer_name: str, ms: float) -> None:
        self.ns[layer_name] += round(ms * 1e6)


class TensorRtProfiledSession(ProfiledSession):
    """A session with a new context when profiling starts, because a graph that is replayed reports no layers."""

    profiler = f"TensorRT {trt.__version__} IProfiler"
    notes = (
        "unverified on hardware",
        "without the CUDA graph, and the events around each layer add to what they time",
        "layers by the order of their names' words: a plan does not say what modules they are",
    )

    def __init__(self, session: TensorRtSession) -> None:
        super().__init__(session)
        self.opened = session
        self.times = LayerTimes()
        self.called: list[Counter[str]] = []

    def start(self) -> None:
        self.opened.context = self.opened.new_context()
        self.opened.context.profiler = self.times
        self.opened.context.enqueue_emits_profile = False  # else each enqueue would wait for its end
        self.opened.queue.call = self.opened.enqueue

    def ran(self) -> None:
        self.times.ns = Counter()
        self.opened.log.made(self.opened.context.report_to_profiler(), "does not report its layers")
        self.called.append(self.times.ns)

    def stop(self, trace: Path | None = None) -> Sequence[Operator]:
        names = list(self.called[0]) if self.called else []
        if any(list(ns) != names for ns in self.called):
            raise ValueError("TensorRT does not report the same layers in each call")
        return [Operator(name, operator_type(name), tuple(ns[name] for ns in self.called)) for name in names]


def open(case: Case, path: Path, folder: Path) -> ProfiledSession:
    prepare(case)  # before TensorRT is touched: without a driver it would end the process
    return TensorRtProfiledSession(TensorRtSession(case, path))
