"""Probe of onnxruntime: its matrix product (MLAS) with weights packed once, on its own threads as in the backend."""

from collections.abc import Iterator

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from mnv2bench.precisions import FP32
from mnv2bench.profiling.probes import Kernel, ReadyProbe, side
from mnv2bench.profiling.records import Probe

IR, OPSET = 8, 17  # old enough for every onnxruntime that the extra allows
onnxruntime.disable_telemetry_events()


class MatMul(Kernel):
    """The product of two square fp32 matrices; the second is a constant, as a network's weights are."""

    def __init__(self, n: int, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        left, right = np.random.default_rng(0).random((2, n, n), dtype=np.float32)
        model = _model(right).SerializeToString()
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.binding = self.session.io_binding()
        self.binding.bind_ortvalue_input("left", onnxruntime.OrtValue.ortvalue_from_numpy(left))
        self.binding.bind_output("product")

    def run(self) -> None:
        self.session.run_with_iobinding(self.binding)


def probes(threads: int, caches: dict[str, int]) -> Iterator[ReadyProbe]:
    """The matrix product. onnxruntime has no kernel that only copies, so `caches` are not used."""
    n = side(threads)
    probe = Probe(
        f"{FP32.name} matmul",
        "onnxruntime",
        "flop",
        work=2 * n**3,
        bytes=3 * n**2 * FP32.element_bytes,
        level="",
        rounds=(),
    )
    yield ReadyProbe(probe, MatMul(n, threads))


def _model(right: np.typing.NDArray[np.float32]) -> onnx.ModelProto:
    fp32, shape = onnx.TensorProto.FLOAT, list(right.shape)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["left", "right"], ["product"])],
        "matmul",
        [helper.make_tensor_value_info("left", fp32, shape)],
        [helper.make_tensor_value_info("product", fp32, shape)],
        [numpy_helper.from_array(right, "right")],
    )
    return helper.make_model(graph, ir_version=IR, opset_imports=[helper.make_opsetid("", OPSET)])
