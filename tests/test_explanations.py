"""Why a case became slower: the blocks that moved most, how much of the change they are, and the body of an issue."""

import re
import sys
from dataclasses import replace as replace_in_dataclass

import pytest
import saved_profiles
from saved_nights import samples

from mnv2bench.case import Case
from mnv2bench.explanations.comment import MOST_CHARACTERS, fitted, fleet_comment, gate_comment
from mnv2bench.explanations.evidence import Evidence, changed_cases
from mnv2bench.explanations.explanation import Explanation, MovedBlock, explanation, moved_blocks
from mnv2bench.explanations.measuring import explained
from mnv2bench.explanations.page import block_rows, explanation_section, explanation_sentences
from mnv2bench.profiling.records import Operator
from mnv2bench.records import Machine, Plan, Process, record, replace
from mnv2bench.regression.judging.judgement import CellVerdict, Judgement
from mnv2bench.regression.judging.pairs import Judged

CASE = saved_profiles.EAGER
OLD = saved_profiles.profiles()[:2]  # of two processes, all layers apart
FUSED = saved_profiles.profiles()[2]


def slower(profiles, block, times):
    """The same profiles whose operators of one block take so many times as long."""
    modules = {layer.modules[0] for layer in CASE.layers if layer.block == block}

    def operator(known):
        durations = known.durations_ns
        moved = bool(modules & {*known.origins})
        return Operator(
            known.name, known.type, tuple(ns * times for ns in durations) if moved else durations, known.origins
        )

    return [replace(profile, operators=tuple(map(operator, profile.operators))) for profile in profiles]


def of_ms(ms):
    return record(CASE, Plan(), Machine(), [Process(CASE, 0, 0, 0, "ok", "", 10.0, samples(ms))])


def of(old, new, old_ms=1.0, new_ms=1.2, case=CASE):
    return explanation(case, (old, new), (of_ms(old_ms), of_ms(new_ms)))


# the blocks


def test_the_block_that_became_slower_is_the_first_and_its_share_is_of_the_cases_own_change():
    known = of(OLD, slower(OLD, "block3", 5), 1.0, 1.2)  # its layers take 20 + 20 + 10 us, and an addition none
    first, *others = known.blocks
    assert (first.name, first.is_apart) == ("block3", True)
    assert first.change_s == pytest.approx(0.2e-3, rel=0.1)
    assert known.explained == pytest.approx(first.change_s / 0.2e-3)
    assert {block.change_s for block in others} == {0.0}


def test_an_improvement_names_the_block_that_became_faster():
    known = of(slower(OLD, "block5", 4), OLD, 1.2, 1.0)
    assert known.most_moved[0].name == "block5"
    assert known.most_moved[0].change_s < 0
    assert known.explained > 0


def test_three_blocks_are_named_and_all_others_are_one_row():
    rows = block_rows(of(OLD, slower(slower(OLD, "block3", 5), "head", 3)))
    assert [row[0] for row in rows][:2] == ["block3", "head"]
    assert len(rows) == 4
    assert rows[-1][0] == "18 others"


def test_blocks_that_one_side_fuses_are_one_block_on_both():
    old = replace(OLD[0], case=FUSED.case)
    names = {block.name for block in moved_blocks(([old], [FUSED]))}
    assert "head+pool" in names
    assert "pool" not in names
    both = sum(block.old_s for block in moved_blocks(([old], [FUSED])))
    assert both == pytest.approx(sum(o.durations_ns[0] for o in old.operators) / 1e9)


def test_a_block_whose_processes_overlap_is_within_its_spread():
    noisy = [OLD[0], slower(OLD[1:], "block3", 5)[0]]
    (block,) = [block for block in moved_blocks((noisy, slower(OLD, "block3", 5))) if block.name == "block3"]
    assert not block.is_apart
    assert block_rows(Explanation(CASE, 1.0, 2.0, (block,)))[0][0] == "block3 (within its spread)"


# how honest it is


def sentences(known):
    return " ".join(explanation_sentences(known))


@pytest.mark.parametrize(
    ("new_ms", "words"),
    [
        (1.2, "explain 100% of that change"),
        (2.0, "explain only 20% of that change: the rest passes between the operators"),
        (1.1, "explain 200% of that change: the profiler slows the two sides differently, so doubt these shares"),
        (0.9, "explain nothing of it (-200%): they moved the other way"),
        (1.0, "explain nothing: its own median did not change"),
    ],
)
def test_what_the_profiles_explain_is_a_number_and_its_meaning(new_ms, words):
    known = Explanation(CASE, 1e-3, new_ms * 1e-3, (MovedBlock("block3", 0.1e-3, 0.3e-3, True),), profilers=("a", "b"))
    assert words in sentences(known)


def test_a_profile_that_failed_says_which_side_and_why():
    known = of([saved_profiles.profiles()[3]], OLD)
    assert sentences(known) == "not explained: old: unsupported: ncnn wheels have no profiler"
    assert "not explained" in explanation_section(known)


def test_the_cost_of_a_profiler_is_named_on_the_side_that_has_it():
    known = of(OLD, slower(OLD, "block3", 40), 1.0, 1.2)
    assert any(doubt.startswith("new: the profiler costs") for doubt in known.doubts)


def test_regressions_are_explained_before_improvements_and_the_largest_first():
    cases = [Case(resolution=resolution) for resolution in (96, 128, 160, 192)]
    verdicts = ("IMPROVEMENT", "REGRESSION", "cleared", "REGRESSION")
    judged = [Judged(ratio, 1, 1, 6, verdict) for ratio, verdict in zip((0.5, 1.1, 1.0, 1.3), verdicts, strict=True)]
    assert changed_cases(zip(cases, judged, strict=True)) == (cases[3], cases[1], cases[0])


