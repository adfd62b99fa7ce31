"""The layers of a LiteRT file, from its operators and from the shapes of its tensors."""

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from msgspec.structs import replace

from mnv2bench.artifacts.models.names import layer_names, plain
from mnv2bench.networks import Layer, Sides, operations
from mnv2bench.networks.graph import same
from mnv2bench.networks.layer import NO_PADS, Activation, Pads, Pool
from mnv2bench.networks.operations import Operation, OperationType, Tensors

# How torch's converter names a module inside of another: torch.nn.modules.conv.Conv2d_0 is the module 0.
MODULE = re.compile(r"(?:\w+\.)+[A-Za-z][A-Za-z0-9]*(?:_(\w+))?")
OPERATORS = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
FUSED: dict[int, Activation] = {1: "relu", 2: "clip", 3: "relu6", 4: "tanh"}  # by ActivationFunctionType
CHANNELS_LAST = -1

ACTIVATIONS: dict[str, Activation] = {
    "ELU": "elu",
    "GELU": "gelu",
    "HARD_SWISH": "hardswish",
    "LEAKY_RELU": "leaky_relu",
    "LOGISTIC": "sigmoid",
    "PRELU": "prelu",
    "RELU": "relu",
    "RELU6": "relu6",
    "RELU_0_TO_1": "clip",
    "RELU_N1_TO_1": "clip",
    "TANH": "tanh",
}
POOLS: dict[str, Pool] = {"AVERAGE_POOL_2D": "average", "MAX_POOL_2D": "max"}
TYPES: dict[str, OperationType] = {
    "ADD": "add",
    "ADD_N": "add",
    "CONCATENATION": "concat",
    "SHAPE": "shape",
    **dict.fromkeys(("CAST", "DEQUANTIZE", "EXPAND_DIMS", "QUANTIZE", "RESHAPE", "SQUEEZE"), "same"),
    **dict.fromkeys(
        (
            "BATCH_TO_SPACE_ND",
            "BROADCAST_TO",
            "DEPTH_TO_SPACE",
            "GATHER",
            "PACK",
            "PAD",
            "PADV2",
            "SLICE",
            "SPACE_TO_BATCH_ND",
            "SPACE_TO_DEPTH",
            "SPLIT",
            "SPLIT_V",
            "STRIDED_SLICE",
            "TILE",
            "TRANSPOSE",
            "UNPACK",
        ),
        "shuffle",
    ),
}
NOT_COUNTED = re.compile(r"CONV_3D.*|.*LSTM|.*RNN|SVDF|STABLEHLO_(CONVOLUTION|DOT_GENERAL)|CUSTOM")
FLOATS = (schema.TensorType.FLOAT32, schema.TensorType.FLOAT16)


def layers(content: bytes) -> tuple[Layer, ...]:
    """The layers of a file that LiteRT's own verifier passed, in the order in which they run.

    ValueError, in one line, where the file cannot be counted.
    """
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    graph = model.subgraphs[0]
    codes = [OPERATORS.get(max(code.builtinCode, code.deprecatedBuiltinCode), "") for code in model.operatorCodes]
    named = [(operator, codes[operator.opcodeIndex]) for operator in graph.operators]
    paths = [_path(graph.tensors[operator.outputs[0]]) for operator, _ in named]
    reader = _Reader(model, graph)
    names = layer_names(paths, [name for _, name in named])
    listed = [reader.operation(*each, name) for each, name in zip(named, names, strict=True)]
    image = str(int(graph.inputs[0]))
    shapes = {str(index): _shape(tensor) for index, tensor in enumerate(graph.tensors)}
    results = tuple(str(int(index)) for index in graph.outputs)
    return operations.layers(listed, Tensors(image, results, shapes[image][0], shapes))


def _path(tensor: Any) -> str:
    """The path of the module that computes a tensor, where torch's converter named it so; else the tensor's name."""
    name = bytes(tensor.name or b"").decode("utf-8", "replace").partition(";")[0]
    modules = [MODULE.fullmatch(part) for part in name[:1000].split("/")]
    if all(modules) and name.count(".") > 1:
        return plain(".".join(module[1] for module in modules if module and module[1]))
    return plain(name)


def _shape(tensor: Any) -> tuple[int, ...]:
    return tuple(map(int, tensor.shape)) if tensor.shape is not None else ()


