"""Probes of OpenVINO: its matrix product with constant weights, in fp32 and with the threads of the backend."""

from collections.abc import Iterator

import numpy as np
import openvino
from openvino import opset13

from mnv2bench.profiling.probes import Kernel, ReadyProbe, Setting, Shape, product, shapes


class MatMul(Kernel):
    """The product of two fp32 matrices; the second is a constant, as a network's weights are."""

    def __init__(self, shape: Shape, threads: int) -> None:
        rows, depth, columns = shape
        random = np.random.default_rng(0)
        left = opset13.parameter([rows, depth], np.float32)
        right = opset13.constant(random.random((depth, columns), dtype=np.float32))
        model = openvino.Model([opset13.matmul(left, right, False, False)], [left], "matmul")
        options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1}
        self.request = openvino.Core().compile_model(model, "CPU", options).create_infer_request()
        self.request.get_input_tensor().data[:] = random.random((rows, depth), dtype=np.float32)

    def run(self) -> None:
        self.request.infer(share_outputs=True)


def probes(setting: Setting) -> Iterator[ReadyProbe]:
    """The matrix products."""
    for shape in shapes(setting.threads):
        yield product("openvino", shape, MatMul(shape, setting.threads))
