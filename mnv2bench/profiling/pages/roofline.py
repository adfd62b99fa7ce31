"""The limit of the machine: what its probes reached, and what each case loses to that."""

from collections.abc import Sequence

from mnv2bench.precisions import NAMES
from mnv2bench.profiling.pages.profiled import (
    LAST,
    ProfiledCase,
    in_order,
    network_layers,
    settings,
)
from mnv2bench.profiling.pages.tables import backends, same
from mnv2bench.profiling.records import Probes
from mnv2bench.profiling.roofline import Ceiling, Loss, ceilings, losses, roof
from mnv2bench.report.cells import NONE, escape, interval, number, scaled, table
from mnv2bench.report.layout import threads

UNITS = {"flop": "GFLOP/s", "byte": "GB/s"}
ACCESSES = ("copy", "read")
BEYOND = " (probe too low)"
MOST = 3  # blocks named that lose most
PROBED = (
    "Kernels of well-kept libraries, in processes of their own among the cases: the median over processes and its 95 % "
    "interval. A multiply-add is two FLOP; a copy moves its bytes twice, once read and once written."
)
MULTIPLIED = (
    "Matrix products of well-kept libraries, in processes of their own among the cases: the best round of any process "
    "at the best of {shapes} shapes, and in brackets the best of each process. A multiply-add is two FLOP, in int8 two "
    "operations on whole numbers. A precision without a row has no instructions here."
)
MOVED = (
    "Copies and reads of a working set by the same processes: the best round of any. A copy moves its bytes twice, "
    "once read and once written. The limit is the faster of both, of this working set and of every larger one."
)
LOST_OF_LEVELS = (
    "Attainable is the larger of compute and memory for each layer, summed: the network as its layers run one by one, "
    "each at the highest ceiling of its kind. Taken is the undisturbed median, and the sum of operators where there is "
    "none; of a block it is the profiled time. A share above 100 % is a fused operator that does not move what lies "
    "between its layers, one that mostly reads weights, where a copy writes as much as it reads, or a probe that was "
    "disturbed: see its doubt."
)
LOST = (
    "Attainable is the larger of compute and memory for each layer, summed: its multiply-adds at the best product, and "
    "its weights, inputs and outputs at the limit of its own working set. An addition only reads its other input, "
    "because it is the last step of the layer before. Taken is the undisturbed median, and the sum of operators where "
    "there is none; of a block it is the profiled time, of which many profilers cut off parts of a microsecond for "
    "each operator."
)
TOO_LOW = (
    "**The probe is too low, and what is below is no limit:** {cases} beyond the interval, the most {worst}. Measure "
    "again on an idle machine, with more `--processes`."
)


def limit(cases: Sequence[ProfiledCase], probes: Sequence[Probes]) -> str:
    """Ceilings, what each case loses, and each block beside what it could take; empty without probes."""
    bad = [p for p in probes if p.status != "ok"]
    failed = [f"- Probes with {threads(p.threads)}: {p.status}, {escape(p.reason)}" for p in bad]
    notes = dict.fromkeys(f"- Probes: {escape(note)}" for p in probes for note in p.notes)
    limited = [profiled for profiled in cases if profiled.profile.status == "ok" and profiled.whole()]
    parts = [_too_low(limited), "\n".join([*failed, *notes])]
    measured = [(count, ceilings(probes, count)) for count in sorted({p.threads for p in probes})]
    if of_levels := [_ceiling(count, c) for count, of_threads in measured for c in of_threads if not c.is_best]:
        header = ["probe", "library", "doubt", "threads", "buffers MB", "speed (95 % interval)", "processes"]
        parts += [PROBED, table(header, of_levels, texts=3)]
    for count, of_threads in measured:
        parts += _products(count, [c for c in of_threads if c.is_best and c.unit == "flop"])
        parts += _curve(count, [c for c in of_threads if c.is_best and c.access])
    parts += _caches(probes)
    if lost := [_lost(profiled) for profiled in limited]:
        header = ["case", f"the {MOST} blocks that lose most, ms", "bound by", "attainable ms", "taken ms", "share"]
        parts += [LOST if any(p.roof and p.roof.curve for p in limited) else LOST_OF_LEVELS]
        parts += [table(header, lost, texts=3)]
    parts += [f"**{title}**\n\n{_blocks(group)}" for title, group in settings(limited)]
    return "\n\n".join(part for part in parts if part)


def _too_low(cases: Sequence[ProfiledCase]) -> str:
    """The headline where a case is faster than the limit; "" where none is."""
    beyond = [profiled for profiled in cases if profiled.limit_doubt]
    if not beyond:
        return ""
    worst = max(beyond, key=lambda profiled: profiled.limit_share or 0.0)
    number_of_cases = f"{len(beyond)} of {len(cases)} cases {'is' if len(beyond) == 1 else 'are'} faster than it"
    return TOO_LOW.format(cases=number_of_cases, worst=f"{escape(worst.case.id)}, {worst.limit_share:.1%} of it")


