"""What a bisection prints: its sentences, its page and its picture, from answers that are written down here."""

import re
from xml.etree import ElementTree

import pytest

from mnv2bench.bisection.answers import CaseAnswer, ReleaseRow
from mnv2bench.bisection.pages import bisection_markdown, columns, notes, table_row
from mnv2bench.bisection.picture import svg
from mnv2bench.bisection.releases import Release
from mnv2bench.bisection.search import Direction, Ended, Outcome
from mnv2bench.bisection.sentences import answer_sentence
from mnv2bench.bisection.subject import Subject

SVG = "{http://www.w3.org/2000/svg}"
CASE = "mobilenet_v2_0.35_96-b1-openvino-cpu-fp32-t1"
NAMES = ("2025.3.0", "2025.4.0", "2026.0.0", "2026.1.0")
OPENVINO = Subject("openvino", "", tuple(Release(name, name) for name in NAMES), {"2025.3.1": "yanked for reason: x"})
STEP = Ended(Outcome.STEP, 2, 1, 0.004, 1.08, 1.06, 1.1)
ROWS = (
    ReleaseRow(0, ms=5.0),
    ReleaseRow(1, 1.001, 0.995, 1.007, 12, 5.01),
    ReleaseRow(2, 1.081, 1.062, 1.1, 6, 5.4),
    ReleaseRow(3, 1.079, 1.07, 1.088, 6, 5.39),
)


def sentence(ended, rows=ROWS, direction=Direction.SLOWER, subject=OPENVINO):
    return answer_sentence(CaseAnswer(CASE, ended, rows), subject, direction)


def test_the_first_changed_release_is_named_with_its_ratio_over_the_one_before():
    assert sentence(STEP) == (
        "openvino 2026.0.0 is the first that is slower: 1.080 (1.060 to 1.100) over 2025.4.0, "
        "probability of error 0.4 %"
    )


def test_a_release_that_was_skipped_just_before_the_change_is_named_and_none_is_called_the_first():
    ended = Ended(Outcome.STEP, 2, 0, 0.001, 1.08, 1.06, 1.1)
    rows = (ROWS[0], ReleaseRow(1, skipped="does not install: uv: a long story"), *ROWS[2:])
    assert sentence(ended, rows) == (
        "openvino 2026.0.0 is slower than 2025.3.0: 1.080 (1.060 to 1.100), probability of error at most 0.1 %; "
        "between them, 2025.4.0 does not install"
    )


def test_several_changes_are_not_called_one():
    assert sentence(Ended(Outcome.STEPS, 2, 1, 0.01, 1.04, 1.03, 1.05)) == (
        "openvino 2026.0.0 is the first that is slower, and later ones change it too: 1.040 (1.030 to 1.050) over "
        "2025.4.0, probability of error 1 %"
    )
    assert sentence(Ended(Outcome.STEPS, None, None, 0.02, 1.1, 1.08, 1.12, among=(1, 2))) == (
        "openvino 2026.1.0 is slower than 2025.3.0 by several changes, of which none is told apart as the first: "
        "1.100 (1.080 to 1.120), probability of error 2 %; the first change, if there is one, is 2025.4.0 to 2026.0.0"
    )


def test_no_change_says_which_change_would_have_been_seen_and_the_other_direction_its_option():
    assert sentence(Ended(Outcome.NO_CHANGE, None, None, 0.01, 1.001, 0.99, 1.012, smallest=1.015)) == (
        "openvino 2026.1.0 is not slower than 2025.3.0: 1.001 (0.990 to 1.012), probability of error 1 %; "
        "a change of 1.5 % would have been seen"
    )
    assert sentence(Ended(Outcome.OPPOSITE, None, None, 0.001, 0.9, 0.89, 0.91)) == (
        "openvino 2026.1.0 is faster than 2025.3.0 and not slower: 0.900 (0.890 to 0.910), "
        "probability of error at most 0.1 %; --faster looks for the first that is"
    )


def test_an_undecided_search_says_why_and_what_is_known():
    assert sentence(Ended(Outcome.UNDECIDED, None, None, 1.0, None, None, None, reason="no time", among=(1, 3))) == (
        "openvino: undecided between 2025.3.0 and 2026.1.0: no time"
    )
    assert sentence(Ended(Outcome.UNDECIDED, None, None, 0.05, 1.02, 1.0, 1.04, reason="no time", among=(2, 2))) == (
        "openvino: undecided between 2025.3.0 and 2026.1.0: no time; so far 1.020 (1.000 to 1.040); "
        "the first change, if there is one, is 2026.0.0"
    )


