"""Published numbers, each with its source: the room that reads the CSV files of this folder."""

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

OFFICIAL_SOURCE = "tensorflow/models research/slim/nets/mobilenet/README.md"


@dataclass(frozen=True)
class Published:
    """One row as its source prints it; None where the source says nothing. Accuracies in percent."""

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


@cache
def published() -> tuple[Published, ...]:
    """All rows on MobileNetV2: official, quantised, TFLite-hosted, torchvision's and Keras's."""
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
            latency_ms=_number(row["latency_ms"]),
            latency_device=row["latency_device"],
            source=row["source"],
        )
        for row in table("mobilenet_v2_published")
    )


def official() -> dict[tuple[float, int], Published]:
    """The 22 float checkpoints of the authors' own table, by width and resolution."""
    return {(row.width, row.resolution): row for row in published() if row.source.startswith(OFFICIAL_SOURCE)}


def table(
    name: Literal[
        "mobilenet_v2_published",
        "mobilenet_v1_published",
        "paper_table2",
        "paper_table3",
        "paper_table4",
        "others_ncnn",
        "others_qaihub",
        "others_timm",
        "others_socs",
    ],
) -> list[dict[str, str]]:
    """The rows of one CSV file as text, untouched."""
    text = resources.files(__name__).joinpath(f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _number(cell: str) -> float | None:
    return float(cell) if cell else None
