"""`pytest suites`, as people run it: what it saves, which options of pytest-benchmark work, and what it refuses."""

import json
import os
import re
import signal
import statistics
from pathlib import Path

import pytest

from mnv2bench import Case, load
from mnv2bench.machine import this_machine
from mnv2bench.profiling.lines import profiles
from mnv2bench.records.journal import Journal, lines
from mnv2bench.statistics.rounds import used_rounds

ROOT = Path(__file__).parents[1]
MACHINE = this_machine().fingerprint
JOURNALS = ROOT / "results" / MACHINE
NAME = f"test-of-suites-{os.getpid()}"
LATENCY = "suites/test_latency.py"
SMALL = ("--backends=fake", "--widths=0.35", "--threads=1", "--processes=1", "--rounds=1")
TWO = (*SMALL, "--resolutions=96,64")
NODE = "suites/test_latency.py::test_latency[mobilenet_v2_0.35_{}-b1-fake-cpu-fp32-t1]"


@pytest.fixture(scope="module", autouse=True)
def no_trace():
    """The journals of these runs stand beside the user's own until the last test has ended."""
    yield
    for journal in JOURNALS.glob(f"{NAME}*.journal*.jsonl"):
        journal.unlink()
    if JOURNALS.exists() and not any(JOURNALS.iterdir()):
        JOURNALS.rmdir()


@pytest.fixture(scope="module")
def suites(command):
    """Run pytest from the repository, without a cache folder."""

    def run(*words, **variables):
        return command("pytest", "--rootdir", str(ROOT), "-p", "no:cacheprovider", *words, **variables)

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        yield run


@pytest.fixture(scope="module")
def storage(tmp_path_factory):
    return tmp_path_factory.mktemp("storage")


def saved_files(storage):
    return sorted(storage.glob("*/*.json"))


