"""LiteRT under its own profiler: its C API's CompiledModel, since its Python interpreter has none."""

import ctypes
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import ai_edge_litert
import numpy as np

from mnv2bench.backends import Images, Session, require
from mnv2bench.cases import Case
from mnv2bench.profiling.profilers import Profiled
from mnv2bench.profiling.readers import litert as _litert
from mnv2bench.profiling.readers import xnnpack as _xnnpack
from mnv2bench.profiling.records import Operator
from mnv2bench.refusals import Unsupported

LIBRARY = Path(ai_edge_litert.__path__[0]) / "libLiteRt.so"


class CompiledModelSession(Session):
    """The same file, delegate and threads as the backend's interpreter has; nothing is freed before the process ends.

    Its environment also looks for GPUs. On arm64 that aborts on a CPU without LSE: "compiled with lse enabled".
    """

    def __init__(self, case: Case, path: Path) -> None:
        api = self.api = _litert.Api(LIBRARY)
        environment = api.made("CreateEnvironment", 0, None)
        model = api.made("CreateModelFromFile", environment, str(path).encode())
        xnnpack = f'kernel_mode = "delegate"\nnum_threads = {case.threads}\n'
        options = api.options(xnnpack=xnnpack, runtime_options_string="enable_profiling = true\n")
        self.model = api.made("CreateCompiledModel", environment, model, options)
        taken = _litert.TensorType(_litert.FLOAT32)
        api.call("GetCompiledModelInputTensorLayout", self.model, 0, 0, ctypes.byref(taken.layout))
        wanted = api.made("GetCompiledModelInputBufferRequirements", self.model, 0, 0)
        self.input = api.made("CreateManagedTensorBufferFromRequirements", environment, ctypes.byref(taken), wanted)
        given = _litert.TensorType(_litert.FLOAT32)
        api.call("GetCompiledModelOutputTensorLayouts", self.model, 0, 1, ctypes.byref(given.layout), True)
        wanted = api.made("GetCompiledModelOutputBufferRequirements", self.model, 0, 0)
        self.output = api.made("CreateManagedTensorBufferFromRequirements", environment, ctypes.byref(given), wanted)
        self.in_shape, self.out_shape = taken.layout.shape, given.layout.shape

    def put(self, images: Images) -> None:
        with self.api.locked(self.input, _litert.LOCK_WRITE, self.in_shape) as memory:
            np.copyto(memory, images)

    def run(self) -> None:
        given, taken = ctypes.byref(self.input), ctypes.byref(self.output)
        self.api.call("RunCompiledModel", self.model, 0, 1, given, 1, taken)

    def get(self) -> Images:
        with self.api.locked(self.output, _litert.LOCK_READ, self.out_shape) as memory:
            return np.array(memory)


class LiteRtProfiled(Profiled):
    profiler = "LiteRT's profiler"
    notes = (
        _xnnpack.CLOCK,
        "profiled is the CompiledModel of LiteRT's C API, with the file, the delegate and the threads of the"
        " interpreter that is timed: in Python the interpreter has no profiler",
    )
    session: CompiledModelSession

    def __init__(self, session: CompiledModelSession) -> None:
        super().__init__(session)
        self.told: list[list[tuple[str, int]]] = []

    def start(self) -> None:
        self.events = self.session.api.made("CompiledModelGetProfiler", self.session.model)
        self.session.api.call("StartProfiler", self.events)

    def ran(self) -> None:
        self.told.append(self.session.api.events(self.events))
        self.session.api.call("ResetProfiler", self.events)  # which stops it too
        self.session.api.call("StartProfiler", self.events)

    def stop(self, trace: Path | None = None) -> Sequence[Operator]:
        self.session.api.call("StopProfiler", self.events)
        if trace:
            raise Unsupported("LiteRT's profiler writes no trace: leave --trace out")
        return _xnnpack.operators(self.told)


def open(case: Case, path: Path, folder: Path) -> Profiled:
    require(case)
    installed, wanted = metadata.version("ai-edge-litert"), _litert.DECLARED_FOR
    if installed != wanted:
        mending = f"pip install ai-edge-litert=={wanted}"
        raise Unsupported(f"the profiler is written for ai-edge-litert {wanted}, not {installed}: {mending}")
    return LiteRtProfiled(CompiledModelSession(case, path))
