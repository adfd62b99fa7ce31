"""Operator types of the layers of a TensorRT plan, by their names: the ONNX nodes that are fused, joined by " + "."""

import re

COPIES = ("Reformatting", "copy")
WORDS = {  # of nodes as torch.onnx names them; a Clip of ReLU6's is n4
    "conv": r"conv",
    "linear": r"gemm|matmul|linear",
    "pool": r"mean|pool",
    "add": r"(?<![a-z])add(?![a-z])",
    "activation": r"clip|relu|hardtanh|(?<![a-z])n4(?!\d)",
    "layout": r"shuffle|reshape|transpose|view",
}


def operator_type(name: str) -> str:
    """The operator types of a layer's parts, joined by "+"; "other" where a part has no known word."""
    if name.startswith(COPIES):
        return "layout"
    parts = [_part(part) for part in name.split(" + ")]
    return "+".join(parts) if all(parts) else "other"


def _part(name: str) -> str:
    """The operator type of one fused node, "" where its name has no known word."""
    return next((type for type, words in WORDS.items() if re.search(words, name, re.IGNORECASE)), "")
