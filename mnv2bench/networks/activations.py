"""Activation memory along a network: what each layer reads, writes and keeps alive beside it, without torch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mnv2bench.networks.spec import FP32_BYTES, layers


@dataclass(frozen=True)
class Live:
    """Bytes of fp32 that are alive while one layer computes one image; batch norm and ReLU6 are folded into it.

    `read` is the layer's input, of an add both of them; `written` its output; `held` the input of a block with a
    residual, from the block's second layer on, until the add itself reads it. Weights are not counted.
    """

    layer: str
    read: int
    written: int
    held: int

    @property
    def op(self) -> int:
        """Input and output of the one operation."""
        return self.read + self.written

    @property
    def live(self) -> int:
        return self.op + self.held


@dataclass(frozen=True)
class Peak:
    """The highest number of bytes, and the first layer that has it."""

    layer: str
    bytes: int


@dataclass(frozen=True)
class Peaks:
    """Of the largest tensor, of the input and output of one operation, and of all that is alive during one.

    A tensor goes by the layer that writes it; the image, which none does, by the one that reads it.
    """

    tensor: Peak
    op: Peak
    live: Peak


def activations(network: str, width: float, resolution: int) -> tuple[Live, ...]:
    """One for each layer, in the order in which they run.

    `op` is at most 3.01 MB at widths 0.35 and 0.5, 6.02 at 0.75 and 1.0 and 9.03 at 1.3 and 1.4, at 224.
    """
    all_layers = layers(network, width, resolution)
    adds = {layer.block for layer in all_layers if layer.kind == "add"}
    found: list[Live] = []
    block, entered = "", 0
    for layer in all_layers:
        read = FP32_BYTES * layer.in_elements
        first = layer.block != block
        if first:
            block, entered = layer.block, read
        held = 0 if first or layer.kind == "add" or block not in adds else entered
        read += entered if layer.kind == "add" else 0
        found.append(Live(layer.name, read, FP32_BYTES * layer.out_elements, held))
    return tuple(found)


def peaks(along: Sequence[Live]) -> Peaks:
    """Of a whole network."""
    written = _highest(along, lambda live: live.written)
    image = Peak(along[0].layer, along[0].read)
    tensor = written if written.bytes >= image.bytes else image
    return Peaks(tensor, _highest(along, lambda live: live.op), _highest(along, lambda live: live.live))


def _highest(along: Sequence[Live], size: Callable[[Live], int]) -> Peak:
    highest = max(along, key=size)
    return Peak(highest.layer, size(highest))
