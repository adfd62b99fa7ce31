"""The CSV files of this folder: published numbers, each with its source."""

import csv
from collections.abc import Mapping
from importlib import resources
from typing import Literal

from mnv2bench import networks
from mnv2bench.networks import Published
from mnv2bench.networks.family import published_rows


def published() -> tuple[Published, ...]:
    """All rows on the default network: official, quantised, TFLite-hosted, torchvision's and Keras's."""
    return published_rows(f"{networks.DEFAULT}_published")


def official() -> Mapping[networks.Size, Published]:
    """The rows of the authors' own table of the default network, by width and resolution."""
    return networks.network(networks.DEFAULT).published()


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
    """The rows of a CSV file as text, untouched."""
    text = resources.files(__name__).joinpath(f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
