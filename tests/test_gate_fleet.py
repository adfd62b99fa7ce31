"""The gate on all machines: what regressed on most of them, what on a single one, and which machines are missing."""

from datetime import UTC, datetime, timedelta

import pytest
from saved_nights import FIRST, LIBRARIES, content

from mnv2bench.case import Case
from mnv2bench.regression.gate.machines import judged_fleet
from mnv2bench.regression.gate.spread import MOST, SINGLE, SOME, TOO_FEW, false_alarms, regressions
from mnv2bench.regression.history import verdicts
from mnv2bench.regression.history.verdicts import Verdict
from mnv2bench.regression.pages.machines import fleet_markdown, regression_row, sentences

SLOW, CALM = (Case(width=0.35, resolution=resolution, backend="fake") for resolution in (96, 64))
FLEET = ("alpha-2c-11111111", "beta-4c-22222222", "gamma-8c-33333333")
NOW = FIRST + timedelta(days=2, hours=1)
UNCHANGED = Verdict(SLOW.id, "unchanged", detectable=0.03)
CLEARED = Verdict(SLOW.id, "cleared", ratio=1.001, low=0.99, high=1.01, pairs=6)
LEARNING = Verdict(SLOW.id, "learning")


def slower(ratio, case=SLOW):
    return Verdict(case.id, "REGRESSION", ratio=ratio, low=ratio - 0.01, high=ratio + 0.01, pairs=6)


def night(results, machine, number, verdict=UNCHANGED, *, judged=True, when=None, tails=(), ms=0.5, **facts):
    """A night of two cases on one machine, and the line of its gate."""
    path = results / machine / "Linux-CPython-3.11-64bit" / f"{number:04}_nightly.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    took = {SLOW: [ms] * 3, CALM: [0.5] * 3}
    path.write_text(content(took, number, when=when, fingerprint=machine, **facts))
    if judged:
        calm = Verdict(CALM.id, "unchanged", detectable=0.03)
        line = results / machine / "verdicts.jsonl"
        verdicts.append(line, path.stem, NOW.isoformat(), [verdict, calm], tails=tails)


@pytest.fixture
def fleet(tmp_path):
    """Two nights of each of three machines, in which nothing changed; a third one is what a test is about."""
    for machine in FLEET:
        for number in (1, 2):
            night(tmp_path, machine, number)
    return tmp_path


def judged(results, now=NOW):
    return judged_fleet(results, "nightly", now)


def row(judgement):
    (only,) = judgement.rows
    return only


# which machines


def test_a_case_that_is_slower_on_two_of_three_machines_is_a_change_of_the_code_or_of_a_library(fleet):
    newer = LIBRARIES | {"openvino": "2026.5.0"}
    for machine, verdict in zip(FLEET, (slower(1.06), slower(1.09), CLEARED), strict=True):
        night(fleet, machine, 3, verdict, libraries=newer if machine != FLEET[2] else LIBRARIES)
    judgement = judged(fleet)
    assert (judgement.code, row(judgement).spread) == (1, MOST)
    assert (row(judgement).slower, row(judgement).unchanged) == (FLEET[:2], FLEET[2:])
    assert (row(judgement).low, row(judgement).high) == (1.06, 1.09)
    assert regression_row(row(judgement)) == [SLOW.id, "2 of 3", "1.060–1.090", "0.03 %", "most machines"]
    (text,) = sentences(judgement)
    assert f"{SLOW.id} is slower on {FLEET[0]}, {FLEET[1]}: a change of the code or of a library." in text
    assert "First confirmed in 0003_nightly (2026-11-03). Commits: 000200020002..000300030003." in text
    assert "Libraries that changed then: openvino 2026.4.1 → 2026.5.0." in text


def test_a_case_that_is_slower_on_one_machine_points_at_its_kernel_and_not_at_the_code(fleet):
    night(fleet, FLEET[0], 2, kernel="6.1.0")
    night(fleet, FLEET[0], 3, slower(1.2), kernel="6.1.9")
    night(fleet, FLEET[1], 3)
    night(fleet, FLEET[2], 3, CLEARED)
    judgement = judged(fleet)
    assert (judgement.code, row(judgement).spread) == (1, SINGLE)
    (text,) = sentences(judgement)
    assert f"{SLOW.id} is slower on {FLEET[0]}: look at that machine before the code." in text
    assert "The machine's own facts: kernel 6.1.0 → 6.1.9." in text


