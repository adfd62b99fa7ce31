"""The table of exit codes, held against what every verb really ends with."""

import signal
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from saved_nights import LARGE, MACHINE, SMALL, samples, save
from typer.main import get_command

from mnv2bench.case import Case
from mnv2bench.cli import app
from mnv2bench.cli.profile import probe_conclusion
from mnv2bench.conclusion import Conclusion
from mnv2bench.exit_codes import CODES, SUITES, ExitCode, epilog, exit_codes_page
from mnv2bench.profiling.records import Probes
from mnv2bench.records import Machine, Plan, Process, Samples, Weights, replace
from mnv2bench.records.journal import Head, Journal

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "exit-codes.md"
Q = ("--widths", "0.35", "--resolutions", "96", "--threads", "1", "--processes", "1", "--rounds", "1")
LATENCY = ("--suites", "latency")
FAKE = Case(width=0.35, resolution=96, backend="fake")
FOLLOWS = "test_a_machine_joins_the_scheduler_that_follows_a_killed_one_and_ends_when_none_follows"
KILLED = "test_a_killed_worker_is_started_again_once_and_a_second_death_ends_the_machine"
ELSEWHERE = {  # where another test holds a code against a real run: each takes long, or needs what this file has not
    ("run", 130): "test_cli.py::test_ctrl_c_ends_the_worker_and_says_how_to_go_on",
    (SUITES, 0): "test_suites.py::test_a_saved_file_holds_the_records_of_every_case",
    (SUITES, 1): "test_suites.py::test_a_crash_fails_its_own_tests_and_the_others_are_saved",
    (SUITES, 2): "test_suites.py::test_resuming_another_selection_is_refused_and_leaves_the_journal_alone",
    (SUITES, 4): "test_suites.py::test_what_cannot_apply_or_be_meant_is_refused_in_one_line",
    (SUITES, 5): "test_suites.py::test_no_test_that_is_left_is_pytests_own_code",
    (SUITES, 130): "test_suites.py::test_ctrl_c_ends_the_worker_and_says_how_to_go_on",
    ("fleet", 0): "test_fleet.py::test_machines_that_are_alike_share_the_cases_and_each_has_its_journal",
    ("fleet", 1): "test_fleet.py::test_a_machine_that_goes_is_named_and_its_cases_begin_anew_on_one_like_it",
    ("fleet", 130): "test_fleet.py::test_ctrl_c_says_how_to_go_on_and_resume_measures_the_rest",
    ("profile", 130): "test_exit_codes.py::test_a_verb_that_measures_is_interrupted",
    (
        "roofline",
        0,
    ): "test_profiling.py::test_roofline_measures_the_machine_among_the_cases_and_writes_pages_and_pictures",
    ("roofline", 1): "test_exit_codes.py::test_limits_that_were_not_measured_are_no_success",
    ("roofline", 130): "test_exit_codes.py::test_a_verb_that_measures_is_interrupted",
    ("fleet-serve", 0): f"test_fleet_machines.py::{FOLLOWS}",
    ("fleet-serve", 130): f"test_fleet_machines.py::{KILLED}",
    ("fleet-join", 0): f"test_fleet_machines.py::{FOLLOWS}",
    ("fleet-join", 1): f"test_fleet_machines.py::{KILLED}",
    ("fleet-join", 130): f"test_fleet_machines.py::{KILLED}",
    ("duel", 0): "test_duel.py::test_what_is_alike_is_no_failure",
    ("duel", 1): "test_duel.py::test_what_is_slower_is_a_regression_and_what_is_alike_is_cleared",
    ("duel", 3): "test_duel.py::test_a_spent_budget_leaves_the_rest_inconclusive_and_no_case_unmentioned",
    ("duel", 130): "test_duel.py::test_ctrl_c_says_how_to_go_on",
    ("bisect", 0): "test_bisect.py::test_the_first_slower_release_is_named_with_its_ratio_and_what_was_skipped",
    ("bisect", 3): "test_bisect.py::test_a_good_release_that_does_not_install_leaves_the_case_undecided",
    ("bisect", 130): "test_bisect.py::test_ctrl_c_says_how_to_go_on_and_resume_measures_only_what_is_missing",
    ("gate", 1): "test_gate.py::test_pairs_confirm_the_cell_that_is_slower_and_clear_the_one_that_only_looked_so",
    ("gate", 130): "test_exit_codes.py::test_a_verb_that_measures_is_interrupted",
    ("build-runner", 0): "test_bundles.py::test_the_verb_builds_a_runner_and_says_where_it_lies",
    ("ship", 0): "test_ship.py::test_a_folder_holds_the_measured_file_and_a_program_that_was_verified",
    ("ship", 1): "test_ship.py::test_a_program_of_another_package_is_shipped_and_one_whose_outputs_are_wrong_is_not",
    (
        "loadgen",
        0,
    ): "test_loadgen_verb.py::test_a_runtime_answers_loadgens_queries_in_every_scenario",
    ("loadgen", 1): "test_loadgen_verb.py::test_a_case_whose_outputs_are_wrong_is_bad_and_shows_no_number",
    ("loadgen", 130): "test_exit_codes.py::test_a_verb_that_measures_is_interrupted",
    ("selfcheck", 130): "test_exit_codes.py::test_a_verb_that_measures_is_interrupted",
}


