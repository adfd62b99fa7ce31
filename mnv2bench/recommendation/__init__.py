"""Which variant, runtime and precision to ship: candidates, the Pareto front, and the best within a budget."""

from mnv2bench.recommendation.answer import Answer, Usability, answers
from mnv2bench.recommendation.candidates import Candidate, Setting
from mnv2bench.recommendation.goal import Cost, Goal
from mnv2bench.recommendation.ladder import BudgetRow, budget_rows
from mnv2bench.recommendation.machines import MachineAnswers, Source, by_machine

__all__ = [
    "Answer",
    "BudgetRow",
    "Candidate",
    "Cost",
    "Goal",
    "MachineAnswers",
    "Setting",
    "Source",
    "Usability",
    "answers",
    "budget_rows",
    "by_machine",
]
