"""Reader of oneDNN's verbose lines: one line for each primitive that ran, with its start and its duration."""

import re
from collections.abc import Iterator
from typing import NamedTuple

EXECUTED = re.compile(r"onednn_verbose,v1,(?P<ms>\d+\.\d+),primitive,exec,")
FIELDS = 14  # of oneDNN 3.12, which lists them in a line of its own; the time stamp is one more
GROUPS = re.compile(r"g(?P<groups>\d+)mb\d+_ic(?P<inputs>\d+)oc\d+_")
OPERATOR_TYPES = {
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
    """One executed primitive.

    `start_ns` is since the epoch, to a quarter of a microsecond; `duration_ns` is what oneDNN prints, to six digits.
    """

    name: str
    type: str
    start_ns: int
    duration_ns: int


def primitives(text: str) -> Iterator[Primitive]:
    """The primitives in a text that was printed with ONEDNN_VERBOSE_TIMESTAMP=1, in the order of execution.

    Lines of other programs are skipped. Raises ValueError for a line of oneDNN that is cut off or has no time.
    """
    for number, line in enumerate(text.splitlines(), 1):
        if started := EXECUTED.match(line):
            yield _primitive(number, line.split(","), float(started["ms"]))


def _primitive(number: int, fields: list[str], started_ms: float) -> Primitive:
    wrong = ValueError(f"line {number} of oneDNN's is not a primitive and its time: {','.join(fields)[:80]!r}")
    if len(fields) != FIELDS or not re.fullmatch(r"\d+(\.\d+)?(e-?\d+)?", fields[-1]):
        raise wrong
    operation, implementation, problem = fields[6], fields[7], fields[-2]
    type = OPERATOR_TYPES.get(operation, "other")
    grouped = GROUPS.match(problem)
    if type == "conv" and grouped and grouped["groups"] == grouped["inputs"]:
        type = "depthwise"
    return Primitive(
        name=f"oneDNN {operation} {implementation} {problem}",
        type=type,
        start_ns=round(started_ms * 1e6),
        duration_ns=round(float(fields[-1]) * 1e6),
    )
