"""`pytest suites`, as people run it: what it saves, which options of pytest-benchmark work, and what it refuses."""

import json
import os
import re
import signal
import statistics
from pathlib import Path

import pytest

from mnv2bench import Case
from mnv2bench.machine import this_machine
from mnv2bench.profiling.lines import profiles
from mnv2bench.records.journal import Journal, lines, load
from mnv2bench.records.reading import contents_of
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
    assert "\n2 cases, 2 processes" in first
    assert "Where the time went" in first
    journal = f"{JOURNALS / NAME}.journal.jsonl"
    assert f"records: {journal}\nreport:  mnv2bench report {journal}" in first
    assert "4 passed" in first


def test_the_terminal_says_that_nobody_should_choose_by_rows_of_one_process(first):
    assert re.search(r"\nDO NOT USE: 1 of 1 rows (noisy|with accuracy lost|without a bound of latency)", first)
    assert "1 of 22 variants: it works here;" in " ".join(first.split())


def test_a_dry_run_says_what_would_be_measured_and_runs_no_test(suites, storage):
    before = saved_files(storage)
    ran = suites(
        "suites/test_latency.py", *TWO, "--dry-run", f"--benchmark-storage=file://{storage}", "--benchmark-save=dry"
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert re.search(r"\n2 cases, 2 processes.*: about ", ran.stdout)
    assert "dry run: nothing was measured" in ran.stdout
    assert " collected" in ran.stdout and " passed" not in ran.stdout
    assert saved_files(storage) == before
    assert not (JOURNALS / "dry.journal.jsonl").exists()


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
    assert "Where the time went" not in ran.stdout
    assert len(saved_files(tmp_path)) == 1


DAMAGE = {
    "empty": ("", "damaged"),
    "half": ('{"benchmarks": [', "damaged"),
    "a pointer of Git LFS": ("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "damaged"),
    "a merge conflict": ("<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> other\n", "damaged"),
    "of another program": ('{"benchmarks": [], "machine_info": {}}', "was not saved by mnv2bench"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_newest_baseline_is_refused_by_name_and_no_older_one_is_taken(
    suites, first, storage, tmp_path, damage
):
    place = copied(storage, tmp_path)
    content, complaint = DAMAGE[damage]
    (older,) = saved_files(tmp_path)
    newest = older.with_name("0002_newest.json")
    newest.write_text(content)
    ran = suites(LATENCY, *SMALL, "--resolutions=64", place, "--benchmark-compare")
    assert ran.returncode == 4
    assert "Where the time went" not in ran.stdout
    assert re.fullmatch(r"ERROR: the baseline [^\n]*\n+", ran.stderr), ran.stderr
    assert str(newest) in ran.stderr
    assert complaint in ran.stderr


def test_a_baseline_without_a_common_case_is_refused_before_anything_is_measured(suites, first, storage, tmp_path):
    def other_cases(saved):
        for benchmark in saved["benchmarks"]:
            benchmark["fullname"] += "-of-yesterday"

    ran = compare(suites, copied(storage, tmp_path, other_cases), "--benchmark-compare-fail=median:10%")
    assert ran.returncode == 4
    assert "0 of 1 cases compared; not in the baseline: suites/test_latency.py::test_latency[" in ran.stderr
    assert "Where the time went" not in ran.stdout
    assert len(saved_files(tmp_path)) == 1


def test_a_saved_file_without_a_benchmark_has_no_common_case(suites, first, storage, tmp_path):
    place = copied(storage, tmp_path, lambda saved: saved["benchmarks"].clear())
    ran = compare(suites, place)
    assert (ran.returncode, "0 of 1 cases compared" in ran.stderr) == (4, True)
    assert "Where the time went" not in ran.stdout


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--benchmark-compare"], "no baseline to compare with under"),
        (["--benchmark-compare=0007"], "no baseline to compare with under"),
        (["--benchmark-compare-fail=median:10%"], "--benchmark-compare-fail compares with nothing"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_baseline_that_is_not_there_is_refused(suites, tmp_path, words, complaint):
    ran = suites(LATENCY, *TWO, f"--benchmark-storage=file://{tmp_path}", *words)
    assert (ran.returncode, ran.stdout) == (4, "")
    assert complaint in ran.stderr


def test_cases_that_the_baseline_does_not_have_are_named(suites, first, storage, tmp_path):
    words = (LATENCY, *SMALL, "--resolutions=64,32", f"--benchmark-save={NAME}-more", copied(storage, tmp_path))
    ran = suites(*words, "--benchmark-compare")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"1 of 2 cases compared; not in the baseline: {NODE.format(32)}\n" in ran.stdout


def test_a_comparison_of_which_nothing_was_measured_is_no_success(suites, first, storage, tmp_path):
    words = (LATENCY, *SMALL[1:], "--resolutions=64,32", f"--benchmark-save={NAME}-none", copied(storage, tmp_path))
    ran = suites(*words, "--backends=fake", "--benchmark-compare", MNV2BENCH_FAKE="mobilenet_v2_0.35_64=unsupported")
    assert ran.returncode == 1
    assert "0 of 1 cases compared" in ran.stdout


# measuring nothing


@pytest.mark.parametrize(
    ("words", "printed"),
    [
        (["--backends=tensorrt"], "nothing was measured: unsupported: tensorrt runs on cuda here, not on cpu"),
        (["--backends=fake,tensorrt"], "backend tensorrt was requested, and nothing of it was measured"),
        (["--backends=fake", "--precisions=fp32,tf32"], "precision tf32 was requested, and nothing of it was measured"),
        (["--devices=cuda"], "nothing was measured: unavailable"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_was_requested_by_name_and_not_measured_fails_the_run(suites, tmp_path, words, printed):
    place = (f"--benchmark-save={NAME}-named", f"--benchmark-storage=file://{tmp_path}")
    ran = suites(LATENCY, *SMALL[1:], "--resolutions=64", *place, *words, CUDA_VISIBLE_DEVICES="")
    assert ran.returncode == 1, ran.stdout
    assert printed in ran.stdout


@pytest.mark.slow
def test_what_nobody_named_may_be_missing_as_long_as_something_was_measured(suites, tmp_path):
    (tmp_path / "openvino.py").write_text("raise ModuleNotFoundError('No module', name='openvino')")
    words = ("--grid=quick", *SMALL[1:], "--resolutions=96", "-k", "openvino or eager", f"--benchmark-save={NAME}-any")
    words = (*words, f"--benchmark-storage=file://{tmp_path / 'storage'}")
    ran = suites(LATENCY, *words, PYTHONPATH=f"{ROOT}{os.pathsep}{tmp_path}", CUDA_VISIBLE_DEVICES="")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.search("1 passed, 2 skipped", ran.stdout)  # OpenVINO in fp32 and in bf16


def test_suites_that_have_no_case_are_refused(suites):
    ran = suites(LATENCY, "--backends=fake", "--batches=8")
    assert ran.returncode == 4
    assert "ERROR: no case is left: the suites that were named have no case with these options" in ran.stderr


def test_a_plan_of_the_tests_measures_nothing(suites):
    name = f"{NAME}-planned"
    ran = suites(LATENCY, *TWO, f"--benchmark-save={name}", "--setup-plan")
    assert "Where the time went" not in ran.stdout
    assert list(JOURNALS.glob(f"{name}*")) == []


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
    assert "Where the time went" not in ran.stdout
    assert list(JOURNALS.glob(f"{name}*")) == []


def test_the_paper_suite_needs_no_campaign(suites):
    ran = suites("suites/test_paper.py", "-q")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "44 passed" in ran.stdout
    assert "Where the time went" not in ran.stdout


def test_no_test_that_is_left_is_pytests_own_code(suites):
    ran = suites(LATENCY, *TWO, "-k", "nothing")
    assert ran.returncode == 5
    assert "Where the time went" not in ran.stdout


# what is refused


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--benchmark-min-rounds=5"], "--benchmark-min-rounds does not apply to mnv2bench: --rounds and --processes"),
        (["--benchmark-max-time", "1"], "--benchmark-max-time does not apply to mnv2bench: --rounds and --processes"),
        (["--grid=huge"], "grid 'huge' is not one of brief, quick, published, full"),
        (["--widths=nan", "--resolutions=96"], "width must be a number above 0 and at most 10, such as 1.0, not nan"),
        (["--backends=tensorflow"], "backend 'tensorflow' is not one of executorch, litert, ncnn, onnxruntime"),
        (["--processes=0"], "processes must be at least 1, not 0"),
        (["--seed=,"], "--seed"),
        (["--budget=soon"], "--budget 'soon' is no number with one of the units s, m, min, h: write 90s, 10m or 1h"),
        (["--weights=nowhere.pt"], "--weights nowhere.pt: No such file or directory"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_apply_or_be_meant_is_refused_in_one_line(suites, words, said):
    ran = suites("suites", "--backends=fake", *words)
    assert (ran.returncode, ran.stdout) == (4, "")
    assert re.fullmatch(r"ERROR: [^\n]*\n+", ran.stderr), ran.stderr
    assert said in ran.stderr


NO_XDIST = "-n does not apply to mnv2bench: cases that run side by side slow each other"
NO_ROUNDS = "--benchmark-min-rounds does not apply to mnv2bench: --rounds and --processes set how much is measured"


@pytest.mark.parametrize(
    ("words", "variables", "complaint"),
    [
        (["-n", "2"], {}, NO_XDIST),
        (["-p", "xdist", "--dist=load", "--tx=2*popen"], {}, NO_XDIST),
        (["-o", "addopts=-n 2"], {}, NO_XDIST),
        ([], {"PYTEST_ADDOPTS": "-n 2"}, NO_XDIST),
        (["-c", "{folder}/pytest.ini"], {"addopts": "-n 2"}, NO_XDIST),
        (["-o", "addopts=--benchmark-min-rounds=5"], {}, NO_ROUNDS),
        ([], {"PYTEST_ADDOPTS": "--benchmark-min-rounds=5"}, NO_ROUNDS),
        (["-c", "{folder}/pytest.ini"], {"addopts": "--benchmark-min-rounds=5"}, NO_ROUNDS),
        (["@{folder}/words"], {}, NO_ROUNDS),
        (["--benchmark-min-r=7"], {}, "unrecognized arguments: --benchmark-min-r=7"),
        (["--benchmark-timer=time.process_time"], {}, "--benchmark-timer does not apply to mnv2bench"),
    ],
)
def test_an_option_is_refused_wherever_it_comes_from(suites, tmp_path, words, variables, complaint):
    (tmp_path / "pytest.ini").write_text(f"[pytest]\naddopts = {variables.get('addopts', '')}\n")
    (tmp_path / "words").write_text("--benchmark-min-rounds\n7\n")
    words = [word.format(folder=tmp_path) for word in words]
    environment = {name: text for name, text in variables.items() if name.isupper()}
    ran = suites(LATENCY, *TWO, f"--benchmark-storage=file://{tmp_path}", *words, **environment)
    assert (ran.returncode, ran.stdout) == (4, "")
    assert complaint in ran.stderr
    assert "INTERNALERROR" not in ran.stderr
    assert saved_files(tmp_path) == []


@pytest.mark.parametrize(
    ("plugin", "complaint"),
    [
        ("no:benchmark", "pytest-benchmark is switched off, and nothing can be measured without it"),
        ("no:terminal", "-p no:terminal does not apply to mnv2bench"),
    ],
)
def test_without_a_plugin_that_measuring_needs_nothing_begins(suites, plugin, complaint):
    ran = suites(LATENCY, *TWO, "-p", plugin, "-o", "addopts=")
    assert (ran.returncode, ran.stdout) == (4, "")
    assert complaint in ran.stderr
    assert "INTERNALERROR" not in ran.stderr


HOOKS = ("configure", "sessionstart", "collection", "collection_finish", "runtestloop", "sessionfinish")


def test_a_plugin_that_warns_is_no_error_of_a_campaign(suites, tmp_path):
    """A real distribution with an entry point of pytest, which warns when it is imported and in each hook."""
    hooks = [f"def pytest_{hook}():\n    warnings.warn('old {hook}', DeprecationWarning)\n" for hook in HOOKS]
    (tmp_path / "old_plugin.py").write_text("\n".join(["import warnings", "warnings.warn('old import')", *hooks]))
    facts = tmp_path / "old_plugin-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: old-plugin\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[pytest11]\nold = old_plugin\n")
    words = (LATENCY, *SMALL, "--resolutions=64", f"--benchmark-save={NAME}-plugin")
    place = f"--benchmark-storage=file://{tmp_path / 'storage'}"
    ran = suites(*words, place, PYTHONPATH=f"{ROOT}{os.pathsep}{tmp_path}")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.search(r"^plugins: .*old-plugin-1\.0", ran.stdout, re.MULTILINE)
    assert "INTERNALERROR" not in ran.stdout + ran.stderr
    assert "1 passed" in ran.stdout
    assert "old collection_finish" in ran.stdout  # it is shown


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
    assert running.returncode == 130
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


def test_a_budget_is_divided_and_saved_with_its_blocks_and_too_small_a_one_is_refused(suites, tmp_path):
    """Both cases and both profiles have the two processes that everything has first."""
    budgeted = (LATENCY, *SMALL, "--processes=2", "--resolutions=96,64", "--profile", "--no-accuracy")
    ran = suites(*budgeted, "--budget=3m", f"--benchmark-storage=file://{tmp_path}", f"--benchmark-save={NAME}-budget")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (file,) = saved_files(tmp_path)
    contents = contents_of(file)
    assert [(record.status, len(record.processes)) for record in contents.records] == [("ok", 2)] * 2
    assert [set(block.cases.values()) for block in contents.blocks] == [{"first"}, {"first"}, set()]
    assert [len(block.cases) for block in contents.blocks] == [2, 2, 0]
    assert len(profiles(file)[0]) == 4
    for more in ((), ("--dry-run",)):
        refused = suites(*budgeted, "--budget=1s", f"--benchmark-save={NAME}-refused", *more)
        assert refused.returncode == 2
        assert (
            "the budget of 1 s is not enough for one process of each case (2 cases" in refused.stdout + refused.stderr
        )
    assert not (JOURNALS / f"{NAME}-refused.journal.jsonl").exists()


def test_a_report_is_written_beside_the_saved_file(suites, tmp_path):
    ran = suites(LATENCY, *SMALL, "--resolutions=96", f"--benchmark-storage=file://{tmp_path}", "--report",
                 f"--benchmark-save={NAME}-report", "--no-accuracy")  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (saved,) = saved_files(tmp_path)
    pages = {suffix: saved.with_suffix(suffix) for suffix in (".md", ".csv", ".html")}
    for page in pages.values():
        assert f"written: {page}" in ran.stdout
    assert pages[".md"].read_text().startswith("# MobileNetV2 on ")
    assert pages[".html"].read_text().startswith("<!doctype html>")
    assert pages[".csv"].read_text().splitlines()[1].startswith("mobilenet_v2_0.35_96-b1-fake-cpu-fp32-t1,")


def test_a_report_without_a_saved_file_is_refused_before_anything_is_measured(suites):
    ran = suites(LATENCY, *SMALL, "--resolutions=96", "--report")
    assert ran.returncode == 4
    assert "--report writes beside the saved file: name one with --benchmark-save=NAME" in ran.stderr
