"""Reader of torch.profiler's events: the operators of each call, without those that other operators call."""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch._C._autograd import DeviceType
from torch._C._profiler import _ExperimentalConfig
from torch.profiler import ProfilerActivity, profile, record_function

from mnv2bench.backends import Session
from mnv2bench.case import Case
from mnv2bench.profiling.records import Operator
from mnv2bench.profiling.session import Arena, ProfiledSession

SCOPE = "mnv2bench:"  # followed by the path of a module: operators inside the scope compute that module
CALL = "mnv2bench call"
OPERATOR = re.compile(r"\w+::\w|graph_\d+_|aoti_torch_|triton_")  # other events only enclose operators
PEAK = "peak of live bytes of torch's allocator in one call"
OPERATOR_TYPES = {
    "convolution": "conv",
    "conv2d": "conv",
    "batch_norm": "norm",
    "hardtanh": "activation",
    "clamp": "activation",
    "add": "add",
    "adaptive_avg_pool2d": "pool",
    "mean": "pool",
    "linear": "linear",
    "mkl_linear": "linear",
    "linear_pointwise": "linear",
    "addmm": "linear",
    "matmul": "matmul",
    "mm": "matmul",
    "convolution_pointwise": "conv",
    "convolution_pointwise_binary": "conv+add",
    "qconv_pointwise": "conv",
    "qconv2d_pointwise": "conv",
    "qconv2d_pointwise_binary": "conv+add",
    "qlinear_pointwise": "linear",
    "flatten": "layout",
    "view": "layout",
    "reshape": "layout",
    "copy": "layout",
    "clone": "layout",
    "to": "layout",
    "to_mkldnn": "layout",
    "to_dense": "layout",
}
AOTI = re.compile(r"aoti_torch_(cpu|cuda)_(mkldnn_|mkl_)?")


@dataclass(frozen=True)
class Span:
    """One operator in one call, by the host's clock; of an operator on a GPU, `duration_ns` is its time there."""

    name: str
    type: str
    start_ns: int
    end_ns: int
    duration_ns: int
    origins: tuple[str, ...] = ()


@dataclass
class Call:
    """One profiled call: its start and end, and its operators in the order in which they began."""

    start_ns: int
    end_ns: int
    spans: list[Span] = field(default_factory=list)


def operator_type(name: str) -> str:
    """The operator type of a name that torch.profiler reports, such as aten::conv2d or mkldnn::_linear_pointwise."""
    plain = AOTI.sub("", name).rpartition("::")[2]
    operator, _, overload = plain.partition(".")
    binary = "_binary" if overload.startswith("binary") else ""
    return OPERATOR_TYPES.get(operator.strip("_").removesuffix("_tensor") + binary, "other")


def calls(events: Iterable[Any], operator_type: Callable[[str], str] = operator_type) -> list[Call]:
    """The calls among kineto's events, each with its outermost operators in the order in which they began."""
    on_host, on_gpu_ns = _by_device(events)
    listed: list[Call] = []
    scopes: list[tuple[int, str]] = []  # the end and the module of each scope that was entered
    for event in sorted(on_host, key=lambda e: (e.start_ns(), -e.duration_ns())):
        name, start, end = event.name(), event.start_ns(), event.end_ns()
        if name == CALL:
            listed.append(Call(start, end))
            scopes = []
            continue
        if not listed or start >= listed[-1].end_ns:
            continue
        spans = listed[-1].spans
        if name.startswith(SCOPE):
            scopes.append((end, name.removeprefix(SCOPE)))
        elif spans and start < spans[-1].end_ns:
            if on_gpu_ns:  # a kernel is launched by the innermost operator
                launched_ns = on_gpu_ns.get(event.correlation_id(), 0)
                spans[-1] = replace(spans[-1], duration_ns=spans[-1].duration_ns + launched_ns)
        elif OPERATOR.match(name):
            scopes = [scope for scope in scopes if scope[0] > start]
            origins = (scopes[-1][1],) if scopes else ()
            full_name = f"{name}.{event.overload_name()}" if event.overload_name() else name
            duration_ns = on_gpu_ns.get(event.correlation_id(), 0) if on_gpu_ns else end - start
            spans.append(Span(name, operator_type(full_name), start, end, duration_ns, origins))
    return listed


