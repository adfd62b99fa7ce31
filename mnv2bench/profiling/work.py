"""What layers take whoever computes them: multiply-adds, and bytes read and written once."""

from collections.abc import Iterable, Sequence

from mnv2bench.cases import Case
from mnv2bench.networks import IMAGE, Layer
from mnv2bench.precisions import named


def madds(layers: Iterable[Layer], case: Case) -> int:
    """Of the whole batch."""
    return case.batch * sum(layer.madds for layer in layers)


def moved_bytes(layers: Sequence[Layer], done: Sequence[Layer], case: Case, net: Sequence[Layer]) -> int:
    """Of the whole batch, by one operator on these layers of `net` that does the own work of those in `done`.

    Each tensor that comes from outside of these layers, the last result, and weights at the case's precision; batch
    norm is folded to a bias. Where the first layer is not done, another operator did it and its result is an input.
    """
    if not layers:
        return 0
    sizes = {IMAGE: net[0].in_elements} | {layer.name: layer.out_elements for layer in net}
    inside = {layer.name for layer in layers}
    outside = dict.fromkeys(source for layer in done for source in layer.inputs if source not in inside)
    elements = sum(sizes[source] for source in outside) + layers[-1].out_elements
    if layers[0] not in done:
        elements += layers[0].out_elements
    weights = sum(layer.weights + layer.bias + layer.bn_params // 2 for layer in done)
    return named(case.precision).element_bytes * (case.batch * elements + weights)
