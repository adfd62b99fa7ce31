"""Choices: what to ship on each machine within the budgets of a goal, and what that costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from mnv2bench.recommendation.answer import Answer
from mnv2bench.recommendation.candidates import Candidate
from mnv2bench.recommendation.goal import Goal
from mnv2bench.recommendation.machines import MachineAnswers
from mnv2bench.recommendation.per_machine.prices import Prices
from mnv2bench.texts import UNITS_S

NO_BUDGET = (
    "what to ship on each machine needs a budget: name a latency, a memory or an accuracy, or choose for throughput"
)


@dataclass(frozen=True, eq=False)
class MachineChoice:
    """What to ship on a machine. `price_per_hour` is what the machine costs, None where no price is given."""

    machine: MachineAnswers
    goal: Goal
    price_per_hour: float | None = None

    @cached_property
    def answer(self) -> Answer | None:
        """The answer of the first setting in which something fits; where nothing does, of the first usable one.

        None where the machine has no answer.
        """
        answers = self.machine.answers
        usable = [answer for answer in answers if answer.is_usable]
        return next((answer for answer in usable if answer.best), next(iter([*usable, *answers]), None))

    @property
    def best(self) -> Candidate | None:
        """The case to ship; None where nothing fits or can be used."""
        return self.answer.best if self.answer and self.answer.is_usable else None

    @property
    def per_million_images(self) -> tuple[float, float, float] | None:
        """What a million images cost at the images a second of the best: the price, and its 95 % interval.

        None where the goal is not throughput, and without a price or an interval.
        """
        rates = self.best.images_per_s_interval if self.best and self.goal.is_for_throughput else None
        if not self.best or not rates or not self.price_per_hour:
            return None
        of_a_second = 1_000_000 * self.price_per_hour / UNITS_S["h"]
        middle, low, high = (of_a_second / rate for rate in (self.best.images_per_s or rates[0], rates[1], rates[0]))
        return middle, low, high

    @property
    def price(self) -> float | None:
        """What machines are compared by: the upper end of a million images for throughput, else the price of an hour.

        None where nothing fits, and without a price.
        """
        if self.best is None:
            return None
        if not self.goal.is_for_throughput:
            return self.price_per_hour
        return self.per_million_images[2] if self.per_million_images else None


def require_budget(goal: Goal) -> None:
    """Raise ValueError, in one line, for a goal that has no single answer."""
    if not goal.has_one_answer:
        raise ValueError(NO_BUDGET)


def choices(machines: Sequence[MachineAnswers], goal: Goal, prices: Prices | None = None) -> tuple[MachineChoice, ...]:
    """What to ship on each machine. ValueError, in one line, without a budget, and for prices that are ambiguous."""
    require_budget(goal)
    per_hour = prices.of_each(machines) if prices else (None,) * len(machines)
    return tuple(MachineChoice(machine, goal, price) for machine, price in zip(machines, per_hour, strict=True))
