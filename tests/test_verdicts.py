"""The gate's own words of every night: how they are kept, and which confirmed changes are open."""

import json

import pytest

from mnv2bench.regression.history.epochs import Epoch
from mnv2bench.regression.history.verdicts import Verdict, append, open_changes, read, read_tails

WHEN = "2026-11-30T04:00:00+00:00"
SLOWER = Verdict("a", "REGRESSION", 1.05, 1.03, 1.07, 12, 0.021, "12 pairs")
LINE = '{"schema":1,"night":"0001_n","when":"2026-11-30","verdicts":[{"case":"a","verdict":"cleared"}]}\n'


@pytest.fixture
def file(tmp_path):
    return tmp_path / "machine-1234" / "verdicts.jsonl"


@pytest.fixture
def written(file):
    """Write a text as the file."""
    file.parent.mkdir()
    return file.write_text


def test_no_file_is_no_verdict(file):
    assert read(file) == {}


def test_a_night_is_one_line_of_json(file):
    append(file, "0012_nightly", WHEN, [SLOWER, Verdict("b", "learning")])
    assert file.read_text() == (
        '{"schema":2,"night":"0012_nightly","when":"2026-11-30T04:00:00+00:00","verdicts":['
        '{"case":"a","verdict":"REGRESSION","ratio":1.05,"low":1.03,"high":1.07,"pairs":12,'
        '"detectable":0.021,"reason":"12 pairs"},'
        '{"case":"b","verdict":"learning","ratio":null,"low":null,"high":null,"pairs":0,'
        '"detectable":null,"reason":""}]}\n'
    )
    assert read(file) == {"0012_nightly": {"a": SLOWER, "b": Verdict("b", "learning")}}


def test_the_tails_of_a_night_have_verdicts_of_their_own_and_an_older_line_has_none(file, written):
    written(LINE)
    longer = Verdict("a", "REGRESSION", 1.5, 1.4, 1.6, 12, 0.16)
    append(file, "0002_n", WHEN, [Verdict("a", "unchanged")], tails=[longer])
    assert read(file) == {"0001_n": {"a": Verdict("a", "cleared")}, "0002_n": {"a": Verdict("a", "unchanged")}}
    assert read_tails(file) == {"0001_n": {}, "0002_n": {"a": longer}}


def test_nights_follow_each_other_and_a_later_line_of_the_same_night_wins(file):
    append(file, "0001_n", WHEN, [SLOWER])
    append(file, "0002_n", WHEN, [])
    append(file, "0001_n", WHEN, [Verdict("b", "cleared")])
    assert read(file) == {"0001_n": {"b": Verdict("b", "cleared")}, "0002_n": {}}
    assert len(file.read_text().splitlines()) == 3


def test_a_number_that_is_not_finite_is_not_measured(file):
    append(file, "0001_n", WHEN, [Verdict("a", "inconclusive", ratio=float("nan"), detectable=float("inf"))])
    assert read(file)["0001_n"]["a"] == Verdict("a", "inconclusive")


def test_a_half_written_last_line_is_left_out_and_cut_off_by_the_next(file, written):
    written(LINE + '{"schema":1,"night":"0002_n","verd')
    assert list(read(file)) == ["0001_n"]
    append(file, "0003_n", WHEN, [])
    assert list(read(file)) == ["0001_n", "0003_n"]
    assert file.read_text().startswith(LINE + '{"schema":2,"night":"0003_n"')


def test_a_whole_last_line_without_a_line_break_counts(file, written):
    written(LINE + LINE.replace("0001_n", "0002_n").rstrip())
    assert list(read(file)) == ["0001_n", "0002_n"]
    append(file, "0003_n", WHEN, [])
    assert list(read(file)) == ["0001_n", "0002_n", "0003_n"]


