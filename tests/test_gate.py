"""The gate, from saved nights on disk to its exit code: what it says of each cell, and what it may not say."""

import json
import random
import re
import sys
from dataclasses import replace as replace_in_dataclass
from datetime import UTC, datetime
from xml.etree import ElementTree as xml

import pytest
from saved_nights import MACHINE, Hot, Tailed, content, save

from mnv2bench.case import Case
from mnv2bench.machine import this_machine
from mnv2bench.records import ExternalResult, Plan, Samples, replace
from mnv2bench.records.rounds import Round
from mnv2bench.regression.gate.gate import screened
from mnv2bench.regression.gate.night import UnreadNight, judge_night, tonight
from mnv2bench.regression.history import verdicts
from mnv2bench.regression.history.verdicts import Verdict
from mnv2bench.regression.judging.judgement import CellVerdict, Judgement
from mnv2bench.regression.judging.series import TAIL
from mnv2bench.regression.pages.gate import gate_markdown, headline, junit
from mnv2bench.statistics.latency import tail

CELLS = tuple(Case(width=0.35, resolution=resolution, backend="fake") for resolution in range(32, 128, 8))
SLOW, BYSTANDER = CELLS[4], CELLS[5]
PLAN = Plan(processes=3, rounds=1, warmup_s=0.1, warmup_cap_s=0.3)


def took(chance, slow=None, sd=0.003):
    """Three processes of every cell around 0.2 ms; `slow`: case -> ratio."""
    ratios = slow or {}
    return {
        case: [0.2 * ratios.get(case, 1.0) * (1 + chance.gauss(0, sd)) for _ in range(3)] for case in CELLS
    }  # fmt: skip


def history(results, nights=16, last=None, changed=None, **facts):
    """Unchanged nights; `last`: what the last one took otherwise; `changed`: night -> what it took otherwise."""
    chance = random.Random(3)
    for number in range(1, nights + 1):
        night = took(chance) | ((changed or {}).get(number) or {}) | ((last or {}) if number == nights else {})
        save(results, number, night, plan=PLAN, **facts)
    return results


def judged(results, **words):
    return judge_night(tonight(results, MACHINE, **words), None)


def verdict(judgement, case=SLOW):
    (row,) = [row for row in judgement.rows if row.case == case.id]
    return row


def slower(ratio, cases=(SLOW,), spread=0.0005):
    return {case: [0.2 * ratio * (1 + step * spread) for step in (-1, 0, 1)] for case in cases}


# what a night may be called


def test_an_unchanged_night_confirms_nothing_and_every_cell_prints_what_it_would_have_found(tmp_path):
    said = judged(history(tmp_path))
    assert (said.code, {row.verdict for row in said.rows}) == (0, {"unchanged"})
    assert all(0.02 <= row.detectable < 0.035 for row in said.rows)
    assert all(row.nights == 13 for row in said.rows)
    assert said.notes == ()


def test_fewer_than_ten_nights_of_history_are_learning_and_fail_nothing(tmp_path):
    said = judged(history(tmp_path, nights=10, last=slower(1.5)))
    assert (said.code, {row.verdict for row in said.rows}) == (0, {"learning"})
    assert verdict(said).reason == "9 of 10 nights"
    assert verdict(said).detectable is None


def test_a_night_without_any_eligible_one_before_it_says_so(tmp_path):
    said = judged(history(tmp_path, nights=1))
    assert said.code == 0
    assert said.notes == (
        "No earlier night of this machine, series and plan may be in a baseline: "
        "there is nothing to compare this one with.",
    )


def test_without_a_baseline_environment_a_slow_night_is_no_more_than_a_suspect_and_never_fails(tmp_path):
    said = judged(history(tmp_path, last=slower(1.05)))
    row = verdict(said)
    assert row.deviation == pytest.approx(0.05, abs=0.01)
    assert row.p < 1e-4
    assert row.verdict == "suspect"  # by the mean of three nights
    assert said.code == 0
    assert [row.verdict for row in said.rows].count("suspect") == 1


