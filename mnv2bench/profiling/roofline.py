"""The machine's limits from its probes, the least time that layers could take, and what a case takes beyond it."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mnv2bench import networks
from mnv2bench.cases import Case
from mnv2bench.networks import Layer
from mnv2bench.precisions import named
from mnv2bench.profiling.case_profile import CaseProfile
from mnv2bench.profiling.records import Probe, Probes
from mnv2bench.profiling.work import madds, moved
from mnv2bench.statistics.doubts import noise_doubts
from mnv2bench.statistics.intervals import t_interval
from mnv2bench.statistics.rounds import durations_ns, used_rounds

LEVELS = ("L1", "L2", "L3", "memory")
OF_A_CORE = ("L1", "L2")  # each thread has its own


@dataclass(frozen=True)
class Ceiling:
    """The speed of one probe, in FLOP or bytes a second: the median over processes and its 95 % interval.

    With one process the interval is the median itself. `doubts` are sentences like those of a record.
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
    doubts: tuple[str, ...]


@dataclass(frozen=True)
class Roof:
    """The highest ceilings at a number of threads, from which `attainable` computes.

    `flops` are FLOP a second by the name of a precision, `bandwidth` bytes a second by level ("L2", "L3", "memory"),
    `caches` bytes by level. What no probe measured is missing.
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
    bound: str  # "compute" or "memory", the larger of the two sums


@dataclass(frozen=True)
class Loss:
    """The time of a block and the least time that it could take; `share` is attainable over taken, 1.0 at the limit."""

    block: str
    taken_s: float
    attainable_s: float
    share: float

    @property
    def lost_s(self) -> float:
        return self.taken_s - self.attainable_s


def ceilings(probes: Sequence[Probes], threads: int) -> tuple[Ceiling, ...]:
    """The ceilings from the processes that ended well, in the order of the probes."""
    by_name: dict[tuple[str, str], list[Probe]] = {}
    for process in probes:
        if process.status == "ok" and process.threads == threads:
            for probe in process.probes:
                if probe.rounds:
                    by_name.setdefault((probe.library, probe.name), []).append(probe)
    return tuple(_ceiling(same_probe, threads) for same_probe in by_name.values())


def _ceiling(same_probe: Sequence[Probe], threads: int) -> Ceiling:
    """The ceiling of one probe from its processes."""
    speeds = []
    for probe in same_probe:
        call_ns = float(np.median(durations_ns(used_rounds(probe, threads))))
        speeds.append(1e9 * probe.work / call_ns)
    per_s = statistics.median(speeds)
    low, high = t_interval(speeds) if len(speeds) > 1 else (per_s, per_s)
    first = same_probe[0]
    return Ceiling(
        name=first.name,
        library=first.library,
        unit=first.unit,
        level=first.level,
        bytes=first.bytes,
        per_s=per_s,
        low=low,
        high=high,
        processes=len(same_probe),
        doubts=tuple(noise_doubts(same_probe, threads)),
    )


def roof(measured: Sequence[Ceiling], threads: int, caches: dict[str, int]) -> Roof:
    """The highest of these ceilings by precision and by level."""
    flops: dict[str, float] = {}
    bandwidth: dict[str, float] = {}
    for ceiling in measured:
        if ceiling.unit == "flop":
            precision = ceiling.name.partition(" ")[0]
            flops[precision] = max(flops.get(precision, 0.0), ceiling.per_s)
        else:
            bandwidth[ceiling.level] = max(bandwidth.get(ceiling.level, 0.0), ceiling.per_s)
    return Roof(threads, flops, bandwidth, caches)


def attainable(roof: Roof, case: Case, layers: Sequence[str]) -> Attainable | None:
    """The least time of these layers of the case's network in one call. None where the roof lacks a ceiling for it.

    Compute: twice the multiply-adds; pool and add have none. Memory: the activations of a layer move at the bandwidth
    of the smallest level that holds them, and its weights at that of the smallest level that holds all weights of the
    network, because they are read once a call. An L2 counts once for each thread, and a level that no probe measured
    is left out. Each layer reads and writes by itself, so fused layers may take less than this.
    """
    flops = roof.flops.get(
        named(case.precision).files
    )  # no CPU multiplies in tf32: what computes in it is held to fp32
    if not flops or "memory" not in roof.bandwidth:
        return None
    network = _network(case)
    net = tuple(network.values())
    weights_per_s = _bandwidth(roof, moved(net, net, case, net).weights)
    compute, memory = [], []
    for layer in (network[name] for name in layers):
        of_layer = moved([layer], [layer], case, net)
        activations_per_s = _bandwidth(roof, of_layer.activations)
        compute.append(2 * madds([layer], case) / flops)
        memory.append(of_layer.activations / activations_per_s + of_layer.weights / weights_per_s)
    bound = "compute" if sum(compute) > sum(memory) else "memory"
    return Attainable(sum(compute), sum(memory), sum(map(max, compute, memory)), bound)


def _network(case: Case) -> dict[str, Layer]:
    """The layers of the case's network by name."""
    return {layer.name: layer for layer in networks.layers(case.network, case.width, case.resolution, case.classes)}


def _bandwidth(roof: Roof, size: int) -> float:
    """Bytes a second of the smallest measured level that holds that many bytes, else of memory."""
    for level in LEVELS:
        holds = roof.caches.get(level, 0) * (roof.threads if level in OF_A_CORE else 1)
        if level in roof.bandwidth and size <= holds:
            return roof.bandwidth[level]
    return roof.bandwidth["memory"]


def losses(roof: Roof, profile: CaseProfile) -> tuple[Loss, ...]:
    """The blocks of the profile, the one that loses most first; layout and unmapped rows have 0 attainable.

    Empty where the roof lacks a ceiling for the case.
    """
    of_blocks = []
    for row in profile.blocks:
        least = attainable(roof, profile.case, row.layers)
        if least is None:
            return ()
        taken_s = row.time.median_s
        share = least.seconds / taken_s if taken_s else 0.0
        of_blocks.append(Loss(row.name, taken_s, least.seconds, share))
    return tuple(sorted(of_blocks, key=lambda loss: loss.lost_s, reverse=True))


def roofline_share(roof: Roof, profile: CaseProfile) -> float | None:
    """Attainable time of the whole network over the undisturbed median, else over the sum of operators."""
    least = attainable(roof, profile.case, tuple(_network(profile.case)))
    taken_s = profile.median_s or profile.sum_s
    return least.seconds / taken_s if least and taken_s else None
