"""The page of activation memory as computed, with the paper's Table 3 computed again, and a CSV of every layer."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from mnv2bench import networks
from mnv2bench.case import Case
from mnv2bench.files import Sort
from mnv2bench.networks import Variant, activations, count, peaks
from mnv2bench.paper import table3
from mnv2bench.paper.table3 import Cell
from mnv2bench.report.blocks import Block, Heading, Listing, Paragraph, TableBlock, markdown
from mnv2bench.report.cells import NONE, number
from mnv2bench.report.csv import as_csv

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("variant", "place", "layer", "read_bytes", "written_bytes", "held_bytes", "live_bytes")
TABLE = Sort("memory table", columns=COLUMNS)
TITLE = "Activation memory"
PAGE = Sort("memory page")
BOTH = "both"
HOW_TO_READ = """\
Computed, not measured: one fp32 image, {folded} folded into the layer before them, no kernel's own buffers.
MB are 1e6 bytes. "In + out" is what one operation reads and writes, of an addition both inputs; "alive" is that and the
input of a residual's block until its addition has read it. Weights are with those of batch norm.
"""
TABLE_3 = """\
Every cell of arXiv:1801.04381, Table 3, as its earlier and its later text print it, beside size x size x channels x 2
bytes; kB are 1000 bytes, which the table's heading calls Kb. It agrees where the print is the computed number without
its last digits. "max" is held against the largest computed cell of the same text.
"""
BETWEEN = """\
What {name} has at each size by the paper's own Table 2: the tensors between blocks, the only ones that Table 3
counts, and the row that reads them and halves their size.
"""


def name(variant: Variant) -> str:
    """`mobilenet_v2_1.0_224`, as cases have it."""
    return Case.of(variant).variant


def short_name(variant: Variant) -> str:
    """`1.0@224`, as narrow tables have it."""
    return Case.of(variant).short_variant


def all_folded(variants: Sequence[Variant]) -> str:
    """What is folded into the layers of these variants, in words."""
    return networks.folded([layer for variant in variants for layer in networks.layers(*variant)])


def memory_blocks(variants: Sequence[Variant], name: Callable[[Variant], str] = name) -> list[Block]:
    """The whole page: the peaks of these variants, and Table 3 where one is of the family that it is about.

    `name` spells a variant in the tables.
    """
    blocks: list[Block] = [
        Heading(TITLE, level=1),
        Paragraph(HOW_TO_READ.format(folded=all_folded(variants))),
        _peaks(variants, name),
        Paragraph(_residuals(variants)),
    ]
    if any(networks.reference(network).name == table3.NETWORK for network, *_ in variants):
        blocks += _table_3_of_the_paper()
    return blocks


def memory_page(variants: Sequence[Variant]) -> str:
    """The same as Markdown."""
    return markdown(memory_blocks(variants))


def _table_3_of_the_paper() -> list[Block]:
    return [
        Heading("Table 3 of the paper"),
        Paragraph(TABLE_3),
        _table_3(),
        Paragraph("Misprints, and what is none:"),
        Listing(tuple(_misprints())),
        Heading("The channels of its V2 column"),
        Paragraph(BETWEEN.format(name=networks.network(table3.NETWORK).paper_name)),
        _between(),
        Paragraph(_largest_inside_a_block()),
    ]


def live_csv(variants: Sequence[Variant]) -> str:
    """A row for each layer of each variant: bytes of one fp32 image, as `networks.Live` has them."""
    return as_csv(frame(variants))


def frame(variants: Sequence[Variant]) -> "pd.DataFrame":
    """The rows of `live_csv` in the order of the network; `place` counts its layers."""
    import pandas as pd

    return pd.DataFrame(
        {
            "variant": name(variant),
            "place": place,
            "layer": live.layer,
            "read_bytes": live.read,
            "written_bytes": live.written,
            "held_bytes": live.held,
            "live_bytes": live.live,
        }
        for variant in variants
        for place, live in enumerate(activations(*variant))
    )


def _peaks(variants: Sequence[Variant], name: Callable[[Variant], str]) -> TableBlock:
    header = ("variant", "largest tensor", "at", "in + out", "at", "alive", "at", "weights")
    lines = []
    for variant in variants:
        highest = peaks(activations(*variant))
        cells = [cell for peak in (highest.tensor, highest.op, highest.live) for cell in (_mb(peak.bytes), peak.layer)]
        lines.append([name(variant), *cells, _mb(count(*variant).weight_bytes)])
    return TableBlock(header, lines)


def _residuals(variants: Sequence[Variant]) -> str:
    raised = []
    for variant in variants:
        highest = peaks(activations(*variant))
        if highest.live.bytes > highest.op.bytes:
            raised.append(name(variant))
    if not raised:
        return "What a residual keeps alive raises the peak of none of these."
    return f"What a residual keeps alive raises the peak of {', '.join(raised)}."


def _mb(size: int) -> str:
    return number(size / 1e6)


def _table_3() -> TableBlock:
    header = ("size", "network", "text", "word", "channels", "printed", "computed kB")
    cells = {(cell.text, cell.network, cell.size): cell for cell in table3.cells()}
    lines = []
    for size in (*table3.SIZES, table3.LARGEST):
        for network in dict.fromkeys(cell.network for cell in table3.cells()):
            earlier, later = (cells[text, network, size] for text in ("earlier", "later"))
            if (earlier.memory, earlier.kb) == (later.memory, later.kb):
                lines.append(_line(later, BOTH))
            else:
                lines += [_line(earlier, "earlier"), _line(later, "later")]
    return TableBlock(header, lines, texts=4)


def _line(cell: Cell, text: str) -> list[str]:
    computed = NONE if cell.kb is None else number(cell.kb)
    return [cell.size, cell.network, text, cell.word, cell.channels or NONE, cell.memory, computed]


def _misprints() -> Iterator[str]:
    """Sentences on what does not agree, each computed from the cells."""
    cells = {(cell.text, cell.network, cell.size): cell for cell in table3.cells()}
    for network in dict.fromkeys(cell.network for cell in cells.values()):
        for size in (*table3.SIZES, table3.LARGEST):
            yield from _disagreements(cells["earlier", network, size], cells["later", network, size])


def _disagreements(earlier: Cell, later: Cell) -> Iterator[str]:
    """Sentences on one cell: of its texts with each other, and of the later one with the computed number."""
    where = f"{later.network}, {later.size}"
    if earlier.memory != later.memory:
        yield f"{where}: the earlier text prints {_printed(earlier)}, the later one {_printed(later)}."
    elif later.size != table3.LARGEST and later.memory.endswith("K"):
        yield f"{where}: {later.memory} has a K that no other size has; it is {number(later.kb)} kB like the rest."
    if later.word not in (table3.AGREES, table3.NO_NUMBER):
        printed = f"{where}: {later.memory} is not {number(later.kb)} kB"
        if later.size == table3.LARGEST:
            yield f"{printed}, which another size of the same text has ({later.word})."
        else:
            yield f"{printed}, which {later.channels} channels are ({later.word})."


def _printed(cell: Cell) -> str:
    return f"{cell.channels}/{cell.memory}" if cell.channels else cell.memory


def _between() -> TableBlock:
    header = ("size", "Table 3's channels are of", "printed", "tensors of this size", "fed row", "largest of them, kB")
    lines = [
        [
            row.size,
            row.word,
            str(row.printed),
            ", ".join(map(str, row.here)),
            ", ".join(map(str, row.fed)) or NONE,
            number(row.kb),
        ]
        for row in table3.bottlenecks()
    ]
    return TableBlock(header, lines, texts=2)


def _largest_inside_a_block() -> str:
    largest = peaks(activations(table3.NETWORK, table3.WIDTH, table3.RESOLUTION)).tensor
    kb = largest.bytes / 2 / 1000
    largest_between = max(row.kb for row in table3.bottlenecks())
    return (
        f"Table 3 takes it that no expansion is ever kept whole. A runtime that runs layer by layer keeps "
        f"{largest.layer}'s: {number(kb)} kB at 16 bits, {kb / largest_between:.1f} times the largest tensor between "
        "blocks."
    )
