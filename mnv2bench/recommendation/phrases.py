"""Phrases of candidates and goals, as plain texts: every page, terminal and table shows these.

Some are texts of files: whoever puts them into Markdown or HTML escapes them.
"""

import math
from collections.abc import Iterable, Sequence
from decimal import ROUND_CEILING, Context
from functools import partial

from mnv2bench.case import Case
from mnv2bench.recommendation.candidates import Candidate, Setting
from mnv2bench.recommendation.goal import Cost, Goal
from mnv2bench.recommendation.ladder import BudgetRow
from mnv2bench.recommendation.throughput import (
    arrangement,
)
from mnv2bench.report.cells import interval, plain
from mnv2bench.report.layout import parallelism

BUDGET_DIGITS = Context(prec=4, rounding=ROUND_CEILING)
OVER, UNDER = 0.99, 0.5  # of a confidence: beyond, its number says too much
MOST_NAMED = 5  # ties in a sentence


def budget_text(budget: float, goal: Goal) -> str:
    """`5 ms`, `0.2 ms`, `100 MB`; of more than four digits it is rounded up, so that what fits still does."""
    rounded = BUDGET_DIGITS.create_decimal(repr(budget))
    return f"{float(rounded):,g} {goal.unit}"


def latency_text(candidate: Candidate) -> str:
    """`2.60 (2.50–2.70)`, in milliseconds."""
    low, high = candidate.interval_ms or (None, None)
    return interval(candidate.median_ms, low, high)


def place(candidate: Candidate) -> str:
    """Where a candidate runs: `openvino bf16`."""
    return f"{candidate.case.backend} {candidate.case.precision}"


def ties_text(row: BudgetRow) -> str:
    """Where the ties of a row run, the first few of them; "" without any."""
    in_goal = partial(_place_for, row.goal)
    return with_more(list(map(in_goal, row.ties[:MOST_NAMED])), len(row.ties))


def _place_for(goal: Goal, candidate: Candidate) -> str:
    """Where a candidate runs, with its batch, threads and streams where an answer is over all of them."""
    return f"{place(candidate)}, {arrangement(candidate)}" if goal.is_for_throughput else place(candidate)


def setting_text(setting: Setting) -> str:
    """`one thread, batch 1`, or `2 streams x 1 thread, batch 8`; another device than the processor comes first."""
    device = "" if setting.device == Case().device else f"{setting.device}, "
    if setting.threads is None or setting.streams is None:
        return f"{device}throughput, whatever the batch, threads and streams"
    alone = setting.streams == 1 and setting.threads == 1
    return f"{device}{'one thread' if alone else parallelism(setting.threads, setting.streams)}, batch {setting.batch}"


def name(candidate: Candidate) -> str:
    """`mobilenet_v2_1.0_224 on openvino in bf16`, with its file where there are several."""
    case = candidate.case
    file = f" ({plain(candidate.file)})" if candidate.file else ""
    return f"{case.shown_variant} on {case.backend} in {case.precision}{file}"


def goal_text(goal: Goal) -> str:
    """The budgets of a goal that has any, such as `Within 5 ms, for a top-1 of 70 % at least`."""
    return for_throughput(goal) if goal.is_for_throughput else within(goal, goal.budget or math.inf)


def for_throughput(goal: Goal) -> str:
    """`For throughput within 15 ms of p99 and 100 MB, for a top-1 of 70 % at least`."""
    limits = [f"{goal.latency_ms:g} ms{bound_name(goal)}"] if goal.latency_ms is not None else []
    limits += [f"{goal.memory_mb:g} MB"] if goal.memory_mb is not None else []
    within = f" within {' and '.join(limits)}" if limits else ""
    least = f" and a top-1 of {goal.accuracy:g} % at least" if goal.accuracy is not None else ""
    return f"For throughput{within}{least}"


def within(goal: Goal, budget: float) -> str:
    """`Within 5 ms and 100 MB`; without any budget the step of the ladder stands for one."""
    limits = []
    if goal.budget is not None or not goal.has_budget:
        limits.append(f"{budget_text(budget, goal)}{bound_name(goal) if goal.cost == Cost.LATENCY else ''}")
    if goal.cost != Cost.MEMORY and goal.memory_mb is not None:
        limits.append(f"{goal.memory_mb:g} MB")
    if goal.cost != Cost.LATENCY and goal.latency_ms is not None:
        limits.append(f"{goal.latency_ms:g} ms{bound_name(goal)}")
    within = [f"within {' and '.join(limits)}"] if limits else []
    least = [f"for a top-1 of {goal.accuracy:g} % at least"] if goal.accuracy is not None else []
    text = ", ".join([*within, *least])
    return text[0].upper() + text[1:]


def bound_name(goal: Goal) -> str:
    """` of p99`, where the budget is of a percentile."""
    return f" of p{goal.percentile:g}" if goal.percentile else ""


def with_more(names: Sequence[str], total: int) -> str:
    """The names, and how many more there are in all."""
    return joined([*names, f"and {total - len(names)} more"] if total > len(names) else names)


def confidence_text(confidence: float) -> str:
    """`a confidence of 97 %`; near the ends of the scale which side it is on."""
    share = confidence_share(confidence)
    return f"a confidence {share}" if share.startswith(("over", "under")) else f"a confidence of {share}"


def confidence_share(confidence: float) -> str:
    """`97 %`, rounded down; `over 99 %` and `under 50 %` beyond these."""
    if confidence >= OVER:
        return f"over {100 * OVER:.0f} %"
    return f"under {100 * UNDER:.0f} %" if confidence < UNDER else f"{math.floor(100 * confidence)} %"


def joined(phrases: Iterable[str]) -> str:
    """The phrases with commas between them, in plain characters."""
    return ", ".join(plain(phrase) for phrase in phrases)
