"""Plans that fit into a number of minutes: as many processes and rounds as the estimate has time for."""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from mnv2bench.records import QUICK, Plan, replace
from mnv2bench.selection import MAX_PROCESSES

if TYPE_CHECKING:
    from mnv2bench.campaign.estimate import Estimate

Expected = Callable[[Plan], "Estimate"]  # what a campaign with a plan would do


def fitting_plan(plan: Plan, minutes: float, expected: Expected, fixed: tuple[str, ...] = ()) -> Plan:
    """The plan with the most processes and rounds that are estimated to fit; those in `fixed` stay as they are.

    First come processes up to the usual number, then rounds up to the usual number, then more processes.

    ValueError, in one line with the estimate, where the least plan takes longer: an interval needs 3 processes.
    """
    if not 0 < minutes < math.inf:
        raise ValueError(f"minutes must be a number above 0, not {minutes}")
    plans = list(_plans(plan, fixed))
    least = expected(plans[0])
    if least.seconds > 60 * minutes:
        raise ValueError(_too_few(minutes, plans[0], least))
    longest = bisect_right(plans, 60 * minutes, key=_seconds(plans[0], least.seconds, expected))
    return plans[max(longest, 1) - 1]


def _seconds(least: Plan, least_s: float, expected: Expected) -> Callable[[Plan], float]:
    """Seconds of a longer plan, from three estimates: each process takes as long, and each round of it as well."""
    process_s = expected(replace(least, processes=least.processes + 1)).seconds - least_s
    round_s = (expected(replace(least, rounds=least.rounds + 1)).seconds - least_s) / least.processes
    fixed_s = least_s - least.processes * process_s

    def seconds(plan: Plan) -> float:
        return fixed_s + plan.processes * (process_s + (plan.rounds - least.rounds) * round_s)

    return seconds


def _plans(plan: Plan, fixed: tuple[str, ...]) -> Iterator[Plan]:
    """The plans to choose from, each longer than the one before it."""
    usual = Plan()
    processes = plan.processes if "processes" in fixed else QUICK.processes
    rounds = plan.rounds if "rounds" in fixed else QUICK.rounds
    most_processes = plan.processes if "processes" in fixed else MAX_PROCESSES
    usual_processes = min(max(processes, usual.processes), most_processes)
    usual_rounds = rounds if "rounds" in fixed else usual.rounds
    for number in range(processes, usual_processes + 1):
        yield replace(plan, processes=number, rounds=rounds)
    for number in range(rounds + 1, usual_rounds + 1):
        yield replace(plan, processes=usual_processes, rounds=number)
    for number in range(usual_processes + 1, most_processes + 1):
        yield replace(plan, processes=number, rounds=usual_rounds)


def _too_few(minutes: float, least: Plan, expected: "Estimate") -> str:
    needed = math.ceil(expected.seconds / 60)
    return (
        f"minutes={minutes:g} is not enough for {least.processes} processes of {least.rounds} rounds: "
        f"{expected.sentence}. Give minutes={needed}, or fewer cases"
    )
