"""The paper's Table 3: the memory of what each network keeps at each size, in two texts, computed again."""

from dataclasses import dataclass

from mnv2bench.networks import layers
from mnv2bench.paper import table

BYTES, KB = 2, 1000  # "We assume 16-bit floats"; the "Kb" of its heading are kB of 1000 bytes
SIZES = ("112x112", "56x56", "28x28", "14x14", "7x7", "1x1")
LARGEST = "max"
AGREES, NO_NUMBER = "agrees", "no number"
OURS = "MobileNetV2"


@dataclass(frozen=True)
class Cell:
    """One cell as a text of the paper prints it. `text` is "earlier" or "later"; `size` is of SIZES, or LARGEST.

    `channels` and `memory` are untouched: "1" and "O(1)" where the earlier text counts nothing at 112x112. `kb` is size
    x size x channels x 2 bytes, of LARGEST the highest of the same text and network; None where that is no number.
    """

    text: str
    size: str
    network: str
    channels: str
    memory: str
    kb: float | None

    @property
    def word(self) -> str:
        """AGREES where the print is the computed number without its last digits; else how it differs from it."""
        if self.kb is None:
            return NO_NUMBER
        printed, unit = _printed(self.memory)
        if printed <= self.kb < printed + unit:
            return AGREES
        ratio = printed / self.kb
        return "rounded up" if 0 < printed - self.kb < 1 else f"{ratio:.2f} times the computed"


def _printed(memory: str) -> tuple[int, int]:
    """The number, and what its last digit that is no zero counts: 600K is 600 of hundreds."""
    number = int(memory.removesuffix("K"))
    digits = str(number).rstrip("0")
    return number, 10 ** (len(str(number)) - len(digits))


def cells() -> tuple[Cell, ...]:
    """All 42 cells in the order of the file: the later text first, network by network."""
    rows = [{**row, "text": row["paper_text"].split()[0]} for row in table("paper_table3")]
    computed = {(row["text"], row["network"], row["size"]): _kb(row) for row in rows if row["size"] != LARGEST}
    found = []
    for row in rows:
        same = [computed.get((row["text"], row["network"], size)) for size in SIZES]
        largest = max(kb for kb in same if kb is not None)
        kb = largest if row["size"] == LARGEST else computed[row["text"], row["network"], row["size"]]
        found.append(Cell(row["text"], row["size"], row["network"], row["channels"], row["memory_kb"], kb))
    return tuple(found)


def _kb(row: dict[str, str]) -> float | None:
    if row["memory_kb"] == "O(1)":
        return None
    return int(row["size"].partition("x")[0]) ** 2 * int(row["channels"]) * BYTES / KB


@dataclass(frozen=True)
class Bottleneck:
    """The tensors between blocks at one size, of the network as Table 2 has it.

    `here` are the channels of those of that size; `fed` those of the row that reads this size and halves it, empty
    where none does. `printed` is the channels of Table 3's later text.
    """

    size: str
    here: tuple[int, ...]
    fed: tuple[int, ...]
    printed: int

    @property
    def kb(self) -> float:
        """Of the largest one."""
        return int(self.size.partition("x")[0]) ** 2 * max(self.here) * BYTES / KB

    @property
    def word(self) -> str:
        """What the printed channels are of."""
        if self.printed in self.here:
            return "tensor of this size"
        return "row fed from this size" if self.printed in self.fed else "neither"


def bottlenecks() -> tuple[Bottleneck, ...]:
    """Of MobileNetV2 1.0 at 224, size by size; at 1x1 it is what the pool leaves."""
    printed = {c.size: c.channels for c in cells() if (c.text, c.network) == ("later", OURS)}
    network = layers("mobilenet_v2", 1.0, 224)
    between = [layer for layer in network if layer.role == "project" or layer.type == "pool"]
    halving = {layer.block: layer.in_size for layer in network if layer.stride == 2}
    found = []
    for size in SIZES:
        side = int(size.partition("x")[0])
        here = dict.fromkeys(layer.out_channels for layer in between if layer.out_size == side)
        fed = [layer.out_channels for layer in between if halving.get(layer.block) == side]
        found.append(Bottleneck(size, tuple(here), tuple(fed), int(printed[size])))
    return tuple(found)