def test_a_case_that_crashed_tonight_is_broken_and_the_night_cannot_be_called_good(tmp_path):
    said = judged(history(tmp_path, last={SLOW: [0.2, None, 0.2]}))
    assert (verdict(said).verdict, verdict(said).reason) == ("broken", "failed: worker ended by SIGSEGV")
    assert said.code == 3


def test_a_disturbed_cell_is_noisy_and_fails_nothing(tmp_path):
    said = judged(history(tmp_path, last={SLOW: [-0.3, -0.3, 0.2]}))
    assert (verdict(said).verdict, said.code) == ("noisy", 0)


def test_a_cell_whose_device_throttled_is_doubtful_and_stays_out_of_the_baseline(tmp_path):
    hot = {SLOW: [Hot(0.3), Hot(0.3), 0.2]}
    said = judged(history(tmp_path, changed={9: hot, 16: hot}))
    assert (verdict(said).verdict, verdict(said).reason) == ("noisy", "tonight was throttled here")
    assert said.code == 0
    assert (verdict(said).nights, verdict(said, BYSTANDER).nights) == (12, 13)


def test_what_another_tool_reported_is_not_gated_and_says_why(tmp_path):
    told = ExternalResult("benchncnn", 8, 1.0, 2.0, 1.5)
    for number in range(1, 13):
        save(tmp_path, number, {SLOW: [told] * 3, BYSTANDER: [0.2] * 3}, plan=PLAN)
    said = judged(tmp_path)
    assert verdict(said).verdict == "not gated"
    assert verdict(said).reason == "reported by benchncnn: outputs not checked, no raw samples"
    assert (verdict(said, BYSTANDER).nights, said.code) == (10, 0)


def test_a_disturbed_night_cannot_be_judged(tmp_path):
    disturbed = {case: [-0.3, -0.3, -0.3] for case in CELLS[:4]}
    said = judged(history(tmp_path, last=disturbed | slower(1.5)))
    assert said.code == 3
    assert verdict(said).verdict == "not judged"
    assert said.notes[0] == "This night cannot be judged: 20 % of its processes or more were disturbed."


def test_a_disturbed_night_stays_out_of_the_baseline(tmp_path):
    disturbed = {number: {case: [-0.3] * 3 for case in CELLS} for number in (7, 8, 9)}
    said = judged(history(tmp_path, changed=disturbed))
    assert {row.nights for row in said.rows} == {10}
    assert {row.verdict for row in said.rows} == {"unchanged"}


def test_a_cell_whose_noise_hides_ten_percent_is_not_gated(tmp_path):
    chance = random.Random(1)
    loud = {n: {SLOW: [0.2 * (1 + chance.gauss(0, 0.08))] * 3} for n in range(1, 17)}
    said = judged(history(tmp_path, changed=loud))
    assert verdict(said).verdict == "not gated"
    assert verdict(said).detectable > 0.10


def test_nights_of_another_plan_are_another_history(tmp_path):
    history(tmp_path, nights=14)
    save(tmp_path, 15, took(random.Random(9)), plan=replace(PLAN, rounds=9))
    said = judged(tmp_path)
    assert {row.verdict for row in said.rows} == {"learning"}
    assert {row.nights for row in said.rows} == {0}


def test_more_processes_are_the_same_plan(tmp_path):
    history(tmp_path, nights=14)
    save(tmp_path, 15, took(random.Random(9)), plan=replace(PLAN, processes=10))
    assert {row.verdict for row in judged(tmp_path).rows} == {"unchanged"}


def test_another_series_is_another_history(tmp_path):
    history(tmp_path, nights=14)
    save(tmp_path, 15, took(random.Random(9)), name="trial", plan=PLAN)
    assert {row.verdict for row in judged(tmp_path).rows} == {"learning"}
    assert {row.verdict for row in judged(tmp_path, series="nightly").rows} == {"unchanged"}


