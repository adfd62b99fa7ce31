"""Stage 1 on levels written down by hand: what is suspect, what is the night's, and what is still being learned."""

import math

import numpy as np
import pytest

from mnv2bench.regression.judging.detectable import by_pairs, by_screen, detectable
from mnv2bench.regression.judging.pairs import BOTH, IMPROVEMENT, REGRESSION
from mnv2bench.regression.judging.questions import MAX_SUSPECTS, is_bad, questions
from mnv2bench.regression.judging.screen import baseline, screen


def unchanged(nights: int = 23, cells: int = 40, sd: float = 0.002, common: float = 0.0) -> np.ndarray:
    """Log levels of unchanged nights; `common` is the sd of what all cells share."""
    random = np.random.default_rng(7)
    shared = random.normal(0, common, (nights, 1)) if common else 0.0
    return np.log(0.005) + shared + random.normal(0, sd, (nights, cells))


def screened(levels, eligible=None):
    return screen(levels, np.isfinite(levels) if eligible is None else eligible)


def chosen(levels, still_open=None, gated=None):
    everyone = np.ones(levels.shape[1], dtype=bool)
    return questions(screened(levels), everyone if gated is None else gated, still_open or {}, "tonight")


# the baseline


def test_a_baseline_is_the_last_twenty_eligible_nights_behind_a_lag_of_two():
    chosen = baseline(np.ones((30, 1), dtype=bool))[:, 0]
    assert list(np.flatnonzero(chosen)) == list(range(8, 28))


def test_nights_that_are_not_eligible_are_passed_over():
    eligible = np.ones((30, 1), dtype=bool)
    eligible[[10, 29], 0] = False
    assert list(np.flatnonzero(baseline(eligible)[:, 0])) == [6, 7, 8, 9, *range(11, 27)]


@pytest.mark.parametrize(("earlier", "used"), [(9, 9), (10, 10), (11, 10), (12, 10), (15, 13), (40, 20)])
def test_the_lag_begins_once_ten_nights_are_left_without_it(earlier, used):
    assert baseline(np.ones((earlier, 1), dtype=bool)).sum() == used


def test_fewer_than_ten_nights_are_learning_and_nothing_is_suspect():
    levels = unchanged(nights=10)
    levels[-1, 3] += math.log(1.5)
    result = screened(levels)
    assert result.learning.all()
    assert list(result.suspects(slower=True)) == []
    assert not screened(unchanged(nights=11)).learning.any()


# one cell


def test_a_cell_three_percent_slower_is_suspect_and_comes_first():
    levels = unchanged()
    levels[-1, 5] += math.log(1.03)
    result = screened(levels)
    assert result.suspects(slower=True)[0] == 5
    assert result.deviation[5] == pytest.approx(0.03, abs=0.006)
    assert result.p_slower[5] < 1e-6
    assert 5 not in result.suspects(slower=False)


def test_a_faster_cell_is_suspect_by_the_mirrored_rule():
    levels = unchanged()
    levels[-1, 5] -= math.log(1.03)
    assert screened(levels).suspects(slower=False)[0] == 5


def test_a_deviation_under_three_quarters_of_a_percent_is_not_worth_measuring_again():
    levels = unchanged(sd=0.0001)
    levels[-1, 5] += math.log(1.007)
    result = screened(levels)
    assert result.p_slower[5] < 1e-6
    assert list(result.suspects(slower=True)) == []


def test_a_slow_creep_is_a_trend_before_any_night_of_it_stands_out():
    levels = unchanged(sd=0.006)
    levels[:, 5] = np.log(0.005) + 0.006 * np.tile([1, -1], 12)[:23]  # tonight's noise happens to be none
    levels[-3:, 5] = np.log(0.005) + np.array([0.013, 0.013, 0.006])
    result = screened(levels)
    assert result.p_slower[5] > 0.10
    assert result.p_trend_slower[5] < 0.01
    assert 5 in result.suspects(slower=True)


def test_a_cell_that_left_its_first_nights_by_over_five_percent_is_suspect_though_every_step_was_small():
    levels = unchanged(nights=60)
    levels[:, 5] += np.linspace(0, math.log(1.07), 60)
    result = screened(levels)
    assert result.creep[5] > math.log(1.05)
    assert 5 in result.suspects(slower=True)
    assert np.abs(np.delete(result.creep, 5)).max() < math.log(1.01)


def test_a_cell_without_a_level_tonight_is_no_suspect():
    levels = unchanged()
    levels[-1, 5] = np.nan
    result = screened(levels)
    assert np.isnan(result.deviation[5])
    assert 5 not in result.suspects(slower=True)


# the common shift


def test_what_all_cells_share_is_taken_off():
    levels = unchanged(common=0.005)
    levels[-1] += 0.008
    result = screened(levels)
    assert np.abs(result.deviation).max() < 0.01
    assert result.shift == pytest.approx(0.008, abs=0.006)