def test_a_regression_is_dated_by_the_first_of_the_nights_that_confirmed_it(fleet):
    for machine in FLEET:
        night(fleet, machine, 2, slower(1.05))
        night(fleet, machine, 3, slower(1.05))
    (text,) = sentences(judged(fleet))
    assert "First confirmed in 0002_nightly (2026-11-02). Commits: 000100010001..000200020002." in text


def spread(**of_machine):
    (only,) = regressions({name: {SLOW.id: verdict} for name, verdict in of_machine.items()})
    return only.spread, len(only.slower), only.judging


def test_most_are_two_at_least_and_more_than_half_of_those_that_can_say():
    assert spread(a=slower(1.1), b=slower(1.1)) == (MOST, 2, 2)
    assert spread(a=slower(1.1), b=slower(1.1), c=CLEARED) == (MOST, 2, 3)
    assert spread(a=slower(1.1), b=slower(1.1), c=CLEARED, d=CLEARED) == (SOME, 2, 4)
    assert spread(a=slower(1.1), b=CLEARED, c=UNCHANGED) == (SINGLE, 1, 3)
    assert spread(a=slower(1.1), b=CLEARED) == (TOO_FEW, 1, 2)
    assert spread(a=slower(1.1)) == (TOO_FEW, 1, 1)


def test_a_machine_that_would_not_have_seen_the_change_says_nothing():
    assert spread(a=slower(1.02), b=UNCHANGED, c=UNCHANGED) == (TOO_FEW, 1, 1)  # they find 3 % at least
    assert spread(a=slower(1.03), b=UNCHANGED, c=UNCHANGED) == (SINGLE, 1, 3)
    assert spread(a=slower(1.1), b=LEARNING, c=Verdict(SLOW.id, "noisy")) == (TOO_FEW, 1, 1)


def test_the_chance_is_that_of_so_many_false_alarms_at_one_percent_each():
    assert false_alarms(1, 1) == pytest.approx(0.01)
    assert false_alarms(2, 2) == pytest.approx(0.0001)
    assert false_alarms(2, 3) == pytest.approx(0.000298)
    assert false_alarms(1, 4) == pytest.approx(0.0394, abs=1e-4)


def test_a_tail_that_grew_on_most_machines_is_a_regression_of_its_own(fleet):
    for machine in FLEET:
        night(fleet, machine, 3, tails=[slower(1.4)])
    judgement = judged(fleet)
    assert (judgement.code, row(judgement).tail, row(judgement).spread) == (1, True, MOST)
    assert sentences(judgement)[0].startswith(f"the tail of {SLOW.id} is slower on ")


# what is missing


def test_nothing_is_confirmed_where_every_machine_was_judged_tonight(fleet):
    for machine in FLEET:
        night(fleet, machine, 3)
    judgement = judged(fleet)
    assert (judgement.code, judgement.rows, sentences(judgement)) == (0, (), ())


def test_a_machine_that_measured_nothing_tonight_is_named_and_the_night_is_not_green(fleet):
    for machine in FLEET[:2]:
        night(fleet, machine, 3)
    judgement = judged(fleet)
    assert judgement.code == 3
    expected = f"{FLEET[2]}: it measured nothing tonight: its newest night is 0002_nightly of 2026-11-02 02:10"
    assert sentences(judgement) == (expected,)


def test_a_machine_that_measures_no_more_is_named_and_warns_no_longer(fleet):
    later = FIRST + timedelta(days=40)
    for machine in FLEET[:2]:
        night(fleet, machine, 3, when=later)
    judgement = judged(fleet, later)
    assert judgement.code == 0
    assert sentences(judgement)[0].startswith(f"{FLEET[2]}: it measured nothing tonight")


