"""Ratios and orders of latencies of several networks, and the law of latency over multiply-adds through them."""

import math

import pytest

from mnv2bench.statistics.architectures import Timed, exact, law, off_law, order_agreement, places, ratio
from mnv2bench.statistics.location import Location

NARROW, WIDE, UNKNOWN = Location(0, 0.01, 4), Location(0, 0.2, 4), Location(0, math.inf, 1)


def timed(name, ms, location=NARROW, madds_m=300.0, gap=0.0):
    location = Location(math.log(ms), location.standard_error, location.degrees)
    return Timed(f"{name}_1.0_224", name, madds_m, ms, location, gap)


def line(exponent, factor, *madds, network="others"):
    return [exact(f"{network}_{m}", network, m, factor * m**exponent) for m in madds]


def test_a_ratio_has_the_interval_of_welchs_t():
    over = ratio(timed("a", 66.0), timed("b", 100.0))
    reach = 2.3060041350333704 * math.sqrt(2) * 0.01  # t of 8 degrees of freedom
    assert (over.value, over.is_faster, over.is_slower) == (0.66, True, False)
    assert (over.low, over.high) == pytest.approx((0.66 * math.exp(-reach), 0.66 * math.exp(reach)))


def test_latencies_are_not_told_apart_where_the_interval_of_their_ratio_holds_1():
    over = ratio(timed("a", 66.0, WIDE), timed("b", 100.0, WIDE))
    assert (over.is_faster, over.is_slower) == (False, False)
    assert over.low < 0.4
    assert over.high > 1


def test_latencies_nearer_than_two_campaigns_of_the_machine_are_not_told_apart():
    near = timed("a", 95.0, gap=0.06), timed("b", 100.0)
    assert not ratio(*near).is_apart
    assert ratio(timed("a", 95.0, gap=0.04), timed("b", 100.0)).is_faster


def test_a_process_alone_of_which_nothing_is_known_is_told_from_nothing():
    over = ratio(timed("a", 10.0, UNKNOWN), timed("b", 100.0))
    assert (over.value, over.low, over.high, over.is_apart) == (0.1, 0.0, math.inf, False)


def test_published_milliseconds_have_no_interval():
    over = ratio(exact("v2", "v2", 300, 75.0), exact("v1", "v1", 569, 113.0))
    assert (over.value, over.low, over.high) == pytest.approx((75 / 113,) * 3)
    assert over.is_faster


def test_networks_that_are_not_told_apart_share_their_places():
    every = [timed("a", 10.0), timed("b", 20.0), timed("c", 20.3), timed("d", 40.0)]
    assert places(every) == {"a_1.0_224": (1, 1), "b_1.0_224": (2, 3), "c_1.0_224": (2, 3), "d_1.0_224": (4, 4)}
    assert places([timed("a", 10.0)]) == {"a_1.0_224": (1, 1)}


def test_the_risk_of_a_wrong_place_is_divided_among_the_pairs():
    near = [timed("a", 10.0), timed("b", 10.4)]
    assert ratio(*near).is_faster
    others = [timed(name, ms) for name, ms in (("c", 20.0), ("d", 40.0), ("e", 80.0), ("f", 160.0))]
    assert places([*near, *others])["a_1.0_224"] == (1, 2)


def test_kendalls_tau_is_1_for_the_same_order_and_minus_1_for_the_opposite_one():
    assert order_agreement([(1, 10), (2, 20), (3, 30)]) == pytest.approx(1)
    assert order_agreement([(1, 30), (2, 20), (3, 10)]) == pytest.approx(-1)
    assert order_agreement([(1, 10), (2, 30), (3, 20)]) == pytest.approx(1 / 3)
    assert order_agreement([(1, 10), (2, 30)]) is None
    assert order_agreement([(1, 10), (2, 10), (3, 10)]) is None


def test_a_law_that_all_networks_keep_predicts_well():
    of_all = law([*line(0.8, 0.5, 100, 200, 400), *line(0.8, 0.5, 150, 300, network="second")])
    assert of_all.predicts == "well"
    assert (of_all.fit.exponent, of_all.fit.factor_ms) == pytest.approx((0.8, 0.5))
    assert of_all.exponent_reach == pytest.approx(0, abs=1e-6)
    assert of_all.off == {"second": pytest.approx(1)}  # without the first there is no law


def test_a_network_is_held_against_the_law_through_the_others_alone():
    every = [*line(1.0, 0.1, 100, 200, 400), exact("slow", "slow", 200, 60.0), exact("slower", "slow", 400, 160.0)]
    of_all = law(every)
    assert of_all.predicts == "not"
    assert of_all.off == {"slow": pytest.approx(math.sqrt(3 * 4))}  # times its law, of 20 and of 40 ms


def test_no_law_goes_through_fewer_than_three_different_multiply_adds():
    assert law(line(1.0, 0.1, 100, 200)) is None
    assert off_law(exact("slow", "slow", 200, 60.0), line(1.0, 0.1, 100, 200)) is None


def test_the_interval_of_a_network_over_the_law_is_that_of_one_more_network_that_keeps_it():
    measured = (("a", 100, 11.0), ("b", 200, 18.0), ("c", 400, 44.0), ("d", 800, 72.0))
    others = [exact(name, name, madds_m, ms) for name, madds_m, ms in measured]
    over = off_law(exact("slow", "slow", 300, 90.0), others)
    # numpy's least squares on the logs of the four, by the textbook's matrices: 29.748 ms, within a factor 1.84205
    assert over.value == pytest.approx(90 / 29.748012)
    assert (over.low, over.high) == pytest.approx((over.value / 1.84205170, over.value * 1.84205170))
    assert over.is_slower
    assert not off_law(exact("slow", "slow", 300, 40.0), others).is_apart
