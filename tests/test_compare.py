"""mnv2bench compare: two files of any origin as a table, a page and a CSV, and what is refused."""

import csv
import io
import json
import re

import pytest
from markdown_it import MarkdownIt
from msgspec.structs import replace as with_facts

from mnv2bench.case import Case
from mnv2bench.records import Machine, Plan, Process, Samples, Weights, replace
from mnv2bench.records.journal import Head, Journal
from mnv2bench.records.rounds import Round
from mnv2bench.regression.judging.change import Change
from mnv2bench.regression.pages import compare

MS = 1_000_000
SMALL, LARGE = Case(width=0.35, resolution=96, backend="fake"), Case(width=1.0, resolution=224, backend="fake")
MACHINE = Machine(cpu_model="Example CPU", cores=2, commit="070d53b", libraries={"torch": "2.13.0"})
PLAN = Plan(processes=3, rounds=4)


def samples(ms):
    wall_ns = round(10 * ms * MS)
    return Samples(rounds=(Round((round(ms * MS),) * 10, wall_ns, wall_ns),) * 4)


def saved(path, medians, machine=MACHINE, plan=PLAN, status="ok"):
    """A journal with a process for each number of each case."""
    journal = Journal(path)
    journal.begin(Head(tuple(medians), plan, 0, Weights(), machine))
    for case, several in medians.items():
        for number, ms in enumerate(several):
            reason, position = "" if status == "ok" else "why", len(journal.processes)
            journal.process(Process(case, number, position, 0, status, reason, 1.0, samples(ms)))
    return path


@pytest.fixture
def a(tmp_path):
    return saved(tmp_path / "a.jsonl", {SMALL: (1.000, 1.001, 1.002), LARGE: (5.00, 5.01, 5.02)})


@pytest.fixture
def b(tmp_path):
    machine = with_facts(MACHINE, commit="f6e0696", libraries={"torch": "2.13.1", "openvino": "2026.4.0"})
    return saved(tmp_path / "b.jsonl", {SMALL: (1.000, 1.001, 1.002), LARGE: (5.50, 5.51, 5.52)}, machine)


@pytest.fixture
def told(monkeypatch, verb):
    """The verb on a terminal of 160 characters."""

    def run(*words):
        monkeypatch.setenv("COLUMNS", "160")
        return verb("compare", *words)

    return run


def test_two_journals_are_a_row_a_case_and_the_libraries_that_differ(told, a, b):
    ran = told(a, b)
    assert (ran.returncode, ran.err) == (0, "")
    rows = [line.split() for line in ran.out.splitlines() if line.strip().startswith("mobilenet")]
    assert [row[:5] for row in rows] == [
        [SMALL.id, "same", "1.00", "1.00", "1.000"],
        [LARGE.id, "slower", "5.01", "5.51", "1.100"],
    ]
    assert ran.out.startswith(
        "commit: 070d53b in A, f6e0696 in B\nopenvino: – in A, 2026.4.0 in B\ntorch: 2.13.0 in A, 2.13.1 in B\n"
    )
    assert "Two runs at two times" in ran.out
    assert "`mnv2bench duel` measures both in one sitting" in " ".join(ran.out.split())


def test_a_saved_file_and_a_journal_compare_and_a_page_and_a_csv_are_written(told, a, b, tmp_path):
    file = tmp_path / "0001_nightly.json"
    file.write_text(json.dumps({"mnv2bench": [json.loads(line) for line in a.read_text().splitlines()]}))
    page, table = tmp_path / "page.md", tmp_path / "table.csv"
    ran = told(file, b, "--markdown", page, "--csv", table)
    assert (ran.returncode, ran.err) == (0, "")
    assert f"| {LARGE.id} | slower" in page.read_text()
    assert [row["verdict"] for row in csv.DictReader(io.StringIO(table.read_text()))] == ["same", "slower"]


@pytest.mark.parametrize(
    ("facts", "plan", "said"),
    [
        ({"cores": 4}, PLAN, "cores: 2 here, 4 there"),
        ({"cpu_model": "Other\x1b[31m\nCPU"}, PLAN, "cpu_model: Example CPU here, Other [31m CPU there"),
        ({}, replace(PLAN, rounds=5), "plan.rounds: 4 in A, 5 in B"),
    ],
)
def test_unlike_circumstances_are_refused_with_the_facts_that_differ(told, a, tmp_path, facts, plan, said):
    other = saved(tmp_path / "other.jsonl", {SMALL: (2.0, 2.0, 2.0)}, with_facts(MACHINE, **facts), plan)
    ran = told(a, other)
    assert (ran.returncode, ran.out) == (2, "")
    assert ran.err == f"mnv2bench: A and B are not comparable ({said}): --force shows the numbers, without a verdict\n"


def test_forced_numbers_are_incomparable_in_every_row_and_judged_in_none(told, a, tmp_path):
    other = saved(
        tmp_path / "other.jsonl", {SMALL: (2.0, 2.0, 2.0), LARGE: (5.0, 5.0, 5.0)}, with_facts(MACHINE, cores=4)
    )
    page, table = tmp_path / "page.md", tmp_path / "table.csv"
    ran = told(a, other, "--force", "--markdown", page, "--csv", table)
    assert (ran.returncode, ran.err) == (0, "")
    assert ran.out.startswith("incomparable: cores: 2 here, 4 there\n")
    rows = [line.split()[1] for line in ran.out.splitlines() if line.strip().startswith("mobilenet")]
    assert rows == ["incomparable", "incomparable"]
    found = list(csv.DictReader(io.StringIO(table.read_text())))
    assert [(row["verdict"], row["ratio"], row["median_b_ms"]) for row in found] == [
        ("incomparable", "1.998", "2"),
        ("incomparable", "0.998005", "5"),
    ]
    assert "| slower" not in page.read_text()
    assert "**Incomparable**" in page.read_text()


