"""The goal of a recommendation: its budgets, and the cost that stands against accuracy."""

import math
from dataclasses import dataclass
from enum import StrEnum

from mnv2bench.statistics.latency import PERCENTILES


class Cost(StrEnum):
    """What a more accurate case may cost more of."""

    LATENCY = "latency"
    MEMORY = "memory"
    ENERGY = "energy"
    THROUGHPUT = "throughput"  # the time of an image when as many as possible are wanted


@dataclass(frozen=True)
class Goal:
    """What a user requests. None is a budget that was not given.

    `latency_ms` and `memory_mb` are the most that a case may need, `accuracy` is the least top-1 in per cent. The
    latency of a case is the upper bound of its median; with `percentile` it is the upper bound of that percentile.
    `cost` is what the front draws against accuracy. For throughput the best has the most images a second, of all
    batches, threads and streams that were measured; its cost is the wall time of an image.

    Raises ValueError, in one line, for a budget that is no number above 0.
    """

    latency_ms: float | None = None
    memory_mb: float | None = None
    accuracy: float | None = None
    percentile: float | None = None
    cost: Cost = Cost.LATENCY

    def __post_init__(self) -> None:
        for name, value in (
            ("latency_ms", self.latency_ms),
            ("memory_mb", self.memory_mb),
            ("accuracy", self.accuracy),
        ):
            if value is not None and not (0 < value < math.inf):
                raise ValueError(f"{name} must be a number above 0, not {value}")
        if self.accuracy is not None and self.accuracy > 100:
            raise ValueError(f"accuracy must be a number of per cent, 100 at most, not {self.accuracy}")
        if self.percentile not in (None, *PERCENTILES):
            raise ValueError(f"percentile must be one of {', '.join(map(str, PERCENTILES))}, not {self.percentile}")

    @property
    def has_budget(self) -> bool:
        """Whether any budget was given: then one case is the best, else the front is the answer."""
        return any(budget is not None for budget in (self.latency_ms, self.memory_mb, self.accuracy))

    @property
    def has_one_answer(self) -> bool:
        """Whether one case is the answer; else any of the front may be."""
        return self.has_budget or self.is_for_throughput

    @property
    def is_for_throughput(self) -> bool:
        return self.cost == Cost.THROUGHPUT

    @property
    def cost_name(self) -> str:
        """The cost as a table names it: latency, p99, p99.9, memory, energy."""
        return f"p{self.percentile:g}" if self.cost == Cost.LATENCY and self.percentile else self.cost.value

    @property
    def unit(self) -> str:
        """The unit of the cost."""
        return {Cost.LATENCY: "ms", Cost.MEMORY: "MB", Cost.ENERGY: "mJ", Cost.THROUGHPUT: "ms/image"}[self.cost]

    @property
    def budget(self) -> float | None:
        """The budget of the cost, None where none was given; energy and throughput have none."""
        return {Cost.LATENCY: self.latency_ms, Cost.MEMORY: self.memory_mb}.get(self.cost)

    @property
    def is_least_cost(self) -> bool:
        """Whether the least cost is wanted that has the accuracy, and not the most accuracy within a budget."""
        return self.is_for_throughput or (self.accuracy is not None and self.budget is None)
