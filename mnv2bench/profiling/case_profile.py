"""The time of a case on its network's layers, from its profiles: per operator, per layer, per block and per role."""

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mnv2bench.case import Case
from mnv2bench.networks import Layer
from mnv2bench.profiling.mapping import computes, layers_of, moves, network
from mnv2bench.profiling.records import Profile
from mnv2bench.profiling.work import madds, moved
from mnv2bench.records import Record
from mnv2bench.statistics.latency import median_s
from mnv2bench.statistics.rounds import measured

LAYOUT, UNMAPPED = "layout", "unmapped"  # names and types of the rows without layers
TRIM = 0.25  # of the calls, cut from each end: the interquartile mean


@dataclass(frozen=True)
class Spread:
    """Seconds of one call: the median over processes of their interquartile means, and the quartiles over all calls.

    It is a mean because many profilers report whole microseconds, and the median of 2.4 of them would be 2. It is of
    the middle half of the calls because on a busy machine the middle 80 % still have interrupted calls among them.
    Times of several operators are summed call by call first. A time that a profiler reports as 0, as some do under a
    microsecond, stays 0. The quartiles have the steps of the profiler's clock, and are widened to hold the median.
    """

    median_s: float
    low_s: float
    high_s: float


@dataclass(frozen=True)
class ProfileRow:
    """The time of an operator, a layer, a block or a role in one call of the whole batch.

    `layers` are the network's, as `networks.layers` names them; there are none for "layout" and "unmapped". `share` is
    of the sum of all operators in a process, as the mean over processes. `madds` and `bytes` are computed from the
    layers, for the whole batch; both are 0 without layers. `bytes` are what each layer reads and writes once at the
    case's precision, with its weights, but without the tensors between fused layers. Batch norm is folded. An operator
    that only computes what follows a layer reads and writes that layer's result and has no MAdds.
    """

    name: str
    type: str  # an operator's type; of layers their roles, joined by "+"
    layers: tuple[str, ...]
    time: Spread
    share: float
    madds: int
    bytes: int


@dataclass(frozen=True)
class CaseProfile:
    """All profiles of one case together. Rows are in the order of the network; layout and unmapped come last.

    `operators` have a row each, by their own names. `layers` have a row for each group of layers that the runtime
    fuses, named BLOCK.ROLE+ROLE and of the type ROLE+ROLE: where an operator works on two layers, both are one row, so
    that each layer is in one row only. `blocks` are those of the network; where layers of several blocks are fused,
    the row is BLOCK+BLOCK. `roles` are those of the network's layers, fused ones joined by "+".

    `sum_s` is the median of the sums of a call's operators. `median_s` is the median of the case's record, which was
    measured without a profiler; None without a record. `profiled_s` is the median call with the profiler on. Shares
    add up to 1. `processes` counts those that ended well; only they have rows. `status` and `reason` are those of the
    first process that did not end well.
    """

    case: Case
    status: str
    reason: str
    profiler: str
    processes: int
    calls: int
    operators: tuple[ProfileRow, ...]
    layers: tuple[ProfileRow, ...]
    blocks: tuple[ProfileRow, ...]
    roles: tuple[ProfileRow, ...]
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
    """The profile of one case from all of its processes, at least one, and the record that was measured beside them."""
    case = profiles[0].case
    good = [profile for profile in profiles if profile.status == "ok" and profile.calls_ns]
    status, reason = _status(profiles)
    net = network(case)
    operators = _operators(good, case, net)
    layers = _layers(operators, case, net)
    block_of = {layer.name: layer.block for layer in net}
    blocks = _merged(layers, lambda row: "+".join(dict.fromkeys(block_of[name] for name in row.layers)), net)
    undisturbed = record is not None and record.status != "wrong" and measured(record)
    arenas = [profile.arena_bytes for profile in good if profile.arena_bytes is not None]
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
        roles=_rows(_merged(layers, lambda row: row.type, net), net),
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


def _status(profiles: Sequence[Profile]) -> tuple[str, str]:
    """The status and the reason of the first process that did not end well, else "ok"."""
    for profile in profiles:
        if profile.status != "ok":
            return profile.status, profile.reason
    if not any(profile.calls_ns for profile in profiles):
        return "failed", "no call was profiled"
    return "ok", ""


