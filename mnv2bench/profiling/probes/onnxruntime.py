"""Probes of onnxruntime: its matrix products (MLAS) with weights packed once, on its own threads as in the backend."""

from collections.abc import Iterator

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from mnv2bench.precisions import FP32, INT8, Precision
from mnv2bench.profiling.probes import Kernel, ReadyProbe, Setting, Shape, product, shapes

OPERATORS = {FP32: "MatMul", INT8: "MatMulInteger"}
IR, OPSET = 8, 17  # old enough for every onnxruntime that the extra allows
onnxruntime.disable_telemetry_events()

Matrix = np.typing.NDArray[np.generic]


class MatMul(Kernel):
    """The product of two matrices in fp32 or int8; the second is a constant, as a network's weights are."""

    def __init__(self, shape: Shape, threads: int, precision: Precision = FP32) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        left, right = _matrices(shape, precision)
        model = _model(left, right, OPERATORS[precision]).SerializeToString()
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.binding = self.session.io_binding()
        self.binding.bind_ortvalue_input("left", onnxruntime.OrtValue.ortvalue_from_numpy(left))
        self.binding.bind_output("product")

    def run(self) -> None:
        self.session.run_with_iobinding(self.binding)


def probes(setting: Setting) -> Iterator[ReadyProbe]:
    """The matrix products: of fp32, and of int8 where the processor has instructions for it."""
    for precision in OPERATORS:
        if setting.multiplies(precision):
            for shape in shapes(setting.threads):
                yield product("onnxruntime", shape, MatMul(shape, setting.threads, precision), precision)


def _matrices(shape: Shape, precision: Precision) -> tuple[Matrix, Matrix]:
    """Two random matrices; in int8 the first has no signs, which is what onnxruntime is fastest with on x86-64."""
    rows, depth, columns = shape
    random = np.random.default_rng(0)
    if precision == INT8:
        left = random.integers(0, 256, (rows, depth), dtype=np.uint8)
        return left, random.integers(-128, 128, (depth, columns), dtype=np.int8)
    return random.random((rows, depth), dtype=np.float32), random.random((depth, columns), dtype=np.float32)


def _model(left: Matrix, right: Matrix, operator: str) -> onnx.ModelProto:
    of_left = helper.np_dtype_to_tensor_dtype(left.dtype)
    of_product = onnx.TensorProto.FLOAT if operator == OPERATORS[FP32] else onnx.TensorProto.INT32
    graph = helper.make_graph(
        [helper.make_node(operator, ["left", "right"], ["product"])],
        "matmul",
        [helper.make_tensor_value_info("left", of_left, list(left.shape))],
        [helper.make_tensor_value_info("product", of_product, [left.shape[0], right.shape[1]])],
        [numpy_helper.from_array(right, "right")],
    )
    return helper.make_model(graph, ir_version=IR, opset_imports=[helper.make_opsetid("", OPSET)])
