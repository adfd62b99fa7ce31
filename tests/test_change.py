"""Two runs of a case: the ratio, its interval, and what may be said of it."""

import math

import pytest

from mnv2bench.case import Case
from mnv2bench.records import QUICK, Machine, Plan, Process, Record, Samples, record, replace
from mnv2bench.records.rounds import Round
from mnv2bench.regression.judging.change import (
    Change,
    changes,
    difference,
    incomparable,
    interval,
    judged,
    plan_differences,
)

MS = 1_000_000
CASE = Case(width=0.35, resolution=96, backend="fake")


def recorded(*processes_ms: float, case: Case = CASE, cpu: float = 1.0, status: str = "ok", reason: str = "") -> Record:
    """A process for each number, of four equal rounds of ten equal durations, `cpu` of a core busy."""
    ran = []
    for number, ms in enumerate(processes_ms):
        wall_ns = round(10 * ms * MS)
        one = Round((round(ms * MS),) * 10, wall_ns, round(cpu * wall_ns))
        ran.append(Process(case, number, number, number, status, reason, 1.0, Samples(rounds=(one,) * 4)))
    return record(case, Plan(), {}, ran)


def change(a: Record, b: Record) -> Change:
    (only,) = changes([a], [b])
    return only


def test_the_ratio_is_of_geometric_means_and_its_interval_is_welchs_on_the_log_scale():
    # by hand: logs of A 0, ln 4 (mean ln 2, sd ln 4 / sqrt 2), of B ln 2, ln 2, ln 2 (sd 0); one degree of freedom
    found = change(recorded(1.0, 4.0), recorded(2.0, 2.0, 2.0))
    assert found.ratio == pytest.approx(1.0)
    half = 12.7062047 * math.log(4) / 2  # t(0.975, 1) times sd / sqrt(2)
    assert found.low == pytest.approx(math.exp(-half))
    assert found.high == pytest.approx(math.exp(half))
    assert (found.processes_a, found.processes_b) == (2, 3)
    assert (found.median_a_s, found.median_b_s) == (0.0025, 0.002)


def test_welchs_interval_has_the_degrees_of_freedom_of_unlike_spreads():
    # means 10 and 20.8, variances 2.5 and 9.2, five each; t(0.975, 6.02) is 2.444
    a, b = [8.0, 9.0, 10.0, 11.0, 12.0], [17.0, 19.0, 21.0, 22.0, 25.0]
    spread, freedom = math.sqrt(2.5 / 5 + 9.2 / 5), (2.5 / 5 + 9.2 / 5) ** 2 / ((2.5 / 5) ** 2 / 4 + (9.2 / 5) ** 2 / 4)
    assert freedom == pytest.approx(6.0247, abs=1e-3)
    low, high = interval(difference(a, b))
    assert (low + high) / 2 == pytest.approx(10.8)
    assert (high - low) / 2 == pytest.approx(2.4442 * spread, abs=2e-3)


def test_equal_processes_on_both_sides_have_an_interval_of_no_width():
    assert interval(difference([1.0, 1.0], [1.5, 1.5])) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (1.016, 1.050, "slower"),
        (1.016, 1.019, "slower"),
        (1.015, 1.050, "cannot tell"),
        (0.950, 0.985, "faster"),
        (0.950, 1 / 1.015, "cannot tell"),
        (0.990, 1.010, "same"),
        (1 / 1.02, 1.02, "same"),
        (0.980, 1.010, "cannot tell"),
        (0.990, 1.021, "cannot tell"),
        (0.500, 2.000, "cannot tell"),
    ],
)
def test_the_verdict_is_of_the_whole_interval(low, high, verdict):
    assert judged(low, high) == verdict


