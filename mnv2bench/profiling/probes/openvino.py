"""Probes of OpenVINO: its matrix product with constant weights, with the threads of the backend."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from mnv2bench.backends.shared.openvino_without_telemetry import openvino
from mnv2bench.precisions import BF16, FP16, FP32, INT8, Precision
from mnv2bench.profiling.probes import Kernel, ReadyProbe, Setting, Shape, product, shapes

opset13 = openvino.opset13
HINTS = {FP32: "f32", BF16: "bf16", FP16: "f16", INT8: "f32"}  # of int8, for what is not quantised
LEVELS = {"left": 256, "right": 255}  # of 8 bits: the weights are symmetric


class MatMul(Kernel):
    """The product of two matrices of numbers from 0 to 1; the second is a constant, as a network's weights are.

    It is given fp32, and converts it in each call, as it does for a network.
    """

    def __init__(self, shape: Shape, threads: int, precision: Precision = FP32) -> None:
        rows, depth, columns = shape
        random = np.random.default_rng(0)
        parameter = opset13.parameter([rows, depth], np.float32)
        right = opset13.constant(random.random((depth, columns), dtype=np.float32))
        left = parameter
        if precision == INT8:
            left, right = _quantised(left, 0.0, LEVELS["left"]), _quantised(right, -1.0, LEVELS["right"])
        model = openvino.Model([opset13.matmul(left, right, False, False)], [parameter], "matmul")
        options = {
            "INFERENCE_PRECISION_HINT": HINTS[precision],
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
        }
        self.model = openvino.Core().compile_model(model, "CPU", options)
        self.request = self.model.create_infer_request()
        self.request.get_input_tensor().data[:] = random.random((rows, depth), dtype=np.float32)

    def run(self) -> None:
        self.request.infer(share_outputs=True)


def probes(setting: Setting) -> Iterator[ReadyProbe]:
    """The matrix products, in each precision for which the processor has instructions."""
    for precision in HINTS:
        if setting.multiplies(precision):
            for shape in shapes(setting.threads):
                yield product("openvino", shape, MatMul(shape, setting.threads, precision), precision)


def _quantised(numbers: Any, low: float, levels: int) -> Any:  # nodes of OpenVINO, which has no types for them
    """Numbers from `low` to 1 in so many levels, which makes OpenVINO multiply in int8."""
    least, most = opset13.constant(np.float32(low)), opset13.constant(np.float32(1))
    return opset13.fake_quantize(numbers, least, most, least, most, levels)
