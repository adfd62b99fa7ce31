"""The estimate of a campaign: what is left to do, which files are missing, and how long it takes."""

import json

import pytest

from mnv2bench.campaign import Campaign, durations, exports, run
from mnv2bench.campaign.durations import Durations, ProcessTime
from mnv2bench.campaign.estimate import estimate
from mnv2bench.campaign.exports import CountedExports, Export
from mnv2bench.campaign.retries import ended_by_machine
from mnv2bench.case import Case
from mnv2bench.machine import this_machine
from mnv2bench.records import Plan, Process, Samples, Weights, replace
from mnv2bench.records.journal import Journal
from mnv2bench.records.rounds import Round
from mnv2bench.texts import duration_text

SMALL = Case(width=0.35, resolution=96, backend="fake")
PLAN = Plan(processes=4, rounds=10)  # rounds of 0.15 s
SEEDED = Weights()
TOOK = ProcessTime(base_s=2.0, call_s=0.001, warmup_rounds=4.0, tried_share=1.0)


def a_round(calls, call_s):
    return Round(durations_ns=(int(call_s * 1e9),) * calls, wall_ns=int(calls * call_s * 1e9), cpu_ns=0)


def a_process(number, wall_s, rounds, status="ok", **samples):
    """A process of SMALL with so many rounds of 150 calls of 1 ms, after a warm-up of four."""
    warmup, timed = (tuple(a_round(150, 0.001) for _ in range(n)) for n in (4, rounds))
    of_samples = Samples(warmup=warmup, rounds=timed, **samples) if status == "ok" else Samples()
    return Process(SMALL, number, number, 0, status, "", wall_s, of_samples)


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """A cache in which nothing is known, of a machine that has room for one export at a time."""
    monkeypatch.setenv("MNV2BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(exports, "at_once", lambda: 1)
    return tmp_path / "cache"


@pytest.fixture
def known(own_cache):
    """Write what the processes of this machine took: known(SMALL, TOOK)."""

    def write(*times, accuracies=()):
        path = durations.path(this_machine().fingerprint)
        path.parent.mkdir(parents=True, exist_ok=True)
        cases = {case.id: {name: getattr(time, name) for name in ProcessTime.__struct_fields__} for case, time in times}
        tested = {case.id: seconds for case, seconds in accuracies}
        path.write_text(json.dumps({"cases": cases, "items": {}, "accuracies": tested}))

    return write


def processes_s(expected):
    return expected.by_backend[0].seconds


# how long


def test_a_case_that_was_measured_here_takes_what_it_took_with_the_rounds_of_this_plan(known):
    known((SMALL, TOOK))
    assert processes_s(estimate([SMALL], PLAN, SEEDED)) == pytest.approx(4 * (2.0 + 14 * 0.15))
    longer = replace(PLAN, processes=5, rounds=15)
    assert processes_s(estimate([SMALL], longer, SEEDED)) == pytest.approx(5 * (2.0 + 19 * 0.15))


def test_a_round_ends_with_the_call_in_which_its_time_is_over(known):
    known((SMALL, replace(TOOK, call_s=0.1)))
    assert processes_s(estimate([SMALL], PLAN, SEEDED)) == pytest.approx(4 * (2.0 + 14 * 0.2))
    known((SMALL, replace(TOOK, call_s=0.4)))
    assert processes_s(estimate([SMALL], PLAN, SEEDED)) == pytest.approx(4 * (2.0 + 14 * 0.4))


def test_a_disturbed_machine_tries_more_rounds_and_takes_as_much_longer(known):
    known((SMALL, replace(TOOK, tried_share=1.5)))
    assert processes_s(estimate([SMALL], PLAN, SEEDED)) == pytest.approx(4 * (2.0 + 19 * 0.15))


def test_another_case_takes_what_the_nearest_of_its_backend_took_with_calls_by_multiply_adds(known):
    """A batch of 8 has 8 times the multiply-adds: calls of 0.8 s for 0.1 s, and seven of them beside the rounds."""
    other = replace(SMALL, resolution=64)
    known((SMALL, replace(TOOK, call_s=0.1)), (other, replace(TOOK, call_s=9.0)))
    expected = estimate([replace(SMALL, batch=8)], PLAN, SEEDED)
    assert processes_s(expected) == pytest.approx(4 * (2.0 + 7 * 0.7 + 14 * 0.8))
    assert (expected.measured_before, expected.alike) == (0, 1)


def test_the_same_precision_is_nearer_than_the_same_size(known):
    int8 = replace(SMALL, precision="int8")
    known((replace(int8, resolution=64), replace(TOOK, base_s=30.0)), (SMALL, TOOK))
    assert processes_s(estimate([int8], PLAN, SEEDED)) > 100


def test_of_a_backend_that_was_never_measured_here_a_stated_model_is_taken(own_cache):
    expected = estimate([replace(SMALL, backend="torch_eager")], PLAN, SEEDED)
    assert processes_s(expected) == pytest.approx(4 * (2.0 + (4.2 + 10.5) * 0.15), rel=0.05)
    compiled = estimate([replace(SMALL, backend="torch_compile")], PLAN, SEEDED)
    assert processes_s(compiled) == pytest.approx(60 + 4 * (11.0 + (4.2 + 10.5) * 0.15), rel=0.05)
    assert (compiled.measured_before, compiled.alike) == (0, 0)


def test_compiling_is_counted_once_and_only_where_nothing_is_compiled(known):
    from mnv2bench.artifacts import compile_cache

    known((SMALL, replace(TOOK, compiling_s=100.0)))
    assert processes_s(estimate([SMALL], PLAN, SEEDED)) == pytest.approx(100 + 4 * (2.0 + 14 * 0.15))
    folder = compile_cache(SMALL, SEEDED, this_machine().fingerprint)
    folder.mkdir(parents=True)
    (folder / "complete").write_text("100.0")
    assert processes_s(estimate([SMALL], PLAN, SEEDED)) == pytest.approx(4 * (2.0 + 14 * 0.15))


def test_accuracies_run_side_by_side_as_far_as_there_are_cores(known, monkeypatch):
    monkeypatch.setattr("mnv2bench.campaign.estimate.cores", lambda: 2)
    known((SMALL, TOOK), accuracies=[(SMALL, 30.0)])
    without = estimate([SMALL], PLAN)
    with_tests = estimate([SMALL, replace(SMALL, threads=2)], PLAN, accuracy=True)
    assert (without.tests, with_tests.tests) == (0, 1)
    one_more = estimate([SMALL, replace(SMALL, threads=2)], PLAN)
    exports_s = 3.0 + 10.0  # of the labelled images' classes
    assert with_tests.seconds - one_more.seconds == pytest.approx(30.0 / 2 + exports_s)
    assert (with_tests.tests_s, one_more.tests_s) == (pytest.approx(30.0 / 2 + exports_s), 0.0)


# what is left to do


def test_files_that_are_missing_are_counted_once_for_all_cases_that_share_them(own_cache):
    cases = [SMALL, replace(SMALL, threads=2), replace(SMALL, backend="onnxruntime"), replace(SMALL, resolution=64)]
    expected = estimate(cases, PLAN, SEEDED)
    assert [export.format for export in expected.missing] == ["state_dict", "reference", "onnx", "reference"]
    assert not own_cache.exists(), "an estimate makes nothing"


def test_a_file_made_from_a_missing_file_is_missing_too(own_cache):
    expected = estimate([replace(SMALL, backend="onnxruntime", precision="int8")], PLAN, SEEDED)
    assert [export.format for export in expected.missing] == ["state_dict", "reference", "onnx", "onnx_int8"]


def test_what_cannot_run_here_costs_nothing_and_is_named(known, monkeypatch):
    known((SMALL, TOOK))
    cuda_only = replace(SMALL, backend="torch_compile_cudagraphs")
    expected = estimate([SMALL, cuda_only], PLAN, SEEDED)
    assert expected.refused == (cuda_only,)
    assert (expected.cases, expected.processes) == (2, 4)
    bare = replace(this_machine(), libraries={"torch": "2.13.0"})
    monkeypatch.setattr("mnv2bench.campaign.estimate.this_machine", lambda: bare)
    missing = replace(SMALL, backend="onnxruntime")
    assert estimate([SMALL, missing], PLAN, SEEDED).refused == (missing,)


@pytest.mark.slow
def test_an_estimate_after_a_campaign_knows_its_cases_and_what_its_journal_holds(own_cache, tmp_path):
    plan = Plan(processes=2, rounds=2)
    cases = (SMALL, replace(SMALL, resolution=64))
    before = estimate(cases, plan, SEEDED)
    assert (before.measured_before, len(before.missing)) == (0, 3)
    journal, lines = Journal(tmp_path / "out.jsonl"), []
    campaign = Campaign(cases, journal, plan, weights=SEEDED, progress=lambda *step: lines.append(step))
    records = run(campaign)
    wall_s = sum(process.wall_s for record in records for process in record.processes)
    after = estimate(cases, plan, SEEDED)
    assert (after.measured_before, after.missing, after.processes) == (2, (), 4)
    assert after.seconds == pytest.approx(wall_s, rel=0.15)  # on a busy machine rounds end late
    resumed = Journal(tmp_path / "out.jsonl")
    resumed.read()
    left = estimate(cases, plan, SEEDED, journal=resumed)
    assert (left.processes, left.seconds) == (0, 0.0)
    assert lines[0][0].startswith("2 cases, 4 processes, 3 files to export: about ")
    assert lines[1][0].startswith("exporting state_dict for mobilenet_v2_0.35_96, batch 1 (1 of 3, ")


# what is kept


def test_what_a_campaign_took_is_kept_as_the_mean_of_its_processes(own_cache):
    fingerprint = this_machine().fingerprint
    durations.keep(fingerprint, [a_process(0, 4.1, 10), a_process(1, 5.6, 20)], {}, {"probes": [1.0, 3.0]}, 10)
    kept = durations.read(fingerprint)
    assert kept.cases[SMALL.id].base_s == pytest.approx(2.0)
    assert kept.cases[SMALL.id].call_s == pytest.approx(0.001)
    assert (kept.cases[SMALL.id].warmup_rounds, kept.cases[SMALL.id].tried_share) == (4.0, 1.5)
    assert kept.items == {"probes": 2.0}


def test_a_process_that_compiled_is_not_taken_for_a_usual_one(own_cache):
    cold = a_process(0, 104.1, 10, open_s=100.5, cold_open_s=100.5, cold=True)
    warm = a_process(1, 4.1, 10, open_s=0.5, cold_open_s=100.5)
    both = durations.process_time([cold, warm], 10)
    assert (both.base_s, both.compiling_s) == (pytest.approx(2.0), pytest.approx(100.0))
    alone = durations.process_time([cold], 10)
    assert (alone.base_s, alone.compiling_s) == (pytest.approx(1.5), pytest.approx(100.5))


def test_a_process_that_failed_says_nothing_of_the_next(own_cache):
    failed = a_process(0, 300.0, 0, status="timeout")
    assert not ended_by_machine(failed)
    durations.keep("machine", [failed], {}, {}, 10)
    assert durations.read("machine") == Durations()


@pytest.mark.parametrize("content", ["", "{", '{"cases": {"x": 1}}', "\udcff"])
def test_a_damaged_file_is_one_in_which_nothing_is_known(own_cache, content):
    path = durations.path("machine")
    path.parent.mkdir(parents=True)
    path.write_bytes(content.encode(errors="surrogateescape"))
    assert durations.read("machine") == Durations()


def test_a_network_of_a_file_that_this_run_did_not_read_is_passed_over(known):
    unread = replace(SMALL, network="my-net.onnx-0f1e2d3c", width=1.0)
    known((unread, TOOK))
    assert estimate([SMALL], PLAN, SEEDED).alike == 0


def test_an_id_that_is_none_is_passed_over(known):
    known((SMALL, TOOK))
    path = durations.path(this_machine().fingerprint)
    path.write_text(path.read_text().replace(SMALL.id, "nonsense"))
    assert estimate([SMALL], PLAN, SEEDED).alike == 0


# how it is said


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (89, "89 s"),
        (90, "1.5 min"),
        (180, "3 min"),
        (597, "9.9 min"),
        (700, "12 min"),
        (4800, "1 h 20 min"),
    ],
)
def test_a_duration_is_said_as_exactly_as_it_can_be_known(seconds, text):
    assert duration_text(seconds) == text


