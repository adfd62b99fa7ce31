"""The table of a recommendation: a row for each budget, as texts."""

from collections.abc import Sequence

from mnv2bench.recommendation.candidates import Candidate
from mnv2bench.recommendation.goal import Goal
from mnv2bench.recommendation.ladder import BudgetRow
from mnv2bench.recommendation.phrases import budget_text, latency_text, ties_text
from mnv2bench.recommendation.throughput import (
    rate_text,
)
from mnv2bench.report.cells import NONE, one_decimal, plain, scaled

HEADER = (
    "budget",
    "variant",
    "runtime",
    "precision",
    "batch",
    "streams x threads",
    "images/s (95 %)",
    "p50 ms",
    "ms (95 %)",
    "p90 ms",
    "p99 ms",
    "p99.9 ms",
    "images/s",
    "CPU ms/image",
    "top-1 %",
    "kept of fp32 %",
    "peak MB",
    "mJ/image",
    "file",
    "tie",
)
SPARE = ("p99 ms", "images/s", "CPU ms/image")  # columns that a narrow page leaves out, the last of them first


def cells(row: BudgetRow) -> tuple[str, ...]:
    """The texts of a row, in the order of HEADER; a dash where there is no number, or its goal needs none."""
    candidate = row.candidate
    return (
        NONE if row.goal.is_for_throughput else budget_text(row.budget, row.goal),
        candidate.variant,
        candidate.case.backend,
        candidate.case.precision,
        *(_rates if row.goal.is_for_throughput else _times)(candidate, row.goal),
        one_decimal(candidate.accuracy),
        one_decimal(candidate.fp32_agreement),
        one_decimal(candidate.peak_mb),
        scaled(candidate.mj_per_image),
        plain(candidate.file) or NONE,
        ties_text(row) or NONE,
    )


def _rates(candidate: Candidate, goal: Goal) -> tuple[str, ...]:
    """The cells from the batch to the CPU time, of an answer for throughput."""
    case = candidate.case
    setting = (str(case.batch), f"{case.streams} x {case.threads}")
    times = (rate_text(candidate), scaled(candidate.median_ms), NONE, *_percentiles(candidate, goal))
    return (*setting, *times, NONE, scaled(candidate.cpu_ms_per_image))


def _times(candidate: Candidate, goal: Goal) -> tuple[str, ...]:
    """The same cells of an answer for one setting."""
    times = (latency_text(candidate), *_percentiles(candidate, goal), scaled(candidate.images_per_s))
    return (NONE, NONE, NONE, NONE, *times, NONE)


def _percentiles(candidate: Candidate, goal: Goal) -> tuple[str, ...]:
    """The bounds of p90, p99 and p99.9; but for p99 only that of the goal's budget."""
    return tuple(
        scaled(candidate.percentile_ms(percentile)) if percentile in (99, goal.percentile) else NONE
        for percentile in (90, 99, 99.9)
    )


def row_name(row: BudgetRow) -> str:
    """What names a row of a table beside it: its budget, and of an answer for throughput its variant."""
    return row.candidate.variant if row.goal.is_for_throughput else budget_text(row.budget, row.goal)


def table(rows: Sequence[BudgetRow]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The header and the rows; a column without any value is left out."""
    texts = [cells(row) for row in rows]
    kept = [column for column in range(len(HEADER)) if any(line[column] != NONE for line in texts)]
    return tuple(HEADER[column] for column in kept), [tuple(line[column] for column in kept) for line in texts]