def journal(path, ms_of_case, status="ok"):
    """A journal of the fake with a process for each case."""
    plan = Plan(processes=1)
    written = Journal(path)
    written.begin(Head(tuple(ms_of_case), plan, 0, Weights(), Machine(cpu_model="Example CPU", cores=2)))
    for case, ms in ms_of_case.items():
        for process in processes(case, ms, status):
            written.process(replace(process, position=len(written.processes)))
    return path


def processes(case, ms, status):
    if ms is None:
        return []
    measured = samples(ms) if status == "ok" else Samples()
    return [Process(case, 0, 0, 0, status, "" if status == "ok" else "why", 10.0, measured)]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Files that the verbs below read."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # a machine with a GPU has none here
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    journal(tmp_path / "a.jsonl", {SMALL: 1.0})
    journal(tmp_path / "b.jsonl", {SMALL: 1.1})
    journal(tmp_path / "large.jsonl", {LARGE: 5.0})
    journal(tmp_path / "failed.jsonl", {SMALL: 1.0}, "failed")
    journal(tmp_path / "begun.jsonl", {SMALL: None})
    (tmp_path / "damaged.jsonl").write_text("{")
    for number in (1, 2, 3):
        save(tmp_path / "nights", number, {SMALL: [0.5, 0.5, 0.5]})
        save(tmp_path / "broken", number, {SMALL: [None]})
    return tmp_path


@pytest.fixture
def ended(place, verb):
    """The exit code and the words of a verb, with real files and worker processes."""

    def run(*words):
        ran = verb(*words)
        assert "Traceback" not in ran.err
        return SimpleNamespace(code=ran.returncode, text=" ".join((ran.out + ran.err).split()))

    return run


