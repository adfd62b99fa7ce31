"""The verb `recommend`: budgets with units, files of several machines, exit codes, JSON, and the end of a run."""

import json
import re

import pytest
from saved_nights import LARGE, MACHINE, SMALL, content, save

from mnv2bench.case import Case
from mnv2bench.cli.recommend import MEGABYTES, MILLISECONDS, _quantity

LITERT = Case(backend="litert")
TIGHT = [4.0, 4.0, 4.0]


@pytest.fixture
def nights(tmp_path, monkeypatch):
    """A folder with two saved files of one machine, one of another, and one that is noisy."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    save(tmp_path / "results", 1, {LARGE: TIGHT, LITERT: [3.0, 3.0, 3.0], SMALL: [0.5, 0.5, 0.5]})
    (tmp_path / "again.json").write_text(content({LITERT: [3.5, 3.5, 3.5]}, 2))
    (tmp_path / "other.json").write_text(content({LARGE: [1.0, 1.0, 1.0]}, 3, fingerprint="other-4c-00000000"))
    (tmp_path / "noisy.json").write_text(content({LARGE: [-4.0] * 3, SMALL: [-0.5] * 3}, 4, cpu_model="Example CPU"))
    return tmp_path


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("5ms", 5.0),
        ("5 ms", 5.0),
        ("5", 5.0),
        ("800us", 0.8),
        ("800µs", 0.8),
        ("0.005s", 5.0),
        ("5e-3 s", 5.0),
        ("", None),
    ],
)
def test_a_latency_has_a_unit_or_is_of_milliseconds(text, milliseconds):
    assert _quantity("--latency", text, MILLISECONDS, "5ms") == (
        milliseconds if milliseconds is None else pytest.approx(milliseconds)
    )


def test_a_memory_has_a_unit_or_is_of_megabytes():
    sizes = [
        _quantity("--memory", text, MEGABYTES, "100MB") for text in ("100", "100MB", "0.1 GB", "100000kB", "100MiB")
    ]
    assert sizes == pytest.approx([100, 100, 100, 100, 104.8576])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--latency", "5min"], "--latency '5min' is no number with one of the units ms, us, µs, s: write 5ms"),
        (["--latency", "fast"], "--latency 'fast' is no number with one of the units ms, us, µs, s: write 5ms"),
        (["--latency", "0ms"], "--latency must be a number above 0, not '0ms': write 5ms"),
        (["--latency", "-5"], "--latency '-5' is no number"),
        (["--latency", "nan"], "--latency 'nan' is no number"),
        (["--latency", "9e999"], "--latency must be a number above 0, not '9e999'"),
        (
            ["--memory", "100ms"],
            "--memory '100ms' is no number with one of the units mb, gb, kb, mib, gib: write 100MB",
        ),
        (["--accuracy", "0.7"], "--accuracy 0.7 is under one per cent: write 70%"),
        (["--accuracy", "101%"], "accuracy must be a number of per cent, 100 at most"),
        (["--percentile", "95"], "percentile must be one of 90, 99, 99.9, not 95"),
        (["--backends", "tensorrt"], "no case has backend tensorrt: there are fake, litert"),
        (["--width", "0.5"], "no case has width 0.5: there are 0.35, 1.0"),
        (["--threads", "one"], "--threads takes numbers separated by commas, not 'one'"),
        (["--backends", "litert", "--widths", "0.35"], "no case has all of these values together"),
        (["nowhere.json"], "nowhere.json cannot be read"),
        (["again.json", "./again.json"], "again.json"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_meant_is_one_line_and_exit_code_2(nights, verb, words, message):
    ran = verb("recommend", *words)
    assert (ran.returncode, ran.out) == (2, "")
    assert re.fullmatch(r"mnv2bench: [^\n]*\n", ran.err), ran.err
    assert message in ran.err


def test_within_a_budget_the_best_case_of_the_newest_file_is_named(nights, verb):
    ran = verb("recommend", "--latency", "3.6ms")
    assert (ran.returncode, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[:8] == [
        "Example CPU: 0001_nightly.json, 2026-11-01",
        "",
        "Within 3.6 ms, ship mobilenet_v2_1.0_224 on litert in fp32: 3.00 (3.00–3.00) ms,",
        "  top-1 71.8 % (published).",
        "2 variants x 2 runtimes x 1 precision, one thread, batch 1. 2 of 22 variants: it",
        "  works here; to choose, run make published.",
        "3 of 3 rows steady.",
        "",
    ]
    assert [line.split()[:5] for line in lines[11:13]] == [
        ["3.6", "ms", "1.0@224", "litert", "fp32"],
        ["0.5", "ms", "0.35@96", "fake", "fp32"],
    ]
    assert lines[14:] == [
        "- With a confidence over 99 % it is the fastest of 2 cases that are as accurate.",
        "- Runner-up: mobilenet_v2_0.35_96 on fake in fp32, 0.500 (0.500–0.500) ms: -2.5",
        "  ms, -26.3 points of top-1, +0.0 MB.",
    ]


def test_options_have_a_singular_and_a_plural_and_leave_only_such_cases(nights, verb):
    for option in ("--backend", "--backends"):
        ran = verb("recommend", "--latency", "5ms", option, "fake")
        assert ran.out.splitlines()[2].startswith("Within 5 ms, ship mobilenet_v2_1.0_224 on fake in fp32: 4.00")


def test_two_files_of_one_machine_are_one_answer_and_the_larger_latency_counts(nights, verb):
    ran = verb(
        "recommend", f"results/{MACHINE}/Linux-CPython-3.11-64bit/0001_nightly.json", "again.json", "--latency", "5"
    )
    assert ran.returncode == 0
    assert "ship mobilenet_v2_1.0_224 on litert in fp32 (again.json," in ran.out
    assert "The files are of different days: 2026-11-01, 2026-11-02." in ran.out
    assert "- From again.json, 2026-11-02: 5 ms." in ran.out


def test_two_machines_are_side_by_side_and_one_on_which_nothing_fits_is_exit_code_1(nights, verb):
    words = ("recommend", "again.json", "other.json", "--latency")
    both = verb(*words, "5ms")
    assert both.returncode == 0
    assert both.out.startswith("These are different machines: each has its own answer, and none is ranked")
    assert [line for line in both.out.splitlines() if line.startswith("Within")] == [
        "Within 5 ms, ship mobilenet_v2_1.0_224 on litert in fp32: 3.50 (3.50–3.50) ms,",
        "Within 5 ms, ship mobilenet_v2_1.0_224 on fake in fp32: 1.00 (1.00–1.00) ms,",
    ]
    one = verb(*words, "2ms")
    assert one.returncode == 1
    assert "Nothing fits. The nearest is mobilenet_v2_1.0_224 on litert" in one.out
    assert "Within 2 ms, ship mobilenet_v2_1.0_224 on fake" in one.out


def test_a_noisy_file_is_not_to_be_used_exit_code_3(nights, verb):
    ran = verb("recommend", "noisy.json")
    assert ran.returncode == 3
    assert ran.out.splitlines()[2] == "DO NOT USE: 2 of 2 rows noisy."
    assert "Measure again while nothing else runs: --wait waits for that." in ran.out
    newest = f"results/{MACHINE}/Linux-CPython-3.11-64bit/0001_nightly.json"
    assert verb("recommend", newest, "noisy.json").returncode == 0  # the same cases, where they were not noisy


def test_json_is_the_same_answer(nights, verb):
    ran = verb("recommend", "--latency", "3.6ms", "--json")
    assert ran.returncode == 0
    (machine,) = json.loads(ran.out)["machines"]
    (answer,) = machine["answers"]
    assert (answer["best"]["case"], answer["best"]["median_ms"]) == ("mobilenet_v2_1.0_224-b1-litert-cpu-fp32-t1", 3.0)
    assert answer["goal"]["latency_ms"] == 3.6
    assert answer["headline"].startswith("Within 3.6 ms, ship mobilenet_v2_1.0_224 on litert")
    failing = verb("recommend", "--latency", "0.1ms", "--json")
    assert failing.returncode == 1
    assert json.loads(failing.out)["machines"][0]["answers"][0]["best"] is None


def test_without_a_budget_the_whole_front_is_shown(nights, verb):
    ran = verb("recommend")
    assert ran.returncode == 0
    assert "\n  3 ms   1.0@224    litert fp32" in ran.out
    assert "- No budget was named: the headline is for the middle one of 1, 2, 5, ... ms." in ran.out