def test_cases_that_are_missing_tonight_are_named(tmp_path):
    history(tmp_path, nights=14)
    night = took(random.Random(9))
    del night[SLOW]
    save(tmp_path, 15, night, plan=PLAN)
    assert judged(tmp_path).notes == (f"1 cases of the night before are not in this one: {SLOW.id}.",)


def test_a_whole_suite_slower_is_told_as_the_machine_or_everything(tmp_path):
    said = judged(history(tmp_path, last={case: slower(1.04, (case,))[case] for case in CELLS}))
    assert said.shift == pytest.approx(0.04, abs=0.005)
    assert "All cells moved together by +4." in said.notes[0]
    assert {row.verdict for row in said.rows} == {"unchanged"}


def test_an_earlier_night_is_judged_by_its_name_and_against_what_came_before_it(tmp_path):
    history(tmp_path, nights=18, changed={16: slower(1.08)})
    said = judged(tmp_path, night="0016_nightly")
    assert said.night == "0016_nightly"
    assert verdict(said).nights == 13
    assert verdict(said).verdict == "suspect"


# tails: p90 over p50 within a round, whose changes leave the times as they are


def tailed(ratio, chance, sd=0.01):
    """Three processes of the slow cell, as fast as ever, with such a tail."""
    return {SLOW: [Tailed.of(0.2, ratio * (1 + chance.gauss(0, sd))) for _ in range(3)]}


def tails_of_nights(chance, nights=16, last=1.2):
    return {number: tailed(last if number == nights else 1.2, chance) for number in range(1, nights + 1)}


def tail_verdict(judgement, case=SLOW):
    (row,) = [row for row in judgement.tails if row.case == case.id]
    return row


def test_a_longer_tail_alone_leaves_the_time_unchanged_and_is_a_suspect_of_the_tails(tmp_path):
    longer = tails_of_nights(random.Random(5), last=1.8)
    longer[15] = tailed(1.8, random.Random(6))
    said = judged(history(tmp_path, changed=longer))
    assert verdict(said).verdict == "unchanged"
    row = tail_verdict(said)
    assert (row.verdict, row.tail) == ("suspect", pytest.approx(1.8, rel=0.03))
    assert row.deviation == pytest.approx(0.5, abs=0.05)
    assert 0.15 < row.detectable < 0.20
    assert {each.verdict for each in said.tails if each.case != SLOW.id} == {"unchanged"}
    assert said.code == 0
    page = gate_markdown(said)
    assert "## Tails" in page
    assert "1 suspect, 11 unchanged" in page
    stage1 = tails_stage1_of(tmp_path)
    assert {case: question.directions for case, question in asked(stage1).items()} == {SLOW: ("REGRESSION",)}


def tails_stage1_of(results):
    night = tonight(results, MACHINE)
    return screened(night.frame, night.name, night.epochs, night.tail_verdicts, TAIL)


def asked(stage1):
    return {question.case: question for question in stage1.pair_questions()}


def test_an_unchanged_tail_is_no_suspect_and_the_night_has_its_verdicts(tmp_path):
    said = judged(history(tmp_path, changed=tails_of_nights(random.Random(5))))
    assert {row.verdict for row in said.tails} == {"unchanged"}
    kept = verdicts.read_tails(tmp_path / MACHINE / "verdicts.jsonl")
    assert kept["0016_nightly"][SLOW.id].verdict == "unchanged"


