"""Which variant, runtime and precision to ship: candidates, the Pareto front, and the best within a budget."""

from mnv2bench.recommendation.answer import Answer, Usability, answers
from mnv2bench.recommendation.candidates import Candidate, Setting
from mnv2bench.recommendation.goal import Cost, Goal

__all__ = ["Answer", "Candidate", "Cost", "Goal", "Setting", "Usability", "answers"]
