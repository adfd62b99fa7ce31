"""Profiles and probes on their way: among the cases of a campaign, in its journal, resumed, and by the verbs."""

import json
import re

import pytest

from mnv2bench import Case
from mnv2bench.campaign import Campaign, run
from mnv2bench.profiling.extras import Profiling
from mnv2bench.profiling.lines import profiles, written
from mnv2bench.profiling.profile_worker import calls
from mnv2bench.profiling.profilers import why_no_trace, why_not
from mnv2bench.profiling.records import Operator, Probe, Probes, probes_from_json, probes_to_json
from mnv2bench.records import Plan
from mnv2bench.records.journal import Journal, Unusable, load
from mnv2bench.records.rounds import Round

pytestmark = pytest.mark.slow

FAKE = Case(width=0.35, resolution=96, backend="fake")
NCNN = Case(width=0.35, resolution=96, backend="ncnn")
PLAN = Plan(processes=2, rounds=1, round_s=0.01, warmup_s=0.0, warmup_runs=1, warmup_cap_s=0.05)
ROUND = Round((1_000_000, 1_100_000), wall_ns=2_200_000, cpu_ns=2_200_000, run_queue_ns=0, steal_ns=0, throttled_ns=0,
              involuntary_switches=0, major_faults=0)  # fmt: skip


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """The fake, a backend that cannot be profiled, and a trace."""
    folder = tmp_path_factory.mktemp("profiling")
    extras = (Profiling(FAKE, str(folder / "trace.json")), Profiling(NCNN))
    run(Campaign((FAKE,), Journal(folder / "fake.jsonl"), PLAN, extras=extras))
    return folder / "fake.jsonl"


def test_a_profile_is_of_a_process_of_its_own_beside_each_timed_one(file):
    (record,) = load(file)
    assert (record.status, len(record.processes)) == ("ok", 2)
    found, probed = profiles(file)
    assert probed == ()
    mine = [profile for profile in found if profile.case == FAKE]
    assert [(p.number, p.status, p.profiler) for p in mine] == [(0, "ok", "fake"), (1, "ok", "fake")]
    for profile in mine:
        assert len(profile.calls_ns) == 100
        assert min(profile.calls_ns) >= 200_000  # what the fake spins
        assert [o.name for o in profile.operators][:2] == ["reorder", "stem"]
        assert profile.operators[1] == Operator("stem", "conv+activation", (60_000,) * 100, ("features.0.0",))
        assert (profile.arena_bytes, profile.arena) == (2_000_000, "a number that is written down")
        assert profile.notes == ("its times are written down, not measured",)
        assert profile.error == 0.0


def test_what_cannot_be_profiled_says_why_once_and_costs_no_case_anything(file):
    found, _ = profiles(file)
    (refused,) = [profile for profile in found if profile.case == NCNN]
    assert refused.status == "unsupported"
    assert refused.reason == "ncnn's wheels are built without its benchmark option, and it has no other profiler"


def test_only_the_first_process_writes_the_trace(file):
    assert json.loads((file.parent / "trace.json").read_text()) == {"traceEvents": []}


def test_a_profile_is_of_no_other_machine(tmp_path):
    board = Case(width=0.35, resolution=96, backend="litert", device="ssh:board")
    journal = Journal(tmp_path / "board.jsonl")
    run(Campaign((), journal, Plan(processes=1), extras=(Profiling(board),)))
    ((refused,), _) = written(journal)
    assert refused.status == "unsupported"
    assert refused.reason == f"{board.id} is measured-device: profiles are taken on this machine only"


def test_an_interrupted_campaign_goes_on_with_the_profiles_that_are_missing(file, tmp_path):
    whole = file.read_text().splitlines(keepends=True)
    kept = next(n for n, line in enumerate(whole) if '"line":"profile"' in line and FAKE.id in line)
    cut = tmp_path / "cut.jsonl"
    cut.write_text("".join(whole[: kept + 1]) + '{"line":"profile","case":"mobi')
    journal = Journal(cut)
    run(Campaign((FAKE,), journal, PLAN, extras=(Profiling(FAKE), Profiling(NCNN))), resume=True)
    assert sorted((p.case.backend, p.number) for p in written(journal)[0]) == [("fake", 0), ("fake", 1), ("ncnn", 0)]
    assert "".join(whole[: kept + 1]) in cut.read_text()
    assert profiles(cut)[0] == written(journal)[0]


def test_a_profile_of_wrong_outputs_is_wrong(tmp_path, monkeypatch):
    monkeypatch.setenv("MNV2BENCH_FAKE", f"{FAKE.variant}=wrong")
    journal = Journal(tmp_path / "wrong.jsonl")
    run(Campaign((), journal, Plan(processes=1, rounds=1), extras=(Profiling(FAKE),)))
    ((profile,), _) = written(journal)
    assert profile.status == "wrong"
    assert profile.reason.startswith("outputs differ from eager fp32 by ")


def test_a_profile_that_crashes_is_told_and_not_tried_again(tmp_path, monkeypatch):
    monkeypatch.setenv("MNV2BENCH_FAKE", f"{FAKE.variant}=segfault")
    journal = Journal(tmp_path / "crash.jsonl")
    run(Campaign((), journal, Plan(processes=3, rounds=1), extras=(Profiling(FAKE),)))
    assert [(p.status, p.reason) for p in written(journal)[0]] == [("failed", "worker ended by SIGSEGV")]


