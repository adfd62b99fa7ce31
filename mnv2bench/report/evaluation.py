"""A Record together with the numbers that were computed from it, each computed once."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NoReturn, TypeVar, cast

from mnv2bench.case import Case
from mnv2bench.records import Record
from mnv2bench.records import replace as replace_in_record
from mnv2bench.statistics.floor import Floor
from mnv2bench.statistics.intervals import shrunk_t_interval
from mnv2bench.statistics.latency import Latency, Speedups, latency
from mnv2bench.statistics.location import Spread
from mnv2bench.statistics.rounds import throughput, throughput_per_process, timed_processes

T = TypeVar("T")
DECIMALS = 9  # of images a second: so that equal processes have an interval of no width
Flags = tuple[str, ...]
Number = Callable[[Record], Any]


class _Dropped:
    """What stands in the place of a record's processes when their samples were dropped: it has nothing but samples.

    Whoever asks for anything else that a process has made a mistake.
    """

    status = "ok"
    counts = external_result = target = None

    def __getattr__(self, name: str) -> NoReturn:
        raise LookupError(f"`{name}` of processes whose samples were dropped when their numbers had been computed")

    def __reduce__(self) -> str:
        return "DROPPED"


DROPPED = _Dropped()


@dataclass(frozen=True, slots=True)
class Kept:
    """Numbers that were computed before samples were dropped; all evaluations of a file have the same `places`."""

    places: Mapping[Number, int]
    values: tuple[Any, ...]

    def of(self, function: Number) -> Any:
        """What the function returned; ... where it was not asked."""
        place = self.places.get(function)
        return ... if place is None else self.values[place]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A Record of one campaign, the file that it came from, and what depends on the records beside it.

    `speedups` are over other cases of the campaign. `find_flags` computes the flags of a record: the caller gives it,
    because flags also come from the packages of GPUs and other devices. `saved_at` is when the file was saved, of a
    journal when its campaign began, None where neither is known. `floor` is what identical campaigns of the machine
    differ by, None where nobody measured that. `spread` is by how much processes of its backend differ, as the campaign
    shows it, None where it has too few cases; `spread_of_rates` the same of images a second, which differ more.
    `reasons` are why each of its processes was measured, in a campaign with a time budget.
    """

    record: Record
    source: str
    speedups: Speedups
    find_flags: Callable[[Record], Flags]
    saved_at: datetime | None = None
    floor: Floor | None = None
    spread: Spread | None = None
    spread_of_rates: Spread | None = None
    reasons: tuple[str, ...] = ()
    _values: "dict[Number, Any] | Kept" = field(default_factory=dict, repr=False, compare=False)

    def of(self, function: Callable[[Record], T]) -> T:
        """What the function returns for the record: computed at the first request, then remembered."""
        values = self._values
        if not isinstance(values, dict):
            value = values.of(function)
            return function(self.record) if value is ... else cast(T, value)
        if function not in values:
            values[function] = function(self.record)
        return cast(T, values[function])

    def remember(self, function: Callable[[Record], T], value: T) -> None:
        """Take what the function returns for the record, which somebody computed already."""
        if isinstance(self._values, dict):
            self._values[function] = value

    def measured(self, function: Callable[[Record], T]) -> T | None:
        """As `of`; None where no process came to its rounds, which most statistics refuse."""
        return self.of(function) if self.of(timed_processes) else None

    @property
    def case(self) -> Case:
        return self.record.case

    @property
    def latency(self) -> Latency | None:
        """The headline latency; None where nothing was measured."""
        return self.measured(latency)

    @property
    def images_per_s_interval(self) -> tuple[float, float] | None:
        """The 95 % interval of its images a second over processes, widened until it holds their median.

        None for one process whose spread nothing shows.
        """
        rates = self.measured(throughput_per_process) or ()
        if len(rates) < (1 if self.spread_of_rates else 2):
            return None
        low, high = shrunk_t_interval(rates, self.spread_of_rates)
        median = self.of(throughput)
        return min(round(low, DECIMALS), median), max(round(high, DECIMALS), median)

    @property
    def flags(self) -> Flags:
        """What a reader must know before believing the numbers: see `mnv2bench.flags`."""
        return self.of(self.find_flags)

    def without_samples(self, places: Mapping[Number, int]) -> "Evaluation":
        """The same with these numbers, each at its place, and without samples: see the function of this name."""
        if isinstance(self._values, Kept) or not self._has_only_samples:
            return self
        kept = Kept(places, tuple([self.of(function) for function in places]))
        return replace(self, record=replace_in_record(self.record, processes=(DROPPED,)), _values=kept)

    @property
    def _has_only_samples(self) -> bool:
        """Whether its record has rounds and nothing else: no counts, no other tool's result, no device or GPU."""
        processes = self.record.processes
        other = any(p.counts or p.external_result or p.target or p.samples.gpu for p in processes)
        return not other and self.of(timed_processes) > 0


def without_samples(evaluations: Iterable[Evaluation], numbers: Iterable[Number]) -> tuple[Evaluation, ...]:
    """The evaluations with their latency, their flags and these numbers, and without samples: most of their memory.

    Only those that have samples and nothing else lose them. Any other number cannot be computed any more: it raises
    LookupError where it is of samples.
    """
    wanted = (timed_processes, latency, *numbers)
    all_evaluations = tuple(evaluations)
    places_of = {
        find_flags: {function: place for place, function in enumerate((*wanted, find_flags))}
        for find_flags in {evaluation.find_flags for evaluation in all_evaluations}
    }
    return tuple(evaluation.without_samples(places_of[evaluation.find_flags]) for evaluation in all_evaluations)
