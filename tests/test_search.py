"""The search for the first changed release: its questions, and what it concludes from log ratios.

The figures of a thousand searches are in docs/thresholds.md#bisection; those here are few and have a fixed seed.
"""

import math

import numpy as np
import pytest

from mnv2bench.bisection import simulation
from mnv2bench.bisection.beliefs import beliefs
from mnv2bench.bisection.search import Direction, Ended, Outcome, Question, Search
from mnv2bench.bisection.simulation import Noise, simulate

NOISE = (0.004, -0.003, 0.001, -0.002, 0.003, -0.004)  # of six pairs, in log units
SLOWER_FROM_3 = [0, 0, 0, 0.08, 0.08, 0.08, 0.08, 0.08, 0.08]


def log_ratios(change, pairs):
    return tuple(change + NOISE[pair % 6] for pair in range(pairs))


def ended(search, levels, skipped=()):
    """How a search ends over releases of these levels, its questions on the way, and their evidence."""
    evidence, questions = {}, []
    while not isinstance(step := search.next(evidence, skipped), Ended):
        questions.append(step)
        evidence[step.old, step.new] = log_ratios(levels[step.new] - levels[step.old], step.pairs)
    return step, questions, evidence


def test_the_first_question_compares_the_bad_release_with_the_good_one():
    assert Search(9).next({}) == Question(0, 8, 6)


def test_each_question_halves_the_releases_and_the_last_one_compares_the_neighbours():
    end, questions, _ = ended(Search(9), SLOWER_FROM_3)
    assert [(question.old, question.new) for question in questions] == [(0, 8), (0, 4), (0, 2), (0, 3), (2, 3)]
    assert {question.pairs for question in questions} == {6}
    assert (end.outcome, end.before, end.first) == (Outcome.STEP, 2, 3)
    assert end.ratio == pytest.approx(math.exp(0.08), abs=0.002)
    assert end.low < end.ratio < end.high
    assert end.error_probability <= 0.01
    assert end.among == (3, 3)


def test_evidence_that_stands_already_is_not_wanted_again():
    end, _, evidence = ended(Search(9), SLOWER_FROM_3)
    assert Search(9).next(evidence) == end
    assert Search(9).next({pair: evidence[pair] for pair in [(0, 8), (0, 4), (0, 2)]}) == Question(0, 3, 6)


def test_a_release_that_cannot_be_measured_is_between_the_two_that_are_named():
    end, questions, _ = ended(Search(9), SLOWER_FROM_3, skipped={3})
    assert (end.outcome, end.before, end.first) == (Outcome.STEP, 2, 4)
    assert questions[-1] == Question(2, 4, 6)
    assert not any(3 in (question.old, question.new) for question in questions)


def test_a_release_that_fails_after_its_first_pairs_counts_no_more():
    _, _, evidence = ended(Search(9), SLOWER_FROM_3)
    assert Search(9).next(evidence, skipped={3}) == Question(2, 4, 6)


def test_an_end_that_cannot_be_measured_is_an_error():
    with pytest.raises(ValueError, match="release 8 is an end of the search"):
        Search(9).next({}, {8})


def test_releases_that_are_alike_have_no_first_one_and_say_what_would_have_been_seen():
    end, questions, _ = ended(Search(9), [0] * 9)
    assert (end.outcome, end.first, end.before) == (Outcome.NO_CHANGE, None, None)
    assert 1.015 <= end.smallest < 1.02
    assert {(question.old, question.new) for question in questions} == {(0, 8)}


def test_a_faster_release_is_an_outcome_where_a_slower_one_is_searched_for():
    end, _, _ = ended(Search(9), [0, 0, 0, 0, 0, -0.1, -0.1, -0.1, -0.1])
    assert (end.outcome, end.first) == (Outcome.OPPOSITE, None)
    assert end.ratio == pytest.approx(math.exp(-0.1), abs=0.002)


def test_the_first_faster_release_can_be_searched_for():
    end, _, _ = ended(Search(9, Direction.FASTER), [0, 0, 0, 0, 0, -0.1, -0.1, -0.1, -0.1])
    assert (end.outcome, end.before, end.first) == (Outcome.STEP, 4, 5)
    assert end.ratio == pytest.approx(math.exp(-0.1), abs=0.002)


def test_the_first_of_two_steps_is_named_and_called_one_of_several():
    end, _, _ = ended(Search(9), [0, 0, 0.05, 0.05, 0.05, 0.05, 0.11, 0.11, 0.11])
    assert (end.outcome, end.before, end.first) == (Outcome.STEPS, 1, 2)
    assert end.ratio == pytest.approx(math.exp(0.05), abs=0.002)