def _by_device(events: Iterable[Any]) -> tuple[list[Any], dict[int, int]]:
    """The events of the host, and the nanoseconds on the GPU by the correlation id of the event that launched them."""
    on_host: list[Any] = []
    on_gpu_ns: dict[int, int] = {}
    for event in events:
        if event.device_type() == DeviceType.CPU:
            on_host.append(event)
        else:
            launched_by = event.linked_correlation_id()
            on_gpu_ns[launched_by] = on_gpu_ns.get(launched_by, 0) + event.duration_ns()
    return on_host, on_gpu_ns


def operators(listed: Sequence[Call]) -> list[Operator]:
    """The operators of a profile, numbered by name. Raises ValueError where the calls are not alike."""
    if not listed or not listed[0].spans:
        raise ValueError("torch.profiler saw no operator")
    first = [(span.name, span.type, span.origins) for span in listed[0].spans]
    for call in listed:
        if [(span.name, span.type, span.origins) for span in call.spans] != first:
            raise ValueError("torch.profiler's operators differ from call to call")
    seen: Counter[str] = Counter()
    numbered = []
    for place, (name, type, origins) in enumerate(first):
        seen[name] += 1
        durations_ns = tuple(call.spans[place].duration_ns for call in listed)
        numbered.append(Operator(f"{name} #{seen[name]}", type, durations_ns, origins))
    return numbered


def peak_bytes(events: Iterable[Any]) -> int:
    """The largest number of bytes that were allocated at once, from kineto's events of one call."""
    live = peak = 0
    for event in sorted((e for e in events if e.name() == "[memory]"), key=lambda e: e.start_ns()):
        live += event.nbytes()
        peak = max(peak, live)
    return peak


class TorchProfiledSession(ProfiledSession):
    """A session of a torch backend under torch.profiler."""

    profiler = f"torch.profiler {torch.__version__}"
    notes: tuple[str, ...] = ("an operator's time is that of its dispatch and of its kernels",)

    def __init__(self, case: Case, session: Session) -> None:
        super().__init__(session)
        activities = [ProfilerActivity.CPU]
        self.on_gpu = case.gpu is not None
        if self.on_gpu:
            activities.append(ProfilerActivity.CUDA)
            self.notes = ("an operator's time is that of its kernels on the GPU",)
        overloads = _ExperimentalConfig(capture_overload_names=True)  # a fused addition is an overload of convolution
        self.profile = profile(activities=activities, experimental_config=overloads)

    def run(self) -> None:
        with record_function(CALL):
            self.session.run()

    def start(self) -> None:
        self.profile.start()

    def calls(self) -> list[Call]:
        """The profiled calls; the profiler of a backend may add to them."""
        return calls(self._events(self.profile))

    def stop(self, trace: Path | None = None) -> Sequence[Operator]:
        self.profile.stop()
        if trace:
            self.profile.export_chrome_trace(os.fspath(trace))
        return operators(self.calls())

    def arena(self) -> Arena | None:
        """The peak of one more call, profiled for its memory. None on a GPU, where a session reports its own peaks."""
        if self.on_gpu:
            return None
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
            self.session.run()
        return Arena(peak_bytes(self._events(profiled)), PEAK)

    @staticmethod
    def _events(profiled: profile) -> list[Any]:
        """kineto's own events: `profile.events` would first build a tree of 100,000 Python objects."""
        events: list[Any] = profiled.profiler.kineto_results.events()  # type: ignore[union-attr]
        return events
