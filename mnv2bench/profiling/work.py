"""What layers take whoever computes them: multiply-adds, and bytes read and written once."""

from collections.abc import Iterable, Sequence

from mnv2bench.cases import Case
from mnv2bench.networks import Layer
from mnv2bench.precisions import named


def madds(layers: Iterable[Layer], case: Case) -> int:
    """Of the whole batch."""
    return case.batch * sum(layer.madds for layer in layers)


def moved_bytes(layers: Sequence[Layer], done: Sequence[Layer], case: Case, net: Sequence[Layer]) -> int:
    """Of the whole batch, by one operator on these layers of `net` that does the own work of those in `done`.

    The first input, the last result, the other input of an add, and weights at the case's precision; batch norm is
    folded to a bias. Where the first layer is not done, another operator did it and its result is the input.
    """
    if not layers:
        return 0
    first, names = layers[0], {layer.name for layer in layers}
    elements = (first.in_elements if first in done else first.out_elements) + layers[-1].out_elements
    for layer in done:
        entry = next(other.name for other in net if other.block == layer.block)
        if layer.kind == "add" and entry not in names:  # else what is added is what these layers read at first
            elements += layer.in_elements
    weights = sum(layer.weights + layer.bias + layer.bn_params // 2 for layer in done)
    return named(case.precision).element_bytes * (case.batch * elements + weights)