class _Reader:
    """Reads operators as operations, with the tensors and the constants of a file."""

    def __init__(self, model: Any, graph: Any) -> None:
        self.model, self.tensors = model, graph.tensors

    def operation(self, operator: Any, code: str, name: str) -> Operation:
        """What an operator computes. ValueError for one whose multiply-adds nobody here counts."""
        if not code or NOT_COUNTED.fullmatch(code):
            raise ValueError(f"the multiply-adds of the operator {code or 'unknown'} are not counted: {name}")
        inputs = tuple(int(index) for index in operator.inputs)
        options = operator.builtinOptions
        base = Operation(
            name,
            code,
            TYPES.get(code, "other"),
            tuple(map(str, inputs)),
            tuple(str(int(index)) for index in operator.outputs),
            axis=CHANNELS_LAST,
            activation=FUSED.get(getattr(options, "fusedActivationFunction", 0), ""),
            is_product=code == "MUL",
        )
        match code:
            case "CONV_2D" | "DEPTHWISE_CONV_2D":
                return self._convolution(base, inputs, options)
            case "TRANSPOSE_CONV":
                return self._transposed(base, inputs, options)
            case "FULLY_CONNECTED":
                return self._linear(base, inputs)
            case "BATCH_MATMUL":
                return self._product(base, inputs, options)
            case "PAD" | "PADV2":
                return self._padding(base, inputs)
            case "MEAN":
                return self._mean(base, inputs)
        if code in POOLS:
            return self._pool(base, inputs, options)
        if code in ACTIVATIONS:
            further = self._learned(inputs[1:]) if code == "PRELU" else 0
            return replace(base, type="activation", activation=ACTIVATIONS[code], further_params=further)
        return replace(base, further_params=self._learned(inputs) if code in ("ADD", "SUB", "MUL", "DIV") else 0)

    def _sizes(self, index: int) -> tuple[int, ...]:
        return _shape(self.tensors[index])

    def _values(self, index: int) -> list[int] | None:
        """The whole numbers of a constant, None where it is computed."""
        tensor = self.tensors[index]
        data = self.model.buffers[tensor.buffer].data
        if data is None or not len(data):
            return None
        element = np.int64 if tensor.type == schema.TensorType.INT64 else np.int32
        return [int(value) for value in np.frombuffer(bytes(data), element)]

    def _learned(self, indices: Iterable[int]) -> int:
        """The numbers of the constants among these tensors, where they are more than one."""
        sizes = [int(np.prod(self._sizes(index))) for index in indices if self._is_constant(index)]
        return sum(size for size in sizes if size > 1)

    def _is_constant(self, index: int) -> bool:
        data = self.model.buffers[self.tensors[index].buffer].data
        return data is not None and len(data) > 0 and self.tensors[index].type in FLOATS

    def _convolution(self, base: Operation, inputs: tuple[int, ...], options: Any) -> Operation:
        shape, weights = self._sizes(inputs[0]), self._sizes(inputs[1])
        kernel, stride = (weights[1], weights[2]), (options.strideH, options.strideW)
        is_depthwise = base.operator == "DEPTHWISE_CONV_2D"
        reach = (
            (kernel[0] - 1) * options.dilationHFactor + 1,
            (kernel[1] - 1) * options.dilationWFactor + 1,
        )
        return replace(
            base,
            type="conv",
            inputs=base.inputs[:2],
            kernel=kernel,
            stride=stride,
            pads=_pads(options, (shape[1], shape[2]), reach, stride),
            groups=shape[3] if is_depthwise else max(1, shape[3] // weights[3]),
            bias=len(inputs) > 2 and inputs[2] >= 0,
        )

    def _transposed(self, base: Operation, inputs: tuple[int, ...], options: Any) -> Operation:
        weights = self._sizes(inputs[1])
        return replace(
            base,
            type="transposed",
            inputs=(base.inputs[2], base.inputs[1]),
            kernel=(weights[1], weights[2]),
            stride=(options.strideH, options.strideW),
            bias=len(inputs) > 3 and inputs[3] >= 0,
        )

    def _linear(self, base: Operation, inputs: tuple[int, ...]) -> Operation:
        return replace(
            base,
            type="matmul",
            inputs=base.inputs[:2],
            in_channels=self._sizes(inputs[1])[-1],
            bias=len(inputs) > 2 and inputs[2] >= 0,
        )

    def _product(self, base: Operation, inputs: tuple[int, ...], options: Any) -> Operation:
        summed = self._sizes(inputs[0])[-2 if options.adjX else -1]
        return replace(base, type="matmul", in_channels=summed)

    def _padding(self, base: Operation, inputs: tuple[int, ...]) -> Operation:
        numbers = self._values(inputs[1])
        if numbers is None or len(numbers) != 8 or any(numbers[:2] + numbers[6:]) or base.operator != "PAD":
            return replace(base, inputs=base.inputs[:1])
        pads = ((numbers[2], numbers[3]), (numbers[4], numbers[5]))
        return replace(base, type="pads", inputs=base.inputs[:1], pads=pads)

    def _mean(self, base: Operation, inputs: tuple[int, ...]) -> Operation:
        """A mean over the pixels of an image is a pool."""
        shape = self._sizes(inputs[0])
        axes = self._values(inputs[1]) or []
        if len(shape) != 4 or sorted(axis % 4 for axis in axes) not in ([1, 2], [2, 3]):
            return base
        sides, axis = ((shape[1], shape[2]), CHANNELS_LAST)
        if sorted(axis % 4 for axis in axes) == [2, 3]:
            sides, axis = (shape[2], shape[3]), 1
        return replace(base, type="pool", inputs=base.inputs[:1], axis=axis, kernel=sides, stride=sides, pool="average")

    def _pool(self, base: Operation, inputs: tuple[int, ...], options: Any) -> Operation:
        shape = self._sizes(inputs[0])
        kernel, stride = (options.filterHeight, options.filterWidth), (options.strideH, options.strideW)
        pads = _pads(options, (shape[1], shape[2]), kernel, stride)
        return replace(
            base, type="pool", kernel=kernel, stride=stride, pads=pads, pool=POOLS[base.operator], counts_pads=False
        )


def _pads(options: Any, sides: Sides, reach: Sides, stride: Sides) -> Pads:
    if options.padding != schema.Padding.SAME:
        return NO_PADS
    return same(sides[0], reach[0], stride[0]), same(sides[1], reach[1], stride[1])
