"""Probes of onnxruntime: its matrix product (MLAS) with weights packed once, on its own threads as in the backend."""

from collections.abc import Iterator

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from mnv2bench.profiling.probes import Kernel, ReadyProbe, Setting, Shape, product, shapes

IR, OPSET = 8, 17  # old enough for every onnxruntime that the extra allows
onnxruntime.disable_telemetry_events()


class MatMul(Kernel):
    """The product of two fp32 matrices; the second is a constant, as a network's weights are."""

    def __init__(self, shape: Shape, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        rows, depth, columns = shape
        random = np.random.default_rng(0)
        left = random.random((rows, depth), dtype=np.float32)
        model = _model(left, random.random((depth, columns), dtype=np.float32)).SerializeToString()
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.binding = self.session.io_binding()
        self.binding.bind_ortvalue_input("left", onnxruntime.OrtValue.ortvalue_from_numpy(left))
        self.binding.bind_output("product")

    def run(self) -> None:
        self.session.run_with_iobinding(self.binding)


def probes(setting: Setting) -> Iterator[ReadyProbe]:
    """The matrix products."""
    for shape in shapes(setting.threads):
        yield product("onnxruntime", shape, MatMul(shape, setting.threads))


def _model(left: np.typing.NDArray[np.float32], right: np.typing.NDArray[np.float32]) -> onnx.ModelProto:
    fp32 = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["left", "right"], ["product"])],
        "matmul",
        [helper.make_tensor_value_info("left", fp32, list(left.shape))],
        [helper.make_tensor_value_info("product", fp32, [left.shape[0], right.shape[1]])],
        [numpy_helper.from_array(right, "right")],
    )
    return helper.make_model(graph, ir_version=IR, opset_imports=[helper.make_opsetid("", OPSET)])