NIGHTS = ("--results", "nights", "--fingerprint", MACHINE)
BROKEN = ("--results", "broken", "--fingerprint", MACHINE)
WHY = ("--why", "intended", "--who", "Ada")
SAVED_FILE = ROOT / "results" / "amd-epyc-2c-e937e7b3" / "table4_nasnet.jsonl"
RUNS = [  # verb, code, its words, what it prints
    ("run", 0, ("--backends", "fake", *LATENCY, *Q), "records: mnv2bench.jsonl"),
    ("run", 1, ("--backends", "tensorrt", *LATENCY, *Q), "nothing was measured: unsupported: tensorrt runs on cuda"),
    ("run", 1, ("--backends", "fake", "--devices", "adb:nosuch", *LATENCY, *Q), "nothing was measured: un"),
    ("run", 1, ("--backends", "fake,tensorrt", *LATENCY, *Q), "backend tensorrt was requested, and nothing of it was"),
    ("run", 1, ("--backends", "fake", "--precisions", "fp32,tf32", *LATENCY, *Q), "precision tf32 was requested, and"),
    (
        "run",
        1,
        ("--backends", "fake", "--devices", "cpu,ssh:nosuch.invalid", *LATENCY, *Q),
        "device ssh:nosuch.invalid",
    ),
    ("run", 1, ("--backends", "fake", "--devices", "cuda", *LATENCY, *Q), "nothing was measured: unavailable"),
    ("run", 1, ("--devices", "cuda", *LATENCY, *Q), "nothing was measured: unavailable"),
    ("run", 2, ("--backends", ","), "--backends ',' names nothing"),
    ("run", 2, ("--threads", " , "), "--threads ' , ' names nothing"),
    ("run", 2, ("--suites", "latency", "--batches", "1,8"), "no case of latency has batch 8"),
    ("fleet", 2, ("--scheduler", "udp://bench", *Q), "is no address of a scheduler"),
    ("fleet", 2, ("--scheduler", "tls://127.0.0.1", "--key", "nowhere.key", *Q), "nowhere.key"),
    ("profile", 0, (FAKE.id, *Q), "written: profile.profile.md"),
    ("profile", 1, ("mobilenet_v2_0.35_96-b1-tensorrt-cpu-fp32-t1", *Q), "nothing was measured: unsupported"),
    ("profile", 2, ("nonsense",), "is not a case id"),
    ("roofline", 2, ("nonsense",), "is not a case id"),
    ("loadgen", 2, (FAKE.id, "--latency-bound", "5ms"), "--latency-bound is of the scenario server"),
    ("fleet-serve", 2, ("--listen", "nosuch.invalid"), "'nosuch.invalid' is no IP address of this machine"),
    ("fleet-join", 2, ("tls://box", "--key", "none.key"), "there is no key of a fleet at none.key: copy the file"),
    ("duel", 2, ("--old", "/no/such/python"), "/no/such/python"),
    ("bisect", 2, ("--good", "1", "--bad", "2"), "name one of --package NAME and --git DIR"),
    ("bisect", 2, ("--good", "1", "--bad", "2"), "name one of --package NAME and --git DIR"),
    ("gate", 0, NIGHTS, "0003_nightly"),
    ("gate", 2, ("--results", "nowhere"), "no night of"),
    ("gate", 3, BROKEN, "cannot be judged"),
    ("gate", 3, ("--fleet", "--results", "nights"), "0003_nightly was not judged"),
    ("compare", 0, ("a.jsonl", "b.jsonl"), "1.100"),
    ("compare", 1, ("a.jsonl", "large.jsonl"), "0 of 2 cases compared"),
    ("compare", 1, ("a.jsonl", "failed.jsonl"), "0 of 1 cases compared"),
    ("compare", 1, ("begun.jsonl", "begun.jsonl"), "0 of 1 cases compared"),
    ("compare", 2, ("a.jsonl", "damaged.jsonl"), "damaged.jsonl is damaged"),
    ("report", 0, ("a.jsonl",), "Markdown: a.md"),
    ("report", 1, ("a.jsonl", "damaged.jsonl"), "skipped: damaged.jsonl"),
    ("report", 1, ("failed.jsonl",), "no case of failed.jsonl was measured"),
    ("report", 1, ("begun.jsonl",), "no case of begun.jsonl was measured"),
    ("report", 2, (), "none under results/"),
    ("site", 0, ("public", "a.jsonl"), "1 file, 1 machine, 1 case, 1 runtime"),
    ("site", 1, ("public", "a.jsonl", "damaged.jsonl"), "left out: damaged.jsonl is damaged"),
    ("site", 2, (".", "a.jsonl"), "holds files, and no site of mnv2bench"),
    ("recommend", 0, ("--results", "nights"), "ship mobilenet_v2_0.35_96 on fake in fp32: 0.500 (0.500–0.500) ms"),
    ("recommend", 1, ("--results", "nights", "--latency", "0.1ms"), "Missed: 0.500 ms for a budget of 0.1 ms"),
    ("recommend", 2, (), "none under results/"),
    ("recommend", 3, ("a.jsonl",), "DO NOT USE: 1 of 1 rows without a bound of latency"),
    ("tails", 0, (FAKE.id, "a.jsonl"), FAKE.variant),
    ("tails", 2, ("nonsense", "a.jsonl"), "nonsense"),
    ("ship", 2, ("nonsense", "--to", "out"), "is not a case id"),
    ("check-contribution", 0, (str(SAVED_FILE), "--results", "nowhere"), "1 file: nothing is wrong"),
    ("check-contribution", 1, ("a.jsonl",), "The file does not name its machine"),
    ("check-contribution", 1, ("damaged.jsonl",), "It is damaged"),
    ("check-contribution", 2, ("nosuch.jsonl",), "nosuch.jsonl is no file"),
    ("history", 0, NIGHTS, "nightly"),
    ("history", 1, BROKEN, "no night has a number"),
    ("history", 2, ("--results", "nowhere"), "no nights under"),
    ("accept", 0, ("--all", *WHY, *NIGHTS), "written to"),
    ("accept", 2, (*WHY, *NIGHTS), "name the cases whose change is accepted"),
    ("accept", 2, ("--all", *WHY, *BROKEN), "nothing to accept"),
    ("backends", 0, ("fake",), "works"),
    ("backends", 1, ("tensorrt",), "nothing was measured: unavailable"),
    ("backends", 2, ("nosuch",), "backend 'nosuch' is not one of"),
    ("devices", 0, (), "for --devices"),
    ("build-runner", 2, ("ncnn",), "runtime 'ncnn' is not one of"),
    ("env", 0, (), "fingerprint"),
    ("memory", 0, (), "MB"),
    ("memory", 2, ("--widths", ","), "--widths ',' names nothing"),
    ("paper", 0, (), "mobilenet_v2_1.0_224"),
    ("networks", 0, (), "timm:NAME"),
    ("network", 0, ("mobilenet_v2",), "3,504,872"),
    ("network", 2, ("lenet",), "unknown network 'lenet'"),
    ("selfcheck", 0, ("--only", "nights", "--nights", "1", "--seed", "2"), "0 with a false REGRESSION"),
    ("selfcheck", 1, ("--device", "ssh:nosuch.invalid"), "ssh:nosuch.invalid"),
    ("selfcheck", 2, ("--only", ","), "--only ',' names no check"),
    ("selfcheck", 2, ("--file", "a.jsonl"), "name --device cuda too"),
    ("selfcheck", 1, ("--device", "cuda", "--file", "a.jsonl"), "nothing ran"),
    ("selfcheck", 2, ("--repeats", "0"), "--repeats must be at least 1, not 0"),
]