def test_a_search_that_is_late_names_the_releases_that_are_left():
    evidence = {(0, 8): log_ratios(0.08, 6), (0, 4): log_ratios(0.08, 6)}
    end = Search(9).next(evidence, is_late=True)
    assert (end.outcome, end.first, end.among) == (Outcome.UNDECIDED, None, (1, 4))
    assert end.reason == "no more pairs can be measured"
    assert end.ratio == pytest.approx(math.exp(0.08), abs=0.002)


def test_a_search_that_is_late_without_pairs_knows_nothing():
    end = Search(9).next({(0, 8): (0.1,)}, is_late=True)
    assert (end.outcome, end.error_probability, end.among) == (Outcome.UNDECIDED, 1.0, (1, 8))


def test_noise_that_hides_a_change_leaves_it_undecided_after_sixty_pairs():
    wide = [40 * noise for noise in NOISE] * 10
    end = Search(9).next({(0, 8): [0.03 + noise for noise in wide]})
    assert (end.outcome, end.reason) == (Outcome.UNDECIDED, "more pairs would not tell good and bad apart")


def test_a_search_among_five_hundred_commits_measures_about_a_dozen():
    end, questions, _ = ended(Search(500), [0.05 * (number >= 321) for number in range(500)])
    assert (end.outcome, end.before, end.first) == (Outcome.STEP, 320, 321)
    assert len({question.new for question in questions}) <= 13


def test_two_releases_need_no_other_one():
    end, questions, _ = ended(Search(2), [0, 0.05])
    assert (end.outcome, end.before, end.first) == (Outcome.STEP, 0, 1)
    assert {(question.old, question.new) for question in questions} == {(0, 1)}


@pytest.mark.parametrize("times", [1.5, 10, 1000])
def test_a_release_that_is_many_times_slower_is_named(times):
    end, _, _ = ended(Search(16), [math.log(times) * (number >= 11) for number in range(16)])
    assert (end.outcome, end.before, end.first) == (Outcome.STEP, 10, 11)


def test_pairs_without_any_spread_are_judged():
    evidence = {(0, 3): [0.05] * 6, (0, 1): [0.0] * 6, (0, 2): [0.05] * 6, (1, 2): [0.05] * 6}
    end = Search(4).next(evidence)
    assert (end.outcome, end.before, end.first) == (Outcome.STEP, 1, 2)


def test_probabilities_of_all_places_and_of_none_are_one():
    known = beliefs({(0, 8): log_ratios(0.012, 6), (0, 4): log_ratios(0.004, 6)}, 9)
    assert known.measured == (0, 4, 8)
    assert 0 < sum(known.first) < 1
    assert known.higher + known.lower < 1


def test_a_comparison_across_a_release_that_can_be_measured_again_is_left_out():
    ends = {(0, 8): log_ratios(0.08, 6), (0, 4): log_ratios(0.08, 6), (0, 2): log_ratios(0.0, 6)}
    skipped = {**ends, (2, 4): log_ratios(0.08, 6)}
    assert Search(9).next(skipped, skipped={3}).first == 4
    again = {**skipped, (0, 3): log_ratios(0.08, 6)}
    assert Search(9).next(again) == Question(2, 3, 6)


def tally(shape, size, sd, searches):
    return simulate(Search(16), shape, size, Noise(np.random.default_rng(20261127), sd), searches)


@pytest.mark.parametrize(("size", "sd", "least"), [(0.03, 0.01, 10), (0.05, 0.02, 11), (0.10, 0.03, 11)])
def test_a_planted_slowdown_among_sixteen_noisy_releases_is_named(size, sd, least):
    counts = tally(simulation.step, size, sd, 12)
    assert counts.wrong == 0
    assert counts.correct >= least
    assert counts.releases / counts.searches < 8


def test_a_slowdown_that_hides_in_the_noise_is_undecided_and_not_misplaced():
    counts = tally(simulation.step, 0.02, 0.03, 12)
    assert counts.wrong == 0
    assert counts.undecided >= 2


def test_noise_alone_is_no_change():
    counts = tally(simulation.no_change, 0.0, 0.02, 12)
    assert counts.wrong == 0
    assert counts.outcomes == {"no change": counts.correct, "undecided": counts.undecided}
    assert counts.correct >= 8


def test_what_was_mended_before_the_last_release_is_no_change():
    counts = tally(simulation.temporary, 0.05, 0.01, 8)
    assert (counts.wrong, counts.outcomes["step"]) == (0, 0)


def test_two_planted_slowdowns_are_called_several():
    counts = tally(simulation.two_steps, 0.05, 0.02, 12)
    assert counts.wrong == 0
    assert counts.correct >= 11


def test_many_small_slowdowns_are_not_called_one_step():
    counts = tally(simulation.drift, 0.10, 0.02, 8)
    assert counts.outcomes["step"] == 0
    assert counts.outcomes["steps"] >= 6
