"""What GPUs add to the page: each clock beside the others, memory by who counts it, conditions."""

from collections.abc import Mapping, Sequence

from mnv2bench.cases import is_gpu
from mnv2bench.gpu.times import UNVERIFIED, conditions
from mnv2bench.records import Plan, Record
from mnv2bench.report import tables
from mnv2bench.report.cells import MARKS, NONE, derived, escape, interval, latency, number, scaled, table
from mnv2bench.report.rows import Row
from mnv2bench.report.tables import Rows

NOT_VERIFIED = """\
- **Unverified on hardware**: this version's GPU path was built and tested without a GPU ({backends}).
  Before you believe a number of it, run `mnv2bench selfcheck --device {device}`.
"""
HOW_TO_READ = f"""\
- On GPUs latency is the wall's: see "GPU". {MARKS["throttled"]} the GPU slowed itself down, {MARKS["shared"]} other
  processes used it, {MARKS["unwatched"]} whether either is not known, {MARKS["enqueue-bound"]} the host sets the pace,
  {MARKS["precision"]} too small an error for the precision.
"""
TIMES = """\
- wall: the host's clock, one call at a time, until its result is complete on the GPU; images already there. It is what
  every other table calls latency.
- gpu: the GPU's own events around each call, calls queued back to back. With eager torch it includes the gaps between
  launches, so at batch 1 it shows the CPU's speed.
- enqueue: host time until the call returns, on an empty queue.
- end to end: the host's clock, with images copied in from pinned memory and logits copied out.
- images/s: calls in flight on one stream. It is not one over any of these times.
- CUDA graph: whether the kernels of a call are replayed as one. Compare rows that say the same.
- L2: hot, or emptied before each timed call of wall, gpu and end to end.
"""
MEMORY = (
    "MB, medians over processes, each by who counts it. They overlap and none covers all, so they are never added and "
    "backends are not ranked by them. torch: peaks of its allocator, which sees nothing of TensorRT's or onnxruntime's "
    "own. Engine: what TensorRT says of an engine's weights and of the activations of one context. Process: NVML's "
    "figure, CUDA context included. Device delta: what the whole GPU holds more than before, other processes included."
)
CONDITIONS = (
    "As NVML told it: before the model was opened, while calls were in flight (every round, those dropped included), "
    "after the last round. Clocks are read and never set. W and mJ are the whole GPU's, of the calls in flight."
)


def gpu(campaign: Sequence[Record], rows: Rows, level: str) -> str:
    """Sections under headings of that level; empty where nothing was asked of a GPU."""
    mine = [(record, row) for record, row in zip(campaign, rows, strict=True) if is_gpu(row.device)]
    if not mine:
        return ""
    found = [row for _, row in mine]
    measured = {row.case: record for record, row in mine if row.gpu_ms is not None}
    counted = [row for row in found if row.case in measured]
    parts = (
        ("Times", TIMES + _plan(campaign[0].plan), _times(found)),
        ("GPU memory", MEMORY, _memory(counted)),
        ("Conditions", CONDITIONS, _conditions(measured, counted)),
    )
    return "\n\n".join(f"{level} {title}\n\n{text}\n\n{body}" for title, text, body in parts if body)


def how_to_read(rows: Rows) -> str:
    """What a reader must know before the first number of a GPU; empty where nothing was asked of one."""
    found = [row for row in rows if is_gpu(row.device)]
    unverified = sorted({row.backend for row in found if row.verified_on == UNVERIFIED})
    said = HOW_TO_READ if found else ""
    if unverified:
        said += NOT_VERIFIED.format(backends=", ".join(map(escape, unverified)), device=found[0].device)
    return said


def _plan(plan: Plan) -> str:
    return (
        f"- Here: at most {plan.in_flight} calls in flight, L2 {'cold' if plan.cold_l2 else 'hot'}, TensorRT's builder "
        f"at level {plan.trt_level}."
    )


def _times(rows: Rows) -> str:
    """A table for each setting, a line for each case, those without a number included."""
    header = ["variant", "backend", "wall ms", "gpu ms", "enqueue ms", "end to end ms", "images/s", "CUDA graph", "L2"]
    drawn = []
    for setting in tables.settings(rows):
        mine = tables.ordered([row for row in rows if tables.setting(row) == setting])
        fastest = tables.fastest(mine)
        lines = [[tables.variant(row), escape(row.backend), *_numbers(row, row.case in fastest)] for row in mine]
        drawn.append(f"**{tables.title(*setting)}**\n\n{table(header, lines, texts=2)}")
    return "\n\n".join(drawn)


def _numbers(row: Row, fastest: bool) -> list[str]:
    if row.gpu_ms is None:
        return [latency(row, fastest), *[NONE] * 6]
    gpu_ms = interval(row.gpu_ms, row.gpu_low_ms, row.gpu_high_ms) if row.status == "ok" else derived(row, row.gpu_ms)
    others = (row.enqueue_ms, row.end_to_end_ms, row.throughput_images_per_s)
    texts = (row.cuda_graph, row.l2)
    return [latency(row, fastest), gpu_ms, *(derived(row, value) for value in others), *map(_text, texts)]


def _memory(rows: Rows) -> str:
    columns: dict[str, tables.Cell] = {
        "torch allocated": lambda row: number(row.torch_allocated_mb, 1),
        "torch reserved": lambda row: number(row.torch_reserved_mb, 1),
        "engine weights": lambda row: number(row.engine_weights_mb, 1),
        "engine activations": lambda row: number(row.engine_activations_mb, 1),
        "process": lambda row: number(row.gpu_process_mb, 1),
        "device delta": lambda row: number(row.gpu_device_delta_mb, 1),
    }
    return tables.long(rows, columns)


def _conditions(records: Mapping[str, Record], rows: Rows) -> str:
    told = {row.case: seen for row in rows if (seen := conditions(records[row.case]))}
    columns: dict[str, tables.Cell] = {
        "SM MHz before": lambda row: _range(told[row.case].before.sm_mhz),
        "during": lambda row: _range(told[row.case].during.sm_mhz),
        "after": lambda row: _range(told[row.case].after.sm_mhz),
        "memory MHz": lambda row: _range(told[row.case].during.memory_mhz),
        "°C": lambda row: _range(told[row.case].during.celsius),
        "why not faster": lambda row: _reasons(told[row.case].during.reasons),
        "other processes": lambda row: _text(_whole(told[row.case].during.others)),
        "W": lambda row: scaled(row.power_w),
        "mJ/image": lambda row: scaled(row.mj_per_image),
    }
    return tables.long([row for row in rows if row.case in told], columns)


def _range(values: tuple[int, int] | None) -> str:
    return NONE if values is None else NONE.join(map(str, dict.fromkeys(values)))


def _reasons(reasons: tuple[str, ...] | None) -> str:
    return NONE if reasons is None else escape(", ".join(reasons)) or "nothing"


def _whole(value: int | None) -> str:
    return "" if value is None else str(value)


def _text(text: str | None) -> str:
    return escape(text) if text else NONE