@pytest.mark.parametrize(
    "line",
    [
        "<<<<<<< HEAD",
        "[]",
        "null",
        '{"night":"n","verdicts":[]}',
        '{"schema":1,"night":7,"verdicts":[]}',
        '{"schema":1,"night":["n"],"verdicts":[]}',
        '{"schema":1,"night":"n","verdicts":[{"case":"a"}]}',
        '{"schema":1,"night":"n","verdicts":[{"case":"a","verdict":"cleared","luck":1}]}',
        '{"schema":1,"night":"n","verdicts":[{"case":["a"],"verdict":"cleared"}]}',
        '{"schema":1,"night":"n","verdicts":[{"case":"a","verdict":"cleared","ratio":"1.05"}]}',
        '{"schema":1,"night":"n","verdicts":[{"case":"a","verdict":"cleared","ratio":NaN}]}',
        '{"schema":1,"night":"n","verdicts":[{"case":"a","verdict":"cleared","pairs":null}]}',
        "[" * 50_000,
    ],
    ids=range(13),
)
def test_damage_is_one_line_that_names_the_file_and_nothing_is_appended_to_it(file, written, line):
    written(LINE + line + "\n" + LINE)
    for use in (read, lambda path: append(path, "0009_n", WHEN, [])):
        with pytest.raises(
            ValueError, match=r"is damaged \(line 2: .*\): correct it, or restore it with git$"
        ) as raised:
            use(file)
        assert str(file) in str(raised.value)
        assert "\n" not in str(raised.value)
    assert file.read_text() == LINE + line + "\n" + LINE


def test_a_newer_schema_says_how_to_read_it(file, written):
    written(LINE.replace('"schema":1', '"schema":3'))
    with pytest.raises(ValueError, match=r"newer schema than 2: pip install --upgrade mnv2bench$"):
        read(file)


# open changes


NIGHTS = ("0001_n", "0002_n", "0003_n", "0004_n")


def said(**nights):
    """said(n1="REGRESSION"): of case a in night 0001_n."""
    return {f"000{name[1:]}_n": {"a": Verdict("a", word)} for name, word in nights.items()}


def accepted(night, *cases):
    return Epoch(night, cases or ("*",), "w", WHEN, "y", None, {})


@pytest.mark.parametrize(
    ("verdicts", "epochs", "is_open"),
    [
        ({}, [], False),
        (said(n1="REGRESSION"), [], True),
        (said(n1="IMPROVEMENT"), [], True),
        (said(n1="cleared"), [], False),
        (said(n1="suspect"), [], False),
        (said(n1="REGRESSION", n2="cleared"), [], False),
        (said(n1="REGRESSION", n2="inconclusive"), [], True),
        (said(n1="REGRESSION", n2="unchanged", n3="noisy", n4="suspect"), [], True),
        (said(n1="cleared", n2="REGRESSION"), [], True),
        (said(n1="REGRESSION", n2="REGRESSION"), [accepted("0002_n")], False),
        (said(n1="REGRESSION", n3="REGRESSION"), [accepted("0002_n")], True),
        (said(n3="REGRESSION"), [accepted("0002_n", "a")], True),
        (said(n3="REGRESSION"), [accepted("0003_n", "b")], True),
        (said(n3="REGRESSION"), [accepted("0003_n", "b", "a")], False),
        (said(n3="REGRESSION"), [accepted("0002_other")], True),
        (said(n3="REGRESSION"), [accepted("0004_gone")], False),
        ({"0009_gone": {"a": SLOWER}}, [], False),
    ],
)
def test_a_case_is_open_where_its_last_confirmation_since_the_accepted_night_is_a_change(verdicts, epochs, is_open):
    assert list(open_changes(verdicts, epochs, NIGHTS)) == (["a"] if is_open else [])


def test_nights_are_in_the_order_given_and_not_in_that_of_their_names_or_lines():
    verdicts = said(n1="cleared", n2="REGRESSION")
    assert list(open_changes(verdicts, [], ("0001_n", "0002_n"))) == ["a"]
    assert list(open_changes(verdicts, [], ("0002_n", "0001_n"))) == []


def test_every_open_case_comes_with_its_verdict_sorted():
    verdicts = {"0001_n": {"b": Verdict("b", "IMPROVEMENT", 0.9), "a": SLOWER, "c": Verdict("c", "cleared")}}
    assert open_changes(verdicts, [], NIGHTS) == {"a": SLOWER, "b": Verdict("b", "IMPROVEMENT", 0.9)}
    assert json.dumps(list(open_changes(verdicts, [], NIGHTS))) == '["a", "b"]'
