"""The machine's limits from its probes, the least time that layers could take, and what a case takes beyond it."""

import statistics
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mnv2bench.case import Case
from mnv2bench.networks import Layer
from mnv2bench.precisions import FP32, TF32
from mnv2bench.profiling.case_profile import CaseProfile
from mnv2bench.profiling.records import Probe, Probes
from mnv2bench.profiling.work import Moved, madds, madds_of_pixels, moved
from mnv2bench.records import Record
from mnv2bench.statistics.doubts import noise_doubts
from mnv2bench.statistics.intervals import t_interval
from mnv2bench.statistics.latency import latency
from mnv2bench.statistics.rounds import durations_ns, measured, used_rounds

LEVELS = ("L1", "L2", "L3", "memory")
OF_A_CORE = ("L1", "L2")  # each thread has its own
CLOCK_STEP_S = 1e-6  # many profilers cut off parts of a microsecond: docs/thresholds.md#probes
TOO_LOW = "probe too low"
Curve = tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Ceiling:
    """The speed of one probe, in FLOP or bytes a second.

    Where it `is_best` it is the best round of any process, as a limit has to be, and `low` to `high` are the best
    rounds of each process. Before schema 5 it is the median over processes, and `low` to `high` its 95 % interval; with
    one process that is the median itself. `doubts` are sentences like those of a record, of which a best round has
    none.
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
    access: str = ""
    is_best: bool = False

    @property
    def precision(self) -> str:
        """The name of the precision of a matrix product."""
        return self.name.partition(" ")[0]


@dataclass(frozen=True)
class Roof:
    """The highest ceilings at a number of threads, from which `attainable` computes.

    `flops` are FLOP a second by the name of a precision. `curve` is bytes a second by the bytes of a working set, from
    the smallest on: the best of copies and reads. Before schema 5 there was none, but `bandwidth`, bytes a second by
    level ("L2", "L3", "memory"), and `caches`, bytes by level. What no probe measured is missing.
    """

    threads: int
    flops: dict[str, float]
    bandwidth: dict[str, float]
    caches: dict[str, int]
    curve: Curve = ()

    @property
    def moves(self) -> bool:
        """Whether it has the speeds at which numbers move."""
        return bool(self.curve) or "memory" in self.bandwidth


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
    by_name: dict[tuple[str, str], list[tuple[Probes, Probe]]] = {}
    for process in probes:
        if process.status == "ok" and process.threads == threads:
            for probe in process.probes:
                if probe.rounds:
                    by_name.setdefault((probe.library, probe.name), []).append((process, probe))
    return tuple(_ceiling(same_probe, threads) for same_probe in by_name.values())


def _ceiling(same_probe: Sequence[tuple[Probes, Probe]], threads: int) -> Ceiling:
    """The ceiling of one probe from its processes."""
    probes = [probe for _, probe in same_probe]
    first = probes[0]
    doubts: tuple[str, ...] = ()
    is_best = all(process.passes for process, _ in same_probe)
    if is_best:
        speeds = [_best(probe) for probe in probes]
        per_s, low, high = max(speeds), min(speeds), max(speeds)
    else:
        speeds = [_usual(probe, threads) for probe in probes]
        per_s = statistics.median(speeds)
        low, high = t_interval(speeds) if len(speeds) > 1 else (per_s, per_s)
        doubts = tuple(noise_doubts(probes, threads))
    return Ceiling(
        name=first.name,
        library=first.library,
        unit=first.unit,
        level=first.level,
        bytes=first.bytes,
        per_s=per_s,
        low=low,
        high=high,
        processes=len(probes),
        doubts=doubts,
        access=first.access,
        is_best=is_best,
    )


def _best(probe: Probe) -> float:
    """The speed of a process's best round: what else ran made the others slower, whether a counter saw it or not."""
    return 1e9 * probe.work / min(statistics.median(round.durations_ns) for round in probe.rounds)


def _usual(probe: Probe, threads: int) -> float:
    """The speed of the median call of a process's undisturbed rounds."""
    return 1e9 * probe.work / float(np.median(durations_ns(used_rounds(probe, threads))))


def roof(highest: Sequence[Ceiling], threads: int, caches: dict[str, int]) -> Roof:
    """The highest of these ceilings by precision, by level and by working set."""
    flops: dict[str, float] = {}
    bandwidth: dict[str, float] = {}
    for ceiling in highest:
        if ceiling.unit == "flop":
            flops[ceiling.precision] = max(flops.get(ceiling.precision, 0.0), ceiling.per_s)
        elif ceiling.level:
            bandwidth[ceiling.level] = max(bandwidth.get(ceiling.level, 0.0), ceiling.per_s)
    return Roof(threads, flops, bandwidth, caches, _curve(highest))


