"""The rounds of a case in the order of time: as numbers, as characters and as a picture."""

import pytest
from saved_nights import LARGE, SMALL, Tailed, save

from mnv2bench.case import Case
from mnv2bench.records import Plan, Process, Samples, record
from mnv2bench.records.rounds import Round
from mnv2bench.report.strip import strip, svg
from mnv2bench.statistics.strip import RoundTail, round_tails

CASE = Case(backend="fake")
MS = 1_000_000


def ran(*ms, busy=1.0):
    calls = tuple(round(MS * each) for each in ms)
    return Round(calls, sum(calls), round(busy * sum(calls)))


def recorded(*processes):
    """A record whose processes ran in the reverse order of their numbers."""
    ended = [
        Process(CASE, number, len(processes) - number, 0, "ok", "", 1.0, Samples(rounds=rounds))
        for number, rounds in enumerate(processes)
    ]
    return record(CASE, Plan(processes=len(ended)), {}, ended)


def test_rounds_stand_in_the_order_in_which_processes_ran_and_say_which_do_not_count():
    first, second = (ran(1, 1, 1, 2, 3),), (ran(1, 1, 1, 1, 1), ran(2, 2, 2, 2, 9, busy=0.5), ran(1, 1, 1, 1, 1))
    tails = round_tails(recorded(second, first))
    assert [tail.process for tail in tails] == [1, 2, 2, 2]
    assert tails[0] == RoundTail(1, 0.001, pytest.approx(0.0026), pytest.approx(0.00296), 0.003, True)
    assert [tail.is_used for tail in tails] == [True, True, False, True]
    assert tails[2].max_s == 0.009


def test_the_strip_has_a_character_for_each_round_and_names_what_was_left_out():
    rounds = (ran(1, 1, 1, 1, 1), ran(1, 1, 1, 1, 16, busy=0.5), ran(1, 1, 1, 4, 4))
    assert (
        strip(round_tails(recorded(rounds, rounds)), 80)
        == """\
Each character is a round, in the order of time.
▁▂▃▄▅▆▇█ is 1.00 to 16.00 ms, each step 1.41 times the one before it.

process  1   2
p50      ▁▁▁ ▁▁▁
p90      ▁▇▅ ▁▇▅
p99      ▁█▅ ▁█▅
slowest  ▁█▅ ▁█▅
left out  x   x

left out: x below a round says that another program disturbed it; it does not count."""
    )


def test_a_strip_is_no_wider_than_the_terminal():
    rounds = tuple(ran(1, 1, 1, 1, 2) for _ in range(30))
    lines = strip(round_tails(recorded(*[rounds] * 5)), 80).splitlines()
    assert max(map(len, lines)) <= 80
    assert sum(line.startswith("p99") for line in lines) == 3
    assert sum(line.count("▆") + line.count("█") for line in lines if line.startswith("slowest")) == 150


def test_a_case_that_was_not_measured_has_no_strip():
    failed = Process(CASE, 0, 0, 0, "failed", "worker ended by SIGSEGV", 1.0, Samples())
    with pytest.raises(ValueError, match=r"was not measured \(failed\): there is no round to show$"):
        round_tails(record(CASE, Plan(processes=1), {}, [failed]))


def test_the_picture_names_its_case_and_has_a_mark_for_each_number_of_each_round():
    rounds = (ran(1, 1, 1, 1, 2), ran(1, 1, 1, 1, 16, busy=0.5), ran(1, 1, 1, 1, 3))
    drawn = svg("<b>&", round_tails(recorded(rounds, rounds)))
    assert "<b>" not in drawn
    assert "6 rounds of 2 processes in the order of time; 2 hollow ones were disturbed" in drawn
    assert all(f">{name}<" in drawn for name in ("p50", "p90", "p99", "slowest"))
    assert "prefers-color-scheme: dark" in drawn


# the verb


def test_the_verb_shows_a_case_of_a_file_by_a_part_of_its_name(verb, tmp_path, monkeypatch):
    saved = save(tmp_path, 1, {SMALL: [Tailed.of(0.5, 1.5)] * 3, LARGE: [2.0] * 3})
    monkeypatch.setenv("COLUMNS", "80")
    ran_verb = verb("tails", "0.35@96", saved, "--svg", tmp_path / "tails.svg")
    assert (ran_verb.returncode, ran_verb.err) == (0, "")
    lines = ran_verb.out.splitlines()
    assert lines[0].startswith(SMALL.id)
    assert "slowest  ████ ████ ████" in lines
    assert "p90/p50 within a round: 1.500." in ran_verb.out
    assert max(map(len, lines[1:-1])) <= 80
    assert "</svg>" in (tmp_path / "tails.svg").read_text()


def test_what_cannot_be_shown_is_one_line_and_exit_code_2(verb, tmp_path):
    saved = save(tmp_path, 1, {SMALL: [0.5] * 3, LARGE: [None]})
    for words, message in (
        (("1.4@224", saved), "has no case '1.4@224'"),
        (("fake", saved), "fake"),
        (("1.0@224", saved), "was not measured (failed)"),
        (("fake", tmp_path / "nothing.json"), "cannot be read"),
        (("0.35@96", saved, "--svg", saved), "0001_nightly.json"),
    ):
        ran_verb = verb("tails", *words)
        assert (ran_verb.returncode, ran_verb.out) == (2, "")
        assert message in ran_verb.err
        assert ran_verb.err.count("\n") == 1
