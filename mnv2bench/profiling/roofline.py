"""The machine's limits from its probes, what a layer could take at best, and what a case loses to that."""

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
from mnv2bench.statistics.doubts import noise_doubts
from mnv2bench.statistics.intervals import t_interval
from mnv2bench.statistics.rounds import durations_ns, used_rounds

LEVELS = ("L1", "L2", "L3", "memory")
OF_A_CORE = ("L1", "L2")  # each thread brings one of its own


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

    `flops` by the name of a precision, `bandwidth` bytes a second by level ("L2", "L3", "memory"), `caches` bytes by
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
    found: dict[tuple[str, str], list[Probe]] = {}
    for process in probes:
        if process.status == "ok" and process.threads == threads:
            for probe in (probe for probe in process.probes if probe.rounds):
                found.setdefault((probe.library, probe.name), []).append(probe)
    return tuple(_ceiling(same, threads) for same in found.values())


def _ceiling(same: Sequence[Probe], threads: int) -> Ceiling:
    rounds = [used_rounds(probe, threads) for probe in same]
    speeds = [1e9 * probe.work / float(np.median(durations_ns(used))) for probe, used in zip(same, rounds, strict=True)]
    per_s = statistics.median(speeds)
    low, high = t_interval(speeds) if len(speeds) > 1 else (per_s, per_s)
    first, said = same[0], tuple(noise_doubts(same, threads))
    return Ceiling(first.name, first.library, first.unit, first.level, first.bytes, per_s, low, high, len(same), said)


def roof(found: Sequence[Ceiling], threads: int, caches: dict[str, int]) -> Roof:
    flops: dict[str, float] = {}
    bandwidth: dict[str, float] = {}
    for ceiling in found:
        kind = ceiling.name.partition(" ")[0] if ceiling.unit == "flop" else ceiling.level
        speeds = flops if ceiling.unit == "flop" else bandwidth
        speeds[kind] = max(speeds.get(kind, 0.0), ceiling.per_s)
    return Roof(threads, flops, bandwidth, caches)


def attainable(roof: Roof, case: Case, layers: Sequence[str]) -> Attainable | None:
    """Of a call of the case, these layers of its network only. None where the roof lacks what it takes.

    Compute: twice the multiply-adds; pool and add have none. Memory: what a layer reads and writes moves at the
    bandwidth of the smallest level that holds it, and the weights at that of the smallest one that holds all weights of
    the network, which come round once a call. L2 counts once for each thread; a level that no probe measured is left
    out. Every layer reads and writes for itself, so that one which a runtime fuses may come in below its limit.
    """
    precision = named(case.precision)
    flops = roof.flops.get(precision.files)  # no CPU multiplies in tf32: what computes in it is held to fp32
    if not flops or "memory" not in roof.bandwidth:
        return None
    network, size = _network(case), precision.element_bytes
    weights_per_s = _bandwidth(roof, size * sum(layer.params for layer in network.values()))
    compute, memory = [], []
    for layer in (network[name] for name in layers):
        moved = size * case.batch * _activations(layer)
        compute.append(2 * layer.madds * case.batch / flops)
        memory.append(moved / _bandwidth(roof, moved) + size * layer.params / weights_per_s)
    bound = "compute" if sum(compute) > sum(memory) else "memory"
    return Attainable(sum(compute), sum(memory), sum(map(max, compute, memory)), bound)


def _network(case: Case) -> dict[str, Layer]:
    return {layer.name: layer for layer in networks.layers(case.network, case.width, case.resolution)}


def _activations(layer: Layer) -> int:
    """Elements of one image: inputs, of which an add has two, and output."""
    return layer.read_elements + layer.out_elements


def _bandwidth(roof: Roof, size: int) -> float:
    """Bytes a second of the smallest level that was measured and holds that many bytes, else of memory."""
    for level in LEVELS:
        holds = roof.caches.get(level, 0) * (roof.threads if level in OF_A_CORE else 1)
        if level in roof.bandwidth and size <= holds:
            return roof.bandwidth[level]
    return roof.bandwidth["memory"]


def losses(roof: Roof, profile: CaseProfile) -> tuple[Loss, ...]:
    """Each block of the profile, the one that loses most first; layout and unmapped rows have nothing attainable (0).

    Empty where the roof lacks what the case takes.
    """
    found = []
    for row in profile.blocks:
        least = attainable(roof, profile.case, row.layers)
        if least is None:
            return ()
        taken = row.time.median_s
        found.append(Loss(row.name, taken, least.seconds, least.seconds / taken if taken else 0.0))
    return tuple(sorted(found, key=lambda loss: loss.lost_s, reverse=True))


def roofline_share(roof: Roof, profile: CaseProfile) -> float | None:
    """Attainable time of the whole network over the undisturbed median, else over the sum of operators."""
    least = attainable(roof, profile.case, tuple(_network(profile.case)))
    taken = profile.median_s or profile.sum_s
    return least.seconds / taken if least and taken else None