def test_a_confirmed_regression_of_a_tail_fails_the_night_and_is_asked_again_until_pairs_clear_it(tmp_path):
    history(tmp_path, changed=tails_of_nights(random.Random(5)))
    place = tmp_path / MACHINE / "verdicts.jsonl"
    longer = Verdict(SLOW.id, "REGRESSION", 1.5, 1.4, 1.6, 12)
    verdicts.append(place, "0014_nightly", "2026-11-20T02:00:00+00:00", [], tails=[longer])
    stage1 = tails_stage1_of(tmp_path)
    assert asked(stage1)[SLOW].directions == ("REGRESSION", "IMPROVEMENT")
    assert SLOW not in stage1_of(tmp_path).cases()
    said = judged(tmp_path)
    assert said.notes == (
        f"A regression of the tail of an earlier night stands and could not be tested again: {SLOW.id}.",
    )
    assert said.code == 3
    row = CellVerdict(SLOW.id, "REGRESSION", tail=1.8, ratio=1.5, low=1.4, high=1.6, pairs=12)
    failed = replace_in_dataclass(said, rows=(), tails=(row,), unjudged=False)
    assert failed.code == 1
    assert headline(failed).endswith("a confirmed regression of a tail")
    (failure,) = xml.fromstring(junit(failed)).iter("failure")
    assert failure.get("message") == "REGRESSION: 1.500 (1.400–1.600)"


def test_a_case_with_four_calls_in_a_round_has_no_tail():
    four, five = (Samples(rounds=(Round((1,) * calls, calls, calls),) * 4) for calls in (4, 5))
    assert (tail(four, 1), tail(five, 1)) == (None, 0.0)


# confirmed changes, and what a person accepts


def say(results, night, word, case=SLOW):
    verdicts.append(results / MACHINE / "verdicts.jsonl", night, "2026-11-20T02:00:00+00:00", [Verdict(case.id, word)])


def stage1_of(results, **words):
    night = tonight(results, MACHINE, **words)
    return screened(night.frame, night.name, night.epochs, night.verdicts)


def test_a_confirmed_night_stays_out_of_the_cells_baseline_and_the_cell_is_asked_again(tmp_path):
    history(tmp_path, nights=16, changed={12: slower(1.05), 13: slower(1.05)})
    assert SLOW not in stage1_of(tmp_path).cases()
    say(tmp_path, "0012_nightly", "REGRESSION")
    say(tmp_path, "0013_nightly", "REGRESSION")
    stage1 = stage1_of(tmp_path)
    assert SLOW in stage1.cases()
    assert list(stage1.nights.eligible[-6:-1, CELLS.index(SLOW)]) == [True, False, False, True, True]
    assert stage1.nights.eligible[:, CELLS.index(BYSTANDER)].all()


def test_a_change_that_did_not_recur_is_closed(tmp_path):
    history(tmp_path, nights=16, changed={12: slower(1.05)})
    say(tmp_path, "0012_nightly", "REGRESSION")
    assert SLOW in stage1_of(tmp_path).cases()
    say(tmp_path, "0013_nightly", "cleared")
    assert SLOW not in stage1_of(tmp_path).cases()


def test_a_standing_regression_that_cannot_be_tested_again_is_no_good_night(tmp_path):
    history(tmp_path, nights=16, changed={12: slower(1.05)})
    say(tmp_path, "0012_nightly", "REGRESSION")
    say(tmp_path, "0013_nightly", "inconclusive")
    said = judged(tmp_path)
    assert said.code == 3
    assert said.notes == (f"A regression of an earlier night stands and could not be tested again: {SLOW.id}.",)


def test_an_accepted_change_begins_a_new_epoch_for_its_case_alone(tmp_path, command):
    history(tmp_path, nights=16, changed={14: slower(1.05), 15: slower(1.05)}, last=slower(1.05))
    say(tmp_path, "0014_nightly", "REGRESSION")
    place = ("--results", str(tmp_path), "--fingerprint", MACHINE)
    words = (SLOW.id, "--night", "0014_nightly", "--why", "wider tiles", "--who", "A. Reviewer")
    ran = command("mnv2bench", "accept", *words, *place)
    assert (ran.returncode, ran.stderr) == (0, "")
    said = judged(tmp_path)
    assert (verdict(said).verdict, verdict(said).nights) == ("learning", 2)
    assert verdict(said, BYSTANDER).verdict == "unchanged"


def test_every_night_leaves_its_verdicts_behind(tmp_path):
    history(tmp_path)
    judged(tmp_path)
    kept = verdicts.read(tmp_path / MACHINE / "verdicts.jsonl")
    assert list(kept) == ["0016_nightly"]
    assert set(kept["0016_nightly"]) == {case.id for case in CELLS}
    assert kept["0016_nightly"][SLOW.id].verdict == "unchanged"


