"""oneDNN's verbose lines: one for each primitive that it executed, with when and how long."""

import re
from collections.abc import Iterator
from typing import NamedTuple

EXECUTED = re.compile(r"onednn_verbose,v1,(?P<ms>\d+\.\d+),primitive,exec,")
FIELDS = 14  # and another one for the time stamp: those of oneDNN 3.12, which says them in a line of its own
GROUPS = re.compile(r"g(?P<groups>\d+)mb\d+_ic(?P<inputs>\d+)oc\d+_")
KIND_OF = {
    "convolution": "conv",
    "reorder": "layout",
    "sum": "add",
    "binary": "add",
    "pooling": "pool",
    "matmul": "matmul",
    "inner_product": "linear",
    "eltwise": "activation",
}


class Primitive(NamedTuple):
    """`start_ns` since the epoch, to a quarter of a microsecond; `duration_ns` as oneDNN prints it, to six digits."""

    name: str
    kind: str
    start_ns: int
    duration_ns: int


def primitives(text: str) -> Iterator[Primitive]:
    """Of what was printed with ONEDNN_VERBOSE_TIMESTAMP=1, by oneDNN and by others, in the order of execution.

    ValueError for a line of oneDNN's that is cut off or has no time.
    """
    for number, line in enumerate(text.splitlines(), 1):
        if started := EXECUTED.match(line):
            yield _primitive(number, line.split(","), float(started["ms"]))


def _primitive(number: int, fields: list[str], started_ms: float) -> Primitive:
    wrong = ValueError(f"line {number} of oneDNN's is not a primitive and its time: {','.join(fields)[:80]!r}")
    if len(fields) != FIELDS or not re.fullmatch(r"\d+(\.\d+)?(e-?\d+)?", fields[-1]):
        raise wrong
    operation, implementation, problem = fields[6], fields[7], fields[-2]
    kind = KIND_OF.get(operation, "other")
    grouped = GROUPS.match(problem)
    if kind == "conv" and grouped and grouped["groups"] == grouped["inputs"]:
        kind = "depthwise"
    return Primitive(
        f"oneDNN {operation} {implementation} {problem}", kind, round(started_ms * 1e6), round(float(fields[-1]) * 1e6)
    )
