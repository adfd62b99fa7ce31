"""Whether what was timed can have been the work: where it was done, whether it was repeated, and how fast it was."""

import statistics
from collections.abc import Sequence

from mnv2bench.precisions import Precision
from mnv2bench.records import Checks
from mnv2bench.records.rounds import Round, undisturbed_rounds
from mnv2bench.workers.rotation import repeated_calls

# docs/thresholds.md#work
OUTSIDE, OUTSIDE_NS = 0.5, 150_000
CACHED, CACHED_NS = 3.0, 50_000
FAST = 0.10
PEAK_MARGIN = 4.0
MADDS_PER_INSTRUCTION = 16


def fast_call_ns(rounds: Sequence[Round]) -> float:
    """The 10 % quantile of the durations of all calls, by the clock that gives the least. ValueError without rounds."""
    quantiles = [_quantile([duration for round in rounds for duration in round.durations_ns])]
    passes = [round.gpu for round in rounds if round.gpu]
    if passes:
        quantiles.append(_quantile([duration for gpu in passes for duration in gpu.gpu_ns]))
        quantiles.append(min(gpu.in_flight_ns / gpu.in_flight_calls for gpu in passes))
    return min(quantiles)


def _quantile(durations: Sequence[int]) -> float:
    return sorted(durations)[int(FAST * len(durations))]


def work_elsewhere(rounds: Sequence[Round], checks: Checks) -> str:
    """Why some of the work was done in `put` or `get`, outside the timed call; "" where none was.

    A device that runs beside the host has its copies there, which are no work of the call.
    """
    call_ns = statistics.median(duration for round in rounds for duration in round.durations_ns)
    limit_ns = OUTSIDE * call_ns + OUTSIDE_NS
    outside = (
        {"get": checks.get_ns}
        if any(round.gpu for round in rounds)
        else {
            "get": checks.get_ns,
            "put": checks.put_ns,
        }
    )
    for name, duration in outside.items():
        if duration is not None and duration > limit_ns:
            return (
                f"the timed call takes {_ms(call_ns)}, and `{name}`, which is not timed, {_ms(duration)} at least: "
                f"the work is done in `{name}`"
            )
    return ""


def cached_results(rounds: Sequence[Round], batches: int, checks: Checks, threads: int = 1) -> str:
    """Why results were not computed again for images that the session had seen; "" where they were.

    Calls on seen images are those within rounds and those after a pause, whichever take longer: threads that slept
    may wake up late, which is no sign of a kept result. Several threads that something disturbed are not judged, as
    each call waits for the last of them; nor is a thread of which every round was disturbed, and so its first calls.
    """
    undisturbed = len(undisturbed_rounds(rounds, threads))
    if undisturbed < (len(rounds) if threads > 1 else 1):
        return ""
    repeated = repeated_calls(rounds, batches)
    if checks.new_ns is None or not repeated:
        return ""
    again_ns = max(statistics.median(repeated), checks.rested_ns or 0)
    if checks.new_ns <= CACHED * again_ns + CACHED_NS:
        return ""
    return (
        f"a call on new images takes {_ms(checks.new_ns)} at least, and a call on images that it has seen "
        f"{_ms(again_ns)}: results are kept by their images"
    )


def beyond_peak(checks: Checks, precision: Precision) -> str:
    """Why the device cannot have computed so much in the time of the calls; "" where it can, or nothing is known."""
    if not checks.madds_per_s or not checks.peak_madds_per_s:
        return ""
    if checks.madds_per_s <= limit(checks.peak_madds_per_s, precision):
        return ""
    return (
        f"{checks.madds_per_s / 1e9:,.0f} G multiply-adds a second, and {checks.peak} does "
        f"{checks.peak_madds_per_s / 1e9:,.0f} in fp32: calls return before their work is done"
    )


def limit(peak: float, precision: Precision) -> float:
    """Multiply-adds a second that are too many, for a device that does `peak` in fp32."""
    return PEAK_MARGIN * precision.peak_ratio * peak


def too_few_instructions(instructions: int, madds: int) -> str:
    """Why so few instructions cannot be one inference; "" where they can."""
    if instructions * MADDS_PER_INSTRUCTION >= madds:
        return ""
    return f"an inference of {instructions:,} instructions has {madds:,} multiply-adds: it computes too little"


def _ms(ns: float) -> str:
    return f"{ns / 1e6:.3f} ms"