# the command


def gate(command, results, *words, machine=MACHINE, **variables):
    return command("mnv2bench", "gate", "--results", str(results), "--fingerprint", machine, *words, **variables)


@pytest.mark.parametrize("option", ["--markdown", "--junit"])
def test_a_page_that_cannot_be_written_leaves_the_night_unjudged(started, tmp_path, option):
    results = history(tmp_path / "results")
    ran = started("mnv2bench", "gate", "--results", str(results), "--fingerprint", MACHINE, option, str(tmp_path / "x"),
                  largest_file=100)  # fmt: skip
    printed, complaint = ran.communicate()
    assert (ran.returncode, printed) == (2, "")
    assert complaint.startswith(f"mnv2bench: {tmp_path / 'x'} could not be written (File too large): ")
    assert not (results / MACHINE / "verdicts.jsonl").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["results"]


@pytest.mark.parametrize("option", ["--markdown", "--junit"])
def test_somebodys_file_is_refused_before_the_night_is_read(command, tmp_path, option):
    (tmp_path / "x").write_text("# My page\n")
    ran = gate(command, tmp_path / "no results", option, str(tmp_path / "x"))
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "was not written as a " in ran.stderr
    assert (tmp_path / "x").read_text() == "# My page\n"


def test_the_gate_prints_a_table_and_writes_a_summary_and_junit(command, tmp_path):
    results = history(tmp_path / "results", last=slower(1.05) | {BYSTANDER: [None] * 3})
    page, tests, summary = (tmp_path / name for name in ("gate.md", "gate.xml", "summary.md"))
    summary.write_text("before\n")
    words = ("--markdown", str(page), "--junit", str(tests))
    ran = gate(command, results, *words, GITHUB_STEP_SUMMARY=str(summary))
    assert (ran.returncode, ran.stderr) == (3, "")
    lines = ran.stdout.splitlines()
    rows = [line.split() for line in lines if line.strip().startswith("mobilenet")]
    assert [row[1] for row in rows[:3]] == ["broken", "suspect", "unchanged"]
    assert lines[-1] == "0016_nightly: cannot be judged (1 broken, 1 suspect, 10 unchanged)"
    assert page.read_text() == summary.read_text().removeprefix("before\n") + (
        "<!-- mnv2bench, summary of the gate: [] -->\n"
    )
    assert tests.read_text().endswith("</testsuite>\n<!-- mnv2bench, JUnit file of the gate: [] -->\n")
    assert page.read_text().startswith("# 0016_nightly: cannot be judged\n")
    root = xml.parse(tests).getroot()
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("12", "0", "1")
    (error,) = root.iter("error")
    assert "broken" in error.get("message")
    assert "worker ended by SIGSEGV" in error.get("message")


def test_the_page_of_the_gate_leads_to_the_report_of_the_night_where_one_stands_beside_it(command, tmp_path):
    results = history(tmp_path / "results")
    (night,) = results.glob("*/*/0016_nightly.json")
    assert "Report of the night" not in gate_page(command, results, tmp_path)
    night.with_suffix(".md").write_text("# My own notes\n")
    assert "Report of the night" not in gate_page(command, results, tmp_path)
    night.with_suffix(".md").unlink()
    assert command("mnv2bench", "report", str(night)).returncode == 0
    page = gate_page(command, results, tmp_path)
    (address,) = re.findall(r"^- Report of the night: \[.+\]\((.+)\)$", page, re.MULTILINE)
    assert (tmp_path / address).samefile(night.with_suffix(".md"))


def gate_page(command, results, folder):
    """The page that the gate writes of the newest night."""
    assert gate(command, results, "--markdown", str(folder / "gate.md")).returncode == 0
    return (folder / "gate.md").read_text()


