"""Profiler of LiteRT: that of CompiledModel in its C API, because the interpreter in Python has none."""

import ctypes
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import ai_edge_litert
import numpy as np

from mnv2bench.backends import Images, Session, require
from mnv2bench.cases import Case
from mnv2bench.profiling.readers import litert, xnnpack
from mnv2bench.profiling.records import Operator
from mnv2bench.profiling.session import ProfiledSession
from mnv2bench.refusals import Unsupported

LIBRARY = Path(ai_edge_litert.__path__[0]) / "libLiteRt.so"


class CompiledModelSession(Session):
    """A session with the file, the delegate and the threads of the backend's interpreter.

    Nothing is freed before the process ends. Its environment also looks for GPUs, which aborts on an arm64 processor
    without LSE: "compiled with lse enabled".
    """

    def __init__(self, case: Case, path: Path) -> None:
        api = self.api = litert.Api(LIBRARY)
        environment = api.made("CreateEnvironment", 0, None)
        model = api.made("CreateModelFromFile", environment, str(path).encode())
        delegate = f'kernel_mode = "delegate"\nnum_threads = {case.threads}\n'
        options = api.options(xnnpack=delegate, runtime_options_string="enable_profiling = true\n")
        self.model = api.made("CreateCompiledModel", environment, model, options)
        images = litert.TensorType(litert.FLOAT32)
        api.call("GetCompiledModelInputTensorLayout", self.model, 0, 0, ctypes.byref(images.layout))
        required = api.made("GetCompiledModelInputBufferRequirements", self.model, 0, 0)
        self.input = api.made("CreateManagedTensorBufferFromRequirements", environment, ctypes.byref(images), required)
        logits = litert.TensorType(litert.FLOAT32)
        api.call("GetCompiledModelOutputTensorLayouts", self.model, 0, 1, ctypes.byref(logits.layout), True)
        required = api.made("GetCompiledModelOutputBufferRequirements", self.model, 0, 0)
        self.output = api.made("CreateManagedTensorBufferFromRequirements", environment, ctypes.byref(logits), required)
        self.in_shape = images.layout.shape
        self.out_shape = logits.layout.shape

    def put(self, images: Images) -> None:
        with self.api.locked(self.input, litert.LOCK_WRITE, self.in_shape) as memory:
            np.copyto(memory, images)

    def run(self) -> None:
        self.api.call("RunCompiledModel", self.model, 0, 1, ctypes.byref(self.input), 1, ctypes.byref(self.output))

    def get(self) -> Images:
        with self.api.locked(self.output, litert.LOCK_READ, self.out_shape) as memory:
            return np.array(memory)


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
    installed, required = metadata.version("ai-edge-litert"), litert.DECLARED_FOR
    if installed != required:
        command = f"pip install ai-edge-litert=={required}"
        raise Unsupported(f"the profiler is written for ai-edge-litert {required}, not {installed}: {command}")
    return LiteRtProfiledSession(CompiledModelSession(case, path))
