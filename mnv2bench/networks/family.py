"""Network: what a family's file declares of each of its networks, without torch."""

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from msgspec import Struct

from mnv2bench.networks.counts import Count
from mnv2bench.networks.layer import Layer
from mnv2bench.networks.shapes import ImageShape, Resolution

Size = tuple[float, Resolution]  # width and resolution


class Published(Struct, frozen=True):
    """One published row as its source prints it; None where the source says nothing. Accuracies in percent."""

    model: str
    width: float
    resolution: int
    variant: str
    madds_m: int | None
    params_m: float | None
    top1: float | None
    top5: float | None
    latency_ms: float | None
    latency_device: str
    source: str


def _nothing_published() -> Mapping[Size, Published]:
    return {}


@dataclass(frozen=True)
class Counting:
    """How the published numbers of a network are counted.

    Multiply-adds are in millions, cut off, or rounded where `rounds`. Parameters are of a network with `classes`, have
    `norm_vectors` for each channel of a batch norm, and the classifier's bias where `classifier_bias`. `misprints` are
    the widths and resolutions whose published multiply-adds the network does not have.
    """

    classes: int = 1000
    norm_vectors: int = 0
    classifier_bias: bool = True
    rounds: bool = False
    misprints: frozenset[Size] = frozenset()

    def millions(self, madds: int) -> int:
        """Multiply-adds as the source prints them."""
        return round(madds / 1e6) if self.rounds else madds // 1_000_000

    def params(self, counted: Count) -> int:
        """Parameters by the rule of the source, of a network with as many classes as the source has."""
        channels = (counted.params - counted.params_without_bn) // 2  # of batch norms, each with a weight and a bias
        bias = 0 if self.classifier_bias else self.classes
        return counted.params_without_bn + self.norm_vectors * channels - bias


@dataclass(frozen=True)
class Network:
    """One network of a family.

    `layers` lists them for a width, the shape of the image and a number of classes. `grids` are named lists of widths
    with resolutions; each network has brief, quick, published and full. `published` returns the published rows by
    those, and `counting` says how their numbers are counted. Their latencies were measured on `reference_device` in the
    `reference_conditions`; `reference` is the network of the family that has them, where this one has none of its own.
    `paper_name` is what tables of its paper call it.
    Other widths than `widths` can be built where `any_width`.
    Below `min_width` a layer would have no channel, below `min_resolution` the strides would leave less than one pixel.
    """

    name: str
    layers: Callable[[float, ImageShape, int], tuple[Layer, ...]]
    widths: tuple[float, ...]
    resolutions: tuple[Resolution, ...]
    grids: Mapping[str, tuple[Size, ...]]
    published: Callable[[], Mapping[Size, Published]] = _nothing_published
    reference_device: str = ""
    reference_conditions: str = ""
    reference: str = ""
    paper_name: str = ""
    counting: Counting = Counting()
    any_width: bool = True
    min_width: float = 0.0
    min_resolution: int = 32


@cache
def published_rows(table: str) -> tuple[Published, ...]:
    """The rows of one CSV file of the folder mnv2bench/paper; a file without latencies has no columns for them."""
    text = resources.files("mnv2bench").joinpath("paper", f"{table}.csv").read_text(encoding="utf-8")
    return tuple(
        Published(
            model=row["model"],
            width=float(row["width"]),
            resolution=int(row["resolution"]),
            variant=row["variant"],
            madds_m=int(row["macs_M"]) if row["macs_M"] else None,
            params_m=_number(row["params_M"]),
            top1=_number(row["top1"]),
            top5=_number(row["top5"]),
            latency_ms=_number(row.get("latency_ms", "")),
            latency_device=row.get("latency_device", ""),
            source=row["source"],
        )
        for row in csv.DictReader(text.splitlines())
    )


def _number(cell: str) -> float | None:
    return float(cell) if cell else None