def test_quiet_leaves_out_what_is_unchanged(command, tmp_path):
    ran = gate(command, history(tmp_path / "results"), "--quiet")
    assert (ran.returncode, ran.stdout) == (
        0,
        "0016_nightly: not gated: nothing can fail without --baseline (12 unchanged)\n",
    )


def test_a_damaged_night_is_named_and_the_others_are_judged(command, tmp_path):
    results = history(tmp_path / "results")
    damaged = results / MACHINE / "Linux-CPython-3.11-64bit" / "0003_nightly.json"
    damaged.write_text("{")
    ran = gate(command, results, "--quiet")
    assert ran.returncode == 0
    assert ran.stderr.startswith(f"skipped: {damaged} is damaged")


UNREADABLE = {
    "empty": "",
    "half": '{"benchmarks": [',
    "without benchmarks": '{"benchmarks": []}',
    "without cases": content({}, 17),
    "a pointer of Git LFS": "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
    "a merge conflict": "<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> other\n",
}


@pytest.mark.parametrize("damage", UNREADABLE)
@pytest.mark.parametrize("words", [("", ""), ("0017_nightly", ""), ("", "nightly")], ids=" ".join)
def test_a_newest_night_that_does_not_read_is_named_and_no_other_is_judged(tmp_path, damage, words):
    newest = history(tmp_path, nights=3) / MACHINE / "Linux-CPython-3.11-64bit" / "0017_nightly.json"
    newest.write_text(UNREADABLE[damage])
    choice = dict(zip(("night", "series"), words, strict=True))
    with pytest.raises(UnreadNight, match=re.escape(str(newest))) as unread:
        judged(tmp_path, **choice)
    assert (unread.value.judgement().code, unread.value.judgement().night) == (3, "0017_nightly")
    assert not (tmp_path / MACHINE / "verdicts.jsonl").exists()
    assert judged(tmp_path, night="0003_nightly").code == 0  # by name


def test_two_files_of_the_newest_night_are_no_night_to_judge(tmp_path):
    history(tmp_path, nights=3)
    twin = save(tmp_path, 3, took(random.Random(9)), platform="Other", plan=PLAN)
    with pytest.raises(UnreadNight, match="has the name of"):
        judged(tmp_path)
    assert twin.exists()


def test_a_damaged_newer_night_of_another_series_does_not_stop_the_one_that_is_named(tmp_path):
    other = history(tmp_path, nights=3) / MACHINE / "Linux-CPython-3.11-64bit" / "0017_weekly.json"
    other.write_text("{")
    assert judged(tmp_path, series="nightly").night == "0003_nightly"
    with pytest.raises(UnreadNight, match="0017_weekly"):
        judged(tmp_path)


def test_the_verb_ends_with_3_and_writes_the_damage_into_every_page(command, tmp_path):
    results = history(tmp_path / "results", nights=3)
    newest = results / MACHINE / "Linux-CPython-3.11-64bit" / "0017_nightly.json"
    newest.write_text("{")
    page, tests, summary = (tmp_path / name for name in ("gate.md", "gate.xml", "summary.md"))
    ran = gate(command, results, "--markdown", str(page), "--junit", str(tests), GITHUB_STEP_SUMMARY=str(summary))
    assert (ran.returncode, ran.stdout) == (3, "0017_nightly: cannot be judged\n")
    assert ran.stderr.startswith(f"mnv2bench: {newest} is damaged")
    assert "# 0017_nightly: cannot be judged\n" in page.read_text()
    assert "0017" in summary.read_text()
    root = xml.parse(tests).getroot()
    assert (root.get("tests"), root.get("errors")) == ("1", "1")
    assert str(newest) in next(root.iter("error")).get("message")


def test_the_night_with_the_highest_number_is_tonight_whatever_a_clock_said(tmp_path):
    history(tmp_path, nights=15)
    save(tmp_path, 16, took(random.Random(9)) | slower(1.08), plan=PLAN, when=datetime(2026, 10, 1, tzinfo=UTC))
    said = judged(tmp_path)
    assert (said.night, verdict(said).verdict) == ("0016_nightly", "suspect")
    assert said.notes == (
        "0016_nightly is dated 2026-10-01 00:00, before 0015_nightly of 2026-11-15 02:10: a clock was wrong. "
        "Nights are in the order of their numbers.",
    )


