"""Records -> numbers: functions without clocks, printing or torch."""

from mnv2bench.flags import flags
from mnv2bench.gpu.times import conditions, cuda_graph, energy, gpu_fact, gpu_memory, gpu_times, verified_on
from mnv2bench.remote.conditions import Condition, condition, delegation
from mnv2bench.remote.counts import Counted, CountFit, count_fit, counted
from mnv2bench.statistics.fit import Fit, Point, fit, latency_fit, pixel1_fit, verdict
from mnv2bench.statistics.latency import EAGER, Latency, detection, gmadds_per_s, latency, process_median, speedups
from mnv2bench.statistics.once import ColdPath, cold_path, memory, output_error, told_ms
from mnv2bench.statistics.rounds import (
    campaigns,
    kept_share,
    madds,
    measured,
    threads_used,
    throughput,
    undisturbed_share,
    used_rounds,
)

__all__ = [
    "EAGER",
    "ColdPath",
    "Condition",
    "CountFit",
    "Counted",
    "Fit",
    "Latency",
    "Point",
    "campaigns",
    "cold_path",
    "condition",
    "conditions",
    "count_fit",
    "counted",
    "cuda_graph",
    "delegation",
    "detection",
    "energy",
    "fit",
    "flags",
    "gmadds_per_s",
    "gpu_fact",
    "gpu_memory",
    "gpu_times",
    "kept_share",
    "latency",
    "latency_fit",
    "madds",
    "measured",
    "memory",
    "output_error",
    "pixel1_fit",
    "process_median",
    "speedups",
    "threads_used",
    "throughput",
    "told_ms",
    "undisturbed_share",
    "used_rounds",
    "verdict",
    "verified_on",
]
