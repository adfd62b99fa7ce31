"""Profiles of the confirmed cases of a duel, in fresh processes of both environments, and what they explain."""

import random
import time
from collections.abc import Sequence

from mnv2bench.campaign.processes import Turn
from mnv2bench.case import Case
from mnv2bench.explanations.explanation import Explanation, explanation
from mnv2bench.profiling.extras import Profiling
from mnv2bench.profiling.lines import written
from mnv2bench.profiling.records import Profile
from mnv2bench.records import Record
from mnv2bench.regression.duels.duel import SIDES, Duel, JournaledSide
from mnv2bench.regression.duels.side import Side, side

PROFILES = 5  # processes of a side: docs/thresholds.md#explanations


def explained(
    duel: Duel, cases: Sequence[Case], budget_s: float = float("inf"), processes: int = PROFILES
) -> tuple[Explanation, ...]:  # fmt: skip
    """The explanations of these cases of a duel; those that the budget does not reach say so.

    The profiles are lines of the duel's own journals, so that nothing is profiled twice. The locks of the duel must be
    held.
    """
    possible = [case for case in cases if not _refusal(case)]
    if possible:
        _profile(duel, possible, processes, time.monotonic() + budget_s)
    profiles = [written(measured.journal)[0] for measured in (duel.old, duel.new)]
    records = {old.case: (old, new) for old, new in zip(duel.old.records(), duel.new.records(), strict=True)}
    return tuple(_explanation(case, profiles, records[case]) for case in cases)


def _refusal(case: Case) -> str:
    return Profiling(case).refusal


def _explanation(
    case: Case, profiles: Sequence[Sequence[Profile]], records: tuple[Record, Record]
) -> Explanation:  # fmt: skip
    if reason := _refusal(case):
        return Explanation(case, reason=reason)
    old, new = ([profile for profile in of_side if profile.case == case] for of_side in profiles)
    if not old or not new:
        return Explanation(case, reason="the budget was spent before it was profiled")
    return explanation(case, (old, new), records)


def _profile(duel: Duel, cases: Sequence[Case], processes: int, end: float) -> None:
    """Profile each case in turn, old and new back to back and in the order ABBA, until the budget is spent."""
    sides = dict(zip(SIDES, (duel.old, duel.new), strict=True))
    turns = [
        (case, number)
        for case in cases
        for number in range(processes)
        if any(_is_open(case, number, measured) for measured in sides.values())
    ]
    if not turns:
        return
    duel.progress(f"making what profiles of {len(cases)} cases need", 0, 0)
    prepared = {name: _prepared(measured, cases) for name, measured in sides.items()}
    for step, (case, number) in enumerate(turns):
        if time.monotonic() > end:
            return
        duel.progress(f"profile {number + 1} of {processes}, {case.id}", step, len(turns))
        for name in SIDES if number % 2 == 0 else SIDES[::-1]:
            if _is_open(case, number, sides[name]):
                _measure(case, number, duel.seed, sides[name], prepared[name])


def _is_open(case: Case, number: int, measured: JournaledSide) -> bool:
    """Whether a journal lacks this process of a case, and no other that ended badly."""
    statuses = Profiling(case).statuses(measured.journal)
    return number not in statuses and all(status == "ok" for status in statuses.values())


def _prepared(measured: JournaledSide, cases: Sequence[Case]) -> Side:
    """The environment of a side once more, with the files that its profilers open."""
    plan, weights = measured.head.plan, measured.head.weights
    return side(measured.side.interpreter.path, cases, weights, plan.trt_level, profiled=True)


def _measure(case: Case, number: int, seed: int, measured: JournaledSide, prepared: Side) -> None:
    profiling = Profiling(case, interpreter=prepared.interpreter)
    draw = random.Random(f"{seed} profile {case.id} {number}")
    turn = Turn(number, number, draw.randrange(2**31))
    profiling.measure(turn, prepared.preparations[case.id], measured.head.plan, measured.journal)