@pytest.mark.parametrize(
    ("name", "code", "words", "printed"), RUNS, ids=[f"{verb} {' '.join(words)}" for verb, _, words, _ in RUNS]
)
def test_a_verb_ends_with_the_code_of_the_table_and_says_why(ended, name, code, words, printed):
    ran = ended(name, *words)
    assert (ran.code, printed in ran.text) == (code, True), ran.text
    assert ExitCode(code) in CODES[name]


@pytest.mark.parametrize("verb", ["profile", "loadgen", "selfcheck"])
def test_a_verb_that_measures_is_interrupted(started, place, wait_for, verb):
    nights = ("--only", "nights", "--nights", "100000")
    words = {"profile": (FAKE.id, *Q), "loadgen": (FAKE.id,), "selfcheck": nights}[verb]
    running = started("mnv2bench", verb, *words, MNV2BENCH_FAKE=f"{FAKE.variant}=hang")
    if verb != "selfcheck":
        started.worker(running, f"mnv2bench.{'loadgen' if verb == 'loadgen' else 'workers'}.worker")
    else:
        wait_for(lambda: psutil.Process(running.pid).cpu_times().user > 1.5)  # it has begun to count nights
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=60)
    assert running.returncode == ExitCode.INTERRUPTED


def test_limits_that_were_not_measured_are_no_success():
    probed = Probes(threads=2, number=0, status="unavailable", reason="torch is missing", wall_s=1.0)
    assert probe_conclusion([probed]) == Conclusion(
        failed=True, missed=("the limits of this machine with 2 threads were not measured: torch is missing",)
    )
    assert probe_conclusion([probed]).code == ExitCode.BAD


def test_every_code_of_every_verb_is_held_against_a_real_run():
    here = {(verb, ExitCode(code)) for verb, code, *_ in RUNS}
    assert here | {(verb, ExitCode(code)) for verb, code in ELSEWHERE} == {
        (verb, code) for verb, codes in CODES.items() for code in codes
    }
    for place in ELSEWHERE.values():
        file, _, name = place.partition("::")
        assert f"def {name}(" in (ROOT / "tests" / file).read_text(), place


def test_every_verb_has_a_row_and_its_help_ends_in_its_codes():
    verbs = get_command(app).commands
    assert {*verbs, SUITES} == set(CODES)
    assert {name: verb.epilog.split("\n\n")[-1] for name, verb in verbs.items()} == {
        name: epilog(name) for name in verbs
    }


def test_the_page_of_exit_codes_is_what_the_declarations_say():
    renew = "run: python -m mnv2bench.exit_codes docs/exit-codes.md"
    assert PAGE.read_text(encoding="utf-8") == exit_codes_page(), f"docs/exit-codes.md is stale, {renew}"
    assert "docs/exit-codes.md" in (ROOT / "README.md").read_text(encoding="utf-8")
