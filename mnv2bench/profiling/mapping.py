"""Operators of a profile -> the network's layers that they compute: by the modules they name, else by their order."""

from collections.abc import Sequence

from mnv2bench.cases import Case
from mnv2bench.networks import Layer, layers, module_layers
from mnv2bench.profiling.records import Operator, Profile

MOVES = "layout"
NEITHER = (MOVES, "other")  # parts of an operator that are no part of the network
MOVING = ("concat", "shuffle")  # types of layers that only move numbers: operators that do so are layout changes


def network(case: Case) -> tuple[Layer, ...]:
    """The layers of a case's network, in the order it runs."""
    return layers(case.network, case.width, case.resolution)


def layers_of(profile: Profile) -> tuple[tuple[str, ...], ...]:
    """For each operator the names of the layers that it computes, in the order of the network; () for none.

    What only moves numbers computes none, whatever it names. By origins where any operator has one: an operator with
    an origin that is no module of the network, or none beside others that have one, computes no layer that we know.
    Else by order: the kinds must be the network's own, one for one and to the end, or nothing is mapped.
    """
    net = network(profile.case)
    if any(operator.origins for operator in profile.operators):
        mapped = _by_origins(profile.operators, net)
    else:
        mapped = _by_order(profile.operators, net)
    return tuple(tuple(net[place].name for place in sorted(places)) for places in mapped)


def computes(kind: str, layer: Layer) -> bool:
    """Whether an operator of that kind does a layer's own work, and not only the batch norm or activation behind it."""
    return any(_fits(part, layer) for part in kind.split("+"))


def moves(kind: str) -> bool:
    """Whether an operator of that kind is a layout change and nothing else."""
    return set(kind.split("+")) == {MOVES}


def unfused_norm(kind: str) -> bool:
    """Whether an operator of that kind applies batch norm to what another one computed."""
    parts = kind.split("+")
    return "norm" in parts and not {"conv", "depthwise", "matmul"} & {*parts}


def _fits(part: str, layer: Layer) -> bool:
    match layer.type:
        case "conv":
            return part == "conv" or (part == "matmul" and layer.kernel == 1)
        case "depthwise":
            return part in ("depthwise", "conv")
        case "linear":
            return part in ("linear", "matmul")
        case _:
            return part == layer.type


def _ends(part: str, layer: Layer) -> bool:
    """Whether a part goes on with a layer's result: its batch norm, its activation, its bias."""
    return bool({"norm": layer.bn_params, "activation": bool(layer.activation), "add": layer.bias}.get(part))


def _by_order(operators: Sequence[Operator], net: Sequence[Layer]) -> list[set[int]]:
    computing = [place for place, layer in enumerate(net) if layer.type not in MOVING]
    nothing: list[set[int]] = [set() for _ in operators]
    mapped: list[set[int]] = []
    reached = -1
    for operator in operators:
        mapped.append(set())
        for part in operator.kind.split("+"):
            if part in NEITHER:
                continue
            if reached + 1 < len(computing) and _fits(part, net[computing[reached + 1]]):
                reached += 1
            elif reached < 0 or not _ends(part, net[computing[reached]]):
                return nothing
            mapped[-1].add(computing[reached])
    return mapped if reached + 1 == len(computing) else nothing


def _by_origins(operators: Sequence[Operator], net: Sequence[Layer]) -> list[set[int]]:
    places = {layer.name: place for place, layer in enumerate(net)}
    modules = {module: places[name] for module, name in module_layers(net).items()}
    known = [o.origins if not moves(o.kind) and modules.keys() >= {*o.origins} else () for o in operators]
    return [{modules[origin] for origin in origins} for origins in known]
