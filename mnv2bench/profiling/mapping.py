"""Which layers of its network each operator of a profile computes: by the modules it names, else by its place."""

from collections.abc import Sequence

from mnv2bench.case import Case
from mnv2bench.networks import Layer, module_layers
from mnv2bench.profiling.records import Operator, Profile

LAYOUT_CHANGE = "layout"
NO_LAYER = (LAYOUT_CHANGE, "other")  # operator types that compute no layer
ONLY_MOVING = ("concat", "shuffle")  # layer types that compute nothing: their operators are layout changes


def network(case: Case) -> tuple[Layer, ...]:
    """The layers of a case's network, in the order it runs."""
    return case.layers


def layers_of(profile: Profile) -> tuple[tuple[str, ...], ...]:
    """For each operator the names of the layers that it computes, in the order of the network; () for none.

    An operator that only moves numbers computes none, whatever it names. Where any operator has origins, origins
    decide: an operator with an origin that is no module of the network, or without one, computes no layer. Else the
    order decides: the operator types must be those of the network's layers, one for one and to the end, or nothing is
    mapped.
    """
    net = network(profile.case)
    if any(operator.origins for operator in profile.operators):
        mapped = _by_origins(profile.operators, net)
    else:
        mapped = _by_order(profile.operators, net)
    return tuple(tuple(net[place].name for place in sorted(places)) for places in mapped)


def computes(operator_type: str, layer: Layer) -> bool:
    """Whether an operator of that type does a layer's own work, and not only its batch norm or activation."""
    return any(_fits(part, layer) for part in operator_type.split("+"))


def moves(operator_type: str) -> bool:
    """Whether an operator of that type is a layout change and nothing else."""
    return set(operator_type.split("+")) == {LAYOUT_CHANGE}


def unfused_norm(operator_type: str) -> bool:
    """Whether an operator of that type applies batch norm to the result of another operator."""
    parts = operator_type.split("+")
    return "norm" in parts and not {"conv", "depthwise", "matmul"} & {*parts}


def _fits(part: str, layer: Layer) -> bool:
    match layer.type:
        case "conv":
            return part == "conv" or (part == "matmul" and layer.kernel == (1, 1))
        case "depthwise":
            return part in ("depthwise", "conv")
        case "linear":
            return part in ("linear", "matmul")
        case _:
            return part == layer.type


def _ends(part: str, layer: Layer) -> bool:
    """Whether a part continues with a layer's result: its batch norm, its activation or its bias."""
    match part:
        case "norm":
            return layer.norm
        case "activation":
            return bool(layer.activation)
        case "add":
            return layer.has_bias
        case _:
            return False


def _by_order(operators: Sequence[Operator], net: Sequence[Layer]) -> list[set[int]]:
    """Places in `net` of each operator's layers; an operator may continue with the layer that was reached before it."""
    computing = [place for place, layer in enumerate(net) if layer.type not in ONLY_MOVING]
    nothing: list[set[int]] = [set() for _ in operators]
    mapped: list[set[int]] = []
    reached = -1
    for operator in operators:
        mapped.append(set())
        for part in operator.type.split("+"):
            if part in NO_LAYER:
                continue
            if reached + 1 < len(computing) and _fits(part, net[computing[reached + 1]]):
                reached += 1
            elif reached < 0 or not _ends(part, net[computing[reached]]):
                return nothing
            mapped[-1].add(computing[reached])
    return mapped if reached + 1 == len(computing) else nothing


def _by_origins(operators: Sequence[Operator], net: Sequence[Layer]) -> list[set[int]]:
    """Places in `net` of each operator's layers, by the layers' module paths."""
    places = {layer.name: place for place, layer in enumerate(net)}
    place_of = {path: places[name] for path, name in module_layers(net).items()}
    mapped: list[set[int]] = []
    for operator in operators:
        known = all(origin in place_of for origin in operator.origins)
        if moves(operator.type) or not known:
            mapped.append(set())
        else:
            mapped.append({place_of[origin] for origin in operator.origins})
    return mapped
