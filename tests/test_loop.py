"""The timing loop, on a clock that only the session moves, so that every number is exact."""

import gc
import itertools
import random

import pytest
from scipy import stats

from mnv2bench.backends import Session
from mnv2bench.records import Plan
from mnv2bench.records.rounds import Round
from mnv2bench.workers.loop import measure, steady, time_round, warm_up
from mnv2bench.workers.noise import Counters

MS = 1_000_000
STEADY = Plan(rounds=2, round_s=0.1, warmup_s=0.0, warmup_runs=1)


class Simulated(Session):
    """Each run takes the next of the given milliseconds, the last one for ever; nothing else takes any time."""

    def __init__(self, *milliseconds):
        self.times = itertools.chain(milliseconds, itertools.repeat(milliseconds[-1]))
        self.now_ns = 5_000 * MS
        self.runs = 0

    def clock_ns(self):
        return self.now_ns

    def run(self):
        self.runs += 1
        self.now_ns += round(next(self.times) * MS)

    def machine(self, *shares):
        """Counters of a machine that gives the session these shares of a core, round after round, then all of one."""
        given = itertools.chain(shares, itertools.repeat(1.0))
        state = {"cpu": 0, "begin": 0}

        def read(first):
            if first:
                state["begin"] = self.now_ns
            else:
                state["cpu"] += round(next(given) * (self.now_ns - state["begin"]))
            return Counters(state["cpu"], 0, 0, 0, 0, 0)

        return read


def durations_ms(rounds):
    return [[duration / MS for duration in round.durations_ns] for round in rounds]


def timed(session, seconds):
    return time_round(session, seconds, session.machine())


def rounds_of(*medians):
    return [Round((median,), wall_ns=median, cpu_ns=median) for median in medians]


# a round


def test_a_round_starts_runs_until_its_time_is_over_and_counts_the_last_one_whole():
    assert timed(Simulated(10), 0.045) == Round(
        (10 * MS,) * 5, 50 * MS, 50 * MS, 0, 0, 0, 0, 0, minor_faults=0, system_ns=0
    )


def test_no_run_starts_at_the_deadline():
    session = Simulated(10)
    assert timed(session, 0.040).durations_ns == (10 * MS,) * 4
    assert session.runs == 4


@pytest.mark.parametrize("seconds", [0.15, 0.0])
def test_a_round_has_one_run_at_least(seconds):
    assert timed(Simulated(5000, 1), seconds) == Round(
        (5000 * MS,), 5000 * MS, 5000 * MS, 0, 0, 0, 0, 0, minor_faults=0, system_ns=0
    )


def test_every_duration_is_kept_in_order():
    assert durations_ms([timed(Simulated(3, 1, 2, 1, 30), 0.008)]) == [[3, 1, 2, 1, 30]]


def test_reading_the_clock_is_all_that_stands_between_two_runs():
    session = Simulated(1)
    reads = []

    def clock_ns():
        reads.append(session.now_ns)
        session.now_ns += 100
        return session.now_ns

    session.clock_ns = clock_ns
    round = timed(session, 0.003)
    assert round.durations_ns == (1_000_100,) * 3
    assert len(reads) == 1 + 2 * 3
    assert round.wall_ns == 3 * 1_000_200


def test_a_round_holds_what_the_counters_gained_and_never_less_than_nothing():
    before = Counters(1000, 50, None, 900, 7, 2, 5, 300)
    after = Counters(1600, 80, 40, 800, 10, 3, 9, 340)
    round = time_round(Simulated(1), 0.001, lambda first: before if first else after)
    assert (round.cpu_ns, round.run_queue_ns, round.steal_ns, round.throttled_ns) == (600, 30, None, 0)
    assert (round.involuntary_switches, round.major_faults) == (3, 1)
    assert (round.minor_faults, round.system_ns) == (4, 40)


def test_the_real_counters_can_be_read_beside_a_simulated_round():
    round = time_round(Simulated(1), 0.001)
    assert round.durations_ns == (1 * MS,)
    assert round.cpu_ns >= 0


# steady


def test_fewer_than_four_rounds_are_never_steady():
    assert not steady(rounds_of(100, 100, 100), 0.005)
    assert steady(rounds_of(100, 100, 100, 100), 0.005)


def test_only_the_last_four_rounds_count():
    assert steady(rounds_of(9000, 5000, 100, 100, 100, 100), 0.005)
    assert not steady(rounds_of(100, 100, 100, 100, 200, 300, 400), 0.005)


def test_a_trend_below_the_limit_is_steady():
    assert steady(rounds_of(1000, 1004, 1008, 1012), 0.005)
    assert not steady(rounds_of(1000, 1006, 1012, 1018), 0.005)


def test_the_median_of_a_round_is_what_moves():
    rounds = [Round((1, 100, 100, 100, 9000 * n), wall_ns=1, cpu_ns=1) for n in range(1, 5)]
    assert steady(rounds, 0.005)


