"""Instruction counts after counting: two files, many nights, and a gate that needs no statistics."""

# ruff: noqa: E501  whole tables are compared as text
import csv
import io
import re
import sys
from xml.etree import ElementTree as xml

import pandas as pd
import pytest
from mobile_records import counted as recorded
from saved_nights import LARGE, MACHINE, run, save

from mnv2bench.case import Case
from mnv2bench.regression.gate.night import Pairs, judge_night, tonight
from mnv2bench.regression.history import load, verdicts
from mnv2bench.regression.judging.count_texts import percent_text
from mnv2bench.regression.pages import compare
from mnv2bench.regression.pages.counts import table_row
from mnv2bench.regression.pages.gate import gate_markdown, junit
from mnv2bench.remote.counts import Counted, compared, count_changes, count_fit, from_text

LITERT = Case(width=0.35, resolution=96, backend="litert", device="qemu:cortex-a76")
ORT = Case(width=0.35, resolution=96, backend="onnxruntime", device="qemu:cortex-a76")
N = 6_312_644
FACTS = {"cpu": "cortex-a76", "libc": "2.36"}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MNV2BENCH_CACHE", str(tmp_path / "cache"))


# one count and another


def test_the_same_sequence_in_every_process_repeats_and_has_no_spread_of_its_own():
    executorch = Counted(((6_471_301, 6_471_580),) * 3)
    assert (executorch.instructions, executorch.repeats, executorch.spread) == (6_471_301, True, 0)
    ort = Counted(((14_030_000,), (14_030_084,)))
    assert (ort.instructions, ort.repeats, ort.spread) == (14_030_000, False, 84)
    assert Counted(((5, 7, 9),)).repeats is None


@pytest.mark.parametrize(
    ("before", "after", "verdict", "moved", "too_much"),
    [
        (((N,), (N,)), ((N,), (N,)), "same", 0, False),
        (((N,), (N,)), ((N + 6,), (N + 6,)), "count rose", 6, False),
        (((N,),), ((N - 1,),), "count fell", -1, False),
        (((1_000_000,),), ((1_000_999,),), "count rose", 999, False),
        (((1_000_000,),), ((1_001_000,),), "count rose", 1_000, True),
        (((1_000_000,),), ((900_000,),), "count fell", -100_000, False),
        (((14_030_000,), (14_030_084,)), ((14_030_050,), (14_030_050,)), "same", 50, False),
        (((14_030_000,), (14_030_084,)), ((14_030_085,), (14_030_085,)), "count rose", 85, False),
    ],
)
def test_any_change_is_a_change_but_for_what_a_sides_own_processes_differ_by(before, after, verdict, moved, too_much):
    change = compared("x", Counted(before), Counted(after))
    assert (change.verdict, change.moved, change.too_much) == (verdict, moved, too_much)


def test_another_processor_model_is_another_program():
    change = compared("x", Counted(((1,),), {"cpu": "cortex-a53"}), Counted(((2,),), {"cpu": "cortex-a76"}))
    assert (change.verdict, change.reason) == ("incomparable", "another cpu model runs other kernels")
    assert change.differs == (("cpu", "cortex-a53", "cortex-a76"),)


def test_what_changed_around_a_count_is_told_with_its_size():
    newer = {"cpu": "cortex-a76", "libc": "2.37", "compiler": "gcc 12"}
    assert table_row(compared("x", Counted(((N,),), FACTS), Counted(((N + 7_356,),), newer))) == (
        "x",
        "count rose",
        "6,312,644",
        "6,320,000",
        "+7,356 (+0.12%)",
        "compiler – → gcc 12; libc 2.36 → 2.37",
    )


@pytest.mark.parametrize(
    ("part", "text"),
    [(0.05, "+5.00%"), (0.001165, "+0.12%"), (6 / N, "+0.000095%"), (-0.000266, "-0.027%"), (-0.5, "-50.00%")],
)
def test_a_percentage_has_two_digits_however_small(part, text):
    assert percent_text(part) == text


