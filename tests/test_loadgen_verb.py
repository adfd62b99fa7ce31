"""The verb `loadgen`: what it refuses before anything is measured, and real runtimes under the real LoadGen."""

import importlib.util
import json

import pytest

from mnv2bench.loadgen.scenarios import UNOFFICIAL

SMALL = "mobilenet_v2_0.35_96-b1-{}-cpu-fp32-t1"
EAGER, FAKE = SMALL.format("torch_eager"), SMALL.format("fake")
QUICK = ("--min-duration", "300ms", "--no-wait", "--quiet")


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((EAGER, "--scenario", "batch"), "scenario 'batch' is not one of single-stream, multi-stream, offline, server"),
        ((EAGER, "--latency-bound", "15ms"), "--latency-bound is of the scenario server"),
        ((EAGER, "--target-qps", "10"), "--target-qps is of the scenario server"),
        ((EAGER, "--scenario", "server", "--target-qps", "nan"), "--target-qps takes auto or a number above 0"),
        ((EAGER, "--scenario", "server", "--target-qps", "fast"), "--target-qps takes auto or a number above 0"),
        ((EAGER, "--scenario", "server", "--target-qps", "1e9"), "name a lower rate"),
        (
            (EAGER, "--scenario", "server", "--latency-bound", "15"),
            "--latency-bound '15' is no number with one of the units us, ms, s, m",
        ),
        (
            (EAGER, "--min-duration", "0s"),
            "--min-duration must be a number above 0 and at most 86400s, not '0s': write 10s",
        ),
        ((EAGER, "--min-duration", "99999m"), "--min-duration must be a number above 0 and at most 86400s"),
        ((EAGER, "--min-queries", "0"), "--min-queries is a number from 1"),
        ((EAGER, "--processes", "3"), "--processes means nothing here"),
        ((EAGER.replace("-b1-", "-b8-"),), "name a case of batch 1"),
        ((EAGER.replace("-cpu-", "-cuda-"),), "name a case of the device cpu"),
        (("no_such_case",), "is not a case id"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line_and_nothing_is_written(verb, place, words, message):
    ran = verb("loadgen", *QUICK, *words)
    assert ran.returncode == 2
    assert message in ran.err
    assert ran.err.count("\n") == 1
    assert list(place.iterdir()) == []


def test_without_loadgen_the_command_that_installs_it_is_named(verb, place, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "mlperf_loadgen" else real(name))
    ran = verb("loadgen", EAGER, *QUICK)
    assert ran.returncode == 2
    assert "mlcommons-loadgen is not installed: pip install 'mnv2bench[loadgen]'" in ran.err


def test_a_folder_that_holds_other_files_is_refused_before_anything_is_measured(verb, place):
    folder = place / "loadgen" / EAGER / "single-stream"
    folder.mkdir(parents=True)
    (folder / "record.json").write_text("{}")
    ran = verb("loadgen", EAGER, *QUICK)
    assert ran.returncode == 2
    assert "record.json is no record of mnv2bench loadgen" in ran.err
    assert (folder / "record.json").read_text() == "{}"


def test_a_page_of_somebody_else_is_not_written_over(verb, place):
    (place / "loadgen").mkdir()
    (place / "loadgen" / "loadgen.md").write_text("my notes\n")
    ran = verb("loadgen", EAGER, *QUICK)
    assert ran.returncode == 2
    assert "loadgen.md" in ran.err
    assert (place / "loadgen" / "loadgen.md").read_text() == "my notes\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backend", "scenarios"),
    [("torch_eager", "single-stream,server"), ("onnxruntime", "single-stream,multi-stream,offline,server")],
)
def test_a_runtime_answers_loadgens_queries_in_every_scenario(verb, place, backend, scenarios):
    load = ("--target-qps", "200", "--latency-bound", "5m")  # a bound that a busy machine keeps too
    ran = verb("loadgen", SMALL.format(backend), "--scenario", scenarios, *load, *QUICK)
    assert (ran.returncode, ran.err) == (0, "")
    assert UNOFFICIAL in ran.out
    for scenario in scenarios.split(","):
        folder = place / "loadgen" / SMALL.format(backend) / scenario
        record = json.loads((folder / "record.json").read_text())
        assert (record["status"], record["played"]["verdict"]["validity"]) == ("ok", "VALID")
        assert record["checked"] > 30
        assert record["libraries"]["mlcommons-loadgen"] == "6.0.17"
        assert "Result is : VALID" in (folder / "mlperf_log_summary.txt").read_text()
        assert (folder / "mlperf_log_detail.txt").is_file()
        assert json.loads((folder / "mlperf_log_accuracy.json").read_text())
    page = (place / "loadgen" / "loadgen.md").read_text()
    assert page.count("| VALID") == len(scenarios.split(","))


@pytest.mark.slow
def test_the_rate_of_a_server_is_searched_and_validated_in_a_fresh_process(verb, place):
    case = SMALL.format("onnxruntime")
    ran = verb("loadgen", case, "--scenario", "server", "--latency-bound", "100ms", *QUICK)
    record = json.loads((place / "loadgen" / case / "server" / "record.json").read_text())
    steps = [played["step"] for played in record["tries"]]
    rates = [played["load"]["target_qps"] for played in record["tries"]]
    assert steps == sorted(steps)
    assert (steps[0], steps[-1]) == ("search", "validation")
    assert record["played"] == record["tries"][-1]
    passed = [
        rate
        for rate, played in zip(rates, record["tries"], strict=True)
        if played["step"] == "search" and played["verdict"]["latencies"]["p99"] <= 0.1e9
    ]
    first = steps.index("validation")
    assert rates[first] == max(passed)
    for played in record["tries"]:
        folder = place / "loadgen" / case / "server" / played["folder"]
        assert "MLPerf Results Summary" in (folder / "mlperf_log_summary.txt").read_text()
    valid = record["played"]["verdict"]["validity"] == "VALID"  # a busy machine may be too slow again
    assert ran.returncode == (0 if valid else 1)
    assert "## The rates that were tried" in (place / "loadgen" / "loadgen.md").read_text()


@pytest.mark.slow
def test_a_case_whose_outputs_are_wrong_is_bad_and_shows_no_number(verb, place):
    ran = verb("loadgen", FAKE, *QUICK)  # the fake knows no image of the library
    assert ran.returncode == 1
    assert f"{FAKE}, single-stream: wrong: outputs were right before anything was timed" in ran.out
    record = json.loads((place / "loadgen" / FAKE / "single-stream" / "record.json").read_text())
    assert record["status"] == "wrong"
    assert " ms" not in ran.out.partition("unofficial")[0].partition("wrong")[2]


@pytest.mark.slow
def test_one_image_that_takes_longer_than_the_bound_is_said_without_a_search(verb, place):
    ran = verb("loadgen", EAGER, "--scenario", "server", "--latency-bound", "1us", *QUICK)
    assert ran.returncode == 1
    assert "one image alone takes longer than the bound of 0.001 ms: name a higher --latency-bound" in ran.out
