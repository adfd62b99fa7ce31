"""The layers of an ONNX graph, from its nodes and from the shapes that follow from its input."""

import ast
import re
from collections.abc import Iterable, Sequence
from math import prod
from typing import Any

import numpy as np
import onnx
from msgspec.structs import replace
from onnx import helper, numpy_helper, shape_inference

from mnv2bench.artifacts.models.names import layer_names, plain, unique
from mnv2bench.networks import Layer, Sides, operations
from mnv2bench.networks.graph import same
from mnv2bench.networks.layer import NO_PADS, Activation, Pads, Pool
from mnv2bench.networks.operations import Operation, OperationType, Shape, Tensors, contraction

SCOPES = "pkg.torch.onnx.name_scopes"  # torch.onnx lists here the modules around a node, and last the node itself
WEIGHT = re.compile(r"(.+)\.weight(?:_quantized)?")
SMALL = 4096  # elements of a constant that may decide a shape; larger ones are left out of shape inference
FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16, onnx.TensorProto.DOUBLE)
RELU6 = (0.0, 6.0)

CONVOLUTIONS = {"Conv": (1, 2), "FusedConv": (1, 2), "QLinearConv": (3, 8), "ConvInteger": (1, 9)}  # weights and bias
TRANSPOSED = {"ConvTranspose": (1, 2)}
PRODUCTS = {  # of matrices: the places of both matrices and of the bias among the inputs
    "Gemm": (0, 1, 2),
    "FusedGemm": (0, 1, 2),
    "MatMul": (0, 1, 9),
    "FusedMatMul": (0, 1, 9),
    "MatMulInteger": (0, 1, 9),
    "QLinearMatMul": (0, 3, 9),
    "QGemm": (0, 3, 6),
}
ACTIVATIONS: dict[str, Activation] = {
    "Relu": "relu",
    "Clip": "clip",
    "Elu": "elu",
    "Gelu": "gelu",
    "HardSigmoid": "hardsigmoid",
    "HardSwish": "hardswish",
    "LeakyRelu": "leaky_relu",
    "Mish": "mish",
    "PRelu": "prelu",
    "Sigmoid": "sigmoid",
    "QLinearSigmoid": "sigmoid",
    "QLinearLeakyRelu": "leaky_relu",
    "Softplus": "softplus",
    "Swish": "silu",
    "Tanh": "tanh",
}
POOLS: dict[str, Pool] = {
    "AveragePool": "average",
    "GlobalAveragePool": "average",
    "GlobalMaxPool": "max",
    "MaxPool": "max",
    "QLinearAveragePool": "average",
    "QLinearGlobalAveragePool": "average",
}
TYPES: dict[str, OperationType] = {
    "Add": "add",
    "Sum": "add",
    "QLinearAdd": "add",
    "BatchNormalization": "norm",
    "Concat": "concat",
    "QLinearConcat": "concat",
    "Pad": "pads",
    **dict.fromkeys(("Shape", "Size"), "shape"),
    **dict.fromkeys(
        (
            "Cast",
            "CastLike",
            "DequantizeLinear",
            "Dropout",
            "DynamicQuantizeLinear",
            "Flatten",
            "Identity",
            "QuantizeLinear",
            "Reshape",
            "Squeeze",
            "Unsqueeze",
        ),
        "same",
    ),
    **dict.fromkeys(
        ("DepthToSpace", "Expand", "Gather", "Slice", "SpaceToDepth", "Split", "Tile", "Transpose"), "shuffle"
    ),
}
LEARNED = ("Add", "Sub", "Mul", "Div", "Concat", "PRelu", "Gather")  # an operation's own constants are learned numbers
NORMS = ("BatchNormalization", "GroupNormalization", "InstanceNormalization", "LayerNormalization", "RMSNormalization")
NOT_COUNTED = ("LSTM", "GRU", "RNN", "Attention", "MultiHeadAttention", "DeformConv", "ConvLSTM")