def test_every_release_has_a_row_with_what_is_known_of_it():
    answer = CaseAnswer(CASE, STEP, (ROWS[0], ReleaseRow(1, skipped="does not install: x"), ROWS[2], ReleaseRow(3)))
    assert columns(OPENVINO) == ("release", "verdict", "why", "ratio to good (95 %)", "ms", "pairs")
    assert [table_row(row, answer, OPENVINO) for row in answer.rows] == [
        ["2025.3.0", "good", "", "–", "5.00", "–"],
        ["2025.4.0", "skipped", "does not install: x", "–", "–", "–"],
        ["2026.0.0", "slower, the first", "", "1.081 (1.062–1.100)", "5.40", "6"],
        ["2026.1.0", "not measured", "", "–", "–", "–"],
    ]


def test_an_interval_around_1_is_neither_slower_nor_faster():
    answer = CaseAnswer(CASE, STEP, ROWS)
    assert [table_row(row, answer, OPENVINO)[1] for row in ROWS] == [
        "good",
        "not told apart",
        "slower, the first",
        "slower",
    ]
    assert table_row(ReleaseRow(1, 0.9, 0.88, 0.92, 6, 4.5), answer, OPENVINO)[1] == "faster"


def test_what_differs_besides_the_release_is_named_for_the_two_that_are_compared():
    numpy = ("numpy", "2.2.6", "2.4.6")
    answer = CaseAnswer(CASE, STEP, ROWS, (("OpenVINO", "2025.4.0", "2026.0.0"), numpy))
    assert notes([answer, answer], OPENVINO) == [
        "Between 2025.4.0 and 2026.0.0, numpy differs too: 2.2.6 and 2.4.6.",
        "openvino 2025.3.1 is left out: yanked for reason: x.",
    ]
    alone = CaseAnswer(CASE, STEP, ROWS, answer.changes[:1])
    assert notes([alone], OPENVINO)[0] == "Between 2025.4.0 and 2026.0.0, nothing else differs."


HOSTILE = "a | b <img src=x onerror=alert(1)> `c`\n## d\x1b[31m"
COMMITS = (
    Release("aaaaaaa", "a" * 40, "2026-01-02", "good"),
    Release("bbbbbbb", "b" * 40, "2026-01-03", HOSTILE),
)
CHECKOUT = Subject("", "/home/x/<b>", COMMITS, {})


def commits(skipped=""):
    ended = Ended(Outcome.STEP, 1, 0, 0.01, 1.08, 1.06, 1.1)
    rows = (ReleaseRow(0), ReleaseRow(1, 1.08, 1.06, 1.1, 6, 5.4, skipped))
    return [CaseAnswer(CASE, ended, rows, (("numpy", HOSTILE, "2"),))]


def test_what_a_commit_or_an_installer_says_is_text_and_no_markup():
    page = bisection_markdown(CHECKOUT, Direction.SLOWER, commits(HOSTILE), HOSTILE)
    assert "<img" not in page.replace(r"\<img", "")
    assert "<b>" not in page.replace(r"\<b\>", "")
    assert "\x1b" not in page
    assert [line for line in page.splitlines() if line.startswith("#")] == [
        "# The first slower commit of \\<b\\>",
        f"## {CASE}",
    ]
    (row,) = [line for line in page.splitlines() if line.startswith("| bbbbbbb")]
    assert len(re.findall(r"(?<!\\)\|", row)) == 8  # release, date, verdict, why and three numbers


def test_commits_have_their_day_and_the_first_changed_one_its_title():
    assert columns(CHECKOUT)[:2] == ("commit", "date")
    page = bisection_markdown(CHECKOUT, Direction.SLOWER, commits(), "here")
    assert "2026-01-03" in page
    assert "bbbbbbb (a \\| b" in page


@pytest.mark.parametrize("direction", Direction)
def test_the_picture_has_a_mark_for_what_is_known_of_each_release_and_the_answer(direction):
    skipped = ReleaseRow(1, skipped="does not install: x")
    drawn = svg(OPENVINO, direction, [CaseAnswer(CASE, STEP, (ROWS[0], skipped, *ROWS[2:]))])
    texts = ["".join(text.itertext()) for text in ElementTree.fromstring(drawn).iter(f"{SVG}text")]
    assert set(NAMES) <= set(texts)
    assert {"good", "skipped", "the first", "slower", "time over that of 2025.3.0", CASE} <= set(texts)
    assert any(text.startswith("openvino 2026.0.0") for text in texts)


def test_a_picture_of_nothing_is_refused():
    answer = CaseAnswer(
        CASE, Ended(Outcome.UNDECIDED, None, None, 1.0, None, None, None), (ReleaseRow(0), ReleaseRow(1))
    )
    with pytest.raises(ValueError, match="no release was measured against the good one"):
        svg(CHECKOUT, Direction.SLOWER, [answer])
