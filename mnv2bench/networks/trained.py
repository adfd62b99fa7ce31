"""The trained digits network at any width: the same logits, computed by more channels."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mnv2bench import digits
from mnv2bench.networks.layer import BATCHES_TRACKED, IMAGE, NORM, Layer
from mnv2bench.networks.shapes import IMAGE_CHANNELS

State = dict[str, Tensor]


def digits_state(small: Sequence[Layer], large: Sequence[Layer]) -> State:
    """The state dict of the large network with which it computes what the trained digits network computes.

    Classes beyond the ten digits have weights of 0 and the least bias of a digit: their logits are low and stay so in
    every number format.
    """
    return widened(torch.load(digits.WEIGHTS, weights_only=True), small, large)


def widened(state: Mapping[str, Tensor], small: Sequence[Layer], large: Sequence[Layer]) -> State:
    """The state dict of the large network, from that of the small one: for what `widening.can_widen` allows."""
    old_layers = {layer.name: layer for layer in small}
    copied: dict[str, Tensor] = {IMAGE: torch.arange(IMAGE_CHANNELS)}  # layer: the old channel of each of its channels
    result: State = {}
    for layer in large:
        old, sources = old_layers.get(layer.name), copied[layer.inputs[0]]
        if old is None:
            result |= _identity(layer)
            copied[layer.name] = sources
        elif layer.type in ("conv", "linear"):
            targets = torch.arange(layer.out_channels) % old.out_channels
            result |= _reading(layer, old, state, sources, targets)
            copied[layer.name] = targets
        else:
            if layer.type == "depthwise":
                result |= _own(layer, old, state, sources)
            copied[layer.name] = sources
    return result


def _paths(layer: Layer) -> tuple[str, str]:
    """The module paths of a layer itself and of its batch norm, "" where it has none."""
    own, *others = layer.modules[1:] if layer.dropout else layer.modules
    return own, others[0] if layer.norm else ""


def _reading(layer: Layer, old: Layer, state: Mapping[str, Tensor], sources: Tensor, targets: Tensor) -> State:
    """A layer that sums over its input channels: each copy of a channel has its share of the weight."""
    own, old_own = _paths(layer)[0], _paths(old)[0]
    share = 1 / torch.bincount(sources)[sources].to(torch.float64)
    weight = state[f"{old_own}.weight"].to(torch.float64)[:, sources]
    weight = weight * share.reshape(1, -1, *[1] * (weight.dim() - 2))
    if layer.type == "linear":
        return _classifier(layer, own, weight, state[f"{old_own}.bias"])
    return {f"{own}.weight": weight[targets].to(torch.float32)} | _norm(layer, old, state, targets)


def _classifier(layer: Layer, own: str, weight: Tensor, bias: Tensor) -> State:
    """The trained classes first; the others are never the largest."""
    all_weights = torch.zeros(layer.out_channels, layer.in_channels)
    all_weights[: len(weight)] = weight
    all_biases = torch.full((layer.out_channels,), float(bias.min()))
    all_biases[: len(bias)] = bias
    return {f"{own}.weight": all_weights, f"{own}.bias": all_biases}


def _own(layer: Layer, old: Layer, state: Mapping[str, Tensor], sources: Tensor) -> State:
    """A depthwise convolution: each channel reads its own channel alone."""
    own, old_own = _paths(layer)[0], _paths(old)[0]
    return {f"{own}.weight": state[f"{old_own}.weight"][sources]} | _norm(layer, old, state, sources)


def _norm(layer: Layer, old: Layer, state: Mapping[str, Tensor], targets: Tensor) -> State:
    path, old_path = _paths(layer)[1], _paths(old)[1]
    tensors = {f"{path}.{part}": state[f"{old_path}.{part}"][targets] for part in NORM}
    return tensors | {f"{path}.{BATCHES_TRACKED}": state[f"{old_path}.{BATCHES_TRACKED}"]}


def _identity(layer: Layer) -> State:
    """A convolution with batch norm that gives its input, which a ReLU6 gave, as it is."""
    own, path = _paths(layer)
    channels = layer.out_channels
    return {
        f"{own}.weight": torch.eye(channels).reshape(channels, channels, 1, 1),
        f"{path}.weight": torch.full((channels,), (1 + layer.norm_eps) ** 0.5),
        f"{path}.bias": torch.zeros(channels),
        f"{path}.running_mean": torch.zeros(channels),
        f"{path}.running_var": torch.ones(channels),
        f"{path}.{BATCHES_TRACKED}": torch.tensor(0),
    }
