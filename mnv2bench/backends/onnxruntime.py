"""ONNX Runtime on its CPU or CUDA provider, inputs and outputs bound to memory once."""

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from mnv2bench.backends import Images, Runtime, Session, require
from mnv2bench.backends.shared.arrays import arranged, joined
from mnv2bench.case import Case

RUNTIME = Runtime(
    reads="onnx",
    runs={"cpu": ("fp32", "int8"), "cuda": ("fp32", "tf32", "fp16")},
    reads_other={"int8": "onnx_int8"},
    refuses={
        "cpu": {
            "fp16": "onnxruntime runs no fp16 on a CPU: it casts an fp16 network to float32, and then runs all 53 "
            "convolution and linear layers of MobileNetV2 in float32",
            "bf16": "onnxruntime runs no bf16 on a CPU: 'NOT_IMPLEMENTED: Could not find an implementation for "
            "Conv(22)', it says of a bf16 network",
        },
        "cuda": {
            "bf16": "onnxruntime runs no bf16 on cuda here: its CUDA provider is said to lack kernels (github.com/"
            "microsoft/onnxruntime/issues/19502), and nobody has tried"
        },
    },
    needs_cuda=13000,  # what onnxruntime-gpu on PyPI is built for
    extra="onnxruntime",
    distributions=("onnxruntime", "onnxruntime-gpu"),
    quick_throughput=True,
    quick_precisions=("int8",),
    profiler="onnxruntime",
    programs={"cpu": "onnxruntime", "cuda": "onnxruntime_cuda"},
    wheels=("onnxruntime",),
)
WITH_WEIGHTS = (
    "Conv",
    "FusedConv",
    "QLinearConv",
    "ConvInteger",
    "Gemm",
    "FusedGemm",
    "QGemm",
    "MatMul",
    "QLinearMatMul",
)
PRECISIONS = {"float": "fp32", "float16": "fp16", "bfloat16": "bf16", "uint8": "int8", "int8": "int8"}
ELEMENTS = {
    "tensor(float)": "float32", "tensor(float16)": "float16", "tensor(uint8)": "uint8", "tensor(int8)": "int8",
}  # fmt: skip
onnxruntime.disable_telemetry_events()


class OnnxRuntimeSession(Session):
    """Session on onnxruntime's CPU provider, with bound input and output.

    `session` is onnxruntime's own, where it is shared with another stream.
    """

    def __init__(
        self, case: Case, path: Path, options: Any = None, session: onnxruntime.InferenceSession | None = None
    ) -> None:
        self.case, self.path = case, path
        self.session = session or inference_session(case, path, options)
        (taken,) = self.session.get_inputs()
        self.shape, self.element = tuple(taken.shape), ELEMENTS[taken.type]
        self.input = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(self.shape, self.element))
        self.binding = self.session.io_binding()
        self.binding.bind_ortvalue_input(taken.name, self.input)
        for output in self.session.get_outputs():
            self.binding.bind_output(output.name)

    def put(self, images: Images) -> None:
        self.input.update_inplace(arranged(images, self.shape, self.element))

    def run(self) -> None:
        self.session.run_with_iobinding(self.binding)

    def get(self) -> Images:
        return joined(self.binding.copy_outputs_to_cpu(), self.case.batch)

    def settings(self) -> dict[str, str]:
        return {
            "providers": " ".join(self.session.get_providers()),
            "intra-op threads": str(self.session.get_session_options().intra_op_num_threads),
            "spinning": "default",
        } | self._sessions()

    def _sessions(self) -> dict[str, str]:
        """How many sessions of onnxruntime the streams of the case have together."""
        if self.case.streams == 1:
            return {}
        return {"sessions": "1" if _shared(self.case) else str(self.case.streams)}

    def layers(self) -> dict[str, int]:
        """By the first inputs of the nodes that another session of the same file profiles in one call."""
        with tempfile.TemporaryDirectory(prefix="mnv2bench-") as folder:
            options = onnxruntime.SessionOptions()
            options.enable_profiling = True
            options.profile_file_prefix = str(Path(folder, "profile"))
            profiled = OnnxRuntimeSession(self.case, self.path, options)
            profiled.run()
            events = json.loads(Path(profiled.session.end_profiling()).read_text(encoding="utf-8"))
        nodes = [event["args"] for event in events if event["cat"] == "Node" and "op_name" in event["args"]]
        first_inputs = [node["input_type_shape"][0] for node in nodes if node["op_name"] in WITH_WEIGHTS]
        return dict(Counter(PRECISIONS.get(type, type) for types in first_inputs for type in types))


def inference_session(case: Case, path: Path, options: Any = None) -> onnxruntime.InferenceSession:
    """The session of onnxruntime itself, on its CPU provider."""
    options = options or onnxruntime.SessionOptions()
    options.intra_op_num_threads = case.threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _shared(case: Case) -> bool:
    """Whether its streams share one session: a session has a pool of threads, but for one thread, which needs none."""
    return case.threads == 1


def open_streams(case: Case, path: Path) -> list[Session]:
    if case.streams == 1:
        return [open(case, path)]
    require(case)
    shared = inference_session(case, path) if _shared(case) else None
    return [OnnxRuntimeSession(case, path, session=shared) for _ in range(case.streams)]


def open(case: Case, path: Path) -> Session:
    require(case)
    if case.gpu is None:
        return OnnxRuntimeSession(case, path)
    from mnv2bench.backends.shared import onnxruntime_cuda  # it needs torch, which a CPU case does not load

    return onnxruntime_cuda.open(case, path)
