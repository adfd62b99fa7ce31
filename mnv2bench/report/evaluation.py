"""A Record together with the numbers that were computed from it, each computed once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar, cast

from mnv2bench.cases import Case
from mnv2bench.records import Record
from mnv2bench.statistics.floor import Floor
from mnv2bench.statistics.latency import Latency, Speedups, latency
from mnv2bench.statistics.rounds import measured

T = TypeVar("T")
Flags = tuple[str, ...]


@dataclass(frozen=True)
class Evaluation:
    """A Record of one campaign, the file that it came from, and what depends on the records beside it.

    `speedups` are over other cases of the campaign. `find_flags` computes the flags of a record: the caller gives it,
    because flags also come from the packages of GPUs and other devices. `saved_at` is when the file was saved, None
    where it does not say so, as in a journal. `floor` is what identical campaigns of the machine differ by, None where
    nobody measured that.
    """

    record: Record
    source: str
    speedups: Speedups
    find_flags: Callable[[Record], Flags]
    saved_at: datetime | None = None
    floor: Floor | None = None
    _values: dict[Callable[[Record], Any], Any] = field(default_factory=dict, repr=False, compare=False)

    def of(self, function: Callable[[Record], T]) -> T:
        """What the function returns for the record: computed at the first request, then remembered."""
        if function not in self._values:
            self._values[function] = function(self.record)
        return cast(T, self._values[function])

    def measured(self, function: Callable[[Record], T]) -> T | None:
        """As `of`; None where no process came to its rounds, which most statistics refuse."""
        return self.of(function) if self.of(measured) else None

    @property
    def case(self) -> Case:
        return self.record.case

    @property
    def latency(self) -> Latency | None:
        """The headline latency; None where nothing was measured."""
        return self.measured(latency)

    @property
    def flags(self) -> Flags:
        """What a reader must know before believing the numbers: see `mnv2bench.flags`."""
        return self.of(self.find_flags)
