"""The cheapest machine that meets the budgets, and the machines that cannot be told from it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mnv2bench.allocation.contests import CONFIDENCE
from mnv2bench.recommendation.per_machine.choices import MachineChoice
from mnv2bench.recommendation.ties import is_tied, looks


@dataclass(frozen=True, eq=False)
class Cheapest:
    """The cheapest choice of those that fit and have a price; None without any.

    `ties` cannot be told from it. `nearly` are cheaper and miss the budget of latency only by their intervals.
    `unpriced` meet the budgets too, and nobody knows what they cost.
    """

    choice: MachineChoice | None
    ties: tuple[MachineChoice, ...]
    nearly: tuple[MachineChoice, ...]
    unpriced: tuple[MachineChoice, ...]


def cheapest(choices: Sequence[MachineChoice]) -> Cheapest:
    """The cheapest of these choices, by the price of an hour, or for throughput by that of a million images."""
    priced = sorted((choice for choice in choices if choice.price), key=lambda choice: choice.price or math.inf)
    first = priced[0] if priced else None
    return Cheapest(
        choice=first,
        ties=tuple(each for each in priced[1:] if first and _is_tied(each, first, len(priced) - 1)),
        nearly=tuple(each for each in choices if _is_nearly(each, first)),
        unpriced=tuple(each for each in choices if each.best and not each.price_per_hour),
    )


def _is_tied(choice: MachineChoice, first: MachineChoice, rivals: int) -> bool:
    """Whether two prices are equal; for throughput by the rule of ties, with the prices of an hour as a factor."""
    if not choice.goal.is_for_throughput:
        return choice.price == first.price
    if not choice.best or not first.best or not choice.price_per_hour or not first.price_per_hour:
        return False
    share = (1 - CONFIDENCE) / looks(first.best) / rivals
    factor = math.log(choice.price_per_hour / first.price_per_hour)
    return is_tied(choice.best, first.best, choice.goal, share, factor)


def _is_nearly(choice: MachineChoice, first: MachineChoice | None) -> bool:
    """Whether a choice has no best, is cheaper, and the interval of its nearest case holds the budget of latency."""
    nearest, goal = choice.answer.nearest if choice.answer else None, choice.goal
    if choice.best or not nearest or not nearest.interval_ms or not choice.price_per_hour:
        return False
    if goal.is_for_throughput or goal.percentile is not None or goal.latency_ms is None:
        return False
    if first and choice.price_per_hour >= (first.price_per_hour or 0.0):
        return False
    others_fit = (goal.memory_mb is None or (nearest.largest_peak_mb or math.inf) <= goal.memory_mb) and (
        goal.accuracy is None or (nearest.accuracy or 0.0) >= goal.accuracy
    )
    return others_fit and nearest.interval_ms[0] <= goal.latency_ms