def test_counts_follow_madds_by_a_line_of_instructions():
    sizes = ((1.0, 224, 300_774_272), (0.5, 96, 18_885_440), (0.35, 96, 11_934_128))
    line = [recorded("litert", (1_000_000 + madds // 2,), width=w, resolution=r) for w, r, madds in sizes]
    fit = count_fit(line)
    assert (fit.variants, round(fit.intercept_m, 6), round(fit.slope, 6), round(fit.r2, 9)) == (3, 1.0, 0.5, 1.0)
    assert count_fit(line[:2]) is None


def test_a_side_without_a_right_count_is_incomparable_and_says_why():
    good, wrong = recorded("litert", (N,)), recorded("litert", (N,), status="wrong")
    other, host = recorded("ncnn", (5,)), recorded("torch_eager", (5,), device="cpu")
    found = count_changes([good, host], [wrong, other])
    assert [(change.verdict, change.reason) for change in found] == [
        ("incomparable", "wrong in B: outputs differ"),
        ("incomparable", "only in B"),
    ]


# mnv2bench compare


def test_compare_shows_counts_in_a_table_of_their_own(verb, tmp_path):
    a = save(tmp_path, 1, {LARGE: [6.0, 6.01, 6.02], LITERT: [run(N), run(N)]})
    b = save(tmp_path, 2, {LARGE: [6.0, 6.01, 6.02], LITERT: [run(N + 7_356, libc="2.37")] * 2})
    page, table = tmp_path / "page.md", tmp_path / "table.csv"
    ran = verb("compare", a, b, "--markdown", page, "--csv", table)
    assert (ran.returncode, ran.err) == (0, "")
    timed, counted = (line.split() for line in ran.out.splitlines() if line.strip().startswith("mobilenet"))
    assert timed[:3] == [LARGE.id, "same", "6.01"]
    assert " ".join(counted) == f"{LITERT.id} count rose 6,312,644 6,320,000 +7,356 (+0.12%) libc 2.36 → 2.37"
    instructions = page.read_text().split("## Instructions\n\n")[1]
    assert instructions == (
        """\
| case                                                   | verdict    |   A instructions |   B instructions |          change |          changed |
|:-------------------------------------------------------|:-----------|-----------------:|-----------------:|----------------:|-----------------:|
"""
        f"| {LITERT.id} | count rose |        6,312,644 |        6,320,000 | +7,356 (+0.12%) | libc 2.36 → 2.37 |\n"
        """
- Instructions are of one call, counted under an emulator, and no time. Every difference is a change, except within what
  the processes of a side differ by among themselves. `changed` is what differs around them: libraries, compiler, qemu.
"""
        f'<!-- mnv2bench, comparison page: ["{a.relative_to(tmp_path)}", "{b.relative_to(tmp_path)}"] -->\n'
    )
    assert "qemu:" not in page.read_text().split("## Instructions")[0]
    first, second = csv.DictReader(io.StringIO(table.read_text()))
    assert (first["median_a_ms"], first["instructions_a"]) == ("6.01", "")
    assert {name: cell for name, cell in second.items() if cell} == {
        "case": LITERT.id,
        "verdict": "count rose",
        "ratio": "1.00117",
        "instructions_a": "6312644",
        "instructions_b": "6320000",
        "changed": "libc 2.36 → 2.37",
    }


def test_counts_alone_of_two_machines_compare_and_the_page_says_that_there_were_two(verb, tmp_path):
    a = save(tmp_path, 1, {LITERT: [run(N)]}, cores=2)
    b = save(tmp_path, 2, {LITERT: [run(N)]}, cores=64)
    ran = verb("compare", a, b)
    assert (ran.returncode, ran.err) == (0, "")
    assert f"{LITERT.id}   same" in ran.out
    assert "Two runs at two times" not in ran.out
    assert ran.out.splitlines()[-1] == compare.TWO_MACHINES.format(facts="cores: 2 here, 64 there")


def test_a_time_beside_a_count_is_still_not_compared_across_machines(verb, tmp_path):
    a = save(tmp_path, 1, {LITERT: [run(N)], LARGE: [6.0, 6.0]}, cores=2)
    b = save(tmp_path, 2, {LITERT: [run(N)], LARGE: [6.0, 6.0]}, cores=64)
    ran = verb("compare", a, b)
    assert (ran.returncode, ran.err) == (2, "mnv2bench: A and B are not comparable (cores: 2 here, 64 there): --force shows the numbers, without a verdict\n")  # fmt: skip


def test_a_duel_of_counts_is_refused_with_what_is_exact(verb):
    ran = verb("duel", LITERT.id, "--old", sys.executable)
    assert (ran.returncode, ran.out) == (2, "")
    reason = "pairs of processes do not make a count more exact"
    assert ran.err == f"mnv2bench: {LITERT.id} is counted, and {reason}: use mnv2bench compare A B\n"


# the gate


def judged(results, pairs=None, **words):
    return judge_night(tonight(results, MACHINE, **words), pairs)


def nights(results, *counts, case=LITERT, **facts):
    """A night for each count, of two processes that repeat."""
    for number, n in enumerate(counts, 1):
        save(results, number, {case: [run(n)] * 2 if n else [None]}, **facts)
    return results


def said(judgement, case=LITERT):
    (row,) = [row for row in judgement.rows if row.case == case.id]
    return row.verdict, row.reason


def test_a_count_is_judged_from_the_second_night_on(tmp_path):
    first = judged(nights(tmp_path, N))
    assert said(first) == ("learning", "no earlier night has a count of it")
    second = judged(nights(tmp_path, N, N))
    assert (said(second), second.code, second.rows[0].nights) == (("unchanged", ""), 0, 1)


def test_a_rise_of_a_thousandth_is_a_regression_and_what_changed_is_told(tmp_path):
    save(tmp_path, 1, {LITERT: [run(1_000_000)] * 2})
    save(tmp_path, 2, {LITERT: [run(1_001_000, libc="2.37")] * 2}, libraries={"torch": "2.14.0"})
    judgement = judged(tmp_path)
    around = "changed: libc 2.36 → 2.37; openvino 2026.4.1 → –; torch 2.13.0 → 2.14.0"
    assert said(judgement) == ("REGRESSION", f"+1,000 (+0.100%) since 0001_nightly; {around}")
    assert judgement.code == 1
    kept = verdicts.read(tmp_path / MACHINE / "verdicts.jsonl")["0002_nightly"][LITERT.id]
    assert (kept.verdict, kept.ratio, kept.low, kept.pairs) == ("REGRESSION", 1.001, None, 0)


@pytest.mark.parametrize(
    ("now", "verdict", "reason"),
    [
        (N + 6, "count rose", "+6 (+0.000095%) since 0001_nightly; nothing else that is recorded changed"),
        (N - 6, "count fell", "-6 (-0.000095%) since 0001_nightly; nothing else that is recorded changed"),
        (N // 2, "count fell", "-3,156,322 (-50.00%) since 0001_nightly; nothing else that is recorded changed"),
    ],
)
def test_a_smaller_rise_and_any_fall_are_told_and_fail_nothing(tmp_path, now, verdict, reason):
    judgement = judged(nights(tmp_path, N, now))
    assert (said(judgement), judgement.code) == ((verdict, reason), 0)


def test_what_processes_differ_by_among_themselves_is_the_same(tmp_path):
    for number, shift in ((1, 0), (2, 40)):
        save(tmp_path, number, {ORT: [run(14_030_000 + shift), run(14_030_084 + shift)]})
    assert said(judged(tmp_path), ORT) == (
        "unchanged",
        "+40 (+0.00029%) since 0001_nightly; its own processes differ by up to 84 instructions; "
        "nothing else that is recorded changed",
    )


def test_a_night_without_a_count_is_skipped_and_a_crash_tonight_is_broken(tmp_path):
    assert said(judged(nights(tmp_path, N, None, N + 6)))[1].startswith("+6 (+0.000095%) since 0001_nightly")
    broken = judged(nights(tmp_path, N, None))
    broken = judged(tmp_path, night="0002_nightly")
    assert (said(broken), broken.code) == (("broken", "failed: worker ended by SIGSEGV"), 3)


def test_a_regression_stands_every_night_until_it_is_mended(tmp_path):
    assert judged(nights(tmp_path, N, 2 * N)).code == 1
    still = judged(nights(tmp_path, N, 2 * N, 2 * N))
    assert (said(still)[0], still.code) == ("REGRESSION", 1)
    assert "since 0001_nightly" in said(still)[1]
    mended = judged(nights(tmp_path, N, 2 * N, 2 * N, N))
    assert (said(mended), mended.code) == (("cleared", ""), 0)
    assert said(judged(nights(tmp_path, N, 2 * N, 2 * N, N, N)))[0] == "unchanged"


def test_an_accepted_rise_is_what_later_nights_are_held_against(verb, tmp_path):
    judged(nights(tmp_path, N, 2 * N))
    words = (LITERT.id, "--why", "wider tiles", "--who", "Ada", "--results", tmp_path, "--fingerprint", MACHINE)
    assert verb("accept", *words).returncode == 0
    assert said(judged(nights(tmp_path, N, 2 * N, 2 * N))) == ("unchanged", "")
    assert said(judged(nights(tmp_path, N, 2 * N, 2 * N, 2 * N + 6)))[1].startswith("+6 (+0.000048%) since 0003")


def test_counts_have_no_part_in_the_screen_and_are_asked_in_no_pairs(tmp_path):
    for number in range(1, 15):
        n = N if number < 14 else 2 * N
        save(tmp_path, number, {LARGE: [6.0 + 0.001 * number] * 3, LITERT: [run(n)] * 2})
    judgement = judged(tmp_path)
    assert [(row.case, row.verdict, row.counted) for row in judgement.rows] == [
        (LARGE.id, "unchanged", False),
        (LITERT.id, "REGRESSION", True),
    ]
    count = judgement.rows[1]
    assert (count.p, count.q, count.deviation, count.latency_ms, count.detectable, count.pairs) == (None,) * 5 + (0,)


def test_a_noisy_night_cannot_be_judged_and_its_counts_are_judged_all_the_same(tmp_path):
    save(tmp_path, 1, {LARGE: [6.0] * 3, LITERT: [run(N)] * 2})
    save(tmp_path, 2, {LARGE: [-6.0] * 3, LITERT: [run(N + 6)] * 2})
    judgement = judged(tmp_path)
    assert judgement.code == 3
    assert said(judgement)[0] == "count rose"


def test_a_night_of_counts_alone_needs_no_baseline_environment(tmp_path):
    save(tmp_path, 1, {LITERT: [run(N)] * 2})
    save(tmp_path, 2, {LITERT: [run(N)] * 2})
    with pytest.raises(ValueError, match="is another machine"):
        judged(tmp_path, Pairs("/no/such/python", sys.executable, 60.0, None))
    assert judged(tmp_path).notes == ()


def test_a_count_that_is_missing_tonight_is_named(tmp_path):
    save(tmp_path, 1, {LITERT: [run(N)], ORT: [run(N)]})
    save(tmp_path, 2, {ORT: [run(N)]})
    assert judged(tmp_path).notes == (f"1 cases of the night before are not in this one: {LITERT.id}.",)


def test_the_gates_page_and_junit_keep_counts_apart(tmp_path):
    save(tmp_path, 1, {LARGE: [6.0] * 3, LITERT: [run(N)] * 2, ORT: [run(N)] * 2})
    save(tmp_path, 2, {LARGE: [6.0] * 3, LITERT: [run(2 * N)] * 2, ORT: [run(N - 6)] * 2})
    judgement = judged(tmp_path)
    page = gate_markdown(judgement)
    assert page.startswith("# 0002_nightly: a confirmed regression\n")
    assert "- 1 REGRESSION, 1 count fell, 1 learning\n" in page
    assert (
        f"""
| case                                                        | verdict    |   instructions |    before |   nights |                                                                                   why |
|:------------------------------------------------------------|:-----------|---------------:|----------:|---------:|--------------------------------------------------------------------------------------:|
| {LITERT.id}      | REGRESSION |     12,625,288 | 6,312,644 |        1 | +6,312,644 (+100.00%) since 0001_nightly; nothing else that is recorded changed |
| {ORT.id} | count fell |      6,312,638 | 6,312,644 |        1 |          -6 (-0.000095%) since 0001_nightly; nothing else that is recorded changed |
""".replace(" ", "").replace("-", "")
        in page.replace(" ", "").replace("-", "")
    )
    assert "REGRESSION: at least 0.1 % more" in page
    suite = xml.fromstring(junit(judgement).split("\n", 1)[1])
    assert (suite.get("failures"), suite.get("errors"), suite.get("skipped")) == ("1", "0", "1")
    (failure,) = suite.iter("failure")
    assert failure.get("message") == (
        "REGRESSION: +6,312,644 (+100.00%) since 0001_nightly; nothing else that is recorded changed"
    )
    (verb,) = suite.iter("system-out")
    assert verb.text.startswith("count fell: -6 (-0.000095%) since 0001_nightly")


def test_the_gate_prints_counts_in_a_table_of_their_own_and_fails(verb, tmp_path):
    save(tmp_path, 1, {LARGE: [6.0] * 3, LITERT: [run(N)] * 2})
    save(tmp_path, 2, {LARGE: [6.0] * 3, LITERT: [run(2 * N)] * 2})
    ran = verb("gate", "--results", tmp_path, "--fingerprint", MACHINE)
    assert (ran.returncode, ran.err) == (1, "")
    headers = [line.split() for line in ran.out.splitlines() if line.strip().startswith("case")]
    assert headers[1] == ["case", "verdict", "instructions", "before", "nights", "why"]
    assert ran.out.splitlines()[-1] == "0002_nightly: a confirmed regression (1 REGRESSION, 1 learning)"


# the history


def test_the_table_of_nights_carries_counts_and_what_they_depend_on(tmp_path):
    save(tmp_path, 1, {LITERT: [run(N, N), run(N, N + 2)], LARGE: [6.0]})
    first, second = load(tmp_path, MACHINE).frame.to_dict("records")
    instructions = from_text(first["counts"], first["facts"])
    assert (first["kind"], instructions.instructions, instructions.repeats) == ("emulated-count", N, False)
    assert first["counts"] == "[[6312644, 6312644], [6312644, 6312646]]"
    assert first["facts"] == '{"cpu": "cortex-a76", "libc": "2.36"}'
    assert second["kind"] == "host-measured"
    assert pd.isna([second["counts"], second["facts"]]).all()
    assert first["level"] != first["level"]  # a count has none


def table(text, number=0):
    """The lines of a printed table, without the spaces at their ends."""
    lines = [line.strip() for line in text.splitlines()]
    begin = [place for place, line in enumerate(lines) if line.startswith("──")][number]
    return [re.split(r"  +", line) for line in (lines[begin - 1], *lines[begin + 1 : lines.index("", begin)])]


def test_the_history_of_all_cases_has_a_table_of_times_and_one_of_counts(verb, tmp_path):
    for number, n in enumerate((N, N, N + 6), 1):
        save(tmp_path, number, {LARGE: [6.0] * 2, LITERT: [run(n)] * 2, ORT: [None]})
    ran = verb("history", "--results", tmp_path, "--fingerprint", MACHINE)
    assert ran.returncode == 0
    assert [row[:5] for row in table(ran.out)[1:]] == [[LARGE.id, "3", "3", "0", "6.00"]]
    assert table(ran.out, 1) == [
        ["case", "nights", "counted", "instructions", "change", "since", "gate"],
        [LITERT.id, "3", "3", "6,312,650", "+6 (+0.000095%)", "the first", "–"],
        [ORT.id, "3", "0", "–", "–", "the first", "–"],
    ]


def test_the_history_of_a_counted_case_shows_counts_and_no_milliseconds(verb, tmp_path):
    save(tmp_path, 1, {LITERT: [run(N)] * 2})
    save(tmp_path, 2, {LITERT: [None]})
    save(tmp_path, 3, {LITERT: [run(N + 6, libc="2.37")] * 2})
    ran = verb("history", LITERT.id, "--results", tmp_path, "--fingerprint", MACHINE)
    assert ran.returncode == 0
    assert [[row[0], row[3], row[4], row[5]] for row in table(ran.out)] == [
        ["night", "instructions", "change", "doubt"],
        ["0001_nightly", "6,312,644", "–", "–"],
        ["0002_nightly", "–", "–", "failed: worker ended by SIGSEGV"],
        ["0003_nightly", "6,312,650", "+6 (+0.000095%)", "–"],
    ]
    assert table(ran.out)[-1][-1] == "libc 2.36 → 2.37"
    assert f"{LITERT.id}, M instructions" in ran.out
    assert " ms" not in ran.out