def test_a_suite_wide_slowdown_is_an_alarm_of_its_own_and_ten_cells_are_drawn_to_ask():
    levels = unchanged(common=0.002)
    levels[-1] += math.log(1.03)
    result = screened(levels)
    assert result.common_alarm
    assert result.shift == pytest.approx(0.03, abs=0.005)
    drawn = chosen(levels)
    assert drawn.common
    assert sum(directions == BOTH for directions in drawn.directions.values()) == 10
    assert drawn.directions == chosen(levels).directions  # by the night's name, so that it can be repeated


def test_an_ordinary_night_has_no_common_alarm():
    assert not screened(unchanged(common=0.005)).common_alarm


def test_under_ten_cells_nothing_is_taken_off_because_a_cell_would_be_its_own_norm():
    levels = unchanged(cells=2)
    levels[-1, 0] += math.log(1.03)
    result = screened(levels)
    assert result.shift == 0
    assert result.deviation[0] == pytest.approx(0.03, abs=0.006)


# without a baseline environment


def test_without_pairs_a_cell_is_suspect_only_on_two_nights_running_or_by_three():
    once, twice = unchanged(), unchanged()
    once[-1, 5] += math.log(1.05)
    twice[-2:, 5] += math.log(1.03)
    once[-3:-1, 5] -= math.log(1.025)  # so that the mean of three is where it was
    assert list(screened(once).unconfirmed(slower=True)) == []
    assert 5 in screened(twice).unconfirmed(slower=True)
    small = unchanged()
    small[-1, 5] += math.log(1.012)
    assert 5 in screened(small).suspects(slower=True)
    assert 5 not in screened(small).unconfirmed(slower=True)


# what stage 2 is asked


def test_slower_suspects_are_asked_before_faster_ones_and_thirty_are_the_most():
    levels = unchanged(cells=300)
    levels[-1, :40] += math.log(1.03)
    levels[-1, 100:140] -= math.log(1.03)
    result = chosen(levels)
    assert len(result.directions) == MAX_SUSPECTS
    assert set(result.directions.values()) == {(REGRESSION,)}
    assert set(result.directions) <= set(range(40))
    assert set(range(100, 140)) <= set(result.beyond_cap)
    assert not result.bad


def test_what_is_left_of_thirty_goes_to_faster_suspects():
    levels = unchanged(cells=100, sd=0.001)
    levels[-1, 1] += math.log(1.03)
    levels[-1, 2] -= math.log(1.03)
    result = chosen(levels)
    assert result.directions == {1: (REGRESSION,), 2: (IMPROVEMENT,)}
    assert result.rivals(1) == 1


def test_a_night_with_a_fifth_of_its_cells_slower_is_bad_and_its_likeliest_are_asked_all_the_same():
    levels = unchanged(cells=100, sd=0.001)
    levels[-1, :25] += math.log(1.03)
    result = chosen(levels)
    assert result.bad
    assert len(result.directions) == 25


@pytest.mark.parametrize(
    ("suspects", "cells", "bad"), [(61, 300, True), (60, 300, False), (4, 8, False), (11, 22, True), (20, 100, False)]
)
def test_a_bad_night_has_more_suspects_than_a_fifth_and_than_chance_and_than_ten(suspects, cells, bad):
    assert is_bad(suspects, cells) is bad


def test_a_change_that_is_still_open_is_asked_again_whatever_tonight_looks_like():
    levels = unchanged()
    assert chosen(levels, {7: REGRESSION}).directions[7] == BOTH


def test_a_cell_that_is_not_gated_is_not_asked():
    levels = unchanged()
    levels[-1, 5] += math.log(1.2)
    gated = np.ones(40, dtype=bool)
    gated[5] = False
    assert 5 not in chosen(levels, {5: REGRESSION}, gated).directions


# the minimum detectable effect


def test_the_screen_finds_what_both_its_limits_and_its_power_allow():
    # t(0.90, 19) = 1.3277, t(0.975, 19) = 2.0930; sd 1 % over 20 nights: 1 % x sqrt(1.05) x 3.4207
    assert by_screen(0.01, 20) == pytest.approx(0.01 * math.sqrt(1.05) * 3.4207, rel=1e-3)
    assert by_screen(0.0001, 20) == pytest.approx(math.log(1.0075) + 0.0001 * math.sqrt(1.05) * 2.0930, rel=1e-3)


def test_pairs_find_what_their_floor_and_their_power_allow():
    # 17 degrees of freedom: t(0.99955) = 4.0138, t(0.975) = 2.1098; sd 3 %: 3 % x sqrt(2 / 30) x 6.1236
    assert by_pairs(0.03) == pytest.approx(0.03 * math.sqrt(2 / 30) * 6.1236, rel=1e-3)
    assert by_pairs(0.003) == pytest.approx(math.log(1.02) + 0.003 * math.sqrt(2 / 30) * 2.1098, rel=1e-3)


def test_the_larger_of_the_two_is_what_a_cell_prints():
    assert detectable(0.01, 20, 0.003) == pytest.approx(math.expm1(by_screen(0.01, 20)))
    assert detectable(0.001, 20, 0.05) == pytest.approx(math.expm1(by_pairs(0.05)))
    assert detectable(0.0, 20, 0.0) == pytest.approx(0.02)  # what is smaller may be cleared
