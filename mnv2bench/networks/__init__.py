"""The networks: declared in families/, counted without torch, built with it."""

import importlib
import importlib.metadata
import pkgutil
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from mnv2bench import digits
from mnv2bench.networks import counts, described, families, layer, timm_published, widening
from mnv2bench.networks.counts import Count, Live, Peak, Peaks, TorchinfoTotals, peaks
from mnv2bench.networks.described import Description, is_described, is_file
from mnv2bench.networks.family import Counting, Network, Published, Size
from mnv2bench.networks.layer import BATCHES_TRACKED, IMAGE, Layer, blocks, folded, module_layers, roles
from mnv2bench.networks.shapes import (
    CLASSES,
    IMAGE_CHANNELS,
    ImageShape,
    Resolution,
    Sides,
    Variant,
    parsed_resolution,
    parsed_resolutions,
    resolution_of,
    resolution_text,
    resolution_value,
    sides,
)
from mnv2bench.texts import short_name

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
    "IMAGE_CHANNELS",
    "Count",
    "Counting",
    "Description",
    "ImageShape",
    "Layer",
    "Live",
    "Network",
    "Peak",
    "Peaks",
    "Published",
    "Resolution",
    "Sides",
    "Size",
    "TorchinfoTotals",
    "Variant",
    "activations",
    "blocks",
    "build",
    "check",
    "content",
    "count",
    "described",
    "digits_state",
    "folded",
    "has_digits_weights",
    "images",
    "is_described",
    "is_file",
    "layers",
    "module_layers",
    "names",
    "network",
    "parsed_resolution",
    "parsed_resolutions",
    "peaks",
    "published",
    "reference",
    "resolution_of",
    "resolution_text",
    "resolution_value",
    "roles",
    "sides",
    "state_shapes",
    "title",
    "torchinfo_totals",
]

DEFAULT = "mobilenet_v2"
ENTRY_POINTS = "mnv2bench.networks"
MAX_WIDTH, MAX_RESOLUTION, MAX_CLASSES, MAX_CHANNELS = 10, 4096, 100_000, 1024
MOST_NAMED = 2  # networks in a title
MAX_OUTPUTS = 1 << 28  # numbers that a file's network gives for one image
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
    """What its family declares of a network, or what was read of it. ValueError for an unknown name."""
    if name in _in_tree():
        return _in_tree()[name]
    if is_described(name):
        return _of_descriptions(name)
    if name not in _everywhere():
        raise ValueError(
            f"unknown network {name!r}; known networks: {', '.join(names())}, timm:NAME for any of timm's, and files "
            "with --model"
        )
    return _everywhere()[name]


def _of_descriptions(name: str) -> Network:
    """A network that no family declares: of one width, at the resolutions at which it was read.

    Its grids have these, but for a network of timm, which has the resolution of its published weights there.
    """
    rows = timm_published.rows(name)
    known = tuple(dict.fromkeys(known.resolution for known in described.descriptions(name))) or (ANY_RESOLUTION,)
    of_grids = known
    if described.is_of_timm(name):
        usual = next((row.resolution for row in rows), ANY_RESOLUTION)
        known, of_grids = tuple(dict.fromkeys((usual, *known))), (usual,)
    sizes = tuple((1.0, resolution) for resolution in of_grids)

    def layers(width: float, image: ImageShape, classes: int) -> tuple[Layer, ...]:
        return described.description(name, resolution_of(*image.sides), classes, image.channels).layers

    grids = dict.fromkeys(("brief", "quick", "published", "full"), sizes)
    return Network(
        name,
        layers,
        (1.0,),
        known,
        grids,
        lambda: {(1.0, row.resolution): row for row in reversed(rows)},
        counting=timm_published.COUNTING if rows else Counting(),
        any_width=False,
        min_resolution=1,
    )


def title(names: Iterable[str]) -> str:
    """What titles call networks: `MobileNetV2`, `MobileNetV2 and MobileNetV1`, `5 networks`."""
    shown = [network(name).paper_name or short_name(name) for name in dict.fromkeys(names) or [DEFAULT]]
    return " and ".join(shown) if len(shown) <= MOST_NAMED else f"{len(shown)} networks"


def reference(name: str) -> Network:
    """The network of the same family that was published: itself, unless its family names another."""
    return network(network(name).reference or name)


def published(
    name: str, width: float, resolution: Resolution, classes: int = CLASSES, channels: int = IMAGE_CHANNELS
) -> Published | None:
    """The published row of a variant; None where nothing was published. `Network.reference_device` is its device.

    What was published is of networks with the usual classes and channels.
    """
    if (classes, channels) != (CLASSES, IMAGE_CHANNELS):
        return None
    return network(name).published().get((width, resolution))


def check(
    name: str, width: float, resolution: Resolution, classes: int = CLASSES, channels: int = IMAGE_CHANNELS
) -> None:
    """Raises ValueError, in one line, where the network cannot be built."""
    declared = network(name)
    if isinstance(width, bool) or not isinstance(width, int | float) or not 0 < width <= MAX_WIDTH:
        raise ValueError(f"width must be a number above 0 and at most {MAX_WIDTH}, such as 1.0, not {width!r}")
    if not declared.any_width and width not in declared.widths:
        raise ValueError(_other_width(declared))
    if width < declared.min_width:
        raise ValueError(f"width {width!r} leaves {name} a layer without channels; use at least {declared.min_width}")
    if not _is_resolution(resolution, declared.min_resolution):
        raise ValueError(
            f"resolution must be a whole number from {declared.min_resolution} to {MAX_RESOLUTION}, such as 224, or "
            f"two such as 224x160, not {resolution!r}"
        )
    _check_whole("classes", classes, MAX_OUTPUTS if is_file(name) else MAX_CLASSES, CLASSES)
    _check_whole("channels", channels, MAX_CHANNELS, IMAGE_CHANNELS)


