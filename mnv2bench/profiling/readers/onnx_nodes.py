"""What the nodes of an exported ONNX file compute, by the names that runtimes use for them."""

import ast
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import onnx

CONVERTING = ("QuantizeLinear", "DequantizeLinear")
LAYOUT = ("ReorderInput", "ReorderOutput", "Transpose", "Reshape", "Flatten", "Squeeze", "Identity", "Pad", *CONVERTING)
OPERATOR_TYPES = {  # by ONNX's op_type
    "Conv": "conv",
    "FusedConv": "conv",
    "QLinearConv": "conv",
    "Gemm": "linear",
    "FusedGemm": "linear",
    "QGemm": "linear",
    "MatMul": "linear",
    "QLinearMatMul": "linear",
    "Add": "add",
    "QLinearAdd": "add",
    "ReduceMean": "pool",
    "GlobalAveragePool": "pool",
    "Clip": "activation",
    "Relu": "activation",
    **dict.fromkeys(LAYOUT, "layout"),
}
SCOPES = "pkg.torch.onnx.name_scopes"  # torch.onnx lists here the modules around a node, and last the node itself
WEIGHT = re.compile(r"(.+)\.weight(?:_quantized)?")


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
    result reads the tensor.
    """

    def __init__(self, path: Path) -> None:
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
        before = self.named.get(self.source(node.input[0])) if node.input else None
        if operator_type(node) == "activation" and before is not None:
            return Part("activation", self.part(before).origins)
        weights = [match[1] for match in map(WEIGHT.fullmatch, map(self.source, node.input)) if match]
        scopes = [ast.literal_eval(p.value) for p in node.metadata_props if p.key == SCOPES]
        modules = [str(around[-2]) for around in scopes if len(around) > 1]
        return Part(operator_type(node), tuple(weights or modules))
