"""XNNPACK's operators, by the names that LiteRT and ExecuTorch pass on from it."""

from collections import Counter
from collections.abc import Iterator, Sequence

from mnv2bench.profiling.records import Operator

CLOCK = "XNNPACK times its operators in whole microseconds, cut off: each loses half a microsecond on average"

# By the text before the first bracket. Source: XNNPACK's src/operators, operator_type_to_string.
OPERATOR_TYPES = {
    "Convolution": "conv",
    "Fully Connected": "matmul",
    "Add": "add",
    "Mean": "pool",
    "Average Pooling": "pool",
    "Clamp": "activation",
    "Transpose": "layout",
    "Static Reshape": "layout",
    "Copy": "layout",
    "Constant Pad": "layout",
    "Convert": "layout",
}


def operator_type(name: str) -> str:
    """The operator type of a name such as "Convolution (NHWC, F32) DWConv".

    The text behind the bracket is the kernel that XNNPACK chose. An activation that is fused with another operator is
    not in the name.
    """
    operation, _, kernel = name.partition(" (")
    return "depthwise" if operation == "Convolution" and "DWConv" in kernel else OPERATOR_TYPES.get(operation, "other")


def operators(calls: Sequence[Sequence[tuple[str, int]]]) -> list[Operator]:
    """The operators of a profile, from the names and nanoseconds of each call in the order in which they ran.

    Raises ValueError where there are no operators, or where a call has others than the first call.
    """
    names = [name for name, _ in calls[0]] if calls else []
    if not names:
        raise ValueError("the profile is empty")
    if any([name for name, _ in call] != names for call in calls):
        raise ValueError("the profile has other operators from call to call")
    columns = zip(*([ns for _, ns in call] for call in calls), strict=True)
    return [
        Operator(unique, operator_type(name), durations)
        for unique, name, durations in zip(_numbered(names), names, columns, strict=True)
    ]


def _numbered(names: Sequence[str]) -> Iterator[str]:
    """Unique names: "Add (ND)", "Add (ND) #2" and so on."""
    seen = Counter[str]()
    for name in names:
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name} #{seen[name]}"
