"""What the nodes of an exported ONNX file compute, by the names under which runtimes speak of them."""

import ast
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import onnx

LAYOUT = ("ReorderInput", "ReorderOutput", "Transpose", "Reshape", "Flatten", "Squeeze", "Identity", "Pad")
KINDS = {
    "Conv": "conv",
    "FusedConv": "conv",
    "Gemm": "linear",
    "FusedGemm": "linear",
    "MatMul": "linear",
    "Add": "add",
    "ReduceMean": "pool",
    "GlobalAveragePool": "pool",
    "Clip": "activation",
    "Relu": "activation",
    **dict.fromkeys(LAYOUT, "layout"),
}
SCOPES = "pkg.torch.onnx.name_scopes"  # where torch.onnx writes the modules around a node, and last the node itself
WEIGHT = ".weight"


class Part(NamedTuple):
    """What a node is, as `profiles.Operator` has it."""

    kind: str
    origins: tuple[str, ...]


def fused(parts: Sequence[Part]) -> Part:
    """One operator that computes all of these, in their order; "other" of none."""
    kinds = dict.fromkeys(part.kind for part in parts)
    return Part("+".join(kinds) or "other", tuple(dict.fromkeys(o for part in parts for o in part.origins)))


def kind(node: Any) -> str:
    found = KINDS.get(node.op_type, "other")
    groups = next((a.i for a in node.attribute if a.name == "group"), 1)
    return "depthwise" if found == "conv" and groups > 1 else found


class Exported:
    """The nodes of a file: `named` by their own names and those of their outputs, `readers` by names of inputs."""

    def __init__(self, path: Path) -> None:
        self.named: dict[str, Any] = {}
        self.readers: dict[str, list[Any]] = {}
        for node in onnx.load(path).graph.node:
            self.named |= dict.fromkeys(filter(None, (node.name, *node.output)), node)
            for name in node.input:
                self.readers.setdefault(name, []).append(node)

    def part(self, node: Any) -> Part:
        """An activation belongs to the module before it, which has weights and a name in the state dict."""
        before = self.named.get(node.input[0]) if node.input else None
        if kind(node) == "activation" and before is not None:
            return Part("activation", self.part(before).origins)
        weights = [name.removesuffix(WEIGHT) for name in node.input if name.endswith(WEIGHT)]
        scopes = [ast.literal_eval(p.value) for p in node.metadata_props if p.key == SCOPES]
        return Part(kind(node), tuple(weights or [str(around[-2]) for around in scopes if len(around) > 1]))
