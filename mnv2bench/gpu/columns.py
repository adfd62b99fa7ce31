"""The columns of GPUs: times by each clock, memory by who counts it, energy, clocks, and which GPU it was."""

from functools import partial

from mnv2bench.gpu.conditions import conditions, cuda_graph, gpu_fact, gpu_memory
from mnv2bench.gpu.times import GpuTimes, energy, gpu_times
from mnv2bench.gpu.verified import verified_on
from mnv2bench.records import Record
from mnv2bench.report import column
from mnv2bench.report.cells import megabytes, milliseconds, one_decimal, scaled, text_or_dash
from mnv2bench.report.column import Column, Columns, Shown
from mnv2bench.report.evaluation import Evaluation


def _median_ms(evaluation: Evaluation, clock: str) -> float | None:
    """`clock` is a field of GpuTimes."""
    times: GpuTimes | None = evaluation.of(gpu_times)
    return milliseconds(getattr(times, clock).median_s) if times else None


def _gpu_low_ms(evaluation: Evaluation) -> float | None:
    times = evaluation.of(gpu_times)
    return milliseconds(times.gpu.low_s) if times else None


def _gpu_high_ms(evaluation: Evaluation) -> float | None:
    times = evaluation.of(gpu_times)
    return milliseconds(times.gpu.high_s) if times else None


def _memory_mb(evaluation: Evaluation, counter: str) -> float | None:
    """`counter` is a field of GpuMemory."""
    memory = evaluation.of(gpu_memory)
    return megabytes(getattr(memory, counter)) if memory else None


def _l2(evaluation: Evaluation) -> str | None:
    if evaluation.case.gpu is None:
        return None
    return "cold" if evaluation.record.plan.cold_l2 else "hot"


def _builder_level(record: Record) -> int | None:
    return record.plan.trt_level if record.artifact and record.artifact.format == "plan" else None


def _sm_mhz(evaluation: Evaluation) -> tuple[int, int] | None:
    observed = evaluation.of(conditions)
    return observed.during.sm_mhz if observed else None


def _sm_mhz_low(evaluation: Evaluation) -> int | None:
    clocks = _sm_mhz(evaluation)
    return clocks[0] if clocks else None


def _sm_mhz_high(evaluation: Evaluation) -> int | None:
    clocks = _sm_mhz(evaluation)
    return clocks[1] if clocks else None


def _power_w(evaluation: Evaluation) -> float | None:
    used = evaluation.of(energy)
    return used.watts if used else None


def _mj_per_image(evaluation: Evaluation) -> float | None:
    used = evaluation.of(energy)
    return used.mj_per_image if used else None


COLUMNS: Columns = (
    Column(
        "gpu_ms",
        float | None,
        partial(_median_ms, clock="gpu"),
        "Time of one call by the GPU's own events, calls queued back to back; the median, by the rule of `latency_ms`.",
        parts_of=(column.GPU_TIMES,),
    ),
    Column(
        "gpu_low_ms",
        float | None,
        _gpu_low_ms,
        "Lower end of its 95 % interval over processes.",
        parts_of=(column.GPU_TIMES,),
    ),
    Column(
        "gpu_high_ms",
        float | None,
        _gpu_high_ms,
        "Upper end of its 95 % interval over processes.",
        parts_of=(column.GPU_TIMES,),
    ),
    Column(
        "enqueue_ms",
        float | None,
        partial(_median_ms, clock="enqueue"),
        "Time of the host until the call returned, on an empty queue.",
        (Shown(column.GPU_TIMES, 1, "enqueue ms", scaled),),
    ),
    Column(
        "end_to_end_ms",
        float | None,
        partial(_median_ms, clock="end_to_end"),
        "Time by the host's clock with images copied in and logits copied out.",
        (Shown(column.GPU_TIMES, 2, "end to end ms", scaled),),
    ),
    Column(
        "cuda_graph",
        str | None,
        lambda e: e.of(cuda_graph),
        "Whether the kernels of a call were replayed as one CUDA graph: `yes`, `no`, or `no: ` and the reason.",
        (Shown(column.GPU_TIMES, 4, "CUDA graph", text_or_dash),),
    ),
    Column(
        "l2",
        str | None,
        _l2,
        "`hot`, or `cold` where the L2 cache was emptied before each timed call.",
        (Shown(column.GPU_TIMES, 5, "L2", text_or_dash),),
    ),
    Column("trt_level", int | None, lambda e: _builder_level(e.record), "Optimisation level of TensorRT's builder."),
    Column(
        "torch_allocated_mb",
        float | None,
        partial(_memory_mb, counter="torch_allocated"),
        "Peak of what torch's allocator handed out. The columns of GPU memory overlap and are never added up.",
        (Shown(column.GPU_MEMORY, 1, "torch allocated", one_decimal),),
    ),
    Column(
        "torch_reserved_mb",
        float | None,
        partial(_memory_mb, counter="torch_reserved"),
        "Peak of what torch's allocator reserved.",
        (Shown(column.GPU_MEMORY, 2, "torch reserved", one_decimal),),
    ),
    Column(
        "engine_weights_mb",
        float | None,
        partial(_memory_mb, counter="engine_weights"),
        "Weights, as a TensorRT engine reports them.",
        (Shown(column.GPU_MEMORY, 3, "engine weights", one_decimal),),
    ),
    Column(
        "engine_activations_mb",
        float | None,
        partial(_memory_mb, counter="engine_activations"),
        "Activations of one context, as a TensorRT engine reports them.",
        (Shown(column.GPU_MEMORY, 4, "engine activations", one_decimal),),
    ),
    Column(
        "gpu_process_mb",
        float | None,
        partial(_memory_mb, counter="process"),
        "Memory of the process on the GPU by NVML, CUDA context included.",
        (Shown(column.GPU_MEMORY, 5, "process", one_decimal),),
    ),
    Column(
        "gpu_device_delta_mb",
        float | None,
        partial(_memory_mb, counter="device_delta"),
        "What the whole GPU holds more than before the model was opened; other processes move it too.",
        (Shown(column.GPU_MEMORY, 6, "device delta", one_decimal),),
    ),
    Column(
        "power_w",
        float | None,
        _power_w,
        "Power of the whole GPU while calls were in flight.",
        (Shown(column.GPU_CONDITIONS, 1, "W", scaled),),
    ),
    Column(
        "mj_per_image",
        float | None,
        _mj_per_image,
        "Energy of the whole GPU for one image while calls were in flight, millijoules.",
        (Shown(column.GPU_CONDITIONS, 2, "mJ/image", scaled),),
    ),
    Column(
        "sm_mhz_low",
        int | None,
        _sm_mhz_low,
        "Lowest clock of the multiprocessors while calls were in flight.",
        parts_of=(column.GPU_CONDITIONS,),
    ),
    Column(
        "sm_mhz_high",
        int | None,
        _sm_mhz_high,
        "Highest clock of the multiprocessors while calls were in flight.",
        parts_of=(column.GPU_CONDITIONS,),
    ),
    Column("gpu_name", str | None, lambda e: gpu_fact(e.record, "name"), "The GPU's name."),
    Column("gpu_uuid", str | None, lambda e: gpu_fact(e.record, "uuid"), "The GPU's own identifier."),
    Column(
        "verified_on",
        str | None,
        lambda e: verified_on(e.record),
        "The GPU on which the project checked this backend, or that it was checked on none.",
    ),
)
