"""The search for the first changed release: its questions, and what it concludes from log ratios."""

import pytest

from mnv2bench.bisection.search import Direction, Ended, Outcome, Question, Search

NOISE = (0.004, -0.003, 0.001, -0.002, 0.003, -0.004)  # of six pairs, in log units


def ended(search, levels, skipped=()):
    """How a search ends over releases of these levels, and the questions on the way."""
    evidence, questions = {}, []
    while not isinstance(step := search.next(evidence, skipped), Ended):
        questions.append(step)
        change = levels[step.new] - levels[step.old]
        evidence[step.old, step.new] = tuple(change + NOISE[pair % 6] for pair in range(step.pairs))
    return step, questions


def test_the_first_question_compares_the_bad_release_with_the_good_one():
    assert Search(9).next({}) == Question(0, 8, 6)


def test_the_first_slower_release_of_nine_is_named_with_its_own_pairs():
    end, _ = ended(Search(9), [0, 0, 0, 0.08, 0.08, 0.08, 0.08, 0.08, 0.08])
    assert (end.outcome, end.before, end.first) == (Outcome.STEP, 2, 3)
    assert end.ratio == pytest.approx(1.083, abs=0.003)


def test_a_release_that_cannot_be_measured_is_between_the_two_that_are_named():
    end, questions = ended(Search(9), [0, 0, 0, 0.08, 0.08, 0.08, 0.08, 0.08, 0.08], skipped={3})
    assert (end.outcome, end.before, end.first) == (Outcome.STEP, 2, 4)
    assert not any(3 in (question.old, question.new) for question in questions)


def test_an_end_that_cannot_be_measured_is_an_error():
    with pytest.raises(ValueError, match="release 8 is an end of the search"):
        Search(9).next({}, {8})


def test_releases_that_are_alike_have_no_first_one():
    end, _ = ended(Search(9), [0] * 9)
    assert (end.outcome, end.first) == (Outcome.NO_CHANGE, None)


def test_a_faster_release_is_named_where_a_slower_one_is_searched_for():
    end, _ = ended(Search(9), [0, 0, 0, 0, 0, -0.1, -0.1, -0.1, -0.1])
    assert (end.outcome, end.first) == (Outcome.OPPOSITE, None)


def test_the_first_faster_release_can_be_searched_for():
    end, _ = ended(Search(9, Direction.FASTER), [0, 0, 0, 0, 0, -0.1, -0.1, -0.1, -0.1])
    assert (end.outcome, end.before, end.first) == (Outcome.STEP, 4, 5)