def test_a_night_that_its_own_gate_did_not_judge_is_named_with_the_command(fleet):
    for machine in FLEET:
        night(fleet, machine, 3, judged=machine != FLEET[1])
    judgement = judged(fleet)
    assert judgement.code == 3
    advice = "mnv2bench gate 0003_nightly --series nightly on that machine judges it"
    assert sentences(judgement) == (f"{FLEET[1]}: 0003_nightly was not judged: {advice}",)


def test_a_machine_of_another_commit_is_judged_by_itself(fleet):
    for machine in FLEET:
        night(fleet, machine, 3, slower(1.1), commit="f" * 40 if machine == FLEET[2] else "a" * 40)
    judgement = judged(fleet)
    assert [(row.slower, row.judging) for row in judgement.rows] == [(FLEET[:2], 2), (FLEET[2:], 1)]
    assert sentences(judgement)[-1] == (
        f"{FLEET[2]}: it measured the commit ffffffffffff and not aaaaaaaaaaaa, and is not counted among the others"
    )


def test_a_clock_of_tomorrow_decides_nothing(fleet):
    night(fleet, FLEET[0], 3)
    night(fleet, FLEET[1], 3)
    night(fleet, FLEET[2], 3, when=NOW + timedelta(days=30))
    judgement = judged(fleet)
    assert (judgement.code, judgement.newest.day) == (3, 3)
    assert sentences(judgement)[0].endswith("which is still to come: set the clock of that machine")


def test_a_file_that_does_not_read_is_named_and_the_others_are_judged(fleet):
    for machine in FLEET[:2]:
        night(fleet, machine, 3)
    (fleet / FLEET[2] / "Linux-CPython-3.11-64bit" / "0003_nightly.json").write_text("{")
    (fleet / FLEET[1] / "epochs.toml").write_text("?")
    judgement = judged(fleet)
    assert judgement.code == 3
    assert [machine.takes_part for machine in judgement.machines] == [True, False, False]
    assert "epochs.toml is damaged" in sentences(judgement)[0]
    assert "0003_nightly.json is damaged" in sentences(judgement)[1]


def test_a_case_that_broke_and_a_regression_that_was_not_tested_again_are_no_good_night(fleet):
    night(fleet, FLEET[0], 2, slower(1.1))
    night(fleet, FLEET[0], 3, Verdict(SLOW.id, "inconclusive"))
    night(fleet, FLEET[1], 3, Verdict(SLOW.id, "broken", reason="failed: SIGSEGV"))
    night(fleet, FLEET[2], 3)
    judgement = judged(fleet)
    assert judgement.code == 3
    standing = f"1 regression of earlier nights stands and was not tested again: {SLOW.id}"
    assert sentences(judgement) == (f"{FLEET[0]}: {standing}", f"{FLEET[1]}: 1 case broke: {SLOW.id}")


# what a reader sees


def test_texts_of_files_are_words_on_the_page(fleet):
    for machine in FLEET:
        hostile = LIBRARIES | {"<script>alert(1)</script>": "| x | [y](http://z) @ada #1"}
        night(fleet, machine, 3, slower(1.1), libraries=hostile, commit="`|<b>")
    page = fleet_markdown(judged(fleet))
    assert "<script>" not in page
    assert "\\<script\\>" in page
    assert "\\[y\\]" in page
    assert all(line.count("|") - line.count("\\|") == 6 for line in page.splitlines() if line.startswith("|"))


def test_the_verb_prints_and_writes_the_summary_and_ends_with_its_code(fleet, verb):
    for machine in FLEET:
        night(fleet, machine, 3, slower(1.1), when=datetime.now(UTC))
    page = fleet / "fleet.md"
    ran = verb("gate", "--fleet", "--results", str(fleet), "--markdown", str(page))
    assert (ran.returncode, ran.err) == (1, "")
    assert "1 regression on most machines" in ran.out
    assert page.read_text().startswith(f"# nightly, {datetime.now(UTC):%Y-%m-%d}: 1 regression on most machines\n")


def test_what_decides_something_on_one_machine_is_refused_beside_fleet(fleet, verb):
    ran = verb("gate", "--fleet", "--results", str(fleet), "--baseline", "/usr/bin/python3")
    assert (ran.returncode, ran.err.count("\n")) == (2, 1)
    assert "--baseline is of one machine" in ran.err
