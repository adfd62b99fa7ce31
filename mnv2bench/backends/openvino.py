"""OpenVINO on its CPU plugin: one stream with a synchronous request, or several streams with one request each."""

import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mnv2bench.backends import Images, Runtime, Session, require
from mnv2bench.backends.shared.arrays import arranged, joined
from mnv2bench.backends.shared.openvino_without_telemetry import openvino
from mnv2bench.case import Case
from mnv2bench.refusals import Unsupported, Wrong

RUNTIME = Runtime(
    reads="onnx",
    runs={"cpu": ("fp32", "fp16", "bf16", "int8")},
    reads_other={"int8": "openvino_int8"},
    reads_fp32=("fp16", "bf16"),
    reads_files={"tflite": "tflite"},
    extra="openvino",
    distributions=("openvino",),
    quick_throughput=True,
    quick_precisions=("bf16",),
    profiler="openvino",
    why_no_trace="OpenVINO's performance counters are durations without a time line",
    programs={"cpu": "openvino"},
)
HINTS = {"fp32": "f32", "fp16": "f16", "bf16": "bf16", "int8": "f32"}  # without one, some CPUs silently pick bf16
CAPABILITIES = {"fp32": "FP32", "fp16": "FP16", "bf16": "BF16", "int8": "INT8"}
PRECISIONS = {"f32": "fp32", "f16": "fp16", "bf16": "bf16", "i8": "int8", "u8": "int8"}  # by the ends of kernels' names
WITH_WEIGHTS = ("Convolution", "FullyConnected", "MatMul")
SETTINGS = (
    "INFERENCE_PRECISION_HINT",
    "INFERENCE_NUM_THREADS",
    "NUM_STREAMS",
    "OPTIMAL_NUMBER_OF_INFER_REQUESTS",
    "PERFORMANCE_HINT",
    "ENABLE_CPU_PINNING",
)


class OpenVinoSession(Session):
    """Session on an infer request of a model that OpenVINO's CPU plugin compiled; streams share the model."""

    def __init__(self, model: openvino.CompiledModel) -> None:
        self.model = model
        self.request = self.model.create_infer_request()
        self.input = self.request.get_input_tensor()

    def put(self, images: Images) -> None:
        data = self.input.data
        np.copyto(data, arranged(images, data.shape, data.dtype.name))

    def run(self) -> None:
        self.request.infer(share_outputs=True)

    def get(self) -> Images:
        outputs = [self.request.get_output_tensor(number).data for number in range(len(self.model.outputs))]
        return joined(outputs, self.input.shape[0])

    def settings(self) -> dict[str, str]:
        return {name: str(self.model.get_property(name)) for name in SETTINGS}

    def layers(self) -> dict[str, int]:
        """By the names of the kernels: what a node says of its precision is that of compressed weights, where it has
        those, while its kernel computes in another.
        """
        kernels = [
            str(facts["primitiveType"].astype(str))
            for facts in (node.get_rt_info() for node in self.model.get_runtime_model().get_ordered_ops())
            if facts["layerType"].astype(str) in WITH_WEIGHTS
        ]
        ends = [kernel.rpartition("_")[2].lower() for kernel in kernels]
        return dict(Counter(PRECISIONS.get(end, end) for end in ends))


class OpenVinoStreamSession(OpenVinoSession):
    """Session of one of several streams: its call starts its request, which a stream takes, and waits for it."""

    def run(self) -> None:
        self.request.start_async()
        self.request.wait()


def compiled_model(case: Case, path: Path, more: Mapping[str, Any] | None = None) -> openvino.CompiledModel:
    """The model for the streams of a case; `more` are other options. Raises Wrong where it has fewer streams."""
    options = {
        "INFERENCE_PRECISION_HINT": HINTS[case.precision],
        "INFERENCE_NUM_THREADS": case.total_threads,  # of all streams together
        "NUM_STREAMS": case.streams,
        **(more or {}),
    }
    core = openvino.Core()
    require_capability(core, case.precision)
    model = core.compile_model(_model(core, path), "CPU", options)
    streams = model.get_property("NUM_STREAMS")
    if streams != case.streams:  # it takes what the cores are enough for, in silence
        raise Wrong(f"requested {case.streams} streams, and OpenVINO made {streams}: ask for no more")
    return model


def _model(core: openvino.Core, path: Path) -> openvino.Model | Path:
    """What is compiled: the file itself, or the model in a zip of OpenVINO's own two files."""
    if not zipfile.is_zipfile(path):
        return path
    with zipfile.ZipFile(path) as both:
        return core.read_model(both.read("net.xml"), both.read("net.bin"))


def require_capability(core: openvino.Core, precision: str) -> None:
    """Raise Unsupported for a precision that OpenVINO does not list for this CPU: it would pick another in silence."""
    listed = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if CAPABILITIES[precision] not in listed:
        formats = ", ".join(name for name in CAPABILITIES.values() if name in listed)
        raise Unsupported(f"OpenVINO runs {formats} on this CPU, and would run another precision for {precision}")


def open(case: Case, path: Path) -> Session:
    return open_streams(case, path)[0]


def open_streams(case: Case, path: Path) -> list[Session]:
    require(case)
    model = compiled_model(case, path)
    kind = OpenVinoSession if case.streams == 1 else OpenVinoStreamSession
    return [kind(model) for _ in range(case.streams)]