@pytest.mark.parametrize(
    ("b", "verdict", "reason"),
    [
        ((1.030, 1.031, 1.032), "slower", ""),
        ((0.970, 0.971, 0.972), "faster", ""),
        ((1.001, 1.002, 1.003), "same", ""),
        (
            (1.000, 1.030, 1.060),
            "cannot tell",
            "",
        ),
        ((1.030,), "cannot tell", "one process on a side"),
    ],
)
def test_a_change_is_told_where_the_processes_allow_it(b, verdict, reason):
    found = change(recorded(1.000, 1.001, 1.002), recorded(*b))
    assert (found.verdict, found.reason) == (verdict, reason)


def test_one_process_has_a_ratio_and_no_interval():
    found = change(recorded(1.0), recorded(1.5, 1.5))
    assert found.ratio == pytest.approx(1.5)
    assert (found.low, found.high) == (None, None)


def test_a_doubtful_side_is_never_judged_and_the_doubt_is_named():
    good, slow = (1.0, 1.001, 1.002), (2.0, 2.001, 2.002)
    assert change(recorded(*good), recorded(*slow)).verdict == "slower"
    noisy = change(recorded(*good), recorded(*slow, cpu=0.5))
    assert (noisy.verdict, noisy.reason) == ("cannot tell", "noisy in B")
    assert noisy.low > 1.9
    both = change(recorded(*good, cpu=0.5), recorded(*slow, cpu=0.5))
    assert both.reason == "noisy in A; noisy in B"


def test_a_drifting_side_is_unsteady():
    rounds = tuple(Round((ms * MS,) * 10, 10 * ms * MS, 10 * ms * MS) for ms in (10, 10, 10, 20, 20, 20))
    processes = [Process(CASE, n, n, n, "ok", "", 1.0, Samples(rounds=rounds)) for n in range(2)]
    found = change(record(CASE, Plan(), {}, processes), recorded(1.0, 1.0))
    assert (found.verdict, found.reason) == ("cannot tell", "unsteady in A")


def test_a_case_without_a_right_number_on_a_side_says_why_and_is_not_compared():
    good = recorded(1.0, 1.0)
    failed = record(
        CASE, Plan(), Machine(), [Process(CASE, 0, 0, 0, "failed", "worker ended by SIGSEGV", 1.0, Samples())]
    )
    found = change(good, failed)
    assert (found.verdict, found.reason) == ("not compared", "failed in B: worker ended by SIGSEGV")
    assert (found.ratio, found.median_a_s, found.median_b_s, found.processes_b) == (None, 0.001, None, 0)
    wrong = change(recorded(1.0, 1.0, status="wrong", reason="off by 0.1"), failed)
    assert wrong.reason == "wrong in A: off by 0.1; failed in B: worker ended by SIGSEGV"
    empty = record(CASE, Plan(), Machine(), [Process(CASE, 0, 0, 0, "ok", "", 1.0, Samples())])
    assert change(empty, good).reason == "a process without rounds in A"


def test_every_case_of_either_side_is_a_row():
    large = replace(CASE, resolution=128)
    other = replace(CASE, resolution=160)
    found = changes([recorded(1.0, 1.0), recorded(1.0, case=large)], [recorded(1.0, case=other), recorded(1.0, 1.0)])
    assert [(c.case, c.verdict, c.reason) for c in found] == [
        (CASE.id, "same", ""),
        (large.id, "not compared", "only in A"),
        (other.id, "not compared", "only in B"),
    ]


def test_incomparable_numbers_stay_and_their_verdict_goes():
    (found,) = incomparable(changes([recorded(1.0, 1.0)], [recorded(2.0, 2.0)]))
    assert (found.verdict, found.ratio) == ("incomparable", pytest.approx(2.0))


def test_plans_may_differ_in_how_often_and_for_how_long_and_in_nothing_else():
    assert plan_differences(Plan(), replace(QUICK, rounds=15, timeout_s=60.0, budget_s=600.0)) == ()
    assert plan_differences(Plan(), replace(Plan(), rounds=5, warmup_s=0.1)) == (
        "plan.rounds: 15 in A, 5 in B",
        "plan.warmup_s: 0.5 in A, 0.1 in B",
    )
