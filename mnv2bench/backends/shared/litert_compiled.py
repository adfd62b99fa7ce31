"""LiteRT's CompiledModel in its C API: it takes XNNPACK's flags and has a profiler, which its interpreter does not."""

import ctypes
from pathlib import Path

import ai_edge_litert
import numpy as np

from mnv2bench.backends.interface.session import Images, Session
from mnv2bench.backends.shared import litert_api, xnnpack_kernels
from mnv2bench.backends.shared.arrays import arranged, joined
from mnv2bench.case import Case

LIBRARY = Path(ai_edge_litert.__path__[0]) / "libLiteRt.so"
FORCE_FP16 = 4  # of XNNPACK's delegate: it rounds the weights and computes in fp16 where it has kernels for this CPU


class CompiledModelSession(Session):
    """A session with the file, the delegate and the threads of the backend's interpreter.

    Nothing is freed before the process ends. Its environment also looks for GPUs, which aborts on an arm64 processor
    without LSE: "compiled with lse enabled".
    """

    def __init__(self, case: Case, path: Path, profiled: bool) -> None:
        self.case, self.path = case, path
        api = self.api = litert_api.Api(LIBRARY)
        environment = api.made("CreateEnvironment", 0, None)
        model = api.made("CreateModelFromFile", environment, str(path).encode())
        delegate = f'kernel_mode = "delegate"\nnum_threads = {case.threads}\n'
        if case.precision == "fp16":
            delegate += f"flags = {FORCE_FP16}\n"
        profiling = {"runtime_options_string": "enable_profiling = true\n"} if profiled else {}
        before = litert_api.tasks()
        self.model = api.made("CreateCompiledModel", environment, model, api.options(xnnpack=delegate, **profiling))
        self.threads = 1 + litert_api.tasks() - before if before else None
        images = litert_api.TensorType(litert_api.FLOAT32)
        api.call("GetCompiledModelInputTensorLayout", self.model, 0, 0, ctypes.byref(images.layout))
        required = api.made("GetCompiledModelInputBufferRequirements", self.model, 0, 0)
        self.input = api.made("CreateManagedTensorBufferFromRequirements", environment, ctypes.byref(images), required)
        logits = litert_api.TensorType(litert_api.FLOAT32)
        api.call("GetCompiledModelOutputTensorLayouts", self.model, 0, 1, ctypes.byref(logits.layout), True)
        required = api.made("GetCompiledModelOutputBufferRequirements", self.model, 0, 0)
        self.output = api.made("CreateManagedTensorBufferFromRequirements", environment, ctypes.byref(logits), required)
        self.in_shape = images.layout.shape
        self.out_shape = logits.layout.shape

    def put(self, images: Images) -> None:
        with self.api.locked(self.input, litert_api.LOCK_WRITE, self.in_shape) as memory:
            np.copyto(memory, arranged(images, memory.shape, memory.dtype.name))

    def run(self) -> None:
        self.api.call("RunCompiledModel", self.model, 0, 1, ctypes.byref(self.input), 1, ctypes.byref(self.output))

    def get(self) -> Images:
        with self.api.locked(self.output, litert_api.LOCK_READ, self.out_shape) as memory:
            return joined([memory], self.case.batch)

    def layers(self) -> dict[str, int]:
        """By the names of XNNPACK's kernels, from one run of the same file opened again with the profiler."""
        profiled = CompiledModelSession(self.case, self.path, profiled=True)
        profiler = self.api.made("CompiledModelGetProfiler", profiled.model)
        self.api.call("StartProfiler", profiler)
        profiled.run()
        self.api.call("StopProfiler", profiler)
        return xnnpack_kernels.layers(name for name, _ in self.api.events(profiler))

    def settings(self) -> dict[str, str]:
        """Threads are counted, as it has no getter: those that opening started in this process, and the calling one."""
        forced = {"XNNPACK flags": "FORCE_FP16"} if self.case.precision == "fp16" else {}
        threads = {"threads": str(self.threads)} if self.threads else {}
        return threads | {"delegate": "XNNPACK", "opened by": "CompiledModel"} | forced
