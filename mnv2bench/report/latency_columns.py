"""The columns of a case's times: latency, tails, throughput, speed-ups, and what they are from."""

from collections import Counter
from collections.abc import Callable

from mnv2bench.case import EAGER
from mnv2bench.report import column
from mnv2bench.report.cells import milliseconds, number, percent, scaled
from mnv2bench.report.column import Column, Columns, Shown
from mnv2bench.report.evaluation import Evaluation
from mnv2bench.statistics.latency import Latency, gmadds_per_s
from mnv2bench.statistics.rounds import (
    cpu_mj_per_image,
    cpu_ms_per_image,
    record_undisturbed_share,
    threads_used,
    throughput,
    timed_processes,
)


def _latency_ms(evaluation: Evaluation, seconds: Callable[[Latency], float | None]) -> float | None:
    latency = evaluation.latency
    return milliseconds(seconds(latency)) if latency else None


def _iterations(evaluation: Evaluation) -> int:
    latency = evaluation.latency
    if latency:
        return latency.iterations
    return sum(len(counts.instructions) for counts in evaluation.record.counts)


def _processes(evaluation: Evaluation) -> int:
    record = evaluation.record
    return evaluation.of(timed_processes) or len(record.counts) or len(record.external_results)


def _allocation(evaluation: Evaluation) -> str | None:
    counts = Counter(evaluation.reasons)
    return ", ".join(f"{number} {reason}" for reason, number in counts.items()) or None


