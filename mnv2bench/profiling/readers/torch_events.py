"""What the profilers of torch share: torch.profiler's events, call by call, as operators that do not nest."""

import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch._C._autograd import DeviceType
from torch._C._profiler import _ExperimentalConfig
from torch.profiler import ProfilerActivity, profile, record_function

from mnv2bench.backends import Session
from mnv2bench.cases import Case
from mnv2bench.profiling.profilers import Arena, Profiled
from mnv2bench.profiling.records import Operator

SCOPE = "mnv2bench:"  # and a module's path: what runs inside it computes that module
CALL = "mnv2bench call"
OPERATOR = re.compile(r"\w+::\w|graph_\d+_|aoti_torch_|triton_")  # whatever else has events only encloses operators
PEAK = "peak of live bytes of torch's allocator in one call"
KIND_OF = {
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
    """One operator in one call, by the host's clock; where it ran on a GPU, `duration_ns` is what it took there."""

    name: str
    kind: str
    start_ns: int
    end_ns: int
    duration_ns: int
    origins: tuple[str, ...] = ()


@dataclass
class Call:
    """One profiled call: when it ran, and its operators in the order in which they began."""

    start_ns: int
    end_ns: int
    spans: list[Span] = field(default_factory=list)


def kind(name: str) -> str:
    """Of a library's operator, by the name that torch.profiler has for it: aten::conv2d, mkldnn::_linear_pointwise."""
    plain = AOTI.sub("", name).rpartition("::")[2]
    operator, _, overload = plain.partition(".")
    binary = "_binary" if overload == "binary" else ""
    return KIND_OF.get(operator.strip("_") + binary, "other")


def calls(events: Iterable[Any], kind: Callable[[str], str] = kind) -> list[Call]:
    """The outermost operators of each call among kineto's events; all else only says what they compute."""
    own, on_device = [], dict[int, int]()
    for event in events:
        if event.device_type() == DeviceType.CPU:
            own.append(event)
        else:
            launched_by = event.linked_correlation_id()
            on_device[launched_by] = on_device.get(launched_by, 0) + event.duration_ns()
    found: list[Call] = []
    scopes: list[tuple[int, str]] = []  # until when, which module
    for event in sorted(own, key=lambda e: (e.start_ns(), -e.duration_ns())):
        name, start, end = event.name(), event.start_ns(), event.end_ns()
        if name == CALL:
            found.append(Call(start, end))
            scopes = []
        elif not found or start >= found[-1].end_ns:
            continue
        elif name.startswith(SCOPE):
            scopes.append((end, name.removeprefix(SCOPE)))
        elif found[-1].spans and start < found[-1].spans[-1].end_ns:
            if on_device:  # a kernel is launched by the innermost operator
                span, more_ns = found[-1].spans[-1], on_device.get(event.correlation_id(), 0)
                found[-1].spans[-1] = replace(span, duration_ns=span.duration_ns + more_ns)
        elif OPERATOR.match(name):
            scopes = [scope for scope in scopes if scope[0] > start]
            full = f"{name}.{event.overload_name()}" if event.overload_name() else name
            took = on_device.get(event.correlation_id(), 0) if on_device else end - start
            found[-1].spans.append(Span(name, kind(full), start, end, took, tuple(path for _, path in scopes[-1:])))
    return found


def operators(found: Sequence[Call]) -> list[Operator]:
    """ValueError where the calls are not alike."""
    if not found or not found[0].spans:
        raise ValueError("torch.profiler saw no operator")
    first = [(span.name, span.kind, span.origins) for span in found[0].spans]
    for call in found:
        if [(span.name, span.kind, span.origins) for span in call.spans] != first:
            raise ValueError("torch.profiler's operators differ from call to call")
    seen: dict[str, int] = {}
    told = []
    for place, (name, what, origins) in enumerate(first):
        seen[name] = seen.get(name, 0) + 1
        unique = f"{name} #{seen[name]}"
        told.append(Operator(unique, what, tuple(call.spans[place].duration_ns for call in found), origins))
    return told


def peak_bytes(events: Iterable[Any]) -> int:
    """The most that was alive at once of what was allocated among kineto's events, which must be of one call."""
    live = peak = 0
    for event in sorted((e for e in events if e.name() == "[memory]"), key=lambda e: e.start_ns()):
        live += event.nbytes()
        peak = max(peak, live)
    return peak


class TorchProfiled(Profiled):
    """A session of a torch backend under torch.profiler."""

    profiler = f"torch.profiler {torch.__version__}"
    notes: tuple[str, ...] = ("an operator's time is that of its dispatch and of its kernels",)

    def __init__(self, case: Case, session: Session) -> None:
        super().__init__(session)
        activities = [ProfilerActivity.CPU]
        self.on_gpu = case.gpu is not None
        if self.on_gpu:
            activities.append(ProfilerActivity.CUDA)
            self.notes = ("an operator's time is that of its kernels on the GPU", "unverified on hardware")
        overloads = _ExperimentalConfig(capture_overload_names=True)  # a convolution that adds is one of convolution's
        self.profile = profile(activities=activities, experimental_config=overloads)

    def run(self) -> None:
        with record_function(CALL):
            self.session.run()

    def start(self) -> None:
        self.profile.start()

    def calls(self) -> list[Call]:
        """What was profiled; a backend may add to it or know more of it."""
        return calls(self._events(self.profile))

    def stop(self, trace: Path | None = None) -> Sequence[Operator]:
        self.profile.stop()
        if trace:
            self.profile.export_chrome_trace(os.fspath(trace))
        return operators(self.calls())

    def arena(self) -> Arena | None:
        """Of one more call, profiled for its memory; a session on a GPU tells the peaks of its allocator itself."""
        if self.on_gpu:
            return None
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as told:
            self.session.run()
        return Arena(peak_bytes(self._events(told)), PEAK)

    @staticmethod
    def _events(told: profile) -> list[Any]:
        """kineto's own: `profile.events` would first build a tree of Python objects of the 100,000 of a profile."""
        found: list[Any] = told.profiler.kineto_results.events()  # type: ignore[union-attr]
        return found
