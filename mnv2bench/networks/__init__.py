"""The networks: declared in families/, counted without torch, built with it."""

import importlib
import importlib.metadata
import pkgutil
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from mnv2bench import digits
from mnv2bench.networks import families, graph, widening
from mnv2bench.networks.family import Network, Published
from mnv2bench.networks.graph import (
    BATCHES_TRACKED,
    IMAGE,
    Count,
    Layer,
    Live,
    Peak,
    Peaks,
    TorchinfoTotals,
    blocks,
    folded,
    module_layers,
    peaks,
    roles,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

__all__ = [
    "ANY_RESOLUTION",
    "BATCHES_TRACKED",
    "CLASSES",
    "DEFAULT",
    "IMAGE",
    "Count",
    "Layer",
    "Live",
    "Network",
    "Peak",
    "Peaks",
    "Published",
    "TorchinfoTotals",
    "activations",
    "blocks",
    "build",
    "check",
    "count",
    "digits_state",
    "folded",
    "has_digits_weights",
    "images",
    "layers",
    "module_layers",
    "names",
    "network",
    "peaks",
    "published",
    "reference",
    "roles",
    "state_shapes",
    "torchinfo_totals",
]

DEFAULT = "mobilenet_v2"
ENTRY_POINTS = "mnv2bench.networks"
MAX_WIDTH, MAX_RESOLUTION, MAX_CLASSES = 10, 4096, 100_000
CLASSES = 1000  # of ImageNet: what a network has where nothing else is said
ANY_RESOLUTION = 224  # weights and modules are the same at every resolution


@cache
def _in_tree() -> dict[str, Network]:
    files = [module.name for module in pkgutil.iter_modules(families.__path__)]
    modules = [importlib.import_module(f"{families.__name__}.{file}") for file in files]
    return {network.name: network for module in modules for network in module.NETWORKS}


@cache
def _everywhere() -> dict[str, Network]:
    """With the families of other distributions, whose entry points take 16 ms to look through."""
    modules = [entry.load() for entry in importlib.metadata.entry_points(group=ENTRY_POINTS)]
    return _in_tree() | {network.name: network for module in modules for network in module.NETWORKS}


def names() -> tuple[str, ...]:
    """Every network in the tree and from entry points."""
    return tuple(_everywhere())


def network(name: str) -> Network:
    """What its family declares of a network. ValueError for an unknown name."""
    if name in _in_tree():
        return _in_tree()[name]
    if name not in _everywhere():
        raise ValueError(f"unknown network {name!r}; known networks: {', '.join(names())}")
    return _everywhere()[name]


def reference(name: str) -> Network:
    """The network of the same family that was published: itself, unless its family names another."""
    return network(network(name).reference or name)


def published(name: str, width: float, resolution: int) -> Published | None:
    """The published row of a variant; None where nothing was published. `Network.reference_device` is its device."""
    return network(name).published().get((width, resolution))


def check(name: str, width: float, resolution: int, classes: int = CLASSES) -> None:
    """Raises ValueError, in one line, where the network cannot be built."""
    declared = network(name)
    if isinstance(width, bool) or not isinstance(width, int | float) or not 0 < width <= MAX_WIDTH:
        raise ValueError(f"width must be a number above 0 and at most {MAX_WIDTH}, such as 1.0, not {width!r}")
    if width < declared.min_width:
        raise ValueError(f"width {width!r} leaves {name} a layer without channels; use at least {declared.min_width}")
    if (
        isinstance(resolution, bool)
        or not isinstance(resolution, int)
        or not declared.min_resolution <= resolution <= MAX_RESOLUTION
    ):
        raise ValueError(
            f"resolution must be a whole number from {declared.min_resolution} to {MAX_RESOLUTION}, such as 224, "
            f"not {resolution!r}"
        )
    if isinstance(classes, bool) or not isinstance(classes, int) or not 1 <= classes <= MAX_CLASSES:
        raise ValueError(f"classes must be a whole number from 1 to {MAX_CLASSES}, such as {CLASSES}, not {classes!r}")


def layers(name: str, width: float, resolution: int, classes: int = CLASSES) -> tuple[Layer, ...]:
    """The network's layers in the order in which they run."""
    check(name, width, resolution, classes)
    return network(name).layers(width, resolution, classes)


@lru_cache(maxsize=None, typed=True)  # typed: True is no width, though it equals 1.0
def count(name: str, width: float, resolution: int, classes: int = CLASSES) -> Count:
    """Multiply-adds, parameters and memory of one image.

    For mobilenet_v2, `madds` truncated to millions equals every official row of paper/mobilenet_v2_published.csv, and
    so does `params_without_bn` at 1001 classes truncated to two decimals of a million.
    """
    return graph.count(layers(name, width, resolution, classes))


@lru_cache(maxsize=1000, typed=True)
def state_shapes(name: str, width: float, classes: int = CLASSES) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor in the network's state dict by its name, in the order in which the layers run."""
    return graph.state_shapes(layers(name, width, ANY_RESOLUTION, classes))


def torchinfo_totals(name: str, width: float, resolution: int) -> TorchinfoTotals:
    """What torchinfo would print; see `graph.torchinfo_totals`."""
    return graph.torchinfo_totals(layers(name, width, resolution))


def activations(name: str, width: float, resolution: int, classes: int = CLASSES) -> tuple[Live, ...]:
    """Activation memory along the network, layer by layer."""
    return graph.activations(layers(name, width, resolution, classes))


def build(name: str, width: float = 1.0, classes: int = CLASSES, seed: int | None = 0) -> "nn.Module":
    """The network in eval mode; see `modules.build`."""
    from mnv2bench.networks import modules  # torch, only where a network is built

    return modules.build(layers(name, width, ANY_RESOLUTION, classes), seed)


@lru_cache(maxsize=1000, typed=True)
def has_digits_weights(name: str, width: float, classes: int = CLASSES) -> bool:
    """Whether the network, at this width, can compute what the trained digits network does."""
    large = layers(name, width, ANY_RESOLUTION, classes)
    return classes >= digits.CLASSES and widening.can_widen(_digits_layers(), large)


def _digits_layers() -> tuple[Layer, ...]:
    return layers(digits.NETWORK, digits.WIDTH, ANY_RESOLUTION, digits.CLASSES)


def digits_state(name: str, width: float, classes: int = CLASSES) -> "dict[str, Tensor]":
    """The state dict with which a network computes what the trained digits network does: see `trained`.

    ValueError where it cannot: `has_digits_weights`.
    """
    if not has_digits_weights(name, width, classes):
        raise ValueError(f"{name} of width {width} cannot compute what the digits network does: use seeded weights")
    from mnv2bench.networks import trained  # torch, only where weights are made

    return trained.digits_state(_digits_layers(), layers(name, width, ANY_RESOLUTION, classes))


def images(seed: int, batch: int, resolution: int) -> "NDArray[np.float32]":
    """The images that every backend is given; see `inputs.images`."""
    from mnv2bench.networks import inputs  # numpy, only where images are made

    return inputs.images(seed, batch, resolution)
