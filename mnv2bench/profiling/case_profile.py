"""Profiles of a case -> its time on the network's own layers: per operator, per layer, per block and per kind."""

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mnv2bench.cases import Case
from mnv2bench.networks import Layer
from mnv2bench.profiling.mapping import computes, layers_of, moves, network
from mnv2bench.profiling.records import Profile
from mnv2bench.profiling.work import madds, moved_bytes
from mnv2bench.records import Record
from mnv2bench.statistics.latency import median_s
from mnv2bench.statistics.rounds import measured

LAYOUT, UNMAPPED = "layout", "unmapped"  # rows of their own, as names and as kinds
TRIM = 0.25  # of the calls, cut from each end: the interquartile mean


@dataclass(frozen=True)
class Spread:
    """Seconds of one call: the median over processes of each one's interquartile mean, and quartiles over all calls.

    A mean, because many profilers tell whole microseconds, and the median of 2.4 of them would be 2; of the middle
    half of the calls, because on a busy machine a tenth cut from each end leaves interrupted calls in. Times of several
    operators are summed call by call before. What a profiler tells as 0, as some do of all under a microsecond, stays
    0. The quartiles are in steps of the profiler's clock, and widened to hold the median.
    """

    median_s: float
    low_s: float
    high_s: float


@dataclass(frozen=True)
class Row:
    """Time of an operator, of a layer, of a block or of a kind, in one call of the whole batch.

    `layers` are the network's, as `networks.layers` names them; empty for "layout" and "unmapped". `share` is of the
    sum of all operators in a process, the mean over processes; a row's is the sum of its operators'. `madds` and
    `bytes` are computed of the layers, for the whole batch: bytes are what each layer reads and writes once at the
    case's precision, its weights included, and of fused layers not what lies between them. Batch norm is folded; an
    operator that does only what follows a layer reads and writes its result and has no MAdds. 0 without layers.
    """

    name: str
    kind: str
    layers: tuple[str, ...]
    time: Spread
    share: float
    madds: int
    bytes: int


@dataclass(frozen=True)
class CaseProfile:
    """What the profiles of one case say together. Rows are in the order of the network; layout and unmapped come last.

    `operators`, each by its own name; of the kind "layout", or without layers and therefore unmapped. `layers`, one row
    for each group of layers that the runtime fuses, named BLOCK.ROLE+ROLE and of the kind ROLE+ROLE: where any operator
    works on two layers, all of both is one row, so that each layer is in one row only. `blocks` are those of the
    network; where layers of several are fused, a row BLOCK+BLOCK. `kinds` are the roles of the network's layers, fused
    ones joined by "+". `sum_s` is the median of the sums
    of a call's operators; `median_s` the undisturbed median of the case's record, None without one; `profiled_s` the
    median call with the profiler on. Shares add up to 1. `processes` are those that ended well: the rows are theirs,
    and without any there are none. `status` and `reason` are of the first that did not.
    """

    case: Case
    status: str
    reason: str
    profiler: str
    processes: int
    calls: int
    operators: tuple[Row, ...]
    layers: tuple[Row, ...]
    blocks: tuple[Row, ...]
    kinds: tuple[Row, ...]
    sum_s: float
    median_s: float | None
    profiled_s: float
    mapped_share: float
    layout_share: float
    unmapped_share: float
    arena_bytes: int | None
    arena: str
    notes: tuple[str, ...]


def case_profile(profiles: Sequence[Profile], record: Record | None) -> CaseProfile:
    """Of one case: `profiles` are all of its processes, at least one, and `record` what was measured beside them."""
    case, bad = profiles[0].case, [p for p in profiles if p.status != "ok"]
    good = [p for p in profiles if p.status == "ok" and p.calls_ns]
    status, reason = (
        (bad[0].status, bad[0].reason) if bad else ("ok", "") if good else ("failed", "no call was profiled")
    )
    net = network(case)
    operators = _operators(good, case, net)
    layers = _layers(operators, case, net)
    block_of = {layer.name: layer.block for layer in net}
    blocks = _merged(layers, lambda row: "+".join(dict.fromkeys(block_of[name] for name in row.layers)), net)
    undisturbed = record is not None and record.status != "wrong" and measured(record)
    arenas = [p.arena_bytes for p in good if p.arena_bytes is not None]
    return CaseProfile(
        case=case,
        status=status,
        reason=reason,
        profiler=good[0].profiler if good else "",
        processes=len(good),
        calls=sum(len(p.calls_ns) for p in good),
        operators=_rows(operators, net),
        layers=_rows(layers, net),
        blocks=_rows(blocks, net),
        kinds=_rows(_merged(layers, lambda row: row.kind, net), net),
        sum_s=_median_s([np.sum([o.durations_ns for o in p.operators], axis=0) for p in good if p.operators]),
        median_s=median_s(record) if record is not None and undisturbed else None,
        profiled_s=_median_s([p.calls_ns for p in good]),
        mapped_share=math.fsum(row.share for row in operators if row.layers),
        layout_share=math.fsum(row.share for row in operators if row.apart == LAYOUT),
        unmapped_share=math.fsum(row.share for row in operators if row.apart == UNMAPPED),
        arena_bytes=statistics.median_low(arenas) if arenas else None,
        arena=next((p.arena for p in good if p.arena), ""),
        notes=tuple(dict.fromkeys(note for p in good for note in p.notes)),
    )


