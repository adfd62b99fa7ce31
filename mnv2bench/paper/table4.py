"""Table 4 of arXiv:1801.04381: the networks that it compares, what it prints of them, and which of ours they are."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from mnv2bench.networks import Size, Variant
from mnv2bench.paper import table

GRID = "table4"  # the word of --grid for these networks
DEVICE, CONDITIONS = "Pixel 1", "TF-Lite, large core"
V1, V2 = "MobileNetV1", "MobileNetV2"  # "V2 is faster than V1 at half the MAdds", section 6.1
NASNET = "NasNet-A"
VARIANTS: Mapping[str, Variant] = {  # ours, by the names of the table
    V1: Variant("mobilenet_v1", 1.0, 224),
    "ShuffleNet (1.5)": Variant("shufflenet_v1", 1.5, 224),
    "ShuffleNet (x2)": Variant("shufflenet_v1", 2.0, 224),
    NASNET: Variant("nasnet_a", 1.0, 224),
    V2: Variant("mobilenet_v2", 1.0, 224),
    "MobileNetV2 (1.4)": Variant("mobilenet_v2", 1.4, 224),
}
NETWORKS = tuple(dict.fromkeys(variant.network for variant in VARIANTS.values()))
LABELS: Mapping[str, str] = {  # the same for narrow columns
    V1: "V1",
    "ShuffleNet (1.5)": "Shuffle 1.5",
    "ShuffleNet (x2)": "Shuffle 2",
    NASNET: "NASNet",
    V2: "V2",
    "MobileNetV2 (1.4)": "V2 1.4",
}


@dataclass(frozen=True)
class Row:
    """A line of the table as printed: millions, per cent and milliseconds; `ms` is None where it prints none.

    `params_m` is the text, whose digits say how exact it is.
    """

    name: str
    madds_m: int
    params_m: str
    top1: float
    ms: float | None

    @property
    def label(self) -> str:
        """Its name in narrow columns."""
        return LABELS[self.name]

    @property
    def family(self) -> str:
        """The name of its family in narrow columns."""
        return self.label.partition(" ")[0]

    @property
    def variant(self) -> Variant:
        """The network of ours that it is."""
        return VARIANTS[self.name]


def rows() -> tuple[Row, ...]:
    """The six lines in the order of the table."""
    return tuple(
        Row(
            name=row["network"],
            madds_m=int(row["madds_M"]),
            params_m=row["params_M"],
            top1=float(row["top1"]),
            ms=float(row["cpu_ms"]) if row["cpu_ms"] else None,
        )
        for row in table("paper_table4")
    )


def sizes(network: str) -> tuple[Size, ...]:
    """Width and resolution of each variant of a network that the table compares. ValueError where it has none."""
    of_network = tuple(variant[1:3] for variant in VARIANTS.values() if variant.network == network)
    if not of_network:
        raise ValueError(f"grid {GRID} has no variant of {network}: its networks are {', '.join(NETWORKS)}")
    return of_network


def is_print_of(printed: str, *millions: float) -> bool:
    """Whether a printed number of millions is one of these, rounded or cut off to as many digits."""
    scale = 10 ** len(printed.partition(".")[2])
    number = round(float(printed) * scale)
    return any(number in (round(value * scale), math.floor(value * scale)) for value in millions)