@pytest.fixture(scope="module")
def first(suites, storage):
    """The first run of two cases: saved, exported, drawn, grouped, sorted, with two columns."""
    ran = suites(
        *("suites/test_latency.py", "suites/test_memory.py", *TWO, f"--benchmark-storage=file://{storage}"),
        *(f"--benchmark-save={NAME}", f"--benchmark-json={storage / 'export.json'}"),
        *("--benchmark-group-by=param:backend", "--benchmark-columns=min,median", "--benchmark-sort=name"),
        f"--benchmark-histogram={storage / 'histogram'}",
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def benchmarks(file):
    return {benchmark["params"]["resolution"]: benchmark for benchmark in json.loads(file.read_text())["benchmarks"]}


def copied(storage, tmp_path, change=lambda saved: None):
    """A storage of its own with the first saved file in it, changed."""
    (original,) = saved_files(storage)
    file = tmp_path / original.relative_to(storage)
    file.parent.mkdir()
    saved = json.loads(original.read_text())
    change(saved)
    file.write_text(json.dumps(saved))
    return f"--benchmark-storage=file://{tmp_path}"


# what is saved


def test_a_saved_file_holds_the_records_of_every_case(first, storage):
    (saved,) = saved_files(storage)
    assert saved.name == f"0001_{NAME}.json"
    records = load(saved)
    cases = [Case(width=0.35, resolution=resolution, backend="fake") for resolution in (96, 64)]
    assert [(record.case, record.status, len(record.processes)) for record in records] == [(c, "ok", 1) for c in cases]
    assert records == load(JOURNALS / f"{NAME}.journal.jsonl")
    assert json.loads(saved.read_text())["machine_info"]["fingerprint"] == MACHINE


def test_the_saved_statistics_are_those_of_the_samples(first, storage):
    (saved,) = saved_files(storage)
    for record in load(saved):
        benchmark = benchmarks(saved)[record.case.resolution]
        seconds = [d / 1e9 for r in used_rounds(record.samples[0], 1) for d in r.durations_ns]
        assert benchmark["stats"]["rounds"] == len(seconds) > 0
        assert benchmark["stats"]["median"] == statistics.median(seconds)
        assert (benchmark["stats"]["min"], benchmark["stats"]["max"]) == (min(seconds), max(seconds))
        assert benchmark["extra_info"]["case"] == record.case.id
        assert benchmark["extra_info"]["process_medians_ms"] == [pytest.approx(1e3 * statistics.median(seconds))]
        assert benchmark["fullname"] == NODE.format(record.case.resolution)
        assert benchmark["options"]["timer"] == "mnv2bench_replay"


def test_an_exported_file_holds_every_duration_and_the_records(first, storage):
    export = storage / "export.json"
    assert load(export) == load(saved_files(storage)[0])
    for record in load(export):
        durations = [d / 1e9 for r in used_rounds(record.samples[0], 1) for d in r.durations_ns]
        assert benchmarks(export)[record.case.resolution]["stats"]["data"] == durations


def test_the_table_is_grouped_sorted_and_has_the_columns_asked_for(first):
    assert first.count("benchmark 'backend=fake'") == 1
    header = next(line for line in first.splitlines() if line.startswith("Name (time in"))
    assert header.split() == ["Name", "(time", "in", "us)", "Min", "Median"]
    rows = [line.split()[0] for line in first.splitlines() if line.startswith("test_latency[")]
    assert len(rows) == 2
    assert "_64-" in rows[0]
    assert "_96-" in rows[1]


def test_a_histogram_is_drawn(first, storage):
    (drawn,) = storage.glob("histogram*.svg")
    assert "<svg" in drawn.read_text()


def test_the_terminal_says_where_the_time_went_and_where_the_records_are(first):
    assert "measuring 2 cases, 1 processes each" in first
    assert "Where the time went" in first
    assert f"records: {JOURNALS / NAME}.journal.jsonl" in first
    assert "4 passed" in first


def test_memory_is_of_the_same_processes(first, storage):
    assert [len(record.processes) for record in load(saved_files(storage)[0])] == [1, 1]


# comparing


def compare(suites, storage, *words):
    """One case again, saved beside the first run and compared with it."""
    one = (LATENCY, *SMALL, "--resolutions=64", f"--benchmark-save={NAME}-again", "--benchmark-autosave")
    return suites(*one, storage, "--benchmark-compare", *words)


def test_a_second_run_is_compared_with_the_first(suites, command, first, storage, tmp_path):
    place = copied(storage, tmp_path)
    ran = compare(suites, place, "--benchmark-compare-fail=median:900%")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "(NOW)" in ran.stdout
    assert "(0001_test" in ran.stdout
    assert [file.name[:5] for file in saved_files(tmp_path)] == ["0001_", "0002_"]
    between = command("pytest-benchmark", place.replace("--benchmark-storage=", "--storage="), "compare")
    assert between.returncode == 0
    assert re.search(r"_64-b1-fake-cpu-fp32-t1\] \(0001", between.stdout)
    assert re.search(r"_64-b1-fake-cpu-fp32-t1\] \(0002", between.stdout)


def test_a_regression_fails_the_run_and_is_saved_all_the_same(suites, first, storage, tmp_path):
    def a_hundred_times_faster(saved):
        for benchmark in saved["benchmarks"]:
            for name in ("min", "max", "mean", "median", "q1", "q3"):
                benchmark["stats"][name] /= 100

    ran = compare(suites, copied(storage, tmp_path, a_hundred_times_faster), "--benchmark-compare-fail=median:900%")
    assert ran.returncode == 1
    assert "Performance has regressed" in ran.stdout + ran.stderr
    assert [file.name[:5] for file in saved_files(tmp_path)] == ["0001_", "0002_"]


def test_the_baseline_of_another_machine_is_refused_with_what_differs(suites, first, storage, tmp_path):
    def elsewhere(saved):
        saved["machine_info"] |= {"cpu_model": "Other CPU", "cores": 64}

    ran = compare(suites, copied(storage, tmp_path, elsewhere))
    cores = this_machine().cores
    assert ran.returncode == 4
    assert "another machine, nothing to compare" in ran.stderr
    assert "Other CPU there" in ran.stderr
    assert f"cores: {cores} here, 64 there" in ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1
    assert "measuring" not in ran.stdout
    assert len(saved_files(tmp_path)) == 1


# measuring nothing


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--benchmark-disable", "2 passed, 2 skipped"),
        ("--benchmark-skip", "4 skipped"),
        ("--collect-only", "4 tests collected"),
    ],
)
def test_nothing_is_measured_where_nothing_is_to_be(suites, option, said):
    name = f"{NAME}-nothing"
    ran = suites("suites/test_latency.py", "suites/test_memory.py", *TWO, f"--benchmark-save={name}", option)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert said in ran.stdout
    assert "measuring" not in ran.stdout
    assert list(JOURNALS.glob(f"{name}*")) == []


def test_the_paper_suite_needs_no_campaign(suites):
    ran = suites("suites/test_paper.py", "-q")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "44 passed" in ran.stdout
    assert "measuring" not in ran.stdout


def test_no_test_that_is_left_is_pytests_own_code(suites):
    ran = suites(LATENCY, *TWO, "-k", "nothing")
    assert ran.returncode == 5
    assert "measuring" not in ran.stdout