def layers(model: onnx.ModelProto) -> tuple[Layer, ...]:
    """The layers of a model whose image has a fixed shape, in the order in which they run.

    ValueError, in one line, where the model cannot be counted.
    """
    name_nodes(model)
    graph = model.graph
    shapes = _shapes(model)
    constants = _constants(graph)
    image = next((value.name for value in graph.input if value.name not in constants), "")
    if not image or not shapes.get(image):
        raise ValueError("has no image of a fixed shape among its inputs")
    tensors = Tensors(image, tuple(value.name for value in graph.output), shapes[image][0], shapes)
    reader = _Reader(shapes, constants)
    nodes = [node for node in graph.node if node.op_type != "Constant"]
    names = layer_names([_path(node) for node in nodes], [node.op_type for node in nodes])
    return operations.layers(map(reader.operation, nodes, names), tensors)


def name_nodes(model: onnx.ModelProto) -> None:
    """Give each node a name of its own, in place: a plain form of the one that it has. A second time changes nothing.

    Runtimes report nodes by name, and a file may leave names out, repeat them, or have ones that no page shows.
    """
    nodes = model.graph.node
    names = unique(plain(node.name) or node.op_type for node in nodes)
    for node, name in zip(nodes, names, strict=True):
        node.name = name


def is_of_layers(node: onnx.NodeProto) -> bool:
    """Whether a node is a layer or a part of one: others hold constants, or leave the numbers as they are."""
    return node.op_type != "Constant" and TYPES.get(node.op_type) not in ("same", "shape")


def node_modules(node: onnx.NodeProto, tensors: Iterable[str]) -> tuple[str, ...]:
    """The modules that torch's exporters name for a node: by its weights among these tensors, else by its scopes."""
    weights = tuple(match[1] for match in map(WEIGHT.fullmatch, tensors) if match)
    scopes = [ast.literal_eval(p.value) for p in node.metadata_props if p.key == SCOPES]
    return weights or tuple(str(around[-2]) for around in scopes if len(around) > 1)


def _path(node: onnx.NodeProto) -> str:
    modules = _safe_modules(node)
    if modules is not None:
        return plain(modules)
    return re.sub(rf"(^|[.]){re.escape(node.op_type)}(_\d+)*$", "", node.name)


def _safe_modules(node: onnx.NodeProto) -> str | None:
    """The path of a node's module, None where the file has none. What a file has there may be anything."""
    try:
        modules = node_modules(node, node.input)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    return modules[0] if modules else None