def _curve(ceilings: Sequence[Ceiling]) -> Curve:
    """Bytes a second by working set, the smallest first; none moves slower than a larger one does."""
    best: dict[int, float] = {}
    for ceiling in ceilings:
        if ceiling.access:
            best[ceiling.bytes] = max(best.get(ceiling.bytes, 0.0), ceiling.per_s)
    highest, envelope = 0.0, []
    for size in sorted(best, reverse=True):
        highest = max(highest, best[size])
        envelope.append((size, highest))
    return tuple(reversed(envelope))


def attainable(roof: Roof, case: Case, layers: Sequence[str]) -> Attainable | None:
    """The least time of these layers of the case's network in one call. None where the roof lacks a ceiling for it.

    Compute: twice the multiply-adds; pool and add have none. Memory: the bytes of a layer, at the speed of its working
    set. Each layer reads and writes by itself, so that one that keeps a tensor in registers for the next may take less.
    """
    flops = roof.flops.get(held_to(case.precision))
    if not flops or not roof.moves:
        return None
    network = _network(case)
    net = tuple(network.values())
    chosen = [network[name] for name in layers]
    if roof.curve:
        compute = [2 * case.batch * madds_of_pixels(layer) / flops for layer in chosen]
        memory = [_on_curve_s(roof.curve, layer, case, net) for layer in chosen]
    else:
        weights = moved(net, net, case, net).weights
        compute = [2 * madds([layer], case) / flops for layer in chosen]
        memory = [_by_level_s(roof, moved([layer], [layer], case, net), weights) for layer in chosen]
    bound = "compute" if sum(compute) > sum(memory) else "memory"
    return Attainable(sum(compute), sum(memory), sum(map(max, compute, memory)), bound)


def held_to(precision: str) -> str:
    """The precision whose products limit a case: no CPU multiplies in tf32, and such a case is held to fp32."""
    return FP32.name if precision == TF32.name else precision


def _on_curve_s(curve: Curve, layer: Layer, case: Case, net: Sequence[Layer]) -> float:
    """Seconds that a layer's weights, inputs and outputs take to move, at the speed of its working set for one image.

    What the layer before it wrote is read from where so large a working set lies, and a batch may be computed image by
    image. An addition is the last step of the layer before it in most runtimes: it only reads its other input.
    """
    of_layer = moved([layer], [layer], case, net)
    weights = of_layer.weights + of_layer.folded_biases
    speed = per_s(curve, of_layer.activations // case.batch + weights)
    fused = 2 if layer.type == "add" else 0  # tensors of one size: an input and the result
    tensors = len(layer.inputs) + 1
    return (of_layer.activations * (tensors - fused) / tensors + weights) / speed


def per_s(curve: Curve, working_set: int) -> float:
    """Bytes a second of a working set: of the largest measured one that is no larger, which is no slower."""
    sizes = [size for size, _ in curve]
    return curve[max(0, bisect_right(sizes, working_set) - 1)][1]


def _by_level_s(roof: Roof, of_layer: Moved, weights_of_network: int) -> float:
    """Seconds that a layer's numbers take to move, by the levels that probes measured before schema 5.

    Activations move at the bandwidth of the smallest level that holds them, and weights at that of the smallest level
    that holds all weights of the network, because they are read once a call. An L2 counts once for each thread, and a
    level that no probe measured is left out.
    """
    activations_s = of_layer.activations / _bandwidth(roof, of_layer.activations)
    return activations_s + of_layer.weights / _bandwidth(roof, weights_of_network)


def _network(case: Case) -> dict[str, Layer]:
    """The layers of the case's network by name."""
    return {layer.name: layer for layer in case.layers}


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


def limit_doubt(least_s: float, slowest_s: float, layers: int = 0) -> str:
    """A doubt where a time is shorter than the limit beyond its interval, so that the limit is none; else "".

    `slowest_s` is the slower end of the interval. A profiler's time of so many layers may be too short by a step of its
    clock for each.
    """
    longest_s = slowest_s + CLOCK_STEP_S * layers
    return f"{TOO_LOW}: {least_s / longest_s:.0%} of the limit at least" if least_s > longest_s else ""


def case_limit_doubt(roof: Roof, profile: CaseProfile, record: Record | None) -> str:
    """The doubt of a whole case, by the interval of its latency; a wrong case is held to no limit."""
    least = attainable(roof, profile.case, tuple(_network(profile.case)))
    if least is None or profile.status != "ok" or record is None or record.status != "ok" or not measured(record):
        return ""
    of_case = latency(record)
    return limit_doubt(least.seconds, of_case.high_s or of_case.median_s)