# what is refused


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--benchmark-min-rounds=5"], "--benchmark-min-rounds does not apply to mnv2bench: --rounds and --processes"),
        (["--benchmark-max-time", "1"], "--benchmark-max-time does not apply to mnv2bench: --rounds and --processes"),
        (["--grid=huge"], "grid 'huge' is not one of quick, published, full"),
        (["--widths=nan", "--resolutions=96"], "width must be a number above 0 and at most 10, such as 1.0, not nan"),
        (["--backends=tensorflow"], "backend 'tensorflow' is not one of executorch, litert, ncnn, onnxruntime"),
        (["--processes=0"], "processes must be at least 1, not 0"),
        (["--seed=,"], "--seed"),
        (["--weights=nowhere.pt"], "--weights nowhere.pt: No such file or directory"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_apply_or_be_meant_is_refused_in_one_line(suites, words, said):
    ran = suites("suites", "--backends=fake", *words)
    assert (ran.returncode, ran.stdout) == (4, "")
    assert re.fullmatch(r"ERROR: [^\n]*\n+", ran.stderr), ran.stderr
    assert said in ran.stderr


# failing and going on


def test_a_crash_fails_its_own_tests_and_the_others_are_saved(suites, tmp_path):
    place = f"--benchmark-storage=file://{tmp_path}"
    words = (LATENCY, "suites/test_memory.py", *SMALL, "--resolutions=96,64,32", f"--benchmark-save={NAME}-crash")
    failing = "mobilenet_v2_0.35_64=segfault,mobilenet_v2_0.35_32=unavailable"
    ran = suites(*words, place, MNV2BENCH_FAKE=failing)
    assert ran.returncode == 1
    assert re.search("1 failed, 2 passed, 2 skipped, .*1 error", ran.stdout), ran.stdout  # the error is test_memory's
    assert "Traceback" not in ran.stdout + ran.stderr
    assert ran.stdout.count("failed: worker ended by SIGSEGV") >= 2
    assert "unavailable: fake is told to be missing: unset MNV2BENCH_FAKE" in ran.stdout
    (saved,) = saved_files(tmp_path)
    assert list(benchmarks(saved)) == [96]
    assert [record.status for record in load(saved)] == ["ok", "failed", "unavailable"]


def test_an_interrupted_run_goes_on_with_resume(suites, first, tmp_path):
    whole = JOURNALS / f"{NAME}.journal.jsonl"
    torn = JOURNALS / f"{NAME}-torn.journal.jsonl"
    kept = whole.read_bytes().splitlines(keepends=True)
    processes = [number for number, line in enumerate(lines(whole)) if line["line"] == "process"]
    torn.write_bytes(b"".join(kept[: processes[1]]) + kept[processes[1]][:100])
    words = (LATENCY, "suites/test_memory.py", *TWO, f"--benchmark-save={NAME}-torn")
    ran = suites(*words, f"--benchmark-storage=file://{tmp_path}", "--resume")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    before, after = load(whole), load(saved_files(tmp_path)[0])
    assert [record.status for record in after] == ["ok", "ok"]
    same = [a.processes == b.processes for a, b in zip(before, after, strict=True)]
    assert sorted(same) == [False, True]
    assert torn.read_bytes().startswith(b"".join(kept[: processes[1]]))


def test_resuming_another_selection_is_refused_and_leaves_the_journal_alone(suites, first):
    journal = JOURNALS / f"{NAME}.journal.jsonl"
    before = journal.read_bytes()
    ran = suites(LATENCY, *TWO, "--seed=5", f"--benchmark-save={NAME}", "--resume")
    assert ran.returncode == 2
    assert "the interrupted campaign had other seed: repeat its command with --resume, or drop it" in ran.stdout
    assert "Traceback" not in ran.stdout + ran.stderr
    assert journal.read_bytes() == before


def test_ctrl_c_ends_the_worker_and_says_how_to_go_on(started, first, wait_for):
    name = f"{NAME}-stopped"
    journal = JOURNALS / f"{name}.journal.jsonl"
    words = ("-p", "no:cacheprovider", LATENCY, *TWO, f"--benchmark-save={name}")
    running = started("pytest", "--rootdir", str(ROOT), *words, MNV2BENCH_FAKE="mobilenet_v2_0.35_64=hang")
    wait_for(lambda: journal.exists() and b'"line":"process"' in journal.read_bytes())
    worker = started.worker(running)
    running.send_signal(signal.SIGINT)
    said, _ = running.communicate(timeout=60)
    assert running.returncode == 2
    assert f"interrupted: the same command with --resume goes on from {journal}" in said
    assert wait_for(lambda: not worker.is_running())
    assert len(Journal(journal).resume().cases) == 2


def test_profile_takes_profiles_among_the_timed_processes_and_saves_them_with_the_campaign(suites, tmp_path):
    asked = (LATENCY, *SMALL, "--resolutions=96", "--profile", f"--benchmark-storage=file://{tmp_path}")
    ran = suites(*asked, f"--benchmark-save={NAME}")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (file,) = saved_files(tmp_path)
    (profile,), probed = profiles(file)
    assert (profile.status, profile.profiler, len(profile.operators), probed) == ("ok", "fake", 7, ())
    assert [record.status for record in load(file)] == ["ok"]
