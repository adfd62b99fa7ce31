"""What OpenVINO's nodes compute in a model that was converted from a torch module, by the names of what they fuse."""

import re
from collections.abc import Sequence

from mnv2bench.profiling.readers.onnx_nodes import Part

NODE = re.compile(r"(?:__module\.(?P<module>.+)/)?aten::(?P<operator>\w+?)_?/.*")
LAYOUT = ("Reorder", "Transpose", "Reshape", "Pad")
OPERATOR_TYPES = {  # by the type of the node itself
    "Convolution": "conv",
    "FullyConnected": "linear",
    "MatMul": "linear",
    "Pooling": "pool",
    "Reduce": "pool",
    **dict.fromkeys(LAYOUT, "layout"),
}
FUSED_TYPES = {"hardtanh": "activation", "relu": "activation", "relu6": "activation", "add": "add"}  # by torch's names
CONVERSION = "fq_output"  # of numbers to int8


def module_part(node_type: str, names: Sequence[str]) -> Part:
    """The type and the origins of a node, of which OpenVINO lists the names of the operators that it computes."""
    computed = [match for match in map(NODE.fullmatch, names) if match]
    own = OPERATOR_TYPES.get(node_type)
    if own is None and not computed and any(CONVERSION in name for name in names):
        own = "layout"
    fused = [FUSED_TYPES[match["operator"]] for match in computed if match["operator"] in FUSED_TYPES]
    types = dict.fromkeys([own, *fused] if own else fused)
    origins = dict.fromkeys(match["module"] or "" for match in computed)
    return Part("+".join(types) or "other", tuple(origins))