def test_processes_and_their_limit_may_differ(told, a, tmp_path):
    other = saved(tmp_path / "other.jsonl", {SMALL: (1.0, 1.001)}, plan=replace(PLAN, processes=2, timeout_s=60.0))
    assert told(a, other).returncode == 0


def test_two_files_without_a_case_in_common_have_nothing_to_compare(told, a, tmp_path):
    other = saved(tmp_path / "other.jsonl", {Case(width=0.5, resolution=96, backend="fake"): (1.0, 1.0)})
    ran = told(a, other)
    assert ran.returncode == 1
    assert ran.out.count("not compared: only in") == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot be read (No such file or directory)"),
        ("", "is damaged"),
        ("{}", "was not saved by mnv2bench"),
        (
            '{"line":"head","schema":1,"cases":[],"plan":{},"seed":0,"weights":{},"environment":{"cores":2}}\n',
            "names no case",
        ),
        (
            f'{{"line":"head","schema":1,"cases":["{SMALL.id}"],"plan":{{}},"seed":0,"weights":{{}},"environment":[]}}\n',
            "is damaged (line 1: Expected `object`, got `array` - at `$.environment`)",
        ),
    ],
)
def test_a_file_that_is_none_of_ours_is_bad_input(told, a, tmp_path, text, said):
    file = tmp_path / "file.json"
    if text is not None:
        file.write_text(text)
    for words in ((a, file), (file, a)):
        ran = told(*words)
        assert (ran.returncode, ran.out) == (2, "")
        assert re.fullmatch(r"mnv2bench: [^\n]*\n", ran.err)
        assert str(file) in ran.err
        assert said in ran.err


# the page and the CSV


GOOD = Change(SMALL.id, 1.0312, 1.0204, 1.0421, "slower", 3, 5, 0.000639, 0.0006589)
GONE = Change(LARGE.id, None, None, None, "not compared", 3, 0, 0.00613, None, "only in A")


def test_the_whole_page():
    shown = compare.comparison(
        "old.json", "new.json", [GOOD, GONE], [], MACHINE, with_facts(MACHINE, commit="f6e0696+")
    )
    assert (
        compare.markdown(shown)
        == f"""\
# A against B

- A: old.json
- B: new.json

| differs   | A       | B        |
|:----------|:--------|:---------|
| commit    | 070d53b | f6e0696+ |

| case                                     | verdict                 |   A ms |   B ms |   B/A |        95 % |
|:-----------------------------------------|:------------------------|-------:|-------:|------:|------------:|
| mobilenet_v2_0.35_96-b1-fake-cpu-fp32-t1 | slower                  |  0.639 |  0.659 | 1.031 | 1.020–1.042 |
| mobilenet_v2_1.0_224-b1-fake-cpu-fp32-t1 | not compared: only in A |   6.13 |      – |     – |           – |

{compare.HOW_TO_READ}
{compare.CAPTION}
"""
    )


def test_the_whole_csv():
    shown = compare.comparison("old.json", "new.json", [GOOD, GONE], [], Machine(), Machine())
    assert compare.csv(shown) == (
        "case,verdict,ratio,low,high,median_a_ms,median_b_ms,processes_a,processes_b,reason,"
        "instructions_a,instructions_b,changed\n"
        f"{SMALL.id},slower,1.0312,1.0204,1.0421,0.639,0.6589,3,5,,,,\n"
        f"{LARGE.id},not compared,,,,6.13,,3,0,only in A,,,\n"
    )


HOSTILE = "=1 | <b>x</b> [l](http://e) `c`\n\x1b[31m# h"


def test_what_is_hostile_is_plain_words_on_the_page_and_no_formula_in_the_csv():
    bad = replace(GONE, reason=HOSTILE)
    shown = compare.comparison(HOSTILE, "b", [bad], [HOSTILE], Machine(libraries={HOSTILE: HOSTILE}), Machine())
    page = compare.markdown(shown)
    tokens = MarkdownIt("commonmark").enable("table").parse(page)
    inline = [child for token in tokens if token.children for child in token.children]
    assert {child.type for child in inline} - {
        "text",
        "softbreak",
        "strong_open",
        "strong_close",
        "code_inline",
    } == set()
    assert [child.content for child in inline if child.type == "code_inline"] == ["mnv2bench duel"]
    assert [token for token in tokens if token.type.startswith("html")] == []
    assert "\x1b" not in page
    (row,) = csv.DictReader(io.StringIO(compare.csv(shown)))
    assert row["reason"].startswith("'=1")
    assert "\x1b" not in row["reason"]


def test_a_hostile_reason_is_plain_words_in_the_terminal(told, a, tmp_path):
    journal = Journal(tmp_path / "bad.jsonl")
    hostile = with_facts(MACHINE, libraries={"[red]x[/red]": "\x1b[31m[/nothing]"})
    journal.begin(Head((SMALL,), PLAN, 0, Weights(), hostile))
    journal.process(Process(SMALL, 0, 0, 0, "failed", "[link=http://e]x\x1b[31m[/nothing]", 1.0, Samples()))
    ran = told(a, journal.path)
    assert ran.returncode == 1
    assert "not compared: failed in B: [link=http://e]x [31m[/nothing]" in ran.out
    assert "[red]x[/red]: – in A, [31m[/nothing] in B" in ran.out
    assert "\x1b" not in ran.out