def test_steady_agrees_with_scipys_theil_sen_interval():
    chance = random.Random(1)
    seen = {True: 0, False: 0}
    for _ in range(400):
        trend, spread = chance.choice([-60, -20, -5, 0, 5, 20, 60]), chance.choice([0, 1, 10, 100])
        medians = [1000 + trend * n + chance.randint(-spread, spread) for n in range(4)]
        found = stats.theilslopes(medians, alpha=0.95)
        level = sorted(medians)[1] / 2 + sorted(medians)[2] / 2
        expected = bool(found.low_slope <= 0 <= found.high_slope or abs(found.slope) < 0.005 * level)
        assert steady(rounds_of(*medians), 0.005) == expected, medians
        seen[expected] += 1
    assert min(seen.values()) > 100


# warm-up


def test_a_slow_first_run_is_warm_up_and_not_a_sample():
    session = Simulated(2000, 10)
    warmup, rounds = measure(session, STEADY, 1, session.machine())
    assert durations_ms(warmup) == [[2000], [10] * 10, [10] * 10, [10] * 10]
    assert durations_ms(rounds) == [[10] * 10, [10] * 10]


@pytest.mark.parametrize(
    ("plan", "rounds"),
    [
        (Plan(round_s=0.1, warmup_s=0.0, warmup_runs=1), 4),
        (Plan(round_s=0.1, warmup_s=0.5, warmup_runs=1), 5),
        (Plan(round_s=0.1, warmup_s=0.0, warmup_runs=40), 4),
        (Plan(round_s=0.1, warmup_s=0.0, warmup_runs=51), 6),
    ],
)
def test_warm_up_takes_enough_rounds_enough_seconds_and_enough_runs(plan, rounds):
    session = Simulated(10)
    assert durations_ms(warm_up(session, plan, session.machine())) == [[10] * 10] * rounds


def test_warm_up_goes_on_until_the_rounds_stop_getting_faster():
    session = Simulated(20, 18, 16, 14, 12, 10)
    plan = Plan(round_s=0.001, warmup_s=0.0, warmup_runs=1)
    assert durations_ms(warm_up(session, plan, session.machine())) == [[20], [18], [16], [14], [12], [10], [10]]


def test_what_never_gets_steady_is_measured_after_so_many_rounds():
    session = Simulated(*range(1, 100))
    plan = Plan(round_s=0.001, warmup_s=0.0, warmup_runs=1, warmup_cap_rounds=20)
    assert len(warm_up(session, plan, session.machine())) == 20


def test_what_never_gets_steady_is_measured_after_so_many_seconds():
    session = Simulated(*range(500, 10_000, 100))
    plan = Plan(round_s=0.001, warmup_cap_s=3.0)
    assert durations_ms(warm_up(session, plan, session.machine())) == [[500], [600], [700], [800], [900]]


def test_the_cap_does_not_take_the_least_number_of_runs_away():
    session = Simulated(5000)
    plan = Plan(round_s=0.15, warmup_runs=3, warmup_cap_s=3.0)
    assert durations_ms(warm_up(session, plan, session.machine())) == [[5000]] * 3


# measured rounds


def test_a_contended_round_is_kept_in_the_file_and_another_one_is_run():
    session = Simulated(10)
    shares = [1.0] * 4 + [0.5, 1.0, 0.96, 1.0]
    plan = Plan(rounds=2, round_s=0.1, warmup_s=0.0, warmup_runs=1)
    warmup, rounds = measure(session, plan, 1, session.machine(*shares))
    assert len(warmup) == 4
    assert [round.cpu_share for round in rounds] == [0.5, 1.0, 0.96, 1.0]


def test_contended_rounds_are_retried_at_most_twice_over():
    session = Simulated(10)
    plan = Plan(rounds=3, round_s=0.1, warmup_s=0.0, warmup_runs=1)
    _, rounds = measure(session, plan, 1, session.machine(*[0.5] * 100))
    assert [round.cpu_share for round in rounds] == [0.5] * 6


def test_a_slow_round_is_not_retried():
    session = Simulated(*[10] * 40, 90, 10)
    plan = Plan(rounds=2, round_s=0.1, warmup_s=0.0, warmup_runs=1)
    _, rounds = measure(session, plan, 1, session.machine())
    assert durations_ms(rounds) == [[90, 10], [10] * 10]


def test_a_session_without_a_queue_has_no_passes_of_a_gpu_whatever_the_plan_says_of_its_l2():
    session = Simulated(10)
    plan = Plan(rounds=2, round_s=0.1, warmup_s=0.0, warmup_runs=1, cold_l2=True)
    warmup, rounds = measure(session, plan, 1, session.machine())
    assert {round.gpu for round in warmup + rounds} == {None}
    assert session.runs == 10 * len(warmup + rounds)


def test_gc_is_off_while_rounds_run_and_on_again_after():
    seen = []

    class Watched(Simulated):
        def run(self):
            seen.append(gc.isenabled())
            super().run()

    session = Watched(10)
    measure(session, STEADY, 1, session.machine())
    assert len(seen) == 60
    assert set(seen) == {False}
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_gc_is_on_again_after_a_run_that_failed():
    class Failing(Simulated):
        def run(self):
            raise RuntimeError("no memory")

    session = Failing(10)
    with pytest.raises(RuntimeError, match="no memory"):
        measure(session, STEADY, 1, session.machine())
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
