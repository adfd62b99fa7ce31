"""Which case gets the next process, and what is known of a contest: numbers in, cases out."""

import math

import pytest
from measured_cases import MONDAY

from mnv2bench.allocation import Block, Decision, Reason, Standing, next_block, ranking
from mnv2bench.case import Case
from mnv2bench.statistics.floor import Floor
from mnv2bench.statistics.spread import Spread

SPREADS = {("cpu", name): Spread(0.01, 20.0) for name in ("openvino", "litert", "ncnn", "torch_eager")}


def standing(*ms, backend="openvino", variant="1.0@224", cost_s=4.0, open=True, **fields):
    width, _, resolution = variant.partition("@")
    case = Case(width=float(width), resolution=int(resolution), backend=backend, **fields)
    return Standing(case, tuple(each / 1e3 for each in ms), cost_s, open)


def test_a_case_that_is_far_behind_has_lost_and_the_nearest_contends():
    (contest,) = ranking(
        [
            standing(5.00, 5.02, backend="openvino"),
            standing(5.05, 5.06, backend="litert"),
            standing(9.00, 9.10, backend="ncnn"),
        ],
        SPREADS,
    )
    assert (contest.variant, contest.threads, contest.batch) == ("mobilenet_v2_1.0_224", 1, 1)
    assert contest.best.backend == "openvino"
    assert [case.backend for case in contest.contenders] == ["litert"]
    assert [case.backend for case in contest.lost] == ["ncnn"]
    assert contest.decided == Decision.OPEN
    # 0.9 % apart, a standard error of 1 % with some 40 degrees of freedom: the risk that litert is faster is 19 %
    assert contest.confidence == pytest.approx(0.81, abs=0.02)


def test_a_contest_is_decided_by_a_separation_or_by_a_tie():
    clear = [standing(5.0, 5.0), standing(6.0, 6.0, backend="litert")]
    narrow = {group: Spread(0.001, 20.0) for group in SPREADS}
    close = [standing(5.000, 5.001), standing(5.001, 5.002, backend="litert")]
    assert [contest.decided for contest in ranking(clear, SPREADS)] == [Decision.SEPARATED]
    assert [contest.decided for contest in ranking(close, narrow)] == [Decision.TIE]
    assert [contest.decided for contest in ranking(close, SPREADS)] == [Decision.OPEN]


def test_nothing_is_separated_within_the_floor_of_the_machine():
    narrow = {group: Spread(0.001, 20.0) for group in SPREADS}
    apart = [standing(5.00, 5.00), standing(5.10, 5.10, backend="litert")]  # by 2 %
    assert [each.decided for each in ranking(apart, narrow)] == [Decision.SEPARATED]
    # campaigns differ by 1 %: two of them by 2.8 % in 95 of 100 pairs
    of_machine = Floor(MONDAY, 5, {}, {}, 0.01, 20, {}, {})
    (contest,) = ranking(apart, narrow, floor=of_machine)
    assert contest.decided == Decision.TIE
    assert [case.backend for case in contest.contenders] == ["litert"]


def test_cases_of_other_settings_are_no_rivals():
    contests = ranking(
        [standing(5.0, 5.0), standing(3.0, 3.0, threads=2), standing(4.0, 4.0, streams=2), standing(9.0, 9.0, batch=8)],
        SPREADS,
    )
    assert [(each.threads, each.streams, each.batch) for each in contests] == [
        (1, 1, 1),
        (2, 1, 1),
        (1, 2, 1),
        (1, 1, 8),
    ]
    assert {each.decided for each in contests} == {Decision.SEPARATED}
    assert {each.confidence for each in contests} == {1.0}


def test_without_a_spread_one_process_decides_nothing():
    (contest,) = ranking([standing(5.0), standing(50.0, backend="litert")], {})
    assert contest.decided == Decision.OPEN
    assert contest.confidence == 0.5