def _constants(graph: onnx.GraphProto) -> dict[str, onnx.TensorProto]:
    """The tensors that the file has, by name."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        for attribute in node.attribute if node.op_type == "Constant" else ():
            if attribute.name == "value":
                constants[node.output[0]] = attribute.t
    return constants


def _shapes(model: onnx.ModelProto) -> dict[str, Shape]:
    """The shape of each tensor, by ONNX's own inference on the graph without its large tensors.

    ValueError where the nodes contradict each other.
    """
    graph = onnx.GraphProto()
    graph.name = "shapes"
    graph.node.extend(model.graph.node)
    constants = {tensor.name for tensor in model.graph.initializer}
    graph.input.extend(value for value in model.graph.input if value.name not in constants)
    for result in model.graph.output:
        graph.output.append(onnx.ValueInfoProto(name=result.name))
    for tensor in model.graph.initializer:
        if prod(tensor.dims) <= SMALL and tensor.data_location != onnx.TensorProto.EXTERNAL:
            graph.initializer.append(tensor)
        else:
            graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
    bare = onnx.ModelProto(ir_version=model.ir_version, graph=graph, opset_import=model.opset_import)
    try:
        inferred = shape_inference.infer_shapes(bare, strict_mode=True, data_prop=True).graph
    except (shape_inference.InferenceError, RuntimeError) as error:
        raise ValueError(f"its shapes contradict each other: {_first_line(error)}") from error
    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    for value in (*inferred.input, *inferred.value_info, *inferred.output):
        dims = value.type.tensor_type.shape.dim
        if value.type.tensor_type.HasField("shape") and all(dim.HasField("dim_value") for dim in dims):
            shapes[value.name] = tuple(dim.dim_value for dim in dims)
    return shapes


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200] if lines else type(error).__name__


class _Reader:
    """Reads nodes as operations: by their attributes, and by the shapes and the constants of a graph."""

    def __init__(self, shapes: dict[str, Shape], constants: dict[str, onnx.TensorProto]) -> None:
        self.shapes, self.constants = shapes, constants

    def operation(self, node: onnx.NodeProto, name: str) -> Operation:
        """What a node computes. ValueError for one whose multiply-adds nobody here counts."""
        attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        base = Operation(
            name,
            node.op_type,
            "other",
            tuple(node.input),
            tuple(filter(None, node.output)),
            modules=(node.name,),
            further_params=self._further_params(node),
        )
        if node.op_type in NOT_COUNTED:
            raise ValueError(f"the multiply-adds of the operator {node.op_type} are not counted: {name}")
        if node.op_type in CONVOLUTIONS:
            return self._convolution(base, "conv", attributes, *CONVOLUTIONS[node.op_type])
        if node.op_type in TRANSPOSED:
            return self._convolution(base, "transposed", attributes, *TRANSPOSED[node.op_type])
        if node.op_type in PRODUCTS:
            return self._product(base, attributes, *PRODUCTS[node.op_type])
        if node.op_type == "Einsum":
            return self._contraction(base, attributes)
        if node.op_type in ACTIVATIONS:
            return replace(base, type="activation", activation=self._activation(node, attributes))
        if node.op_type in POOLS:
            return self._pool(base, attributes)
        if node.op_type == "ReduceMean":
            return self._mean(base, attributes)
        if node.op_type == "Pad":
            return self._padding(base, attributes)
        return replace(base, type=TYPES.get(node.op_type, "other"), is_product=node.op_type in ("Mul", "QLinearMul"))

    def _values(self, name: str) -> list[float] | None:
        """The numbers of a small constant, None where they are not at hand."""
        tensor = self.constants.get(name)
        if tensor is None or prod(tensor.dims) > SMALL or tensor.data_location == onnx.TensorProto.EXTERNAL:
            return None
        return [float(value) for value in np.ravel(numpy_helper.to_array(tensor))]

    def _further_params(self, node: onnx.NodeProto) -> int:
        """Learned numbers among an operation's constants: of norms, slopes of activations, embeddings."""
        if node.op_type in NORMS:
            return sum(prod(self.shapes.get(name, ())) for name in node.input[1:3])
        if node.op_type not in LEARNED:
            return 0
        own = [self.constants[name] for name in node.input if name in self.constants]
        return sum(prod(tensor.dims) for tensor in own if tensor.data_type in FLOATS and prod(tensor.dims) > 1)

    def _convolution(
        self, base: Operation, type: OperationType, attributes: dict[str, Any], weights: int, bias: int
    ) -> Operation:
        inputs = base.inputs
        shape = self.shapes.get(inputs[weights]) if len(inputs) > weights else None
        if shape is None or len(shape) not in (3, 4):
            dimensions = "an unknown number of" if shape is None else len(shape) - 2
            raise ValueError(f"{base.name} is a convolution of {dimensions} dimensions, and only 1 and 2 are counted")
        channels = self.shapes.get(inputs[0], (0, 0))[1]
        if channels != (shape[0] if type == "transposed" else shape[1] * int(attributes.get("group", 1))):
            raise ValueError(f"{base.name} has weights for other numbers of channels than the {channels} of its image")
        kernel = _two(shape[2:])
        stride = _two(attributes.get("strides", (1, 1)))
        dilation = _two(attributes.get("dilations", (1, 1)))
        reach = tuple((side - 1) * step + 1 for side, step in zip(kernel, dilation, strict=True))
        return replace(
            base,
            type=type,
            inputs=inputs[: weights + 1],
            axis=1,
            kernel=kernel,
            stride=stride,
            pads=self._pads(inputs[0], attributes, reach, stride),
            groups=int(attributes.get("group", 1)),
            bias=len(inputs) > bias and bool(inputs[bias]),
            activation=_fused(attributes),
        )

    def _pads(self, source: str, attributes: dict[str, Any], reach: Sequence[int], stride: Sides) -> Pads:
        automatic = bytes(attributes.get("auto_pad", b"NOTSET"))
        if automatic.startswith(b"SAME"):
            sides = _two(self.shapes.get(source, ())[2:])
            height, width = (same(*numbers) for numbers in zip(sides, reach, stride, strict=True))
            if automatic == b"SAME_LOWER":
                return height[::-1], width[::-1]
            return height, width
        pads = attributes.get("pads", ())
        half = len(pads) // 2
        if not half:
            return NO_PADS
        before, after = _two(pads[:half], 0), _two(pads[half:], 0)
        return (before[0], after[0]), (before[1], after[1])

    def _product(self, base: Operation, attributes: dict[str, Any], left: int, right: int, bias: int) -> Operation:
        inputs = base.inputs
        shape = self.shapes.get(inputs[left])
        if not shape or len(inputs) <= right:
            raise ValueError(f"the shapes of the product {base.name} are not known")
        return replace(
            base,
            type="matmul",
            inputs=(inputs[left], inputs[right]),
            in_channels=shape[0] if attributes.get("transA") else shape[-1],
            bias=len(inputs) > bias and bool(inputs[bias]),
        )

    def _contraction(self, base: Operation, attributes: dict[str, Any]) -> Operation:
        equation = bytes(attributes.get("equation", b"")).decode("ascii", "replace")
        return contraction(base, equation, self.shapes)

    def _activation(self, node: onnx.NodeProto, attributes: dict[str, Any]) -> Activation:
        if node.op_type != "Clip":
            return ACTIVATIONS[node.op_type]
        limits = [self._values(name) for name in node.input[1:3]]
        numbers = [limit[0] if limit else None for limit in limits]
        low, high = numbers if len(numbers) == 2 else (attributes.get("min"), attributes.get("max"))
        return "relu6" if (low, high) == RELU6 else "clip"

    def _pool(self, base: Operation, attributes: dict[str, Any]) -> Operation:
        shape = self.shapes.get(base.inputs[0], ())
        if len(shape) not in (3, 4):
            return base
        kernel = _two(attributes.get("kernel_shape", shape[2:]))
        stride = _two(attributes.get("strides", (1, 1)))
        return replace(
            base,
            type="pool",
            inputs=base.inputs[:1],
            axis=1,
            kernel=kernel,
            stride=stride,
            pads=self._pads(base.inputs[0], attributes, kernel, stride),
            pool=POOLS[base.operator],
            counts_pads=bool(attributes.get("count_include_pad", 0)),
        )

    def _mean(self, base: Operation, attributes: dict[str, Any]) -> Operation:
        """A mean over the pixels of an image is a pool; another one is no layer that is counted."""
        shape = self.shapes.get(base.inputs[0], ())
        axes = attributes.get("axes") or (self._values(base.inputs[1]) if len(base.inputs) > 1 else None) or ()
        places = sorted(int(axis) % len(shape) for axis in axes) if shape else []
        if places == [2, 3]:
            return replace(base, type="pool", inputs=base.inputs[:1], axis=1, kernel=_two(shape[2:]), pool="average")
        if places == [1, 2] and len(shape) == 4:
            return replace(base, type="pool", inputs=base.inputs[:1], axis=-1, kernel=_two(shape[1:3]), pool="average")
        return base

    def _padding(self, base: Operation, attributes: dict[str, Any]) -> Operation:
        shape = self.shapes.get(base.inputs[0], ())
        pads = attributes.get("pads") or (self._values(base.inputs[1]) if len(base.inputs) > 1 else None) or ()
        value = self._values(base.inputs[2]) if len(base.inputs) > 2 and base.inputs[2] else [0.0]
        numbers = [int(number) for number in pads]
        of_images = len(shape) == 4 and len(numbers) == 8 and not any(numbers[place] for place in (0, 1, 4, 5))
        if not of_images or value != [0.0] or attributes.get("mode", b"constant") != b"constant":
            return replace(base, type="shuffle", inputs=base.inputs[:1])
        pads = ((numbers[2], numbers[6]), (numbers[3], numbers[7]))
        return replace(base, type="pads", inputs=base.inputs[:1], pads=pads)


def _two(sides: Sequence[int], missing: int = 1) -> Sides:
    """The height and the width; a row of numbers is an image of one column."""
    padded = (*(int(side) for side in sides), missing, missing)
    return padded[0], padded[1]


def _fused(attributes: dict[str, Any]) -> Activation:
    """The activation that a convolution of onnxruntime's own applies to its result."""
    name = bytes(attributes.get("activation", b"")).decode("ascii", "replace")
    return ACTIVATIONS.get(name, "") if name else ""
