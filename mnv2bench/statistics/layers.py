"""How many layers of a network ran in which precision, by the runtime's own graph."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mnv2bench.case import Case
from mnv2bench.records import Record


@dataclass(frozen=True)
class LayersRan:
    """Convolution and linear layers of one process: those that ran in the case's precision, of `total`.

    `others` are those that ran in another precision, by its name.
    """

    precision: str
    requested: int
    total: int
    others: Mapping[str, int]

    @property
    def all(self) -> bool:
        """Whether every layer ran in the case's precision, and none beyond those that the network has."""
        return self.requested == self.total and not self.others

    @property
    def text(self) -> str:
        """`53 of 53 int8`, or `36 of 53 int8, 17 fp32`."""
        others = (f"{number} {precision}" for precision, number in self.others.items())
        return ", ".join([f"{self.requested} of {self.total} {self.precision}", *others])


def layers_ran(record: Record) -> LayersRan | None:
    """The layers of the process with the fewest in the record's precision; None where no runtime reports any."""
    case = record.case
    reported = [measured.layers for p in record.processes if (measured := p.counts or p.samples).layers]
    if not reported:
        return None
    fewest = min(reported, key=lambda layers: layers.get(case.precision, 0))
    others = {name: number for name, number in fewest.items() if name != case.precision and number}
    return LayersRan(case.precision, fewest.get(case.precision, 0), multiplying_layers(case), others)


def multiplying_layers(case: Case) -> int:
    """Convolution and linear layers of the case's network: those that have multiply-adds."""
    layers = case.layers
    return sum(layer.madds > 0 for layer in layers)


def layer_doubts(record: Record) -> Iterator[str]:
    """`layers` where fewer layers than all ran in the record's precision."""
    ran = layers_ran(record)
    if ran and not ran.all:
        yield f"layers: {ran.text}"
