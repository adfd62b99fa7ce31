"""Which networks can compute what a smaller trained one does, by repeating its channels (arXiv:1511.05641).

New channel i repeats old channel i mod n, and whatever reads it divides by the number of copies. A convolution that the
small network does not have, and that keeps the number of channels, becomes the identity.
"""

from collections.abc import Sequence

from mnv2bench.networks.layer import Layer


def is_identity(layer: Layer) -> bool:
    """Whether a layer can be the identity of an input that a ReLU6 gave."""
    return (
        layer.type == "conv"
        and layer.kernel == (1, 1)
        and layer.stride == (1, 1)
        and layer.groups == 1
        and layer.in_channels == layer.out_channels
        and layer.norm
        and layer.activation == "relu6"
    )


def extra_layers(small: Sequence[Layer], large: Sequence[Layer]) -> frozenset[str]:
    """The names of the layers that the large network has and the small one does not."""
    return frozenset(layer.name for layer in large) - {layer.name for layer in small}


def can_widen(small: Sequence[Layer], large: Sequence[Layer]) -> bool:
    """Whether the large network can compute what the small one does: the same layers, none with fewer channels."""
    added = extra_layers(small, large)
    if any(layer.name in added and not is_identity(layer) for layer in large):
        return False
    source = {layer.name: layer.inputs[0] for layer in large if layer.name in added}
    kept = [layer for layer in large if layer.name not in added]
    if len(kept) != len(small):
        return False
    return all(_is_wider(old, new, source) for old, new in zip(small, kept, strict=True))


def _is_wider(old: Layer, new: Layer, source: dict[str, str]) -> bool:
    """Whether a layer is the old one with as many channels or more; `source` is what identities stand for."""
    same = ("name", "type", "kernel", "stride", "pads", "norm", "norm_eps", "activation", "pool", "dropout", "has_bias")
    inputs = tuple(source.get(name, name) for name in new.inputs)
    return (
        all(getattr(old, part) == getattr(new, part) for part in same)
        and inputs == old.inputs
        and old.in_channels <= new.in_channels
        and old.out_channels <= new.out_channels
        and (old.groups == 1) == (new.groups == 1)
    )
