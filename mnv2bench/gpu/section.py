"""The section on GPUs: each clock beside the others, memory by who counts it, conditions."""

from collections.abc import Callable
from functools import partial
from typing import Any

from mnv2bench.case import is_gpu
from mnv2bench.gpu.columns import COLUMNS
from mnv2bench.gpu.conditions import Conditions, conditions
from mnv2bench.gpu.times import gpu_times
from mnv2bench.gpu.verified import UNVERIFIED, verified_on
from mnv2bench.records import Plan
from mnv2bench.report import column, layout
from mnv2bench.report.cells import NONE, escape, interval, latency, result, scaled, text_or_dash
from mnv2bench.report.column import Cell, Column, cells_in, shown_in
from mnv2bench.report.columns import COLUMNS as COLUMNS_OF_EVERY_CASE
from mnv2bench.report.evaluation import Evaluation
from mnv2bench.report.layout import Evaluations
from mnv2bench.report.ranking import Ranking
from mnv2bench.statistics.latency import Latency

NOT_VERIFIED = (
    "**Unverified on hardware**: this version's GPU path was built and tested without a GPU ({backends}). Before you "
    "believe a number of it, run `mnv2bench selfcheck --device {device}`.\n"
)
HOW_TO_READ = """\
- On GPUs latency is the wall's: see "GPU".
"""
TIMES = """\
- wall: the host's clock, one call at a time, until its result is complete on the GPU; images already there. It is what
  every other table calls latency.
- gpu: the GPU's own events around each call, calls queued back to back. With eager torch it includes the gaps between
  launches, so at batch 1 it shows the CPU's speed.
- enqueue: host time until the call returns, on an empty queue.
- end to end: the host's clock, with images copied in from pinned memory and logits copied out.
- images/s: calls in flight on one stream. It is not one over any of these times.
- CUDA graph: whether the kernels of a call are replayed as one. Compare rows in which it is the same.
- L2: hot, or emptied before each timed call of wall, gpu and end to end.
"""
MEMORY = (
    "MB, medians over processes, each by who counts it. They overlap and none covers all, so they are never added and "
    "backends are not ranked by them. torch: peaks of its allocator, which sees nothing of TensorRT's or onnxruntime's "
    "own. Engine: weights, and activations of one context, as TensorRT reports them. Process: by NVML, CUDA context "
    "included. Device delta: what the whole GPU holds more than before, other processes included."
)
CONDITIONS = (
    "As NVML reported them: before the model was opened, while calls were in flight (every round, disturbed ones too), "
    "after the last round. Clocks are read and never set. W and mJ are the whole GPU's, of the calls in flight."
)


def gpu(evaluations: Evaluations, level: str, ranking: Ranking) -> str:
    """Sections under headings of that level; empty where no case was for a GPU."""
    there = _on_gpus(evaluations)
    if not there:
        return ""
    timed = [evaluation for evaluation in there if evaluation.of(gpu_times)]
    parts = (
        (column.GPU_TIMES, TIMES + _plan(there[0].record.plan), _times(there, ranking)),
        (column.GPU_MEMORY, MEMORY, layout.long(timed, cells_in(column.GPU_MEMORY, COLUMNS), ranking)),
        (column.GPU_CONDITIONS, CONDITIONS, _conditions(timed, ranking)),
    )
    return "\n\n".join(f"{level} {title}\n\n{text}\n\n{body}" for title, text, body in parts if body)


def how_to_read(evaluations: Evaluations) -> str:
    """What a reader must know of the numbers of a GPU; empty where no case was for one."""
    return HOW_TO_READ if _on_gpus(evaluations) else ""


def unverified(evaluations: Evaluations) -> str:
    """What a reader must know before the first number of a GPU on which nobody ran its backend; else empty."""
    there = [evaluation for evaluation in _on_gpus(evaluations) if verified_on(evaluation.record) == UNVERIFIED]
    if not there:
        return ""
    names = ", ".join(sorted({escape(evaluation.case.backend) for evaluation in there}))
    return NOT_VERIFIED.format(backends=names, device=there[0].case.device)