def _other_width(declared: Network) -> str:
    """Why a network cannot be built at a width that it does not declare."""
    if len(declared.widths) == 1:
        return f"{declared.name} has one width: leave --widths out"
    return f"{declared.name} has no other widths than {', '.join(map(str, declared.widths))}: use one of them"


def _is_resolution(resolution: object, least: int) -> bool:
    """Whether a value is the side of a square image, or the two sides of another, from `least` on."""
    both = resolution if isinstance(resolution, tuple) else (resolution, resolution)
    return len(both) == 2 and all(
        isinstance(side, int) and not isinstance(side, bool) and least <= side <= MAX_RESOLUTION for side in both
    )


def _check_whole(what: str, value: object, most: int, usual: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise ValueError(f"{what} must be a whole number from 1 to {most}, such as {usual}, not {value!r}")


def layers(
    name: str, width: float, resolution: Resolution, classes: int = CLASSES, channels: int = IMAGE_CHANNELS
) -> tuple[Layer, ...]:
    """The network's layers in the order in which they run."""
    check(name, width, resolution, classes, channels)
    return network(name).layers(width, ImageShape(channels, *sides(resolution)), classes)


def count(
    name: str, width: float, resolution: Resolution, classes: int = CLASSES, channels: int = IMAGE_CHANNELS
) -> Count:
    """Multiply-adds, parameters and memory of one image.

    For mobilenet_v2, `madds` truncated to millions equals every official row of paper/mobilenet_v2_published.csv, and
    so does `params_without_bn` at 1001 classes truncated to two decimals of a million.
    """
    return _count(layers(name, width, resolution, classes, channels))


_count = lru_cache(maxsize=1000)(counts.count)


def content(name: str, width: float, classes: int = CLASSES, channels: int = IMAGE_CHANNELS) -> str:
    """What makes two networks the same, whatever the size of their images: part of the key of each file made of one."""
    if is_file(name):
        return f"{name} {[known.content for known in described.descriptions(name)[:1]]}"
    if is_described(name):
        known = described.any_description(name)
        return repr((known.origin, state_shapes(name, width, classes, channels)))
    return repr(layers(name, width, ANY_RESOLUTION, classes, channels))


@lru_cache(maxsize=1000, typed=True)
def state_shapes(
    name: str, width: float, classes: int = CLASSES, channels: int = IMAGE_CHANNELS
) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor in the network's state dict by its name, in the order in which the layers run."""
    if is_described(name):
        return described.any_description(name).state_shapes(classes, channels)
    return layer.state_shapes(layers(name, width, ANY_RESOLUTION, classes, channels))


def torchinfo_totals(
    name: str, width: float, resolution: Resolution, classes: int = CLASSES, channels: int = IMAGE_CHANNELS
) -> TorchinfoTotals:
    """What torchinfo would print; see `counts.torchinfo_totals`."""
    return counts.torchinfo_totals(layers(name, width, resolution, classes, channels))


def activations(
    name: str, width: float, resolution: Resolution, classes: int = CLASSES, channels: int = IMAGE_CHANNELS
) -> tuple[Live, ...]:
    """Activation memory along the network, layer by layer."""
    return counts.activations(layers(name, width, resolution, classes, channels))


def build(
    name: str,
    width: float = 1.0,
    resolution: Resolution = ANY_RESOLUTION,
    classes: int = CLASSES,
    channels: int = IMAGE_CHANNELS,
    seed: int | None = 0,
) -> "nn.Module":
    """The network in eval mode; see `modules.build`. Its state dict is the same for every resolution.

    So seeded weights are made at one resolution: paddings of TensorFlow's SAME are others at others.
    """
    if described.is_of_timm(name):
        from mnv2bench.networks import timm_networks

        return timm_networks.build(described.description(name, resolution, classes, channels), seed)
    from mnv2bench.networks import modules  # torch, only where a network is built

    if seed is None or resolution == ANY_RESOLUTION:
        return modules.build(layers(name, width, resolution, classes, channels), seed)
    net = modules.build(layers(name, width, resolution, classes, channels), None)
    net.load_state_dict(build(name, width, ANY_RESOLUTION, classes, channels, seed).state_dict())
    return net


@lru_cache(maxsize=1000, typed=True)
def has_digits_weights(name: str, width: float, classes: int = CLASSES, channels: int = IMAGE_CHANNELS) -> bool:
    """Whether the network, at this width, can compute what the trained digits network does."""
    if is_described(name) or channels != IMAGE_CHANNELS:
        return False
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


def images(seed: int, batch: int, shape: ImageShape) -> "NDArray[np.float32]":
    """The images that every backend is given; see `inputs.images`."""
    from mnv2bench.networks import inputs  # numpy, only where images are made

    return inputs.images(seed, batch, shape)
