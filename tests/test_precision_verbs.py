"""Gate, accept, history, compare and duel of files with several precisions: a case is judged by its own alone."""

import random
import sys

import pytest
from saved_nights import MACHINE, save

from mnv2bench.case import Case
from mnv2bench.records import Plan
from mnv2bench.regression.gate.night import judge_night, tonight

PRECISIONS = ("fp32", "bf16", "int8")
CELLS = tuple(
    Case(width=0.35, resolution=resolution, backend="openvino", precision=precision)
    for resolution in (96, 128, 160, 192)
    for precision in PRECISIONS
)
FP32, BF16, INT8 = CELLS[:3]
PLAN = Plan(processes=3, rounds=1, warmup_s=0.1, warmup_cap_s=0.3)
MS = {"fp32": 0.5, "bf16": 0.4, "int8": 0.3}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MNV2BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "160")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Sixteen nights, in the last of which int8 of the smallest variant is 6 % slower, and nothing else is."""
    place, chance = tmp_path_factory.mktemp("results"), random.Random(5)
    for number in range(1, 17):
        ratio = {INT8: 1.06} if number == 16 else {}
        took = {
            case: [MS[case.precision] * ratio.get(case, 1.0) * (1 + chance.gauss(0, 0.002)) for _ in range(3)]
            for case in CELLS
        }
        save(place, number, took, plan=PLAN)
    return place


def first_words(text):
    """The case and the word behind it, of each row of a table in the terminal."""
    rows = [line.split() for line in text.splitlines() if line.strip().startswith("mobilenet")]
    return {row[0]: row[1] for row in rows}


def test_the_gate_suspects_the_precision_that_is_slower_and_no_other_of_the_same_variant_and_backend(results):
    verdicts = {row.case: (row.verdict, row.nights) for row in judge_night(tonight(results, MACHINE), None).rows}
    assert {case for case, (verdict, _) in verdicts.items() if verdict != "unchanged"} == {INT8.id}
    assert verdicts[INT8.id][0] == "suspect"
    assert verdicts[FP32.id] == verdicts[BF16.id] == ("unchanged", 13)  # the last 13 of 15, as of every case


def test_an_accepted_change_of_int8_begins_no_epoch_of_fp32_and_bf16(results, verb, tmp_path):
    place = tmp_path / "results"
    for night in sorted(results.rglob("*_nightly.json")):
        copy = place / night.relative_to(results)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(night.read_bytes())
    where = ("--results", place, "--fingerprint", MACHINE)
    ran = verb("accept", INT8.id, *where, "--why", "per channel scales", "--who", "A. Reviewer")
    assert (ran.returncode, ran.err) == (0, "")
    verdicts = {row.case: row.verdict for row in judge_night(tonight(place, MACHINE), None).rows}
    assert (verdicts[INT8.id], verdicts[FP32.id], verdicts[BF16.id]) == ("learning", "unchanged", "unchanged")


def test_the_history_shows_each_precision_as_a_case_of_its_own(results, verb):
    where = ("--results", results, "--fingerprint", MACHINE)
    ran = verb("history", *where)
    assert ran.returncode == 0
    assert list(first_words(ran.out)) == [case.id for case in CELLS]
    ran = verb("history", "0.35_96-b1-openvino-cpu-int8", *where)
    assert ran.returncode == 0
    assert INT8.id in ran.out
    assert "0.318" in ran.out  # 6 % more than 0.300 ms
    assert FP32.id not in ran.out
    ran = verb("history", "0.35_96-b1-openvino", *where)
    assert (ran.returncode, ran.out) == (2, "")
    assert all(case.id in ran.err for case in (FP32, BF16, INT8))


def test_compare_divides_each_precision_by_itself(results, verb):
    before, after = sorted(results.rglob("*_nightly.json"))[-2:]
    ran = verb("compare", before, after)
    assert ran.returncode == 0
    verdicts = first_words(ran.out)
    assert len(verdicts) == 12
    assert verdicts.pop(INT8.id) == "slower"
    assert set(verdicts.values()) <= {"same", "cannot"}


@pytest.mark.slow
def test_a_duel_names_each_precision_of_a_case(verb, tmp_path):
    chosen = ("--backends", "fake", "--widths", "0.35", "--resolutions", "32", "--threads", "1")
    words = ("--precisions", "fp32,int8", "--old", sys.executable, "--rounds", "1", "--budget", "0.0001", "--no-wait")
    ran = verb("duel", *chosen, *words, "--out", tmp_path / "out")
    assert ran.returncode == 3
    names = [f"mobilenet_v2_0.35_32-b1-fake-cpu-{precision}-t1" for precision in ("fp32", "int8")]
    assert first_words(ran.out) == dict.fromkeys(names, "inconclusive")
