"""`minutes` of `mnv2bench.run`: the plan with the most processes and rounds that are estimated to fit."""

import math
from dataclasses import dataclass

import pytest

from mnv2bench.library.fitting import fitting_plan
from mnv2bench.records import Plan


@dataclass(frozen=True)
class Expected:
    """An estimate: 60 s of exports, and of each process 2 s and 0.2 s for each round, of ten cases."""

    plan: Plan

    @property
    def seconds(self):
        return 60 + 10 * self.plan.processes * (2 + 0.2 * self.plan.rounds)

    @property
    def sentence(self):
        return f"10 cases, {10 * self.plan.processes} processes: about {self.seconds:g} s"


def planned(minutes, *fixed, processes=5, rounds=15):
    plan = fitting_plan(Plan(processes=processes, rounds=rounds), minutes, Expected, fixed)
    return plan.processes, plan.rounds


@pytest.mark.parametrize(
    ("minutes", "processes", "rounds"),
    [
        (2.5, 3, 5),  # 150 s: 60 + 30 x 3
        (2.99, 3, 5),
        (3, 4, 5),
        (3.5, 5, 5),
        (4, 5, 8),  # 240 s: 60 + 50 x 3.6
        (5.2, 5, 15),  # 310 s: 60 + 50 x 5
        (6, 6, 15),
        (60, 70, 15),
    ],
)
def test_minutes_buy_processes_then_rounds_then_more_processes(minutes, processes, rounds):
    assert planned(minutes) == (processes, rounds)


def test_no_plan_takes_longer_than_its_minutes_and_the_next_one_would():
    for minutes in (2.5, 3.1, 3.7, 4.4, 5.5, 17, 123):
        processes, rounds = planned(minutes)
        assert Expected(Plan(processes=processes, rounds=rounds)).seconds <= 60 * minutes
        more_rounds, more_processes = Plan(processes=processes, rounds=rounds + 1), Plan(processes=processes + 1)
        assert max(Expected(more_rounds).seconds, Expected(more_processes).seconds) > 60 * minutes


def test_a_number_that_was_given_stays():
    assert planned(3.5, "processes", processes=1) == (1, 15)
    assert planned(3.5, "rounds", rounds=2) == (6, 2)
    assert planned(3.5, "processes", "rounds", processes=2, rounds=3) == (2, 3)


def test_too_few_minutes_are_refused_with_the_estimate_and_the_minutes_that_are_enough():
    with pytest.raises(ValueError) as refusal:
        planned(2)
    assert str(refusal.value) == (
        "minutes=2 is not enough for 3 processes of 5 rounds: 10 cases, 30 processes: about 150 s. "
        "Give minutes=3, or fewer cases"
    )
    assert planned(3) == (4, 5)


@pytest.mark.parametrize("minutes", [0, -1, math.nan, math.inf])
def test_minutes_are_a_number_above_0(minutes):
    with pytest.raises(ValueError, match="minutes must be a number above 0, not "):
        planned(minutes)


def test_three_estimates_are_enough_and_one_where_nothing_fits():
    estimates = []

    def expected(plan):
        estimates.append(plan)
        return Expected(plan)

    assert fitting_plan(Plan(), 60, expected).processes == 70
    assert len(estimates) == 3
    with pytest.raises(ValueError, match="minutes=1 is not enough"):
        fitting_plan(Plan(), 1, expected)
    assert len(estimates) == 4
