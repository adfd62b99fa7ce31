"""OpenVINO on its CPU plugin: one stream, one request, synchronous."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import openvino

from mnv2bench.backends import Images, Runtime, Session, require
from mnv2bench.cases import Case

RUNTIME = Runtime(
    reads="onnx",
    runs={"cpu": ("fp32",)},
    extra="openvino",
    distributions=("openvino",),
    quick_throughput=True,
    profiler="openvino",
    why_no_trace="OpenVINO's performance counters are durations without a time line",
)
SETTINGS = (
    "INFERENCE_PRECISION_HINT",
    "INFERENCE_NUM_THREADS",
    "NUM_STREAMS",
    "PERFORMANCE_HINT",
    "ENABLE_CPU_PINNING",
)


class OpenVinoSession(Session):
    """Session on an infer request of OpenVINO's CPU plugin."""

    def __init__(self, case: Case, path: Path, more: Mapping[str, Any] | None = None) -> None:
        options = {
            "INFERENCE_PRECISION_HINT": "f32",  # some CPUs would silently pick bf16
            "INFERENCE_NUM_THREADS": case.threads,
            "NUM_STREAMS": 1,
            **(more or {}),
        }
        self.model = openvino.Core().compile_model(path, "CPU", options)
        self.request = self.model.create_infer_request()
        self.input = self.request.get_input_tensor()

    def put(self, images: Images) -> None:
        np.copyto(self.input.data, images)

    def run(self) -> None:
        self.request.infer(share_outputs=True)

    def get(self) -> Images:
        return np.array(self.request.get_output_tensor().data, dtype=np.float32)

    def settings(self) -> dict[str, str]:
        return {name: str(self.model.get_property(name)) for name in SETTINGS}


def open(case: Case, path: Path) -> Session:
    require(case)
    return OpenVinoSession(case, path)
