"""The operations of a foreign graph, and the layers that they are.

Whoever reads a kind of file lists its operations; what belongs to the layer before it is decided here, once for all.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Literal

import msgspec
from msgspec import Struct

from mnv2bench.networks.layer import IMAGE, NO_PADS, WITH_WEIGHTS, Activation, Layer, LayerType, Pads, Pool
from mnv2bench.networks.shapes import Sides

Shape = tuple[int, ...]
# Beside the types of layers: a norm; an operation whose result holds the same numbers; one that adds zeros around an
# image; and one whose result depends on the shape of its input alone.
OperationType = LayerType | Literal["norm", "same", "pads", "shape"]
GATES: dict[str, Activation] = {"sigmoid": "silu", "hardsigmoid": "hardswish"}  # of a tensor times its own gate
PADDED = ("conv", "depthwise", "transposed")
MAX_OPERATIONS = 100_000


class Operation(Struct, frozen=True):
    """One operation of a graph: `inputs` are the tensors that it computes from, `constants` those that it was given.

    `axis` is that of the channels in its inputs and its results: 1, or -1 for the last one; 0 is the second one of four
    or more, and else the last one. `bias` says whether it adds one.
    `further_params` as in Layer. `modules` are the names by which profiles know it. `in_channels` of a matmul are
    the multiply-adds for each number of the result; it is a linear layer where its first constant has the weights.
    """

    name: str
    operator: str
    type: OperationType
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    constants: tuple[str, ...] = ()
    axis: int = 0
    in_channels: int = 0
    kernel: Sides = (1, 1)
    stride: Sides = (1, 1)
    pads: Pads = NO_PADS
    groups: int = 1
    bias: bool = False
    activation: Activation = ""
    pool: Pool = ""
    counts_pads: bool = True
    is_product: bool = False
    further_params: int = 0
    modules: tuple[str, ...] = ()


class Tensors(Struct, frozen=True):
    """What is known of a graph's tensors: the image, the results, the batch, and the shape of each."""

    image: str
    results: tuple[str, ...]
    batch: int
    shapes: Mapping[str, Shape]


def layers(operations: Iterable[Operation], tensors: Tensors) -> tuple[Layer, ...]:
    """The layers of a graph, from its operations in an order in which they can run.

    ValueError, in one line, where a graph has no layer or a tensor no shape.
    """
    of_images = _of_images(operations, tensors.image)
    walk = _Walk(tensors, _with_gates(of_images))
    for operation in walk.operations:
        walk.visit(operation)
    if not any(layer.madds for layer in walk.layers):
        raise ValueError("computes nothing that is counted: it has no convolution and no linear layer")
    return tuple(walk.layers)


def contraction(operation: Operation, equation: str, shapes: Mapping[str, Shape]) -> Operation:
    """A sum of products as Einstein wrote it, such as bij,bjk->bik. ValueError where its multiply-adds are not known.

    Each letter is a dimension, and of two tensors all of them together are the multiply-adds.
    """
    terms = equation.replace(" ", "").partition("->")[0].split(",")
    sides: dict[str, int] = {}
    for term, name in zip(terms, operation.inputs, strict=False):
        shape = shapes.get(name, ())
        if len(term) != len(shape) or len(terms) > 2:
            raise ValueError(f"the multiply-adds of the einsum {operation.name} are not counted")
        sides |= dict(zip(term, shape, strict=True))
    if len(terms) < 2:
        return operation
    summed = prod(sides.values()) // max(1, prod(shapes.get(operation.outputs[0], ())))
    return msgspec.structs.replace(operation, type="matmul", in_channels=summed)


def _of_images(operations: Iterable[Operation], image: str) -> list[Operation]:
    """The operations that compute from the image, each with its constants apart; the others compute constants."""
    from_image = {image}
    listed = []
    for operation in operations:
        inputs = tuple(name for name in operation.inputs if name in from_image)
        if not inputs or operation.type == "shape":
            continue
        constants = tuple(name for name in operation.inputs if name and name not in from_image)
        from_image.update(operation.outputs)
        listed.append(msgspec.structs.replace(operation, inputs=inputs, constants=(*operation.constants, *constants)))
        if len(listed) > MAX_OPERATIONS:
            raise ValueError(f"has more than {MAX_OPERATIONS} operations")
    return listed