def test_every_case_gets_two_processes_first():
    cases = [standing(), standing(backend="litert")]
    block = next_block(cases, 60, {})
    assert set(block.cases) == {each.case for each in cases}
    assert set(block.reasons.values()) == {Reason.FIRST}
    once = [standing(5.0), standing(6.0, backend="litert")]
    assert set(next_block(once, 60, {}).cases) == {each.case for each in once}


def test_where_time_is_short_a_case_that_is_far_behind_after_one_process_gets_no_second():
    cases = [standing(5.0), standing(5.05, backend="litert"), standing(5.1, backend="ncnn"), standing(9.0, threads=2)]
    far_behind = standing(20.0, backend="torch_eager")
    once = [*cases, far_behind]
    # 41 s are left and second processes of all take 20 s: everybody gets one. With 39 s first the two fastest of each
    # contest, which show the spread, and then those that have not lost
    assert set(next_block(once, 41, SPREADS).cases) == {each.case for each in once}
    fastest = next_block(once, 39, SPREADS)
    assert set(fastest.cases) == {each.case for each in once if each.case.backend in ("openvino", "litert")}
    then = [
        standing(5.0, 5.0),
        standing(5.05, 5.05, backend="litert"),
        cases[2],
        standing(9.0, 9.0, threads=2),
        far_behind,
    ]
    assert next_block(then, 15, SPREADS).reasons == {cases[2].case: Reason.FIRST}


def test_contests_that_are_soonest_decided_come_first_and_half_of_them_in_a_block():
    soon = [standing(5.00, 5.00, variant="0.75@96"), standing(5.09, 5.09, variant="0.75@96", backend="litert")]
    later = [standing(9.00, 9.00), standing(9.05, 9.05, backend="litert")]
    dear = [
        standing(4.00, 4.00, variant="0.5@96", cost_s=60),
        standing(4.07, 4.07, variant="0.5@96", backend="litert", cost_s=60),
    ]
    assert set(next_block([*later, *dear, *soon], 600, SPREADS).cases) == {each.case for each in [*soon, *later]}


def test_then_the_contenders_of_an_open_contest_and_none_that_has_lost():
    cases = [standing(5.00, 5.02), standing(5.05, 5.06, backend="litert"), standing(9.0, 9.1, backend="ncnn")]
    block = next_block(cases, 60, SPREADS)
    assert {case.backend: reason for case, reason in block.reasons.items()} == {
        "openvino": Reason.CONTENDER,
        "litert": Reason.CONTENDER,
    }


def test_then_the_front_and_then_the_rest_until_all_are_precise():
    # 0.5@96 has less top-1 than 0.75@96 and is slower: it is not on the front
    beaten = standing(9.0, 9.1, variant="0.5@96")
    on_front = standing(5.0, 5.1, variant="0.75@96")
    assert next_block([beaten, on_front], 60, SPREADS).reasons == {on_front.case: Reason.FRONT}
    precise = standing(*[5.0] * 30, variant="0.75@96")
    assert next_block([beaten, precise], 60, SPREADS).reasons == {beaten.case: Reason.REST}
    assert next_block([precise], 60, SPREADS) == Block((), {})


def test_a_block_holds_no_process_that_does_not_fit_into_the_time_that_is_left():
    cases = [standing(cost_s=4.0), standing(backend="litert", cost_s=13.0), standing(backend="ncnn", cost_s=4.0)]
    assert [case.backend for case in next_block(cases, 10, {}).cases] == ["openvino", "ncnn"]
    assert next_block(cases, 3, {}) == Block((), {})


def test_a_case_that_may_have_no_more_processes_gets_none():
    assert next_block([standing(open=False), standing(5.0, 5.0, open=False)], 60, {}) == Block((), {})


def test_the_risk_of_a_wrong_winner_is_divided_among_looks_and_rivals():
    close = [standing(5.00, 5.00), standing(5.13, 5.13, backend="litert")]
    assert [each.decided for each in ranking(close, SPREADS, looks=1)] == [Decision.SEPARATED]
    assert [each.decided for each in ranking(close, SPREADS, looks=100)] == [Decision.OPEN]
    assert math.isclose(ranking(close, SPREADS)[0].confidence, ranking(close, SPREADS, looks=1)[0].confidence)