def _products(count: int, products: Sequence[Ceiling]) -> list[str]:
    """The best product of each precision and library."""
    best: dict[tuple[str, str], Ceiling] = {}
    for ceiling in products:
        key = (ceiling.precision, ceiling.library)
        if key not in best or ceiling.per_s > best[key].per_s:
            best[key] = ceiling
    if not best:
        return []
    header = ["precision", "library", "best shape", "threads", "GFLOP/s (of each process)", "processes"]
    body = [
        [
            escape(ceiling.precision),
            escape(ceiling.library),
            escape(ceiling.name.rpartition(" ")[2]),
            str(count),
            _speed(ceiling),
            str(ceiling.processes),
        ]
        for ceiling in sorted(best.values(), key=lambda ceiling: (_place(ceiling.precision), -ceiling.per_s))
    ]
    shapes = len({ceiling.name for ceiling in products if ceiling.precision == products[0].precision})
    return [MULTIPLIED.format(shapes=shapes), table(header, body, texts=3)]


def _place(precision: str) -> int:
    """The place of a precision in lists; behind all others, that of a file that names one unknown here."""
    return NAMES.index(precision) if precision in NAMES else len(NAMES)


def _curve(count: int, moving: Sequence[Ceiling]) -> list[str]:
    """The speeds of copies and reads by working set, beside the limit that follows from them."""
    if not moving:
        return []
    limits = dict(roof(moving, count, {}).curve)
    of_size: dict[int, dict[str, Ceiling]] = {}
    for ceiling in moving:
        of_size.setdefault(ceiling.bytes, {})[ceiling.access] = ceiling
    body = [
        [
            binary(size),
            *(_speed(by_access[access]) if access in by_access else NONE for access in ACCESSES),
            scaled(limits[size] / 1e9),
        ]
        for size, by_access in sorted(of_size.items())
    ]
    header = [f"working set, {threads(count)}", *(f"{access}, GB/s" for access in ACCESSES), "limit, GB/s"]
    return [MOVED, table(header, body)]


def binary(size: int) -> str:
    """Bytes in the units in which caches are counted: 512 KiB, 32 MiB."""
    return f"{size / 2**20:,.3g} MiB" if size >= 2**20 else f"{size / 2**10:,.3g} KiB"


def _speed(ceiling: Ceiling) -> str:
    """Billions a second, with the range where there are several processes."""
    return interval(
        ceiling.per_s / 1e9,
        ceiling.low / 1e9 if ceiling.processes > 1 else None,
        ceiling.high / 1e9 if ceiling.processes > 1 else None,
    )


def _ceiling(count: int, ceiling: Ceiling) -> list[str]:
    low, high = ceiling.low / 1e9, ceiling.high / 1e9
    within = f" ({scaled(low)}–{scaled(high)})" if ceiling.processes > 1 else ""
    return [
        escape(ceiling.name),
        escape(ceiling.library),
        escape("; ".join(ceiling.doubts)) or NONE,
        str(count),
        number(ceiling.bytes / 1e6),
        f"{scaled(ceiling.per_s / 1e9)}{within} {UNITS[ceiling.unit]}",
        str(ceiling.processes),
    ]


def _caches(probes: Sequence[Probes]) -> list[str]:
    """The sizes of the caches as the system reports them, which in a virtual machine are those of its host."""
    sizes = {level: size for p in probes for level, size in p.caches.items()}
    listed = ", ".join(f"{escape(level)} {size / 2**20:,.3g} MiB" for level, size in sorted(sizes.items()))
    return [f"Caches, as the system reports: {listed}."] if listed else []


def _lost(profiled: ProfiledCase) -> list[str]:
    whole, profile = profiled.whole(), profiled.profile
    assert whole
    taken = profile.median_s or profile.sum_s
    most = [loss for loss in _losses(profiled) if loss.block not in LAST and loss.lost_s > 0][:MOST]
    return [
        escape(profiled.case.id),
        ", ".join(f"{loss.block} {scaled(1e3 * loss.lost_s)}" for loss in most) or NONE,
        whole.bound,
        scaled(1e3 * whole.seconds),
        scaled(1e3 * taken),
        NONE if profiled.limit_share is None else f"{profiled.limit_share:.1%}{BEYOND if profiled.limit_doubt else ''}",
    ]


def _losses(profiled: ProfiledCase) -> Sequence[Loss]:
    return losses(profiled.roof, profiled.profile) if profiled.roof else ()


def _blocks(group: Sequence[ProfiledCase]) -> str:
    """What each block could take, beside what it takes in each runtime and the share of that."""
    of_case = [{loss.block: loss for loss in _losses(profiled)} for profiled in group]
    body = []
    for name in in_order((block for by_block in of_case for block in by_block), network_layers(group)):
        losses_of_name = [by_block.get(name) for by_block in of_case]
        least = [1e3 * loss.attainable_s for loss in losses_of_name if loss]
        body.append([name, NONE if name in LAST else same(least), *(_taken(name, loss) for loss in losses_of_name)])
    return table(["block", "attainable ms", *(f"{b}, ms" for b in backends(group))], body)


def _taken(name: str, loss: Loss | None) -> str:
    if loss is None or not loss.taken_s:
        return "0" if loss or name in LAST else NONE
    return scaled(1e3 * loss.taken_s) + ("" if name in LAST else f" ({loss.share:.0%})")
