"""Probes of LiteRT: its fully connected layer on XNNPACK, with the threads of the backend."""

from collections.abc import Iterator

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from mnv2bench.profiling.probes import Kernel, ReadyProbe, Setting, Shape, product, shapes

NO_BIAS = -1
IDENTIFIER = b"TFL3"
VERSION = 3  # of the schema of files


class FullyConnected(Kernel):
    """The product of two fp32 matrices; the second is a constant, as a network's weights are."""

    def __init__(self, shape: Shape, threads: int) -> None:
        rows, depth, _ = shape
        self.interpreter = Interpreter(model_content=_model(shape), num_threads=threads)
        self.interpreter.allocate_tensors()
        left = self.interpreter.tensor(self.interpreter.get_input_details()[0]["index"])
        left()[:] = np.random.default_rng(0).random((rows, depth), dtype=np.float32)

    def run(self) -> None:
        self.interpreter.invoke()


def probes(setting: Setting) -> Iterator[ReadyProbe]:
    """The matrix products."""
    for shape in shapes(setting.threads):
        yield product("litert", shape, FullyConnected(shape, setting.threads))


def _model(shape: Shape) -> bytes:
    """A file with one operator, as bytes."""
    rows, depth, columns = shape
    weights = np.random.default_rng(1).random((columns, depth), dtype=np.float32)
    constant = schema.BufferT()
    constant.data = weights.view(np.uint8).ravel()
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
    code.version = 1
    operator = schema.OperatorT()
    operator.inputs, operator.outputs = [0, 1, NO_BIAS], [2]
    operator.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
    operator.builtinOptions = schema.FullyConnectedOptionsT()
    graph = schema.SubGraphT()
    graph.tensors = [_tensor([rows, depth], 0), _tensor([columns, depth], 1), _tensor([rows, columns], 0)]
    graph.inputs, graph.outputs, graph.operators = [0], [2], [operator]
    model = schema.ModelT()
    model.version = VERSION
    model.buffers = [schema.BufferT(), constant]  # the first stands for none
    model.operatorCodes, model.subgraphs = [code], [graph]
    builder = flatbuffers.Builder(weights.nbytes)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


def _tensor(shape: list[int], buffer: int) -> schema.TensorT:
    tensor = schema.TensorT()
    tensor.shape, tensor.type, tensor.buffer, tensor.name = shape, schema.TensorType.FLOAT32, buffer, b"matrix"
    return tensor
