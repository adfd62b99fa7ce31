"""The layers of a program of torch.export, from its nodes and from the shapes that torch wrote down for them."""

from collections.abc import Iterator
from math import prod
from typing import Any

import torch
from msgspec.structs import replace
from torch.export.graph_signature import InputKind

from mnv2bench.artifacts.models.names import layer_names, plain
from mnv2bench.networks import Layer, Sides, operations
from mnv2bench.networks.graph import same
from mnv2bench.networks.layer import NO_PADS, Activation, Pads
from mnv2bench.networks.operations import Operation, OperationType, Shape, Tensors, contraction

Node = torch.fx.Node
Arguments = dict[str, Any]
PROGRAM = "program."  # what the paths of weights begin with in a program that was exported once more

ACTIVATIONS: dict[str, Activation] = {
    "clamp": "clip",
    "elu": "elu",
    "gelu": "gelu",
    "hardsigmoid": "hardsigmoid",
    "hardswish": "hardswish",
    "hardtanh": "clip",
    "leaky_relu": "leaky_relu",
    "mish": "mish",
    "prelu": "prelu",
    "relu": "relu",
    "relu6": "relu6",
    "sigmoid": "sigmoid",
    "silu": "silu",
    "softplus": "softplus",
    "tanh": "tanh",
}
RELU6 = (0.0, 6.0)
CONVOLUTIONS = ("conv1d", "conv2d", "conv3d", "convolution", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
MATRICES = {"addmm": ("mat1", "mat2"), "mm": ("self", "mat2"), "bmm": ("self", "mat2"), "matmul": ("self", "other")}
NORMS = ("batch_norm", "_native_batch_norm_legit_no_training")
SAME = (
    "_to_copy",
    "_unsafe_view",
    "alias",
    "clone",
    "contiguous",
    "dequantize_per_channel",
    "dequantize_per_tensor",
    "detach",
    "dropout",
    "feature_dropout",
    "flatten",
    "getitem",
    "quantize_per_channel",
    "quantize_per_tensor",
    "reshape",
    "squeeze",
    "to",
    "unflatten",
    "unsqueeze",
    "view",
)
MOVING = (
    "channel_shuffle",
    "chunk",
    "expand",
    "index",
    "narrow",
    "permute",
    "pixel_shuffle",
    "pixel_unshuffle",
    "repeat",
    "roll",
    "select",
    "slice",
    "split",
    "split_with_sizes",
    "stack",
    "t",
    "transpose",
    "unbind",
)
NOT_COUNTED = ("conv_tbc", "deform_conv2d", "gru", "lstm", "rnn_relu", "rnn_tanh")


def layers(
    program: torch.export.ExportedProgram, original: torch.export.ExportedProgram | None = None
) -> tuple[Layer, ...]:
    """The layers of a program whose image has a fixed shape, in the order in which they run.

    `original` is the program that this one was made from by exporting it once more, which forgets the modules of its
    nodes. ValueError, in one line, where the program cannot be counted.
    """
    nodes = [node for node in program.graph.nodes if node.op == "call_function" and _operator(node) != ""]
    reader = _Reader(program, original)
    names = layer_names([reader.path(node) for node in nodes], [_operator(node) for node in nodes])
    listed = [each for node, name in zip(nodes, names, strict=True) for each in reader.operations(node, name)]
    image = program.graph_signature.user_inputs[0]
    shape = reader.shapes[image]
    return operations.layers(
        listed, Tensors(image, tuple(program.graph_signature.user_outputs), shape[0], reader.shapes)
    )


def _operator(node: Node) -> str:
    """conv2d of aten.conv2d.default, as of aten.conv2d_.default; "" for what computes nothing, such as a check."""
    name = getattr(node.target, "__name__", str(node.target)).partition(".")[0]
    return "" if name.startswith(("_assert", "sym_")) else name.removesuffix("_")


def _arguments(node: Node) -> Arguments:
    """The arguments of a node by the names of its operator's schema."""
    if not isinstance(node.target, torch._ops.OpOverload):
        return {}
    schema = node.target._schema.arguments
    values = dict(zip((argument.name for argument in schema), node.args, strict=False))
    return {argument.name: argument.default_value for argument in schema} | values | dict(node.kwargs)


class _Reader:
    """Reads nodes as operations, with the shapes and the parameters of a program."""

    def __init__(
        self, program: torch.export.ExportedProgram, original: torch.export.ExportedProgram | None = None
    ) -> None:
        specs = program.graph_signature.input_specs
        self.targets = {spec.arg.name: str(spec.target).removeprefix(PROGRAM) for spec in specs if spec.target}
        self.learned = {spec.arg.name for spec in specs if spec.kind is InputKind.PARAMETER}
        self.originals = {} if original is None else {node.name: node for node in original.graph.nodes}
        self.shapes = {node.name: shape for node in program.graph.nodes if (shape := _shape(node)) is not None}

    def path(self, node: Node) -> str:
        """The path of the module that computes a node: by the modules around it, else by its weights."""
        known = self.originals.get(node.name, node)
        around = [
            str(path)
            for path, _ in (known if known.target == node.target else node).meta.get("nn_module_stack", {}).values()
        ]
        if around and around[-1]:
            return plain(around[-1])
        weights = [self.targets[name] for name in _inputs(node) if name in self.learned]
        return plain(weights[0].rpartition(".")[0]) if weights else ""

    def operations(self, node: Node, name: str) -> Iterator[Operation]:
        """What a node computes: an attention two operations. ValueError where the multiply-adds are not known."""
        operator, arguments = _operator(node), _arguments(node)
        path = self.path(node)
        base = Operation(name, operator, "other", _inputs(node), (node.name,), modules=(path,) if path else ())
        if operator in NOT_COUNTED:
            raise ValueError(f"the multiply-adds of the operator {operator} are not counted: {name}")
        if operator == "scaled_dot_product_attention":
            yield from self._attention(base)
        else:
            yield self._operation(base, arguments)

    def _operation(self, base: Operation, arguments: Arguments) -> Operation:
        operator = base.operator
        if operator in CONVOLUTIONS:
            return self._convolution(base, arguments)
        if operator == "linear":
            return replace(
                base,
                type="matmul",
                inputs=base.inputs[:2],
                in_channels=self.shapes[base.inputs[0]][-1],
                bias=arguments["bias"] is not None,
            )
        if operator in MATRICES:
            left, right = (arguments[place].name for place in MATRICES[operator])
            bias = operator == "addmm"
            return replace(base, type="matmul", inputs=(left, right), in_channels=self.shapes[left][-1], bias=bias)
        if operator == "einsum":
            return contraction(base, str(arguments["equation"]), self.shapes)
        if operator in NORMS:
            return replace(base, type="norm", further_params=self._further_params(base))
        base = replace(base, further_params=self._further_params(base))
        if operator in ACTIVATIONS:
            return replace(base, type="activation", activation=_activation(operator, arguments))
        if operator in ("avg_pool2d", "max_pool2d", "max_pool2d_with_indices"):
            return self._pool(base, arguments)
        if operator in ("adaptive_avg_pool2d", "adaptive_max_pool2d", "mean"):
            return self._whole_pool(base, arguments)
        if operator in ("pad", "constant_pad_nd"):
            return self._padding(base, arguments)
        return replace(base, type=_type(operator, arguments), is_product=operator == "mul")

    def _further_params(self, base: Operation) -> int:
        return sum(prod(self.shapes[name]) for name in base.inputs if name in self.learned)

    def _convolution(self, base: Operation, arguments: Arguments) -> Operation:
        transposed = bool(arguments.get("transposed", "transpose" in base.operator))
        weights = self.shapes[base.inputs[1]]
        if len(weights) not in (3, 4):
            dimensions = len(weights) - 2
            raise ValueError(f"{base.name} is a convolution of {dimensions} dimensions, and only 1 and 2 are counted")
        kernel, stride = _two(weights[2:]), _sides(arguments["stride"], len(weights) - 2)
        dilation = _sides(arguments["dilation"], len(weights) - 2)
        return replace(
            base,
            type="transposed" if transposed else "conv",
            inputs=base.inputs[:2],
            axis=1,
            kernel=kernel,
            stride=stride,
            pads=_pads(arguments["padding"], kernel, dilation, len(weights) - 2),
            groups=arguments["groups"],
            bias=arguments["bias"] is not None,
        )

    def _attention(self, base: Operation) -> Iterator[Operation]:
        """The products of queries with keys, and of what they give with values."""
        query, key, value = base.inputs[:3]
        scores = f"{base.outputs[0]}_scores"
        self.shapes[scores] = (*self.shapes[query][:-1], self.shapes[key][-2])
        yield replace(
            base,
            name=f"{base.name}_scores",
            type="matmul",
            inputs=(query, key),
            outputs=(scores,),
            in_channels=self.shapes[query][-1],
        )
        yield replace(base, type="matmul", inputs=(scores, value), in_channels=self.shapes[key][-2])

    def _pool(self, base: Operation, arguments: Arguments) -> Operation:
        kernel = _sides(arguments["kernel_size"], 2)
        padding = _sides(arguments["padding"], 2)
        return replace(
            base,
            type="pool",
            axis=1,
            kernel=kernel,
            stride=_sides(arguments["stride"] or kernel, 2),
            pads=((padding[0], padding[0]), (padding[1], padding[1])),
            pool="average" if base.operator == "avg_pool2d" else "max",
            counts_pads=bool(arguments.get("count_include_pad", False)),
        )

    def _whole_pool(self, base: Operation, arguments: Arguments) -> Operation:
        """A pool of the whole image, or of as many parts as its result has pixels."""
        shape, result = self.shapes[base.inputs[0]], self.shapes[base.outputs[0]]
        axes = arguments.get("dim", [2, 3]) or ()
        if len(shape) != 4 or sorted(axis % 4 for axis in axes) != [2, 3]:
            return base
        pixels = (1, 1) if base.operator == "mean" else result[2:]
        kernel = (-(-shape[2] // pixels[0]), -(-shape[3] // pixels[1]))
        pool = "max" if "max" in base.operator else "average"
        return replace(base, type="pool", axis=1, kernel=kernel, stride=kernel, pool=pool)

    def _padding(self, base: Operation, arguments: Arguments) -> Operation:
        numbers, value = list(arguments["pad"]), arguments.get("value") or 0.0
        if len(numbers) > 4 or value or arguments.get("mode", "constant") != "constant":
            return replace(base, type="shuffle")
        left, right, top, bottom = (*numbers, 0, 0, 0, 0)[:4]
        return replace(base, type="pads", pads=((top, bottom), (left, right)))


def _type(operator: str, arguments: Arguments) -> OperationType:
    if operator == "add":
        return "add" if isinstance(arguments.get("other"), Node) else "other"
    if operator in ("cat", "concat"):
        return "concat"
    if operator in SAME:
        return "same"
    return "shuffle" if operator in MOVING else "other"


def _activation(operator: str, arguments: Arguments) -> Activation:
    limits = (arguments.get("min_val", arguments.get("min")), arguments.get("max_val", arguments.get("max")))
    return "relu6" if operator in ("hardtanh", "clamp") and limits == RELU6 else ACTIVATIONS[operator]


def _inputs(node: Node) -> tuple[str, ...]:
    """The tensors that a node computes from, in the order of its arguments."""
    return tuple(each.name for each in node.all_input_nodes)


def _shape(node: Node) -> Shape | None:
    """The shape of a node's result; of several results that of the tensor that they are parts of, else of the first."""
    value = node.meta.get("val")
    if isinstance(value, list | tuple) and value:
        value = node.all_input_nodes[0].meta.get("val") if _operator(node) in MOVING else value[0]
    if not isinstance(value, torch.Tensor) or not all(isinstance(side, int) for side in value.shape):
        return None
    return tuple(value.shape)


def _two(sides: Shape, missing: int = 1) -> Sides:
    """The height and the width; a row of numbers is an image of one column."""
    padded = (*sides, missing, missing)
    return padded[0], padded[1]


def _sides(value: Any, dimensions: int, missing: int = 1) -> Sides:
    """A number for each side, where torch takes one for all of them too."""
    numbers = list(value) if isinstance(value, list | tuple) else [value]
    return _two(tuple(numbers * dimensions if len(numbers) == 1 else numbers)[:dimensions], missing)


def _pads(padding: Any, kernel: Sides, dilation: Sides, dimensions: int) -> Pads:
    """The zeros around an image: as many before as after, or as torch's "same" and "valid" pad."""
    if padding == "same":
        reach = [(side - 1) * step + 1 for side, step in zip(kernel, dilation, strict=True)]
        return same(reach[0], reach[0], 1), same(reach[1], reach[1], 1)
    if padding == "valid":
        return NO_PADS
    height, width = _sides(padding, dimensions, 0)
    return (height, height), (width, width)
