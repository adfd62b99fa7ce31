"""The machine's limits from its probes, what a layer could take at best, and what a case loses to that."""

from collections.abc import Sequence
from dataclasses import dataclass

from mnv2bench.analysis.profile import CaseProfile
from mnv2bench.cases import Case
from mnv2bench.profiles import Probes


@dataclass(frozen=True)
class Ceiling:
    """One probe over its processes: FLOP or bytes a second, the median over processes and its 95 % interval.

    `flags` say what to doubt, in the words of a record's flags. The interval is the median itself with one process.
    """

    name: str
    library: str
    unit: str
    level: str
    bytes: int
    per_s: float
    low: float
    high: float
    processes: int
    flags: tuple[str, ...]


@dataclass(frozen=True)
class Roof:
    """The highest ceiling of each kind at a number of threads: what `attainable` computes with.

    `flops` by precision ("fp32", "bf16"), `bandwidth` bytes a second by level ("L2", "L3", "memory"), `caches` bytes by
    level. A kind that no probe measured is missing.
    """

    threads: int
    flops: dict[str, float]
    bandwidth: dict[str, float]
    caches: dict[str, int]


@dataclass(frozen=True)
class Attainable:
    """The least time, by compute and by memory, of layers that run one after the other; `seconds` sums the larger."""

    compute_s: float
    memory_s: float
    seconds: float
    bound: str  # "compute", or "memory": which of them is the larger in sum


@dataclass(frozen=True)
class Loss:
    """What a block takes more than it could; `share` is attainable over taken, 1.0 at the limit."""

    block: str
    taken_s: float
    attainable_s: float
    share: float

    @property
    def lost_s(self) -> float:
        return self.taken_s - self.attainable_s


def ceilings(probes: Sequence[Probes], threads: int) -> tuple[Ceiling, ...]:
    """Of the processes that ended well, in the order of the probes; empty without any."""
    raise NotImplementedError


def roof(found: Sequence[Ceiling], threads: int, caches: dict[str, int]) -> Roof:
    raise NotImplementedError


def attainable(roof: Roof, case: Case, layers: Sequence[str]) -> Attainable | None:
    """Of a call of the case, these layers of its network only. None where the roof lacks what it takes."""
    raise NotImplementedError


def losses(roof: Roof, profile: CaseProfile) -> tuple[Loss, ...]:
    """Each block of the profile, the one that loses most first; layout and unmapped rows have nothing attainable (0)."""
    raise NotImplementedError


def roofline_share(roof: Roof, profile: CaseProfile) -> float | None:
    """Attainable time of the whole network over the undisturbed median, else over the sum of operators."""
    raise NotImplementedError