# the body of an issue


ROW = CellVerdict(CASE.id, "REGRESSION", 5.21, ratio=1.083, low=1.071, high=1.095, pairs=6)
NIGHT = Judgement("0031_nightly", "2026-11-12", "m-2c-1", (ROW,), 0.0, ("A note.",), "/old/python", unjudged=False)
DUEL = Evidence(
    pythons=("/old place/python", "/new/python"),
    machine=Machine(cpu_model="Example CPU", kernel="6.1.9", commit="b" * 40),
    plan=Plan(rounds=10, environment=("OMP_WAIT_POLICY=PASSIVE",)),
    differences=(("commit of mnv2bench", "a" * 40, "b" * 40), ("openvino", "2026.3.0", "2026.4.1")),
)


def test_the_body_has_the_change_the_libraries_the_commits_the_machine_and_the_command():
    moved = Explanation(CASE, 5.0e-3, 5.4e-3, (MovedBlock("block3", 1e-3, 1.4e-3, True),), "", 5, ("a", "a"))
    body = gate_comment(NIGHT, replace_in_dataclass(DUEL, explanations=(moved,)))
    assert body.startswith("**0031_nightly: a confirmed regression**\n")
    assert f"| {CASE.id} | REGRESSION | 1.083 (1.071–1.095) | 5.21 | 6 | |" in " ".join(body.split())
    assert f"- Commits: {'a' * 40}..{'b' * 40}\n" in body
    assert "| openvino | 2026.3.0 | 2026.4.1 |" in " ".join(body.split())
    assert "- Machine: m-2c-1 (Example CPU, kernel 6.1.9)\n" in body
    assert "| block3 | 1.00 | 1.40 | +0.400 | +100% |" in " ".join(body.split())
    words = body.replace("\\\n", " ").split()
    assert (
        " ".join(words).count(f"mnv2bench duel {CASE.id} --old '/old place/python' --new /new/python --rounds 10") == 1
    )
    assert "--env OMP_WAIT_POLICY=PASSIVE\n```" in body


def test_a_night_without_pairs_says_that_nothing_is_confirmed():
    assert "No pairs of processes were measured: nothing here is confirmed by them" in gate_comment(NIGHT)


def test_texts_of_an_environment_are_neither_markup_nor_mentions_nor_links_to_issues():
    hostile = (("<img src=x>@ada", "#12", "`https://example.org`|"), ("commit of mnv2bench", "@x", "</details>"))
    body = gate_comment(NIGHT, replace_in_dataclass(DUEL, differences=hostile, pythons=("/a`b\n```", "c")))
    assert "@ada" not in body
    assert "#12" not in body
    assert "https://" not in body
    assert re.search(r"(?<!\\)<img", body) is None
    assert body.count("</details>") == body.count("<details")
    assert body.count("```") == 2


def test_a_body_of_many_cases_fits_and_says_what_is_missing():
    rows = tuple(replace_in_dataclass(ROW, case=f"{CASE.id}-{number}", reason="r" * 400) for number in range(300))
    moved = tuple(
        Explanation(CASE, 5e-3, 6e-3, (MovedBlock("block3", 1e-3, 2e-3, True),), doubts=("d" * 400,))
        for _ in range(200)
    )
    body = gate_comment(replace_in_dataclass(NIGHT, rows=rows), replace_in_dataclass(DUEL, explanations=moved))
    assert MOST_CHARACTERS - 2_000 < len(body) < MOST_CHARACTERS
    assert "250 rows more." in body
    assert body.rstrip().endswith("of this page did not fit: the job's summary has all.")


def test_what_does_not_fit_is_left_out_whole_and_what_comes_after_it_still_stands():
    assert fitted(["first", "x" * MOST_CHARACTERS, "last"]).split("\n\n")[:2] == ["first", "last"]


def test_the_body_of_a_fleet_has_its_regressions_and_its_machines(tmp_path):
    from test_gate_fleet import FLEET, judged, night
    from test_gate_fleet import slower as regression

    for machine in FLEET:
        night(tmp_path, machine, 2)
        night(tmp_path, machine, 3, regression(1.1))
    body = fleet_comment(judged(tmp_path))
    assert body.startswith("# nightly, 2026-11-03: 1 regression on most machines\n")
    assert all(f"| {machine} " in body for machine in FLEET)


# in real processes


@pytest.mark.slow
def test_a_module_that_computes_more_in_the_new_environment_is_the_block_that_moved_most(tmp_path, cache, monkeypatch):
    from mnv2bench.campaign.patience import Patience
    from mnv2bench.regression.duels.duel import begin_duel, measure_pairs
    from mnv2bench.selfcheck.duels import slower as launcher

    monkeypatch.setenv("MNV2BENCH_CACHE", str(cache))
    case = Case(width=0.35, resolution=96, backend="torch_eager")
    new = launcher(sys.executable, {}, tmp_path, {(case, "features.3.conv.1.0"): 12})
    plan = Plan(processes=30, rounds=1, warmup_s=0.1, warmup_cap_s=0.3)
    duel = begin_duel((case,), (sys.executable, new), tmp_path / "duel", plan, patience=Patience(idle_s=0.0))
    measure_pairs(duel, [case], 1)
    (known,) = explained(duel, [case], processes=2)
    assert known.reason == ""
    assert known.blocks[0].name == "block2"
    assert known.blocks[0].new_s > 2 * known.blocks[0].old_s
    assert known.blocks[0].is_apart
    again = explained(duel, [case], processes=2)  # nothing is profiled twice
    assert again == (known,)