def _on_gpus(evaluations: Evaluations) -> list[Evaluation]:
    return [evaluation for evaluation in evaluations if is_gpu(evaluation.case.device)]


def _plan(plan: Plan) -> str:
    return (
        f"- Here: at most {plan.in_flight} calls in flight, L2 {'cold' if plan.cold_l2 else 'hot'}, TensorRT's builder "
        f"at level {plan.trt_level}."
    )


def _times(evaluations: Evaluations, ranking: Ranking) -> str:
    """A table for each setting, a line for each case, those without a number included."""
    return layout.each_setting(evaluations, partial(_times_of_setting, ranking=ranking))


def _times_of_setting(evaluations: Evaluations, ranking: Ranking) -> str:
    shown = shown_in(column.GPU_TIMES, (*COLUMNS_OF_EVERY_CASE, *COLUMNS))
    fastest, label = ranking.fastest(evaluations), layout.labels(evaluations)
    lines = []
    for evaluation in layout.ordered(evaluations, ranking):
        wall = latency(evaluation, evaluation.case.id in fastest)
        times = evaluation.of(gpu_times)
        if times is None:
            others = [NONE] * (1 + len(shown))
        else:
            others = [_gpu_ms(evaluation, times.gpu), *(_text(evaluation, *pair) for pair in shown.values())]
        lines.append([label(evaluation), escape(evaluation.case.backend), wall, *others])
    return layout.without_shared(["variant", "backend", "wall ms", "gpu ms", *shown], lines, texts=2)


def _text(evaluation: Evaluation, column: Column[Any], cell: Cell) -> str:
    """A column's text, with the numbers of a wrong result struck out."""
    text = cell(evaluation)
    return text if column.is_text else result(evaluation, text)


def _gpu_ms(evaluation: Evaluation, times: Latency) -> str:
    """A right result with its interval, a wrong one without."""
    median_ms = 1e3 * times.median_s
    if evaluation.record.status != "ok":
        return result(evaluation, scaled(median_ms))
    low_ms = None if times.low_s is None else 1e3 * times.low_s
    high_ms = None if times.high_s is None else 1e3 * times.high_s
    return interval(median_ms, low_ms, high_ms)


def _conditions(evaluations: Evaluations, ranking: Ranking) -> str:
    columns: dict[str, Cell] = {
        "SM MHz before": _observed(lambda seen: _range(seen.before.sm_mhz)),
        "during": _observed(lambda seen: _range(seen.during.sm_mhz)),
        "after": _observed(lambda seen: _range(seen.after.sm_mhz)),
        "memory MHz": _observed(lambda seen: _range(seen.during.memory_mhz)),
        "°C": _observed(lambda seen: _range(seen.during.celsius)),
        "why not faster": _observed(lambda seen: _reasons(seen.during.reasons)),
        "other processes": _observed(lambda seen: _count(seen.during.others)),
        **cells_in(column.GPU_CONDITIONS, COLUMNS),
    }
    return layout.long([evaluation for evaluation in evaluations if evaluation.of(conditions)], columns, ranking)


def _observed(text: Callable[[Conditions], str]) -> Cell:
    """A cell on what NVML reported of the GPU around a case."""

    def cell(evaluation: Evaluation) -> str:
        seen = evaluation.of(conditions)
        return text(seen) if seen else NONE

    return cell


def _range(values: tuple[int, int] | None) -> str:
    return NONE if values is None else NONE.join(map(str, dict.fromkeys(values)))


def _reasons(reasons: tuple[str, ...] | None) -> str:
    return NONE if reasons is None else text_or_dash(", ".join(reasons) or "nothing")


def _count(processes: int | None) -> str:
    return NONE if processes is None else str(processes)
