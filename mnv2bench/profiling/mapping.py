"""Operators of a profile -> the network's layers that they compute: by the modules they name, else by their order."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from mnv2bench.cases import Case
from mnv2bench.networks import Layer, layers
from mnv2bench.profiling.records import Operator, Profile

MOVES = "layout"
NEITHER = (MOVES, "other")  # parts of an operator that are no part of the network


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
        found = _by_origins(profile.operators, net)
    else:
        found = _by_order(profile.operators, net)
    return tuple(tuple(net[place].name for place in sorted(places)) for places in found)


def computes(kind: str, layer: Layer) -> bool:
    """Whether an operator of that kind does a layer's own work, and not only the batch norm or ReLU6 behind it."""
    return any(_fits(part, layer) for part in kind.split("+"))


def moves(kind: str) -> bool:
    """Whether an operator of that kind is a layout change and nothing else."""
    return set(kind.split("+")) == {MOVES}


def unfused_norm(kind: str) -> bool:
    """Whether an operator of that kind applies batch norm to what another one computed."""
    parts = kind.split("+")
    return "norm" in parts and not {"conv", "depthwise", "matmul"} & {*parts}


def _fits(part: str, layer: Layer) -> bool:
    match layer.kind:
        case "conv":
            return part == "conv" or (part == "matmul" and layer.kernel == 1)
        case "depthwise":
            return part in ("depthwise", "conv")
        case "linear":
            return part in ("linear", "matmul")
        case _:
            return part == layer.kind


def _ends(part: str, layer: Layer) -> bool:
    """Whether a part goes on with a layer's result: its batch norm, its ReLU6, the classifier's bias."""
    return bool({"norm": layer.bn_params, "activation": layer.relu, "add": layer.bias}.get(part))


def _by_order(operators: Sequence[Operator], net: Sequence[Layer]) -> list[set[int]]:
    found: list[set[int]] = []
    reached = -1
    for operator in operators:
        found.append(set())
        for part in operator.kind.split("+"):
            if part in NEITHER:
                continue
            if reached + 1 < len(net) and _fits(part, net[reached + 1]):
                reached += 1
            elif reached < 0 or not _ends(part, net[reached]):
                return [set() for _ in operators]
            found[-1].add(reached)
    return found if reached + 1 == len(net) else [set() for _ in operators]


def _by_origins(operators: Sequence[Operator], net: Sequence[Layer]) -> list[set[int]]:
    modules = {module: place for place, names in enumerate(_modules(net)) for module in names}
    known = [o.origins if not moves(o.kind) and modules.keys() >= {*o.origins} else () for o in operators]
    return [{modules[origin] for origin in origins} for origins in known]


def _modules(net: Sequence[Layer]) -> Iterator[tuple[str, ...]]:
    """Of each layer the modules that are it and nothing else, as `mobilenet_v2.MobileNetV2` names them."""
    *body, _, classifier = net
    for index, (_, group) in enumerate(groupby(body, key=lambda layer: layer.block)):
        path, block = f"features.{index}", list(group)
        if len(block) == 1:
            yield (path, *_children(path, 3))
            continue
        activated = sum(layer.relu for layer in block)
        for place, layer in enumerate(block):
            if layer.relu:
                yield (f"{path}.conv.{place}", *_children(f"{path}.conv.{place}", 3))
            elif layer.kind == "add":
                yield (path,)
            else:
                yield (f"{path}.conv.{activated}", f"{path}.conv.{activated + 1}")
    yield ("",)
    yield (classifier.name, *_children(classifier.name, 2))


def _children(path: str, number: int) -> tuple[str, ...]:
    return tuple(f"{path}.{child}" for child in range(number))
