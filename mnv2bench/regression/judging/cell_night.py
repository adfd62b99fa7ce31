"""A case in one night: its level, the spread of its processes, and whether it may be in a baseline."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnv2bench.records import Record
from mnv2bench.remote.conditions import is_throttled
from mnv2bench.statistics.doubts import drift, drift_limit
from mnv2bench.statistics.floor import Floor
from mnv2bench.statistics.latency import detection_of, quantile, tail_of
from mnv2bench.statistics.rounds import measured, used_of_each

# Where each number comes from: docs/thresholds.md#flags and docs/thresholds.md#detection
MAX_DOUBTFUL = 0.4  # of a case's processes: 2 of 5
LOW = 0.25  # quantile over processes: contention only slows, and may slow half of a bad night's processes


@dataclass(frozen=True)
class CellNight:
    """`level` is the natural log of seconds: the 25 % quantile over processes of their detection statistics.

    `process_sd` is the standard deviation of those, None for one process. `tail` and `tail_sd` are the same of the
    processes' tails, the natural log of p90 over p50; None where rounds have too few calls for one. `noisy` processes
    kept under half of their rounds; `drifting` ones had not settled; `throttled` ones ran on a device that was too hot.
    """

    level: float
    process_sd: float | None
    processes: int
    noisy: int
    drifting: int
    throttled: int = 0
    tail: float | None = None
    tail_sd: float | None = None

    @property
    def doubt(self) -> str:
        """Why this night of the cell is in no baseline and cannot fail a gate; empty where it may be."""
        if self.noisy >= MAX_DOUBTFUL * self.processes:
            return "noisy"
        if self.throttled >= MAX_DOUBTFUL * self.processes:
            return "throttled"
        return "unsteady" if self.drifting > self.processes / 2 else ""


def night_level(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """The level of a night from those of its processes, which are the first axis.

    With the median instead, simulated nights of which one in twenty is disturbed lose 5 to 6 more slowdowns in 100.
    """
    low: NDArray[np.float64] = np.quantile(levels, LOW, axis=0)
    return low


def cell_night(record: Record, floor: Floor | None = None) -> CellNight | None:
    """The night of a case; None where it was refused, failed or has wrong outputs.

    `floor` is what identical campaigns of the machine differ by. The gate judges without it, so that a night does not
    enter or leave a baseline because somebody measured a floor.
    """
    processes = measured(record)
    if record.status != "ok" or not processes:
        return None
    used = used_of_each(record)
    ordered = [[sorted(r.durations_ns) for r in process.rounds] for process in used]
    levels = [detection_of(rounds) for rounds in ordered]
    tails = [length for rounds in ordered if (length := tail_of(rounds)) is not None]
    return CellNight(
        level=quantile(levels, LOW),
        process_sd=_standard_deviation(levels) if len(levels) > 1 else None,
        processes=len(levels),
        noisy=sum([process.noisy for process in used]),
        drifting=sum([drift(process.rounds, drift_limit(floor, record.case)) is not None for process in used]),
        throttled=sum(map(is_throttled, record.processes)),
        tail=quantile(tails, LOW) if len(tails) == len(levels) else None,
        tail_sd=_standard_deviation(tails) if len(tails) == len(levels) > 1 else None,
    )


def _standard_deviation(levels: Sequence[float]) -> float:
    """Of a sample. `statistics.stdev` computes in fractions, which takes as long as all the rest of a case's night."""
    mean = math.fsum(levels) / len(levels)
    return math.sqrt(math.fsum([(level - mean) ** 2 for level in levels]) / (len(levels) - 1))