def _with_gates(operations: Sequence[Operation]) -> list[Operation]:
    """The same with one activation for a gate and the product of a tensor with its own gate: x * sigmoid(x)."""
    same = _roots(operations)
    readers = Counter(same.get(name, name) for operation in operations for name in operation.inputs)
    gates: dict[str, Operation] = {}
    listed: list[Operation] = []
    for operation in operations:
        if operation.activation in GATES and len(operation.inputs) == 1 and readers[operation.outputs[0]] == 1:
            gates[operation.outputs[0]] = operation
        inputs = [same.get(name, name) for name in operation.inputs]
        gate = next((gates[name] for name in inputs if name in gates), None)
        if gate is not None and operation.is_product and len(inputs) == 2:
            tensor = same.get(gate.inputs[0], gate.inputs[0])
            if tensor in inputs:
                listed.remove(gate)
                operation = msgspec.structs.replace(
                    operation,
                    type="activation",
                    is_product=False,
                    inputs=gate.inputs,
                    activation=GATES[gate.activation],
                    modules=(*gate.modules, *operation.modules),
                )
        listed.append(operation)
    return listed


def _roots(operations: Iterable[Operation]) -> dict[str, str]:
    """The first tensor that holds the same numbers, by each tensor that an operation leaves the same."""
    roots: dict[str, str] = {}
    for operation in operations:
        if operation.type == "same":
            root = roots.get(operation.inputs[0], operation.inputs[0])
            roots.update(dict.fromkeys(operation.outputs, root))
    return roots


