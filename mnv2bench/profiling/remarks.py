"""Remarks on a profile, its record and its machine: plain sentences with figures, each where it applies."""

import math
from collections.abc import Iterator

from mnv2bench.flags import flags
from mnv2bench.precisions import FP32
from mnv2bench.profiling.case_profile import CaseProfile
from mnv2bench.profiling.mapping import unfused_norm
from mnv2bench.records import Machine, Record
from mnv2bench.statistics.doubts import OTHER_THREADS, oversubscribed
from mnv2bench.statistics.latency import median_s
from mnv2bench.statistics.layers import layer_doubts
from mnv2bench.statistics.processes import cold_path
from mnv2bench.statistics.rounds import measured, threads_used

FIRST_RUN = 10.0  # times the median
DISPATCH, SLOWED = 0.80, 1.15  # sum of operators over the undisturbed median
MUCH = 0.05  # of the operators' time
DOUBTS = ("disturbed", "noisy", "the profiler costs", "unmapped")  # the remarks that begin so are on the profile itself


def remarks(profile: CaseProfile, record: Record | None, machine: Machine) -> tuple[str, ...]:
    """The remarks on a case, in a fixed order. `record` is what was measured of the case beside the profile.

    Of `machine`, `cores` and `cpu_quota_cores` are read; either may be unknown.
    """
    noisy = record is not None and any(flag.startswith("noisy") for flag in flags(record))
    return (*_of_the_machine(profile, machine), *_of_the_record(record), *_of_the_profile(profile, noisy))


def doubts(profile: CaseProfile, record: Record | None) -> tuple[str, ...]:
    """The remarks that say why the times of a profile may not be those of the case."""
    return tuple(remark for remark in remarks(profile, record, Machine()) if remark.startswith(DOUBTS))


def _of_the_machine(profile: CaseProfile, machine: Machine) -> Iterator[str]:
    yield from oversubscribed(profile.case, machine)


def _of_the_record(record: Record | None) -> Iterator[str]:
    if record is None or record.status == "wrong" or not measured(record):
        return
    yield from layer_doubts(record)
    cold, median, requested = cold_path(record), median_s(record), record.case.threads
    if cold.first_s is not None and cold.first_s > FIRST_RUN * median:
        yield (
            f"the first run compiled or prepared something: it took {cold.first_s * 1e3:.1f} ms, "
            f"{cold.first_s / median:.0f} times the median: run once before serving"
        )
    if cold.cold_open_s is not None:
        later = "" if cold.open_s is None else f" and {cold.open_s:.1f} s later"
        yield f"opening compiled: it took {cold.cold_open_s:.1f} s at first{later}: keep the compile cache"
    used = threads_used(record)
    if record.case.gpu is None and requested - used >= OTHER_THREADS:
        yield (
            f"fewer threads used than requested: {used:.1f} of {requested}: it cannot use more, or the machine was busy"
        )


def _usual_s(profile: CaseProfile) -> float:
    return math.fsum(row.time.median_s for row in profile.operators)


def _disturbed(profile: CaseProfile) -> bool:
    """Whether most calls took more than their operators usually take. The profiler's own cost is in both."""
    return profile.sum_s > SLOWED * _usual_s(profile)


def _of_the_profile(profile: CaseProfile, noisy: bool) -> Iterator[str]:
    if _disturbed(profile):
        yield (
            f"disturbed: the operators of a profiled call take {profile.sum_s * 1e3:.2f} ms, their usual times add up "
            f"to {_usual_s(profile) * 1e3:.2f} ms: something interrupted most calls: profile again on a quiet machine"
        )
    if noisy:
        yield "noisy: its undisturbed median is hardly one, so the time of a call outside of its operators is unknown"
    elif profile.median_s and profile.sum_s:
        part, between = profile.sum_s / profile.median_s, (profile.median_s - profile.sum_s) * 1e3
        if part < DISPATCH:
            bound = "dispatch-bound" if profile.case.gpu is None else "launch-bound"
            yield (
                f"{bound}: the operators take {part:.0%} of the undisturbed median, the other {between:.2f} ms of a "
                "call pass between them: faster kernels would not shorten that"
            )
        if part > SLOWED and not _disturbed(profile):
            yield (
                f"the profiler costs: the operators take {part:.0%} of the undisturbed median: "
                "shares are of the slowed run, and short operators look longer than they are"
            )
    if profile.layout_share > MUCH and profile.case.precision == FP32.name:
        yield (
            f"layout conversions take {profile.layout_share:.1%} of the operators' time: they compute nothing, "
            "and a model kept in the runtime's own layout would save them"
        )
    elif profile.layout_share > MUCH:
        yield (
            f"conversions of layout and of number format take {profile.layout_share:.1%} of the operators' time: "
            "they compute nothing, and images and logits in the runtime's own format would save some"
        )
    if norms := [row for row in profile.operators if unfused_norm(row.type)]:
        yield (
            f"unfused batch norm: {len(norms)} of {len(profile.operators)} operators apply it by itself and take "
            f"{math.fsum(row.share for row in norms):.1%} of the operators' time: fold it into the weights"
        )
    if profile.unmapped_share > MUCH:
        yield (
            f"unmapped: {profile.unmapped_share:.1%} of the operators' time belongs to no layer that is known: "
            "the layers' times are too low by it"
        )
