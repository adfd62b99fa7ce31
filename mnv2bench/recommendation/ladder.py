"""The ladder of budgets: in steps of 1, 2 and 5, the best candidate within each."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from mnv2bench.recommendation.answer import Answer
from mnv2bench.recommendation.candidates import Candidate
from mnv2bench.recommendation.goal import Goal
from mnv2bench.recommendation.ties import ties_of

STEPS = (1, 2, 5)  # docs/thresholds.md#recommendation


@dataclass(frozen=True, eq=False)
class BudgetRow:
    """The best candidate within a budget, and those that cannot be told from it.

    `budget` is in the unit of the goal's cost: ms, MB or mJ.
    """

    goal: Goal
    budget: float
    candidate: Candidate
    ties: tuple[Candidate, ...]


def budget_rows(answer: Answer) -> tuple[BudgetRow, ...]:
    """The best within each budget, the largest budget first.

    The budgets are steps of 1, 2 and 5 around the costs of the front, and the one that the goal names. Where the best
    is the same within several steps, the smallest stands for all of them, or the goal's own budget. Where no accuracy
    is known there is no best, and throughput has no budget: the rows are those of `front_rows` that fit.
    """
    if not answer.has_accuracy or answer.goal.is_for_throughput:
        return tuple(row for row in front_rows(answer) if row.budget <= (answer.goal.budget or math.inf))
    rows: list[BudgetRow] = []
    for budget in _budgets(answer):
        candidate = best_within(answer, budget)
        if candidate is None:
            continue
        row = BudgetRow(answer.goal, budget, candidate, _ties(answer, budget, candidate))
        if not rows or rows[-1].candidate is not candidate:
            rows.append(row)
        elif budget == answer.goal.budget:
            rows[-1] = row
    return tuple(reversed(rows))


def front_rows(answer: Answer) -> tuple[BudgetRow, ...]:
    """A row for each candidate of the front, whose budget is what it needs."""
    needs = [(candidate, candidate.cost(answer.goal)) for candidate in answer.front]
    return tuple(
        BudgetRow(answer.goal, need, candidate, _ties(answer, need, candidate)) for candidate, need in needs if need
    )


def headline_row(answer: Answer) -> BudgetRow | None:
    """The row that the headline is about; None where nothing fits.

    With a budget, for throughput, and where no accuracy is known it is that of the best; else the one in the middle of
    the ladder, of two the one with the larger budget.
    """
    best = answer.best
    if best and (answer.goal.has_one_answer or not answer.has_accuracy):
        return BudgetRow(answer.goal, answer.goal.budget or best.cost(answer.goal) or math.inf, best, answer.ties)
    rows = budget_rows(answer)
    return rows[(len(rows) - 1) // 2] if best and rows else None


def best_within(answer: Answer, budget: float) -> Candidate | None:
    """The most accurate candidate of the front whose cost is within a budget."""
    return next((each for each in answer.front if (each.cost(answer.goal) or math.inf) <= budget), None)


def _ties(answer: Answer, budget: float, best: Candidate) -> tuple[Candidate, ...]:
    fitting = [each for each in answer.allowed if (each.cost(answer.goal) or math.inf) <= budget]
    return ties_of(best, fitting, answer.allowed, answer.goal)


def _budgets(answer: Answer) -> list[float]:
    """The steps from the one above the least cost of the front to the one above its largest, and the goal's own."""
    costs = [cost for candidate in answer.front if (cost := candidate.cost(answer.goal))]
    if not costs:
        return []
    own = [answer.goal.budget] if answer.goal.budget is not None else []
    return sorted({*_steps(min(costs), max(costs)), *own})


def _steps(least: float, most: float) -> Iterator[float]:
    """The steps of 1, 2 and 5 from the first that holds the least to the first that holds the most."""
    exponent = math.floor(math.log10(least)) - 1
    while True:
        for digit in STEPS:
            step = float(f"{digit}e{exponent}")
            if step >= least:
                yield step
                if step >= most:
                    return
        exponent += 1