class _Walk:
    """The operations in their order, and the layers so far. `places` has the layer that computed each tensor."""

    def __init__(self, tensors: Tensors, operations: Sequence[Operation]) -> None:
        self.operations = operations
        self.tensors = tensors
        self.layers: list[Layer] = []
        self.places: dict[str, int] = {}
        self.pads: dict[str, Operation] = {}
        self.roots = _roots(operations)
        self.readers: dict[str, list[Operation]] = {}
        for operation in operations:
            for name in operation.inputs if operation.type != "same" else ():
                self.readers.setdefault(self.root(name), []).append(operation)
        self.results = {self.root(name) for name in tensors.results}

    def root(self, tensor: str) -> str:
        """The first tensor with the same numbers."""
        return self.roots.get(tensor, tensor)

    def visit(self, operation: Operation) -> None:
        """Add a layer for the next operation, or give it to the layer before."""
        if operation.type == "same":
            return
        if operation.type == "pads" and self._is_padding(operation):
            self.pads[operation.outputs[0]] = operation
            return
        continued = self._continued(operation)
        if continued is None:
            self._append(operation)
        else:
            place, layer = continued
            self.layers[place] = layer
            self.places |= dict.fromkeys(operation.outputs, place)

    def _is_padding(self, operation: Operation) -> bool:
        """Whether all that read the padded image are convolutions, which can take the zeros themselves."""
        padded = operation.outputs[0]
        readers = self.readers.get(padded, ())
        return padded not in self.results and bool(readers) and all(reader.type in PADDED for reader in readers)

    def _continued(self, operation: Operation) -> tuple[int, Layer] | None:
        """The layer before with this operation as a part of it: its batch norm, its activation or its bias."""
        tensor = self.root(operation.inputs[0])
        place = self.places.get(tensor)
        is_only_reader = len(self.readers[tensor]) == 1 or all(reader == operation for reader in self.readers[tensor])
        if place is None or not is_only_reader or tensor in self.results or len(set(operation.inputs)) > 1:
            return None
        layer = self.layers[place]
        if layer.activation:
            return None
        modules = (*layer.modules, *operation.modules)
        replace = msgspec.structs.replace
        match operation.type:
            case "norm" if layer.type in WITH_WEIGHTS and not layer.norm and self._is_of_channels(operation, layer):
                return place, replace(layer, norm=True, modules=modules)
            case "activation" if layer.type not in ("other", "shuffle", "activation"):
                further = layer.further_params + operation.further_params
                return place, replace(layer, activation=operation.activation, modules=modules, further_params=further)
            case "add" if layer.type in WITH_WEIGHTS and not layer.norm and not layer.has_bias:
                if self._is_of_channels(operation, layer):
                    return place, replace(layer, has_bias=True, modules=modules)
        return None

    def _is_of_channels(self, operation: Operation, layer: Layer) -> bool:
        """Whether the constants of an operation have a number for each of a layer's channels."""
        sizes = [prod(self.tensors.shapes.get(name, ())) for name in operation.constants]
        return bool(sizes) and sizes[0] == layer.out_channels

    def _append(self, operation: Operation) -> None:
        if operation.type == "matmul":
            self._append_product(operation)
            return
        padding = self.pads.get(self.root(operation.inputs[0]))
        source = operation.inputs[0] if padding is None else padding.inputs[0]
        in_channels, in_size = self._extent(source, operation.axis)
        out_channels, out_size = self._result_extent(operation)
        if operation.type == "concat":
            in_channels = out_channels
        layer_type = _layer_type(operation, in_channels, out_channels)
        self.layers.append(
            Layer(
                operation.name,
                layer_type,
                tuple(self._layer(name) for name in (source, *operation.inputs[1:])),
                operation.in_channels or in_channels,
                out_channels,
                in_size,
                out_size,
                kernel=operation.kernel,
                stride=operation.stride,
                pads=_sum(operation.pads, padding.pads if padding else NO_PADS),
                groups=operation.groups,
                has_bias=operation.bias,
                activation=operation.activation,
                pool=operation.pool,
                counts_pads=operation.counts_pads,
                modules=operation.modules,
                operator=operation.operator,
                further_params=operation.further_params,
            )
        )
        self.places |= dict.fromkeys(operation.outputs, len(self.layers) - 1)

    def _append_product(self, operation: Operation) -> None:
        """A linear layer where one of two matrices is a constant, as many of them as groups where it is a stack."""
        summed = max(1, operation.in_channels)
        _, (rows, _) = self._positions(operation.inputs[0], summed)
        channels, size = self._extent(operation.outputs[0], -1)
        layer = Layer(
            operation.name,
            "matmul",
            tuple(map(self._layer, operation.inputs)),
            summed,
            channels,
            (rows, 1),
            size,
            has_bias=operation.bias,
            modules=operation.modules,
            operator=operation.operator,
            further_params=operation.further_params,
        )
        if operation.constants:
            layer = self._linear(layer, operation.outputs[0], self.tensors.shapes.get(operation.constants[0], ()))
        self.layers.append(layer)
        self.places |= dict.fromkeys(operation.outputs, len(self.layers) - 1)

    def _linear(self, layer: Layer, result: str, weights: Shape) -> Layer:
        """A product with a constant as a linear layer, where the shapes of both agree that it is one."""
        outputs, groups = prod(weights) // layer.in_channels, prod(weights[:-2])
        _, size = self._positions(result, outputs)
        if outputs * prod(size) != layer.out_elements or outputs * layer.in_channels != prod(weights):
            return msgspec.structs.replace(layer, further_params=layer.further_params + prod(weights))
        if outputs == layer.out_channels:
            size = layer.out_size
        return msgspec.structs.replace(
            layer,
            type="linear",
            in_channels=groups * layer.in_channels,
            out_channels=outputs,
            in_size=size,
            out_size=size,
            groups=groups,
        )

    def _positions(self, tensor: str, channels: int) -> tuple[int, Sides]:
        """A tensor of one image as so many channels at (positions, 1)."""
        all_channels, size = self._extent(tensor, -1)
        return channels, (max(1, all_channels * prod(size) // max(1, channels)), 1)

    def _layer(self, tensor: str) -> str:
        place = self.places.get(self.root(tensor))
        return IMAGE if place is None else self.layers[place].name

    def _result_extent(self, operation: Operation) -> tuple[int, Sides]:
        """Channels and size of all results of an operation together."""
        extents = [self._extent(name, operation.axis) for name in operation.outputs if self._is_read(name)]
        if not extents:
            return self._extent(operation.outputs[0], operation.axis)
        if len({size for _, size in extents}) == 1:
            return sum(channels for channels, _ in extents), extents[0][1]
        return sum(channels * prod(size) for channels, size in extents), (1, 1)

    def _is_read(self, tensor: str) -> bool:
        root = self.root(tensor)
        return root in self.readers or root in self.results

    def _extent(self, tensor: str, axis: int) -> tuple[int, Sides]:
        """Channels and size of a tensor for one image; of one that is no image, the size is (positions, 1)."""
        if tensor not in self.tensors.shapes:
            raise ValueError(f"the shape of the tensor {tensor[:80]!r} does not follow from that of the image")
        shape = self.tensors.shapes[tensor]
        batch = self.tensors.batch
        if len(shape) < 2 or shape[0] != batch:
            channels = shape[-1] if shape else 1
            return channels, (max(1, prod(shape) // max(1, channels * batch)), 1)
        is_second = axis == 1 or (axis == 0 and len(shape) > 3)
        channels = shape[1] if is_second else shape[-1]
        if len(shape) == 4:
            return channels, (shape[2], shape[3]) if is_second else (shape[1], shape[2])
        return channels, (max(1, prod(shape) // max(1, channels * batch)), 1)


def _layer_type(operation: Operation, in_channels: int, out_channels: int) -> LayerType:
    match operation.type:
        case "conv" if operation.groups == in_channels == out_channels and operation.groups > 1:
            return "depthwise"
        case "add" if len(operation.inputs) < 2:
            return "other"
        case "norm" | "same" | "shape":
            return "other"
        case "pads":
            return "shuffle"
        case _:
            return operation.type


def _sum(pads: Pads, others: Pads) -> Pads:
    (top, bottom), (left, right) = pads
    (above, below), (before, after) = others
    return (top + above, bottom + below), (left + before, right + after)