@dataclass(frozen=True)
class _Sum:
    """A row with its times still apart: nanoseconds of each call, one array a process."""

    name: str
    kind: str
    layers: tuple[str, ...]
    times: tuple[NDArray[np.int64], ...]
    share: float
    madds: int
    bytes: int

    @property
    def apart(self) -> str:
        """Which of the rows without layers it belongs to, "" for one that has layers."""
        return "" if self.layers else LAYOUT if moves(self.kind) else UNMAPPED


def _operators(profiles: Sequence[Profile], case: Case, net: Sequence[Layer]) -> list[_Sum]:
    """Each operator of any process, of no time in a process that ran without it."""
    told: dict[tuple[str, str, tuple[str, ...]], dict[int, tuple[int, ...]]] = {}
    for number, profile in enumerate(profiles):
        for operator, layers in zip(profile.operators, layers_of(profile), strict=True):
            told.setdefault((operator.name, operator.kind, layers), {})[number] = operator.durations_ns
    none = [(0,) * len(profile.calls_ns) for profile in profiles]
    times = {key: tuple(np.array(seen.get(n, none[n])) for n in range(len(none))) for key, seen in told.items()}
    means = {key: [_mean(calls) for calls in seen] for key, seen in times.items()}
    totals = [math.fsum(column) or 1.0 for column in zip(*means.values(), strict=True)]
    found = []
    for (name, kind, layers), seen in times.items():
        share = statistics.fmean(mean / total for mean, total in zip(means[name, kind, layers], totals, strict=True))
        touched = [layer for layer in net if layer.name in layers]
        done = [layer for layer in touched if computes(kind, layer)]
        found.append(_Sum(name, kind, layers, seen, share, madds(done, case), moved_bytes(touched, done, case, net)))
    return found


def _layers(operators: Iterable[_Sum], case: Case, net: Sequence[Layer]) -> list[_Sum]:
    """The operators by the layers that they share, directly or through others."""
    groups: list[set[str]] = []
    for layers in {row.layers for row in operators if row.layers}:
        shared = [group for group in groups if not group.isdisjoint(layers)]
        groups = [group for group in groups if group not in shared] + [set(layers).union(*shared)]
    fused = {name: [layer for layer in net if layer.name in group] for group in groups for name in group}
    names = {name: _name(layers) for name, layers in fused.items()}
    found = []
    for row in _merged(operators, lambda row: names[row.layers[0]], net):
        if row.layers:
            mine = fused[row.layers[0]]
            kind = "+".join(dict.fromkeys(layer.role for layer in mine))
            row = replace(row, kind=kind, madds=madds(mine, case), bytes=moved_bytes(mine, mine, case, net))
        found.append(row)
    return found


def _name(layers: Sequence[Layer]) -> str:
    """The layers' names joined by "+", a block named where it begins: BLOCK.ROLE+ROLE."""
    parts, block = list[str](), ""
    for layer in layers:
        parts.append(layer.role if layer.block == block else layer.name)
        block = layer.block
    return "+".join(parts)


def _merged(rows: Iterable[_Sum], name: Callable[[_Sum], str], net: Sequence[Layer]) -> list[_Sum]:
    """Rows of one name as one, which is their kind too; those without layers as layout and unmapped."""
    alike: dict[str, list[_Sum]] = {}
    for row in rows:
        alike.setdefault(row.apart or name(row), []).append(row)
    return [
        _Sum(
            name=name,
            kind=name,
            layers=tuple(layer.name for layer in net if any(layer.name in row.layers for row in rows)),
            times=tuple(np.sum(calls, axis=0) for calls in zip(*(row.times for row in rows), strict=True)),
            share=math.fsum(row.share for row in rows),
            madds=sum(row.madds for row in rows),
            bytes=sum(row.bytes for row in rows),
        )
        for name, rows in alike.items()
    ]


def _rows(found: Iterable[_Sum], net: Sequence[Layer]) -> tuple[Row, ...]:
    order = {name: place for place, name in enumerate([*(layer.name for layer in net), LAYOUT, UNMAPPED])}
    ordered = sorted(found, key=lambda row: order[row.apart or row.layers[0]])
    return tuple(
        Row(row.name, row.kind, row.layers, _spread(row.times), row.share, row.madds, row.bytes) for row in ordered
    )


def _spread(times: Sequence[NDArray[np.int64]]) -> Spread:
    middle = statistics.median(map(_mean, times))
    low, high = np.quantile(np.concatenate(times), [0.25, 0.75])
    return Spread(middle / 1e9, min(float(low), middle) / 1e9, max(float(high), middle) / 1e9)


def _mean(calls: NDArray[np.int64]) -> float:
    from scipy import stats

    return float(stats.trim_mean(calls, TRIM))


def _median_s(processes: Sequence[Sequence[int] | NDArray[np.int64]]) -> float:
    return statistics.median(float(np.median(calls)) for calls in processes) / 1e9 if processes else 0.0