def test_a_night_of_2031_is_not_tonight_for_ever(tmp_path):
    history(tmp_path, nights=14)
    save(tmp_path, 15, took(random.Random(8)), plan=PLAN, when=datetime(2031, 1, 1, tzinfo=UTC))
    assert judged(tmp_path).notes == ("0015_nightly is dated 2031-01-01 00:00, which is still to come: set the clock.",)
    save(tmp_path, 16, took(random.Random(9)), plan=PLAN)
    said = judged(tmp_path)
    assert said.night == "0016_nightly"
    assert "0016_nightly is dated 2026-11-16 02:10, before 0015_nightly of 2031-01-01" in said.notes[0]


def test_a_night_in_which_nothing_was_measured_cannot_be_judged(tmp_path):
    save(tmp_path, 1, {case: [] for case in CELLS}, plan=PLAN)
    assert judged(tmp_path).code == 3


def test_without_a_baseline_the_headline_says_that_nothing_can_fail(tmp_path):
    slow = judged(history(tmp_path, last=slower(1.05)))
    assert (slow.code, headline(slow)) == (0, "0016_nightly: not gated: nothing can fail without --baseline")
    assert gate_markdown(slow).startswith("# 0016_nightly: not gated: nothing can fail without")
    strict = replace_in_dataclass(slow, strict=True)
    assert (strict.code, headline(strict)) == (1, "0016_nightly: a suspect, and --strict")
    judged_by_pairs = replace_in_dataclass(slow, baseline="/old/python")
    assert headline(judged_by_pairs) == "0016_nightly: nothing confirmed"


def test_a_night_that_was_compared_with_nothing_says_so(tmp_path):
    said = judged(history(tmp_path, nights=3))
    assert headline(said) == ("0003_nightly: nothing was compared; not gated: nothing can fail without --baseline")


def test_strict_makes_a_suspect_exit_code_1(command, tmp_path):
    results = history(tmp_path / "results", last=slower(1.05))
    ran = gate(command, results, "--strict", "--quiet")
    assert ran.returncode == 1
    assert ran.stdout.endswith("0016_nightly: a suspect, and --strict (1 suspect, 11 unchanged)\n")
    calm = gate(command, history(tmp_path / "calm"), "--strict", "--quiet")
    assert (calm.returncode, calm.stdout) == (0, "0016_nightly: nothing suspect (12 unchanged)\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["0099_nightly"], "there is no night '0099_nightly' of example-cpu-2c-752de294 under"),
        (["--series", "weekly"], "pytest suites --benchmark-save=nightly saves one"),
        (["--fingerprint", "elsewhere"], "no night of elsewhere under"),
        (["--budget", "0"], "--budget must be a number above 0 and at most 31536000s, not '0': write 90s, 10m or 1h"),
        (["--budget", "nan"], "--budget 'nan' is no number with one of the units s, m, min, h: write 90s, 10m or 1h"),
        (["--baseline", sys.executable], "is another machine: measure pairs there, and leave --baseline out here"),
    ],
    ids=lambda value: " ".join(value[:1]) if isinstance(value, list) else "",
)
def test_bad_input_is_one_line_and_exit_code_2(command, tmp_path, words, said):
    ran = gate(command, history(tmp_path / "results", nights=3), *words)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("mnv2bench: ")
    assert ran.stderr.count("\n") == 1
    assert said in ran.stderr


@pytest.mark.parametrize("name", ["epochs.toml", "verdicts.jsonl"])
def test_a_damaged_file_of_acceptances_or_verdicts_stops_the_gate(command, tmp_path, name):
    results = history(tmp_path / "results", nights=3)
    (results / MACHINE / name).write_text("[[epoch\n{}\n")
    ran = gate(command, results)
    assert ran.returncode == 2
    assert ran.stderr.count("\n") == 1
    assert name in ran.stderr


