"""The networks: counted without torch, built with it."""

from typing import TYPE_CHECKING

from mnv2bench.networks.activations import Live, Peak, Peaks, activations, peaks
from mnv2bench.networks.images import images
from mnv2bench.networks.spec import SPECS, Count, Layer, TorchinfoTotals, check, count, layers, torchinfo_totals

if TYPE_CHECKING:
    from mnv2bench.networks.mobilenet_v2 import MobileNetV2

__all__ = [
    "NAMES",
    "Count",
    "Layer",
    "Live",
    "Peak",
    "Peaks",
    "TorchinfoTotals",
    "activations",
    "build",
    "check",
    "count",
    "images",
    "layers",
    "peaks",
    "torchinfo_totals",
]

NAMES = tuple(SPECS)


def build(network: str, width: float = 1.0, classes: int = 1000, seed: int | None = 0) -> "MobileNetV2":
    """The network in eval mode; see `mobilenet_v2.build`."""
    from mnv2bench.networks import mobilenet_v2  # torch, only where a network is built

    return mobilenet_v2.build(network, width, classes, seed)