def test_the_sentence_says_what_is_done_how_long_it_takes_and_how_sure_that_is(known):
    known((SMALL, TOOK))
    assert estimate([SMALL], PLAN, SEEDED).sentence == "1 case, 4 processes, 2 files to export: about 42 s"
    cases = [SMALL, replace(SMALL, backend="torch_compile_cudagraphs"), replace(SMALL, resolution=64)]
    assert estimate(cases, PLAN, SEEDED).sentence == (
        "3 cases, 8 processes, 3 files to export: about 72 s "
        "(1 of them cannot run here; a guess for 1 of them, which this machine has not measured yet)"
    )


def test_exports_are_counted_with_the_time_that_is_left(own_cache):
    lines = []
    missing = [Export("onnx", SMALL, "a"), Export("tflite", SMALL, "b")]
    progress = CountedExports(lambda doing, done, total: lines.append(doing), missing)
    for format in ("onnx", "pte", "tflite"):
        progress(f"exporting {format} for mobilenet_v2_0.35_96, batch 1", 0, 0)
    progress("block 1 of 2", 0, 4)
    assert lines == [
        "exporting onnx for mobilenet_v2_0.35_96, batch 1 (1 of 2, 26 s left)",
        "exporting pte for mobilenet_v2_0.35_96, batch 1",
        "exporting tflite for mobilenet_v2_0.35_96, batch 1 (2 of 2, 13 s left)",
        "block 1 of 2",
    ]


def test_a_dry_run_prints_the_estimate_and_measures_nothing(verb, tmp_path):
    out = tmp_path / "out.jsonl"
    words = "--suites latency --backends fake --widths 0.35 --resolutions 96 --threads 1 --no-accuracy"
    ran = verb("run", *words.split(), "--out", str(out), "--dry-run")
    assert ran.returncode == 0
    assert ran.out.startswith("1 case, 3 processes")
    assert ran.out.endswith("dry run: nothing was measured\n")
    assert not out.exists()
