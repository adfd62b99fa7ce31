"""ONNX Runtime on its CPU or CUDA provider, inputs and outputs bound to memory once."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from mnv2bench.backends import Images, Runtime, Session, require
from mnv2bench.cases import Case

RUNTIME = Runtime(
    reads="onnx",
    runs={"cpu": ("fp32",), "cuda": ("fp32", "tf32", "fp16")},
    refuses={
        "cuda": {
            "bf16": "onnxruntime runs no bf16 on cuda here: its CUDA provider is said to lack kernels (github.com/"
            "microsoft/onnxruntime/issues/19502), and nobody has tried"
        }
    },
    needs_cuda=13000,  # what onnxruntime-gpu on PyPI is built for
    extra="onnxruntime",
    distributions=("onnxruntime", "onnxruntime-gpu"),
    quick_throughput=True,
    profiler="onnxruntime",
    wheels=("onnxruntime",),
)
onnxruntime.disable_telemetry_events()


class OnnxRuntimeSession(Session):
    """Session on onnxruntime's CPU provider, with bound input and output."""

    def __init__(self, case: Case, path: Path, options: Any = None) -> None:
        options = options or onnxruntime.SessionOptions()
        options.intra_op_num_threads = case.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        shape = (case.batch, 3, case.resolution, case.resolution)
        self.input = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(shape, np.float32))
        self.binding = self.session.io_binding()
        self.binding.bind_ortvalue_input(self.session.get_inputs()[0].name, self.input)
        self.binding.bind_output(self.session.get_outputs()[0].name)
        self.options = options

    def put(self, images: Images) -> None:
        self.input.update_inplace(images)

    def run(self) -> None:
        self.session.run_with_iobinding(self.binding)

    def get(self) -> Images:
        return np.array(self.binding.copy_outputs_to_cpu()[0], dtype=np.float32)

    def settings(self) -> dict[str, str]:
        return {
            "providers": " ".join(self.session.get_providers()),
            "intra-op threads": str(self.options.intra_op_num_threads),
            "spinning": "default",
        }


def open(case: Case, path: Path) -> Session:
    require(case)
    if case.gpu is None:
        return OnnxRuntimeSession(case, path)
    from mnv2bench.backends.shared import onnxruntime_cuda  # it needs torch, which a CPU case does not load

    return onnxruntime_cuda.open(case, path)