@dataclass(frozen=True)
class _CallTimes:
    """A row before its times are summarised: the nanoseconds of each call, one array a process."""

    name: str
    type: str
    layers: tuple[str, ...]
    times: tuple[NDArray[np.int64], ...]
    share: float
    madds: int
    bytes: int

    @property
    def apart(self) -> str:
        """The row without layers that it belongs to, "" where it has layers."""
        if self.layers:
            return ""
        return LAYOUT if moves(self.type) else UNMAPPED


def _operators(profiles: Sequence[Profile], case: Case, net: Sequence[Layer]) -> list[_CallTimes]:
    """Each operator of any process; in a process that ran without it, it took no time."""
    durations: dict[tuple[str, str, tuple[str, ...]], dict[int, tuple[int, ...]]] = {}
    for number, profile in enumerate(profiles):
        for operator, layers in zip(profile.operators, layers_of(profile), strict=True):
            key = (operator.name, operator.type, layers)
            durations.setdefault(key, {})[number] = operator.durations_ns
    zeros = [(0,) * len(profile.calls_ns) for profile in profiles]
    times = {
        key: tuple(np.array(of_process.get(number, zeros[number])) for number in range(len(profiles)))
        for key, of_process in durations.items()
    }
    means = {key: [_mean(calls) for calls in processes] for key, processes in times.items()}
    totals = [math.fsum(column) or 1.0 for column in zip(*means.values(), strict=True)]
    rows = []
    for (name, type, layers), processes in times.items():
        shares = [mean / total for mean, total in zip(means[name, type, layers], totals, strict=True)]
        touched = [layer for layer in net if layer.name in layers]
        computed = [layer for layer in touched if computes(type, layer)]
        rows.append(
            _CallTimes(
                name=name,
                type=type,
                layers=layers,
                times=processes,
                share=statistics.fmean(shares),
                madds=madds(computed, case),
                bytes=moved(touched, computed, case, net).bytes,
            )
        )
    return rows


def _layers(operators: Iterable[_CallTimes], case: Case, net: Sequence[Layer]) -> list[_CallTimes]:
    """The operators grouped by the layers that they share, directly or through other operators."""
    groups: list[set[str]] = []
    for layers in {row.layers for row in operators if row.layers}:
        shared = [group for group in groups if not group.isdisjoint(layers)]
        groups = [group for group in groups if group not in shared] + [set(layers).union(*shared)]
    fused = {name: [layer for layer in net if layer.name in group] for group in groups for name in group}
    names = {name: _name(layers) for name, layers in fused.items()}
    rows = []
    for row in _merged(operators, lambda row: names[row.layers[0]], net):
        if row.layers:
            group = fused[row.layers[0]]
            row = replace(
                row,
                type="+".join(dict.fromkeys(layer.role for layer in group)),
                madds=madds(group, case),
                bytes=moved(group, group, case, net).bytes,
            )
        rows.append(row)
    return rows


def _name(layers: Sequence[Layer]) -> str:
    """The layers' names joined by "+", a block named where it begins: BLOCK.ROLE+ROLE."""
    parts, block = list[str](), ""
    for layer in layers:
        parts.append(layer.role if layer.block == block else layer.name)
        block = layer.block
    return "+".join(parts)


def _merged(rows: Iterable[_CallTimes], name: Callable[[_CallTimes], str], net: Sequence[Layer]) -> list[_CallTimes]:
    """Rows of the same name as one row, whose type is its name; rows without layers as layout and as unmapped."""
    by_name: dict[str, list[_CallTimes]] = {}
    for row in rows:
        by_name.setdefault(row.apart or name(row), []).append(row)
    return [
        _CallTimes(
            name=name,
            type=name,
            layers=tuple(layer.name for layer in net if any(layer.name in row.layers for row in rows)),
            times=tuple(np.sum(calls, axis=0) for calls in zip(*(row.times for row in rows), strict=True)),
            share=math.fsum(row.share for row in rows),
            madds=sum(row.madds for row in rows),
            bytes=sum(row.bytes for row in rows),
        )
        for name, rows in by_name.items()
    ]


def _rows(rows: Iterable[_CallTimes], net: Sequence[Layer]) -> tuple[ProfileRow, ...]:
    """The rows in the order of the network, with their times summarised."""
    order = {name: place for place, name in enumerate([*(layer.name for layer in net), LAYOUT, UNMAPPED])}
    ordered = sorted(rows, key=lambda row: order[row.apart or row.layers[0]])
    return tuple(
        ProfileRow(row.name, row.type, row.layers, _spread(row.times), row.share, row.madds, row.bytes)
        for row in ordered
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