LATENCIES: Columns = (
    Column(
        "latency_ms",
        float | None,
        lambda e: _latency_ms(e, lambda latency: latency.median_s),
        "Time of one call on the whole batch: the median of a process's undisturbed rounds, of that the median over "
        "processes. `contract` says by which clock.",
        (Shown(column.TAILS, 1, "median ms", scaled), Shown(column.SWEEP, 1, "p50 ms", scaled)),
        (column.LATENCY, column.GPU_TIMES, column.PRECISIONS),
    ),
    Column(
        "latency_low_ms",
        float | None,
        lambda e: _latency_ms(e, lambda latency: latency.low_s),
        "Lower end of its 95 % interval over processes; empty for one process whose spread nothing shows.",
        parts_of=(column.LATENCY, column.GPU_TIMES),
    ),
    Column(
        "latency_high_ms",
        float | None,
        lambda e: _latency_ms(e, lambda latency: latency.high_s),
        "Upper end of its 95 % interval over processes; empty as above.",
        parts_of=(column.LATENCY, column.GPU_TIMES),
    ),
    Column(
        "latency_interval",
        str | None,
        lambda e: (e.latency.method.value or None) if e.latency else None,
        "How that interval is made: `t`, Student's t on the log scale over the medians of the case's processes; "
        "`shrunk t`, the same with their spread shrunk towards that of the campaign's other cases; `bootstrap`, a "
        "hierarchical bootstrap, from 15 processes on.",
    ),
    Column(
        "p90_ms",
        float | None,
        lambda e: _latency_ms(e, lambda latency: latency.p90_s),
        "Upper bound of the 90th percentile, 99 % confidence, over the iterations of all processes; empty where they "
        "are too few.",
        (Shown(column.TAILS, 3, "p90 ms", scaled),),
    ),
    Column(
        "p99_ms",
        float | None,
        lambda e: _latency_ms(e, lambda latency: latency.p99_s),
        "The same of the 99th percentile.",
        (Shown(column.TAILS, 4, "p99 ms", scaled), Shown(column.SWEEP, 2, "p99 ms", scaled)),
    ),
    Column(
        "p99_9_ms",
        float | None,
        lambda e: _latency_ms(e, lambda latency: latency.p99_9_s),
        "The same of the 99.9th percentile; from 6,636 iterations on.",
        (Shown(column.TAILS, 5, "p99.9 ms", scaled),),
    ),
    Column(
        "min_ms",
        float | None,
        lambda e: _latency_ms(e, lambda latency: latency.min_s),
        "The fastest call.",
        (Shown(column.TAILS, 2, "min ms", scaled),),
    ),
    Column(
        "throughput_images_per_s",
        float | None,
        lambda e: e.measured(throughput),
        "Images over the wall time of the undisturbed rounds, the median over processes; on a GPU with several calls "
        "in flight.",
        (Shown(column.THROUGHPUT, 1, "", scaled), Shown(column.GPU_TIMES, 3, "images/s", scaled)),
        (column.SWEEP,),
    ),
    Column(
        "throughput_low_images_per_s",
        float | None,
        lambda e: (e.images_per_s_interval or (None, None))[0],
        "Lower end of its 95 % interval over processes; empty for one process.",
        parts_of=(column.SWEEP,),
    ),
    Column(
        "throughput_high_images_per_s",
        float | None,
        lambda e: (e.images_per_s_interval or (None, None))[1],
        "Upper end of its 95 % interval over processes; empty for one process.",
        parts_of=(column.SWEEP,),
    ),
    Column(
        "cpu_ms_per_image",
        float | None,
        lambda e: e.measured(cpu_ms_per_image),
        "CPU time of all threads and streams for an image in the undisturbed rounds, the median over processes; what "
        "a thread spins while it waits is in it.",
        (Shown(column.SWEEP, 3, "CPU ms/image", scaled),),
    ),
    Column(
        "gmadds_per_s",
        float | None,
        lambda e: e.measured(gmadds_per_s),
        "Counted multiply-adds of the batch over `latency_ms`, billions a second.",
        (Shown(column.GMADDS, 1, "", scaled),),
    ),
    Column(
        "speedup_over_eager",
        float | None,
        lambda e: e.speedups.over_eager,
        f"Median of {EAGER} over the median of the case, in the same setting of the same campaign; empty where "
        "either is not `ok`.",
        (Shown(column.SPEEDUP, 1, "", scaled),),
    ),
    Column(
        "speedup_over_fp32",
        float | None,
        lambda e: e.speedups.over_fp32,
        "Median of the same backend in fp32 over the median of the case, all else the same; empty as above.",
        (Shown(column.PRECISIONS, 10, "own fp32", number),),
    ),
    Column(
        "speedup_over_eager_fp32",
        float | None,
        lambda e: e.speedups.over_eager_fp32,
        f"Median of {EAGER} in fp32 over the median of the case, all else the same; empty as above.",
        (Shown(column.PRECISIONS, 20, "eager fp32", number),),
    ),
    Column(
        "threads_used",
        float | None,
        lambda e: e.measured(threads_used),
        "CPU time over wall time in the undisturbed rounds, the median.",
        (Shown(column.TAILS, 7, "threads used", number),),
    ),
    Column(
        "kept_share",
        float | None,
        lambda e: e.measured(record_undisturbed_share),
        "Part of all rounds in which nothing contended with the worker.",
        (Shown(column.TAILS, 6, "rounds kept", percent),),
    ),
    Column(
        "cpu_mj_per_image",
        float | None,
        lambda e: e.of(cpu_mj_per_image),
        "Millijoules of the processor's packages for an image in the undisturbed rounds, the median over processes; "
        "whatever else ran on them is in it. Empty where the machine has no counters (RAPL) that anybody may read.",
        (Shown(column.TAILS, 11, column.ENERGY, scaled),),
    ),
    Column(
        "flags",
        str,
        lambda e: "; ".join(e.flags),
        'What to know before believing the numbers, joined by "; ". Each begins with its name.',
    ),
    Column(
        "processes",
        int,
        _processes,
        "Fresh processes that the numbers are from.",
        (Shown(column.TAILS, 8, "processes", str),),
    ),
    Column(
        "allocation",
        str | None,
        _allocation,
        "Why these processes were measured, in a campaign with a time budget: `2 first, 3 contender`. They are the "
        "first of each case, those of contenders for the fastest of a variant, those on the front of latency and "
        "top-1, and the rest.",
    ),
    Column(
        "iterations",
        int,
        _iterations,
        "Calls that the numbers are from.",
        (Shown(column.TAILS, 9, "iterations", str),),
    ),
)
