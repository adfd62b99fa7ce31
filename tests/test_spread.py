"""What a backend's cases say of each other's spread, and the intervals of few processes that follow from it."""

import math
from dataclasses import replace

import pytest
from measured_cases import MONDAY, measured

from mnv2bench.case import Case
from mnv2bench.statistics.floor import Floor
from mnv2bench.statistics.intervals import shrunk_t_interval, t_interval
from mnv2bench.statistics.location import location, logs_of
from mnv2bench.statistics.spread import Spread, Variance, fitted, spreads, spreads_of_medians

VARIANTS = [(0.35, 96), (0.5, 96), (0.75, 96), (1.0, 96), (1.0, 224)]


def pairs(backend, *gaps):
    """A case for each gap, of two processes whose logs are that far apart."""
    return [
        (Case(width=width, resolution=resolution, backend=backend), (1.0, math.exp(gap)))
        for (width, resolution), gap in zip(VARIANTS, gaps, strict=False)
    ]


def test_variances_that_differ_by_no_more_than_chance_count_together():
    # 5 variances of 1e-4 with 4 degrees of freedom each: nothing beyond chance, 20 degrees of freedom in all
    alike = fitted({"ncnn": [Variance(1e-4, 4)] * 5})["ncnn"]
    assert alike.degrees == 20
    assert alike.sd == pytest.approx(0.0116, abs=1e-4)  # 1 %, and what is uncertain of five logs of variances


def test_variances_that_differ_a_lot_count_for_little_and_at_last_for_nothing():
    differing = fitted({"ncnn": [Variance(3.0**-power, 9) for power in range(2, 8)]})["ncnn"]
    assert differing.degrees < 3
    assert fitted({"ncnn": [Variance(10.0**-power, 9) for power in range(2, 8)]}) == {}
    assert fitted({"ncnn": [Variance(1e-4, 4), Variance(1e-4, 4)]}) == {}
    assert fitted({"ncnn": [Variance(0.0, 4)] * 5}) == {}


def test_a_spread_makes_the_interval_of_two_processes_narrower_and_one_process_has_an_interval():
    medians, spread = (0.0100, 0.0102), Spread(0.01, 10.0)
    low, high = shrunk_t_interval(medians, spread)
    # variance (10 x 1e-4 + 1 x 1.96e-4) / 11, 11 degrees of freedom: 2.201 standard errors of 0.00737
    assert math.log(high / low) / 2 == pytest.approx(2.201 * 0.00737, rel=1e-3)
    plain = t_interval(medians)
    assert plain[0] < low < high < plain[1]
    # one process: 10 degrees of freedom, 2.228 standard errors of 1 %
    one_low, one_high = shrunk_t_interval((0.01,), spread)
    assert (one_low, one_high) == (
        pytest.approx(0.01 * math.exp(-0.02228), rel=1e-4),
        pytest.approx(0.01 * math.exp(0.02228), rel=1e-4),
    )


def test_without_a_spread_the_interval_is_students():
    assert shrunk_t_interval((0.010, 0.011, 0.012), None) == t_interval((0.010, 0.011, 0.012))
    assert location(logs_of((0.5,)), None).standard_error == math.inf


def test_each_backend_has_its_own_spread_drawn_towards_that_of_all():
    by_group = spreads_of_medians(
        [*pairs("openvino", 0.02, 0.02, 0.02, 0.02), *pairs("ncnn", 0.002, 0.002, 0.002), *pairs("litert", 0.02)]
    )
    assert by_group["cpu", "openvino"].sd > 5 * by_group["cpu", "ncnn"].sd
    assert spreads_of_medians(pairs("openvino", 0.02, 0.02)) == {}


def test_a_backend_that_shows_no_spread_yet_has_that_of_the_others_for_less():
    alike = {name: [Variance(variance, 9)] * 20 for name, variance in (("ncnn", 1e-4), ("litert", 4e-4))}
    by_backend = fitted({**alike, "openvino": []})
    assert by_backend["ncnn"].sd < by_backend["openvino"].sd < by_backend["litert"].sd
    assert by_backend["openvino"].degrees < 5 < by_backend["ncnn"].degrees


def test_devices_show_nothing_of_one_another():
    here, there = pairs("ncnn", 0.02, 0.02, 0.02), pairs("ncnn", 0.002, 0.002)
    elsewhere = [(replace(case, device="ssh:board"), medians) for case, medians in there]
    assert spreads_of_medians([*here, *elsewhere]) == spreads_of_medians(here)
    assert spreads_of_medians(here).keys() == {("cpu", "ncnn")}


def test_the_machines_floor_is_a_sample_more_of_a_backend():
    # the floor: two campaigns of five processes of two cases are 16 degrees of freedom of a sd of 1 %
    ids = [case.id for case, _ in pairs("openvino", 0, 0)]
    floor = Floor(MONDAY, 5, {"openvino": 0.01}, {}, 0.0, 2, dict.fromkeys(ids, 1.0), {})
    cases = pairs("openvino", 0.014, 0.014)
    assert spreads_of_medians(cases) == {}
    assert spreads_of_medians(cases, floor)["cpu", "openvino"].degrees == 18


def test_records_show_the_spread_of_the_medians_of_their_processes():
    records = [measured(1.00, 1.02, variant=f"{width}@96") for width in (0.35, 0.5, 0.75)]
    assert spreads(records)["cpu", "openvino"].degrees == 3
    assert spreads(records)["cpu", "openvino"].sd == pytest.approx(
        spreads_of_medians([(record.case, (1.00, 1.02)) for record in records])["cpu", "openvino"].sd
    )


def test_cases_that_differ_without_limit_show_no_spread():
    equal = [(Case(width=width, resolution=96, backend="fake"), (1.0, 1.0, 1.0)) for width in (0.35, 0.5, 1.0)]
    differing = [(Case(backend="fake"), (1.0, 1.01, 1.02))]
    assert spreads_of_medians([*equal, *differing]) == {}  # of 0.06 degrees of freedom, and of 10^16
