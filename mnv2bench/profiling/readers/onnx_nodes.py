"""What the nodes of an exported ONNX file compute, by the names that runtimes use for them."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import onnx

from mnv2bench.artifacts.models.onnx_layers import (
    ACTIVATIONS,
    CONVOLUTIONS,
    POOLS,
    PRODUCTS,
    TRANSPOSED,
    is_of_layers,
    node_modules,
)

CONVERTING = ("QuantizeLinear", "DequantizeLinear")
LAYOUT = (
    "Concat",
    "Flatten",
    "Identity",
    "Pad",
    "ReorderInput",
    "ReorderOutput",
    "Reshape",
    "Slice",
    "Split",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
    *CONVERTING,
)
OPERATOR_TYPES = {  # by ONNX's op_type
    **dict.fromkeys((*CONVOLUTIONS, *TRANSPOSED), "conv"),
    **dict.fromkeys(PRODUCTS, "linear"),
    **dict.fromkeys(ACTIVATIONS, "activation"),
    **dict.fromkeys(POOLS, "pool"),
    "Add": "add",
    "BatchNormalization": "norm",
    "QLinearAdd": "add",
    "ReduceMean": "pool",
    "Sum": "add",
    **dict.fromkeys(LAYOUT, "layout"),
}


class Part(NamedTuple):
    """The type and the origins of an operator, as in `records.Operator`."""

    type: str
    origins: tuple[str, ...]


def fused(parts: Sequence[Part]) -> Part:
    """One operator that computes all of these, in their order; its type is "other" where there are none."""
    types = dict.fromkeys(part.type for part in parts)
    origins = dict.fromkeys(origin for part in parts for origin in part.origins)
    return Part("+".join(types) or "other", tuple(origins))


def operator_type(node: onnx.NodeProto) -> str:
    """The operator type of an ONNX node; a convolution with groups is "depthwise"."""
    type = OPERATOR_TYPES.get(node.op_type, "other")
    groups = next((attribute.i for attribute in node.attribute if attribute.name == "group"), 1)
    return "depthwise" if type == "conv" and groups > 1 else type


class Exported:
    """The nodes of a file: `named` by their own names and those of their outputs, `readers` by the names of inputs.

    `converted` has the tensors that a quantised file converts to int8 or back, by the names of the results: who reads a
    result reads the tensor. The origins of a node are the modules that torch's exporter names, or, where it
    `has_own_names`, as a user's file does, its own name.
    """

    def __init__(self, path: Path, has_own_names: bool = False) -> None:
        self.has_own_names = has_own_names
        self.named: dict[str, onnx.NodeProto] = {}
        self.readers: dict[str, list[onnx.NodeProto]] = {}
        self.converted: dict[str, str] = {}
        for node in onnx.load(path).graph.node:
            self.named |= dict.fromkeys(filter(None, (node.name, *node.output)), node)
            for name in node.input:
                for same in dict.fromkeys((name, self.source(name))):
                    self.readers.setdefault(same, []).append(node)
            if node.op_type in CONVERTING:
                self.converted[node.output[0]] = self.source(node.input[0])

    def source(self, name: str) -> str:
        """The tensor that was converted where this one is the result of that, else this one."""
        return self.converted.get(name, name)

    def part(self, node: onnx.NodeProto) -> Part:
        """The type and the origins of a node. An activation has the origins of the node before it."""
        type = operator_type(node)
        if self.has_own_names:
            return Part(type, (node.name,) if is_of_layers(node) else ())
        before = self.named.get(self.source(node.input[0])) if node.input else None
        if type == "activation" and before is not None:
            return Part("activation", self.part(before).origins)
        return Part(type, node_modules(node, map(self.source, node.input)))
