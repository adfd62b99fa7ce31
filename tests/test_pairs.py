"""Stage 2 on numbers written down by hand: the trimmed t, and what pairs are judged to say."""

import math

import pytest

from mnv2bench.case import Case
from mnv2bench.records import Machine, Plan, Process, Record, Samples, record, replace
from mnv2bench.records.rounds import Round
from mnv2bench.regression.judging.pairs import BOTH, IMPROVEMENT, LOOKS, REGRESSION, judge, log_ratios, trimmed

# Wilcox, Introduction to Robust Estimation and Hypothesis Testing, 4.3.2: self-awareness data, 20 % trimmed mean 283,
# its standard error 56.1, 95 % interval (160, 405)
WILCOX = [77, 87, 88, 114, 151, 210, 219, 246, 253, 262, 296, 299, 306, 376, 428, 515, 666, 1310, 2611]


def steady(percent: float, pairs: int, spread: float = 0.002) -> list[float]:
    """So many log ratios around one, alternating by `spread`."""
    return [math.log1p(percent / 100) + spread * (-1) ** n for n in range(pairs)]


def test_the_trimmed_mean_its_error_and_its_interval_are_those_of_the_textbook():
    found = trimmed(WILCOX)
    assert found.mean == pytest.approx(282.69, abs=0.01)
    assert found.se == pytest.approx(56.13, abs=0.01)
    assert found.df == 12
    assert [round(bound) for bound in found.bounds(0.975)] == [160, 405]


def test_a_trimmed_t_of_ten_numbers_by_hand():
    # 0..9: two cut from each end leave 2..7; winsorized they are 2 2 2 3 4 5 6 7 7 7, of variance 42.5 / 9
    found = trimmed(range(10))
    assert (found.mean, found.df) == (4.5, 5)
    assert found.se == pytest.approx(math.sqrt(42.5 / 9) / (0.6 * math.sqrt(10)))
    # the tables have 4.032 for 5 degrees of freedom at 0.995
    assert found.p_above(4.5 - 4.032 * found.se) == pytest.approx(0.005, abs=0.00001)


def test_two_wild_pairs_in_twelve_change_nothing():
    calm, wild = steady(0, 12), steady(0, 12)
    wild[0], wild[5] = 0.5, 0.7
    assert trimmed(wild).mean == pytest.approx(trimmed(calm).mean, abs=0.001)


def test_a_sample_without_spread_is_certain_and_divides_by_nothing():
    assert judge([math.log(1.05)] * 6, 1).verdict == REGRESSION
    assert judge([0.0] * 6, 1).verdict == "cleared"
    assert judge([math.log(0.95)] * 6, 1).verdict == IMPROVEMENT


def test_a_trimmed_mean_of_one_number_is_refused():
    with pytest.raises(ValueError, match="at least two values, not 1"):
        trimmed([1.0])


@pytest.mark.parametrize(
    ("percent", "verdict"), [(3, REGRESSION), (1.7, REGRESSION), (0, "cleared"), (1.2, "cleared"), (-3, IMPROVEMENT)]
)
def test_twelve_quiet_pairs_are_enough(percent, verdict):
    assert judge(steady(percent, 12), suspects=5).verdict == verdict


def test_a_change_below_the_floor_is_none_however_certain():
    found = judge(steady(1.4, 30, spread=0.0001), suspects=1)
    assert found.verdict == "cleared"
    assert found.low > 1.013


def test_a_doubtful_cell_is_open_until_the_last_look_and_then_inconclusive():
    loud = steady(2.5, 30, spread=0.06)
    assert [judge(loud[:look], 5).verdict for look in LOOKS] == ["", "", "", ""]
    assert judge(loud, 5, last=True).verdict == "inconclusive"


def test_more_rivals_ask_for_more_certainty():
    seen = steady(3, 6, spread=0.003)
    assert judge(seen, suspects=1).verdict == REGRESSION
    assert judge(seen, suspects=100).verdict == ""


def test_only_what_is_asked_is_answered():
    assert judge(steady(-5, 12), 5, (REGRESSION,)).verdict == "cleared"
    assert judge(steady(5, 12), 5, (IMPROVEMENT,)).verdict == "cleared"
    assert judge(steady(5, 12), 5, BOTH).verdict == REGRESSION


def test_the_ratio_and_its_interval_are_of_the_pairs():
    found = judge([math.log(1.04), math.log(1.05), math.log(1.06)] * 2, 1)
    assert found.ratio == pytest.approx(1.05, abs=0.0002)
    assert found.low < 1.04 < 1.06 < found.high < 1.1  # six pairs are few
    assert found.pairs == 6


def test_without_two_pairs_there_is_no_number():
    assert judge([], 1, last=True) == replace(judge([0.1], 1, last=True), pairs=0)
    assert judge([0.1], 1, last=True).ratio is None
    assert judge([0.1], 1).verdict == ""


def ended(number: int, ms: float | None) -> Process:
    """A process of four rounds of five equal calls; None for one that failed."""
    if ms is None:
        return Process(Case(), number, number, number, "failed", "it broke", 1.0, Samples())
    call = round(ms * 1e6)
    return Process(
        Case(), number, number, number, "ok", "", 1.0, Samples(rounds=(Round((call,) * 5, 5 * call, 5 * call),) * 4)
    )


def side(*levels_ms: float | None) -> Record:
    return record(Case(), Plan(), Machine(), [ended(number, ms) for number, ms in enumerate(levels_ms)])


def test_pairs_are_matched_by_number_and_half_a_pair_is_none():
    ratios = log_ratios(side(10.0, None, 10.0, 10.0), side(11.0, 10.0, 9.0))
    assert ratios == pytest.approx([math.log(1.1), math.log(0.9)])
