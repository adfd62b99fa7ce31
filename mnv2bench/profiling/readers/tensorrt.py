"""What a layer of a TensorRT plan is, by the words in its name: the ONNX nodes that it fuses, joined by " + "."""

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


def kind(name: str) -> str:
    """Of KINDS in profiles, joined by "+"; "other" where no word says what any part of the name is."""
    if name.startswith(COPIES):
        return "layout"
    parts = [_part(part) for part in name.split(" + ")]
    return "+".join(parts) if all(parts) else "other"


def _part(name: str) -> str:
    return next((kind for kind, words in WORDS.items() if re.search(words, name, re.IGNORECASE)), "")
