"""The columns of remote devices: instruction counts, results of external tools, delegation, the device's condition."""

from mnv2bench.records import Record
from mnv2bench.remote.conditions import Condition, condition, delegation, target, thermal
from mnv2bench.remote.counts import counted
from mnv2bench.report import column
from mnv2bench.report.column import Column, Columns
from mnv2bench.report.evaluation import Evaluation
from mnv2bench.statistics.processes import external_ms
from mnv2bench.statistics.rounds import madds


def instructions_per_madd(evaluation: Evaluation) -> float | None:
    """Guest instructions of one call over its multiply-adds; None for a case that was not counted."""
    counts = evaluation.of(counted)
    return counts.instructions / madds(evaluation.record) if counts else None


def _instructions(evaluation: Evaluation) -> int | None:
    counts = evaluation.of(counted)
    return counts.instructions if counts else None


def _counts_repeat(evaluation: Evaluation) -> bool | None:
    counts = evaluation.of(counted)
    return counts.repeats if counts else None


def _tool(record: Record) -> str | None:
    return next((process.external_result.tool for process in record.processes if process.external_result), None)


def _delegated(evaluation: Evaluation) -> str | None:
    delegated = delegation(evaluation.record)
    return delegated.text or None if delegated else None


def _condition(record: Record) -> Condition | None:
    return condition([record])


def _mask(evaluation: Evaluation) -> str | None:
    state = evaluation.of(_condition)
    return state.mask or None if state else None


def _thermal(evaluation: Evaluation) -> str | None:
    state = evaluation.of(_condition)
    return thermal(state) or None if state else None


COLUMNS: Columns = (
    Column(
        "instructions",
        int | None,
        _instructions,
        "Guest instructions of one call on the whole batch, counted under an emulator, without the marks around it. A "
        "case that has them has no time.",
        parts_of=(column.INSTRUCTIONS,),
    ),
    Column(
        "instructions_per_madd",
        float | None,
        instructions_per_madd,
        "The same over the multiply-adds of the batch.",
        parts_of=(column.INSTRUCTIONS,),
    ),
    Column(
        "counts_repeat",
        bool | None,
        _counts_repeat,
        "Whether every process counted the same sequence; empty for a single process.",
        parts_of=(column.INSTRUCTIONS,),
    ),
    Column(
        "told_ms",
        float | None,
        lambda e: external_ms(e.record.external_results),
        "Latency that another tool reported: its median, or its mean where it prints no median; the median over "
        "processes. Never a `latency_ms`.",
    ),
    Column("told_by", str | None, lambda e: _tool(e.record), "The tool that reported it."),
    Column(
        "delegated",
        str | None,
        _delegated,
        "Operators that ran in the runtime's delegate, of all: `66 of 67`, `all`, `not all`, `none`.",
    ),
    Column("target", str | None, lambda e: target(e.record) or None, "The device in a few words."),
    Column("mask", str | None, _mask, "The cores that the processes were bound to, as a hexadecimal mask."),
    Column("thermal", str | None, _thermal, "How hot the device was, and how many processes ran while it throttled."),
)