# pairs against a baseline environment, in real processes


@pytest.fixture
def here(tmp_path):
    """Nights of this machine with this environment's libraries; the last one looks slower in two cells."""
    machine, facts = this_machine().fingerprint, {"libraries": this_machine().libraries}
    folder = tmp_path / "results" / machine / "Linux-CPython-3.11-64bit"
    folder.mkdir(parents=True)
    chance = random.Random(3)
    for number in range(1, 17):
        night = took(chance) | (slower(1.2, (SLOW, BYSTANDER)) if number == 16 else {})
        text = content(night, number, plan=PLAN, fingerprint=machine, **facts)
        (folder / f"{number:04}_nightly.json").write_text(text)
    return tmp_path / "results"


@pytest.mark.slow
def test_pairs_confirm_the_cell_that_is_slower_and_clear_the_one_that_only_looked_so(command, here, slowed):
    launcher = slowed({SLOW: 40_000})  # of 200,000 ns
    words = ("--baseline", sys.executable, "--new", launcher, "--junit", str(here / "gate.xml"))
    words += ("--explain", "--comment", str(here / "comment.md"), "--markdown", str(here / "gate.md"))
    ran = gate(command, here, *words, machine=this_machine().fingerprint)
    assert (ran.returncode, ran.stderr) == (1, "")
    body = (here / "comment.md").read_text()
    assert body.startswith("**0016_nightly: a confirmed regression**")
    assert f"--new {launcher}" in body
    explained = "its blocks explain only 0% of that change"  # the loop spins outside of what the fake's profiler names
    assert all(explained in text for text in (body, (here / "gate.md").read_text(), ran.stdout))
    assert "0016_nightly: a confirmed regression (1 REGRESSION, 1 cleared, 10 unchanged)" in ran.stdout
    kept = verdicts.read(here / this_machine().fingerprint / "verdicts.jsonl")["0016_nightly"]
    assert kept[SLOW.id].ratio == pytest.approx(1.2, abs=0.03)
    assert kept[SLOW.id].pairs == 6
    assert kept[BYSTANDER.id].verdict == "cleared"
    (failure,) = xml.parse(here / "gate.xml").getroot().iter("failure")
    assert failure.get("message").startswith("REGRESSION: 1.")


def test_an_environment_that_did_not_measure_the_night_cannot_stand_for_it(command, here):
    folder = here / this_machine().fingerprint
    for file in folder.glob("*/*.json"):
        said = json.loads(file.read_text())
        said["mnv2bench"][0]["environment"]["libraries"]["openvino"] = "2025.1.0"
        file.write_text(json.dumps(said))
    ran = gate(command, here, "--baseline", sys.executable, machine=this_machine().fingerprint)
    assert ran.returncode == 2
    assert "was measured with openvino 2025.1.0" in ran.stderr
    assert "give --new the interpreter that measured the night" in ran.stderr
    assert not (folder / "verdicts.jsonl").exists()


def test_a_night_without_suspects_needs_no_pairs(command, here):
    words = ("0015_nightly", "--baseline", "/no/such/python")
    ran = gate(command, here, *words, machine=this_machine().fingerprint)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "0015_nightly: nothing confirmed" in ran.stdout


# reports


def test_names_and_reasons_from_files_are_plain_words_in_markdown_and_xml():
    row = CellVerdict("<b>x|y</b>", "broken", reason="a\nb [link](http://x) `code`\x1b[31m")
    said = Judgement("0001_*n*", "", "m|n", (row,), 0.0, ("<script>",), "", False)
    page = gate_markdown(said)
    assert "<b>" not in page
    assert "<script>" not in page
    assert "\\<b\\>x\\|y\\</b\\>" in page
    assert "a b \\[link\\](http://x) \\`code\\` \\[31m" in page
    assert xml.fromstring(junit(said).split("\n", 1)[1]).find("testcase").get("name") == "<b>x|y</b>"