DAMAGED = {
    "an operator that ran less often than the network": ("durations_ns", "60000", "did not run in each profiled call"),
    "a kind that is none": ("kind", "convolution", "not of conv, depthwise"),
    "a duration below 0": ("durations_ns", "-1", "Expected `int` >= 0"),
    "two operators of one name": ("name", "stem", "two operators of one name"),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_a_damaged_profile_is_named_and_not_believed(file, tmp_path, what):
    field, value, said = DAMAGED[what]
    found = [json.loads(line) for line in file.read_text().splitlines()]
    profile = next(line for line in found if line["line"] == "profile" and line["operators"])
    profile["operators"][2][field] = value
    damaged = tmp_path / "damaged.jsonl"
    damaged.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in found))
    with pytest.raises(Unusable, match=f"damaged.jsonl is damaged .*{re.escape(said)}"):
        profiles(damaged)


def test_probes_come_back_from_a_file_as_they_went():
    probe = Probe("fp32 matmul", "torch 2.13.0", "flop", 2_000_000_000, 12_000_000, "", (ROUND,))
    probed = Probes(2, 0, "ok", "", 1.5, (probe,), {"L2": 524_288}, ("onnxruntime is not installed",))
    assert probes_from_json(json.loads(json.dumps(probes_to_json(probed)))) == probed
    idle = json.loads(json.dumps(probes_to_json(probed)))
    idle["probes"][0]["work"] = 0
    with pytest.raises(ValueError, match="a probe without work"):
        probes_from_json(idle)


def test_an_operator_of_an_unknown_kind_cannot_be_made():
    with pytest.raises(ValueError, match=r"operator 'x' is of the type 'conv\+magic'"):
        Operator("x", "conv+magic", (1,))


@pytest.mark.parametrize(("run_s", "expected"), [(0.0001, 100), (0.02, 50), (0.5, 20), (30.0, 20)])
def test_about_a_second_of_calls_is_profiled(run_s, expected):
    assert calls(run_s) == expected


def test_a_backend_without_a_profiler_says_how_to_add_one():
    assert why_not("elsewhere") == (
        "there is no profiler for elsewhere: write one as in mnv2bench/profiling/profilers, "
        'and name it in its RUNTIME: profiler="..."'
    )
    assert why_not("onnxruntime") == ""
    assert why_no_trace("onnxruntime") == ""
    assert why_no_trace("litert") == "LiteRT's profiler writes no trace file: leave --trace out"


# The verbs


@pytest.fixture(scope="module")
def said(command, tmp_path_factory):
    """What `mnv2bench roofline` prints of the fake, and the folder it writes to."""
    folder = tmp_path_factory.mktemp("verb")
    out = folder / "found.jsonl"
    ran = command("mnv2bench", "roofline", FAKE.id, "--processes", "1", "--rounds", "1", "--out", str(out), "--quiet")
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout, folder


def test_roofline_measures_the_machine_among_the_cases_and_writes_pages_and_pictures(said):
    printed, folder = said
    assert sorted(path.name for path in folder.iterdir()) == [
        "found.jsonl", "found.profile.csv", "found.profile.md", "found.roofline.svg", "found.shares.svg",
    ]  # fmt: skip
    (profile,), (probed,) = profiles(folder / "found.jsonl")
    assert (profile.status, probed.status, probed.threads) == ("ok", "ok", 1)
    names = {(probe.library.split()[0], probe.unit) for probe in probed.probes}
    assert {("torch", "flop"), ("numpy", "byte"), ("onnxruntime", "flop")} <= names
    assert FAKE.id in printed
    assert f"{FAKE.id}: layout conversions take 10.0% of the operators' time" in printed


def test_report_writes_the_same_page_from_the_file(said, command):
    _, folder = said
    page = folder / "found.profile.md"
    before = page.read_text()
    page.unlink()
    ran = command("mnv2bench", "report", str(folder / "found.jsonl"))
    assert (ran.returncode, ran.stderr) == (0, "")
    assert f"profile:  {page}\n" in ran.stdout
    assert page.read_text() == before


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (
            ("profile", "nonsense"),
            "'nonsense' is not a case id such as mobilenet_v2_1.0_224-b1-",
        ),
        (("profile", FAKE.id, NCNN.id, "--trace", "t.json"), "--trace is of one case, not of 2: name one case id"),
        (("profile", NCNN.id, "--trace", "t.json"), "leave --trace out"),
        (("profile", FAKE.id, "--trace", "nowhere/t.json"), "there is no folder nowhere"),
        (("roofline", "--backends", "none"), "backend 'none' is not one of"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(command, words, why):
    ran = command("mnv2bench", *words)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert why in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


def test_a_profile_that_failed_is_exit_code_1(command, tmp_path):
    out = tmp_path / "bad.jsonl"
    words = ("profile", FAKE.id, "--processes", "1", "--rounds", "1", "--out", str(out), "--quiet")
    ran = command("mnv2bench", *words, MNV2BENCH_FAKE=f"{FAKE.variant}=segfault")
    assert (ran.returncode, ran.stderr) == (1, "")
    assert f"| {FAKE.id} | failed   | worker ended by SIGSEGV |\n" in (tmp_path / "bad.profile.md").read_text()
