"""XNNPACK's operators by their own names, as the runtimes that delegate to it pass them on."""

from collections import Counter
from collections.abc import Iterator, Sequence

from mnv2bench.profiling.records import Operator

CLOCK = "XNNPACK times its operators in whole microseconds, cut off: each loses half a microsecond on average"

# What stands before the first bracket. Source: XNNPACK's src/operators, operator_type_to_string.
KINDS = {
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
}


def kind(name: str) -> str:
    """The kind of "Convolution (NHWC, F32) DWConv"; what follows the bracket is the kernel that XNNPACK chose.

    An activation that it clamps inside another operator is not in the name.
    """
    what, _, rest = name.partition(" (")
    return "depthwise" if what == "Convolution" and "DWConv" in rest else KINDS.get(what, "other")


def operators(calls: Sequence[Sequence[tuple[str, int]]]) -> list[Operator]:
    """Of the names and nanoseconds of each call, in the order in which they ran.

    Raises ValueError where there are none, or others than in the first call.
    """
    names = [name for name, _ in calls[0]] if calls else []
    if not names:
        raise ValueError("the profile is empty")
    if any([name for name, _ in call] != names for call in calls):
        raise ValueError("the profile has other operators from call to call")
    columns = zip(*([ns for _, ns in call] for call in calls), strict=True)
    return [
        Operator(unique, kind(name), durations)
        for unique, name, durations in zip(_numbered(names), names, columns, strict=True)
    ]


def _numbered(names: Sequence[str]) -> Iterator[str]:
    """ "Add (ND)", "Add (ND) #2" and so on: what is unique already stays as it is."""
    seen = Counter[str]()
    for name in names:
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name} #{seen[name]}"
