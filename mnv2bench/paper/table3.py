"""Table 3 of arXiv:1801.04381 computed again: the memory that three networks keep at each size, in both texts."""

from dataclasses import dataclass
from itertools import groupby

from mnv2bench import networks
from mnv2bench.paper import table

BYTES, KB = 2, 1000  # "We assume 16-bit floats"; the "Kb" of its heading are kB of 1000 bytes
SIZES = ("112x112", "56x56", "28x28", "14x14", "7x7", "1x1")
LARGEST = "max"
AGREES, NO_NUMBER = "agrees", "no number"
NETWORK, WIDTH, RESOLUTION = networks.DEFAULT, 1.0, 224  # the paper's own


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
    """The number, and the unit of its last digit that is not zero: 600 and 100 of 600K."""
    number = int(memory.removesuffix("K"))
    digits = str(number).rstrip("0")
    return number, 10 ** (len(str(number)) - len(digits))


def cells() -> tuple[Cell, ...]:
    """All 42 cells in the order of the file: the later text first, network by network."""
    rows = [{**row, "text": row["paper_text"].split()[0]} for row in table("paper_table3")]
    computed = {(row["text"], row["network"], row["size"]): _kb(row) for row in rows if row["size"] != LARGEST}
    all_cells = []
    for row in rows:
        of_column = [computed.get((row["text"], row["network"], size)) for size in SIZES]
        largest = max(kb for kb in of_column if kb is not None)
        kb = largest if row["size"] == LARGEST else computed[row["text"], row["network"], row["size"]]
        all_cells.append(Cell(row["text"], row["size"], row["network"], row["channels"], row["memory_kb"], kb))
    return tuple(all_cells)


def _kb(row: dict[str, str]) -> float | None:
    if row["memory_kb"] == "O(1)":
        return None
    return int(row["size"].partition("x")[0]) ** 2 * int(row["channels"]) * BYTES / KB


@dataclass(frozen=True)
class Bottleneck:
    """The tensors between blocks at one size, in the network as Table 2 has it.

    `here` are the channels of those of that size; `fed` those of the row that reads this size and halves it, empty
    where none does. `printed` is the channels of Table 3's later text.
    """

    size: str
    here: tuple[int, ...]
    fed: tuple[int, ...]
    printed: int

    @property
    def kb(self) -> float:
        """The size of the largest of these tensors."""
        return int(self.size.partition("x")[0]) ** 2 * max(self.here) * BYTES / KB

    @property
    def word(self) -> str:
        """Which tensor has the printed channels."""
        if self.printed in self.here:
            return "tensor of this size"
        return "row fed from this size" if self.printed in self.fed else "neither"


def bottlenecks() -> tuple[Bottleneck, ...]:
    """The tensors between blocks of the paper's own network, size by size; at 1x1 the result of the pool."""
    name = networks.network(NETWORK).paper_name
    printed = {c.size: c.channels for c in cells() if (c.text, c.network) == ("later", name)}
    layers = networks.layers(NETWORK, WIDTH, RESOLUTION)
    of_blocks = [list(block) for _, block in groupby(layers, key=lambda layer: layer.block)]
    between = [block[-1] for block in of_blocks if len(block) > 1 or block[-1].type == "pool"]
    halving = {layer.block: layer.in_size[0] for layer in layers if layer.stride == (2, 2)}
    rows = []
    for size in SIZES:
        side = int(size.partition("x")[0])
        here = dict.fromkeys(layer.out_channels for layer in between if layer.out_size == (side, side))
        fed = [layer.out_channels for layer in between if halving.get(layer.block) == side]
        rows.append(Bottleneck(size, tuple(here), tuple(fed), int(printed[size])))
    return tuple(rows)
