"""Campaigns in real child processes that really crash, hang and get killed."""

import subprocess
import sys

import psutil
import pytest

from mnv2bench import Case, Plan
from mnv2bench.campaign import Campaign, run
from mnv2bench.campaign.child import run_child
from mnv2bench.campaign.schedule import all_backends, blocks, nuisances
from mnv2bench.machine import this_machine
from mnv2bench.records import Weights, replace
from mnv2bench.records.journal import Journal, lines, load
from mnv2bench.workers.programs import Program

pytestmark = pytest.mark.slow

BRIEF = Plan(processes=2, rounds=1, round_s=0.01, warmup_s=0.0, warmup_runs=1, warmup_cap_rounds=1)
FAKE = Case(width=0.35, resolution=96, backend="fake")
FAILING = {  # resolution: how the fake fails there, then what the Record says
    32: ("segfault", "failed", "worker ended by SIGSEGV"),
    40: ("kill", "failed", "worker ended by SIGKILL"),
    48: ("hang", "timeout", "no result after 10 s: killed"),
    56: ("raise", "failed", "RuntimeError: fake is told to raise over two lines"),
    64: ("nan", "wrong", "outputs are not finite"),
    72: ("wrong", "wrong", "outputs differ from eager fp32 by 1.0e-02 of the largest logit"),
    80: ("unavailable", "unavailable", "fake is told to be missing: unset MNV2BENCH_FAKE"),
    88: ("unsupported", "unsupported", "fake is told not to do this"),
}


def modes(failing):
    return ",".join(f"mobilenet_v2_0.35_{resolution}={mode}" for resolution, (mode, *_) in failing.items())


def measured(tmp_path, *cases, plan=BRIEF, **campaign):
    return run(Campaign(cases, Journal(tmp_path / "out.jsonl"), plan, **campaign))


# every way to fail, in one campaign


@pytest.fixture(scope="module")
def journal(tmp_path_factory):
    """Every way that a worker can fail, at one resolution each, and 96, where it does not."""
    cases = tuple(replace(FAKE, resolution=resolution) for resolution in FAILING)
    others = (replace(FAKE, device="tpu"), FAKE, replace(FAKE, threads=2))
    journal = Journal(tmp_path_factory.mktemp("failing") / "night.jsonl")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MNV2BENCH_FAKE", modes(FAILING))
        said = []
        plan = replace(BRIEF, timeout_s=10.0)
        campaign = Campaign(cases + others, journal, plan, seed=3, progress=lambda *step: said.append(step))
        journal.returned, journal.said = run(campaign), said
    return journal


@pytest.mark.parametrize("resolution", FAILING)
def test_a_case_that_fails_is_a_record_with_its_status_and_reason(journal, resolution):
    _, status, reason = FAILING[resolution]
    (record,) = [r for r in load(journal.path) if r.case.resolution == resolution]
    assert (record.status, record.reason) == (status, reason)


def test_the_campaign_goes_on_and_measures_the_others(journal):
    good = [record for record in load(journal.path) if record.status == "ok"]
    assert [record.case for record in good] == [FAKE, replace(FAKE, threads=2)]
    for record in good:
        assert [process.number for process in record.processes] == [0, 1]
        assert [samples.error for samples in record.samples] == [0.0, 0.0]
        assert all(samples.separation > 0.01 for samples in record.samples)
        assert all(samples.memory.interpreter < samples.memory.peak for samples in record.samples)
        assert all(min(r.durations_ns) >= 200_000 for s in record.samples for r in s.warmup + s.rounds)


def test_what_is_returned_is_what_stands_on_disk(journal):
    assert journal.returned == load(journal.path)


def test_a_wrong_result_keeps_its_numbers_and_its_error(journal):
    (record,) = [r for r in load(journal.path) if r.case.resolution == 72]
    assert [process.status for process in record.processes] == ["wrong", "wrong"]
    assert [process.samples.error for process in record.processes] == pytest.approx([0.01, 0.01], rel=1e-3)
    assert all(process.samples.rounds for process in record.processes)
    assert record.samples == ()


def test_a_case_that_ended_badly_is_not_tried_again(journal):
    tries = {record.case.resolution: len(record.processes) for record in load(journal.path) if record.case != FAKE}
    assert tries == {32: 1, 40: 1, 48: 1, 56: 1, 64: 2, 72: 2, 80: 1, 88: 1, 96: 2}


def test_a_device_that_a_backend_does_not_run_on_is_unsupported(journal):
    (record,) = [r for r in load(journal.path) if r.case.device == "tpu"]
    assert (record.status, record.reason) == ("unsupported", "fake runs on cpu and cuda here, not on tpu")


def test_the_realised_order_is_the_order_of_the_blocks_and_every_process_has_its_own_seed(journal):
    head, processes = lines(journal.path)[0], [line for line in lines(journal.path) if line["line"] == "process"]
    order = [(case, number) for number, block in enumerate(blocks(head["cases"], 2, 3)) for case in block]
    assert [order[process["position"]] for process in processes] == [(p["case"], p["number"]) for p in processes]
    assert [p["position"] for p in processes] == sorted(p["position"] for p in processes)
    assert len({process["seed"] for process in processes}) == len(processes)


def test_the_machine_is_looked_at_around_every_block_and_the_parent_stays_small(journal):
    kinds = [line["line"] for line in lines(journal.path)]
    assert [kind for kind in kinds if kind in ("state", "end")] == ["state", "state", "state", "end"]
    assert kinds[-1] == "end"


def test_progress_says_what_comes_next(journal):
    steps = [(doing, done, total) for doing, done, total in journal.said if total]
    assert steps[0][1:] == (0, 22)
    assert steps[-1] == ("done", 22, 22)
    assert [done for _, done, _ in steps] == sorted(done for _, done, _ in steps)
    assert steps[0][0].startswith("block 1 of 2, mobilenet_v2_0.35_")
    lines = [doing for doing, _, total in journal.said if not total]
    assert lines[0].startswith("11 cases, 20 processes, ")
    assert any(line.startswith("exporting reference for mobilenet_v2_0.35_40, batch 1 (") for line in lines)


# the order and the nuisances


def test_a_block_holds_every_case_once_and_every_second_one_is_the_reverse_of_the_one_before():
    order = blocks(range(50), 5, seed=1)
    assert [sorted(block) for block in order] == [list(range(50))] * 5
    assert (order[1], order[3]) == (order[0][::-1], order[2][::-1])
    assert len({tuple(block) for block in order}) == 5
    assert list(range(50)) not in order


def test_the_order_is_that_of_the_seed():
    assert blocks(range(50), 3, seed=1) == blocks(range(50), 3, seed=1)
    assert blocks(range(50), 3, seed=1) != blocks(range(50), 3, seed=2)
    assert blocks(range(50), 5, seed=1)[:3] == blocks(range(50), 3, seed=1)


def test_the_nuisances_are_those_of_the_seed_and_what_python_accepts():
    given = [nuisances(seed) for seed in range(200)]
    assert given[7] == nuisances(7)
    assert len({variables["PYTHONHASHSEED"] for variables in given}) == 200
    assert all(0 <= int(variables["PYTHONHASHSEED"]) < 2**32 for variables in given)
    padding = [len(variables["MNV2BENCH_PADDING"]) for variables in given]
    assert min(padding) < 500 < 3500 < max(padding) < 4096


def test_torch_eager_comes_first_as_everything_is_compared_with_it():
    assert all_backends()[0] == "torch_eager"
    assert list(all_backends()[1:]) == sorted(all_backends()[1:])


# one child


@pytest.fixture
def module(tmp_path):
    """Run this source as a child's module, with a job, to its end."""

    def run_module(source, timeout_s=60.0, result=dict, **job):
        (tmp_path / "someones_module.py").write_text(
            "import json, os, sys\nenvelope = json.load(open(sys.argv[1]))\njob = envelope['job']\n" + source
        )
        program = Program("someones_module", dict, result)
        return run_child(program, job, {"PYTHONPATH": str(tmp_path)}, timeout_s)

    return run_module


def test_a_child_is_given_its_job_and_says_how_it_ended(module):
    source = """
answer = {"status": "ok", "reason": "", "result": {"twice": 2 * job["number"], "session": os.getsid(0) == os.getpid()}}
json.dump(answer, open(envelope["outcome"], "w"))
"""
    outcome = module(source, number=21)
    assert (outcome.status, outcome.result) == ("ok", {"twice": 42, "session": True})
    assert outcome.wall_s > 0


def test_a_result_of_another_type_is_a_failure_that_names_the_program(module):
    source = (
        """json.dump({"status": "ok", "reason": "", "result": {"twice": "many"}}, open(envelope["outcome"], "w"))"""
    )
    outcome = module(source, result=dict[str, int])
    assert (outcome.status, outcome.result) == ("failed", None)
    assert outcome.reason == (
        "the result of someones_module cannot be read (Expected `int`, got `str` - at `$[...]`): run it again"
    )


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("sys.exit(3)", "worker ended with exit code 3"),
        ("print('no space\\x1b[31m\\nleft'); sys.exit(4)", "worker ended with exit code 4: no space [31m left"),
        ("sys.exit(0)", "worker ended with exit code 0"),
        ("print('bye', flush=True); os.abort()", "worker ended by SIGABRT: bye"),
        ("open(envelope['outcome'], 'w').write('{\"status\": ')", "worker ended with exit code 0"),
        ("os.write(2, b'\\xff\\x00'); sys.exit(5)", "worker ended with exit code 5: \ufffd"),
    ],
)
def test_a_child_that_says_nothing_failed_with_what_it_printed_last(module, source, reason):
    ended = module(source)
    assert (ended.status, ended.reason, ended.result) == ("failed", reason, None)


@pytest.mark.parametrize("end", ["sys.exit(1)", "os.abort()"])
def test_of_a_long_traceback_the_last_line_is_told(module, end):
    ended = module(f"print('File someones_module.py, line 7\\n' * 1000 + 'MemoryError', flush=True); {end}")
    assert ended.reason.startswith("worker ended ")
    assert ended.reason.endswith("line 7 MemoryError")
    assert len(ended.reason) < 550


def test_a_child_that_hangs_takes_what_it_started_with_it(module, tmp_path, wait_for):
    source = """
import subprocess
started = subprocess.Popen(["sleep", "3600"])
open(job["pid"], "w").write(str(started.pid))
started.wait()
"""
    ended = module(source, timeout_s=3.0, pid=str(tmp_path / "pid"))
    assert (ended.status, ended.reason) == ("timeout", "no result after 3 s: killed")
    assert wait_for(lambda: gone(int((tmp_path / "pid").read_text())))


def test_what_a_child_leaves_running_ends_with_it(module, tmp_path, wait_for):
    source = """
import subprocess
open(job["pid"], "w").write(str(subprocess.Popen(["sleep", "3600"]).pid))
json.dump({"status": "ok", "reason": "", "result": None}, open(envelope["outcome"], "w"))
"""
    assert module(source, pid=str(tmp_path / "pid")).status == "ok"
    assert wait_for(lambda: gone(int((tmp_path / "pid").read_text())))


def gone(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


# killed and resumed


def run_words(out, *more):
    # seed 1 puts 96 before 64 in the first block
    words = ("run", "--suites", "latency", "--backends", "fake", "--widths", "0.35", "--resolutions", "64,96")
    return ("mnv2bench", *words, "--processes", "2", "--rounds", "1", "--seed", "1", "--out", str(out), *more)


def test_a_killed_campaign_loses_the_process_in_flight_and_resumes_with_what_is_missing(
    started, command, tmp_path, wait_for
):
    out = tmp_path / "night.jsonl"
    campaign = started(*run_words(out), MNV2BENCH_FAKE="mobilenet_v2_0.35_64=hang")
    wait_for(lambda: out.exists() and b'"line":"process"' in out.read_bytes())
    worker = started.worker(campaign)
    campaign.kill()
    assert wait_for(lambda: gone(worker.pid))
    before = out.read_bytes()
    assert [(r.case.resolution, r.status, len(r.processes)) for r in load(out)] == [(64, "failed", 0), (96, "ok", 1)]

    resumed = command(*run_words(out, "--resume"))
    assert (resumed.returncode, resumed.stderr) == (0, "")
    assert out.read_bytes().startswith(before)
    again = [line for line in lines(out) if line["line"] == "process"]
    order = [(process["number"], Case.parse(process["case"]).resolution) for process in again]
    assert order == [(0, 96), (0, 64), (1, 64), (1, 96)]
    assert {record.status for record in load(out)} == {"ok"}
    assert [path.name for path in tmp_path.iterdir()] == ["night.jsonl"]

    finished = command(*run_words(out, "--resume"))
    assert finished.returncode == 0
    assert [line for line in lines(out) if line["line"] == "process"] == again


def test_a_worker_whose_campaign_is_killed_at_its_birth_ends_too(started, command, tmp_path, wait_for):
    everywhere = "mobilenet_v2_0.35_64=hang,mobilenet_v2_0.35_96=hang"
    prepared = command(*run_words(tmp_path / "first.jsonl", "--process-limit", "0.01"))  # exports, measures nothing
    assert prepared.returncode == 1
    campaign = started(*run_words(tmp_path / "second.jsonl"), MNV2BENCH_FAKE=everywhere)
    newborn = started.worker(campaign)
    campaign.kill()
    assert wait_for(lambda: gone(newborn.pid))


def saved_weights(path, seed, width=0.35):
    """A file of weights as torch.save writes it."""
    import torch

    from mnv2bench.networks import build

    torch.save(build("mobilenet_v2", width=width, seed=seed).state_dict(), path)
    return path


@pytest.fixture(scope="module")
def first_weights(tmp_path_factory):
    """The file is read once for all tests that do not change it."""
    return saved_weights(tmp_path_factory.mktemp("weights") / "weights.pt", seed=1)


@pytest.fixture
def interrupted(tmp_path, first_weights):
    """A campaign of the fake that was stopped before it measured anything."""
    weights = first_weights
    campaign = Campaign((FAKE,), Journal(tmp_path / "out.jsonl"), BRIEF, 5, Weights(file=str(weights)))

    def stop(*step):
        if campaign.journal.path.exists():  # before that, the weights are read
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(replace(campaign, progress=stop))
    assert load(campaign.journal.path)[0].reason.startswith("not measured")
    return campaign


def refusal(campaign):
    before = campaign.journal.path.read_bytes()
    with pytest.raises(ValueError) as refused:
        run(campaign, resume=True)
    assert "\n" not in str(refused.value)
    assert campaign.journal.path.read_bytes() == before
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("cases", (FAKE, replace(FAKE, threads=2))),
        ("plan", replace(BRIEF, rounds=2)),
        ("seed", 6),
        ("weights", Weights()),
    ],
)
def test_another_campaign_does_not_resume_this_one(interrupted, name, other):
    reason = refusal(replace(interrupted, **{name: other}))
    assert reason == f"the interrupted campaign had other {name}: repeat its command with --resume, or drop it"


def test_a_campaign_is_not_resumed_on_another_machine(interrupted):
    path = interrupted.journal.path
    path.write_text(path.read_text().replace(this_machine().fingerprint, "another-cpu-64c-01234567"))
    assert "another machine" in refusal(interrupted)


def test_a_campaign_is_not_resumed_with_other_libraries(interrupted):
    path = interrupted.journal.path
    path.write_text(path.read_text().replace(f'"torch":"{this_machine().libraries["torch"]}"', '"torch":"1.0"'))
    assert "libraries changed" in refusal(interrupted)


def test_a_campaign_is_not_resumed_with_other_weights_in_the_same_file(interrupted, first_weights):
    saved_weights(first_weights, seed=2)
    assert "weights" in refusal(interrupted)


# what this machine lacks


def test_without_a_cpp_compiler_only_what_compiles_is_unavailable(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    cases = [replace(FAKE, backend=name) for name in ("torch_compile", "torch_compile_freezing", "torch_aoti", "fake")]
    cases[2] = replace(cases[2], resolution=64)  # of which no package is in the cache
    said = {record.case.backend: (record.status, record.reason) for record in measured(tmp_path, *cases)}
    why = "torch.compile needs a C++ compiler and found no g++ or clang++: apt-get install g++, or set CXX"
    assert said == {
        "torch_compile": ("unavailable", why),
        "torch_compile_freezing": ("unavailable", why),
        "torch_aoti": ("unavailable", f"export to pt2: {why}"),
        "fake": ("ok", ""),
    }


def stub(tmp_path, monkeypatch, name, source):
    """Another module of that name comes first in every child process."""
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            "raise ModuleNotFoundError(\"No module named 'openvino'\", name='openvino')",
            "openvino is not installed: pip install 'mnv2bench[openvino]'",
        ),
        (
            "raise ImportError('libtbb.so.12: cannot open shared object file')",
            "openvino does not load (libtbb.so.12: cannot open shared object file): reinstall it, "
            "pip install 'mnv2bench[openvino]'",
        ),
    ],
)
def test_a_missing_or_broken_runtime_is_unavailable_with_the_command_that_mends_it(
    tmp_path, monkeypatch, source, reason
):
    stub(tmp_path, monkeypatch, "openvino", source)
    missing, other = measured(tmp_path, replace(FAKE, backend="openvino"), FAKE)
    assert (missing.status, missing.reason) == ("unavailable", reason)
    assert other.status == "ok"


def test_a_missing_converter_is_unavailable_with_the_command_that_mends_it(tmp_path, monkeypatch):
    source = "raise ModuleNotFoundError(\"No module named 'onnxscript'\", name='onnxscript')"
    stub(tmp_path, monkeypatch, "onnxscript", source)
    missing, other = measured(tmp_path, replace(FAKE, resolution=64, backend="onnxruntime"), FAKE)
    assert (missing.status, missing.reason) == (
        "unavailable",
        "export to onnx: onnxscript is not installed: pip install 'mnv2bench[onnxruntime]'",
    )
    assert other.status == "ok"


def test_a_state_dict_that_does_not_fit_is_refused_before_a_file_is_written(tmp_path):
    import torch

    torch.save({"features.0.0.weight": torch.zeros(3)}, tmp_path / "other.pt")
    weights = Weights(file=str(tmp_path / "other.pt"))
    with pytest.raises(
        ValueError, match=r"other.pt: features.0.0.weight has the shape 3, and mobilenet_v2 of width 0.35"
    ):
        measured(tmp_path, FAKE, weights=weights)
    assert not (tmp_path / "out.jsonl").exists()


def test_weights_from_a_file_are_the_weights_that_are_measured(tmp_path):
    import torch

    from mnv2bench.networks import build

    torch.save(build("mobilenet_v2", width=0.35, seed=9).state_dict(), tmp_path / "nine.pt")
    plan, eager = replace(BRIEF, processes=1), replace(FAKE, backend="torch_eager", resolution=32)
    (record,) = measured(tmp_path, eager, plan=plan, weights=Weights(file=str(tmp_path / "nine.pt")))
    (seeded,) = measured(tmp_path, eager, plan=plan, weights=Weights(seed=9))
    assert (record.status, seeded.status) == ("ok", "ok")
    assert record.artifact.key != seeded.artifact.key
    assert record.samples[0].separation == seeded.samples[0].separation


# the parent


def test_the_parent_imports_no_runtime_and_stays_below_200_megabytes(tmp_path):
    code = """
import sys
from pathlib import Path
from mnv2bench.cli import app, run
measure = run.measure
def measured(*campaign):
    records = measure(*campaign)
    print(sorted({"torch", "onnxruntime", "openvino", "onnx", "scipy", "pandas"} & set(sys.modules)))
    sys.stdout = None  # the answer is printed afterwards, and may import what it needs
    return records
run.measure = measured
app(sys.argv[1:], standalone_mode=False)
"""
    chosen = ("--backends", "fake,torch_eager", "--widths", "0.35", "--resolutions", "96", "--threads", "1")
    words = ("run", *chosen, "--suites", "latency", "--processes", "1", "--rounds", "1", "--quiet")
    place = ("--out", str(tmp_path / "out.jsonl"))
    ran = subprocess.run([sys.executable, "-c", code, *words, *place], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr, ran.stdout) == (0, "", "[]\n")
    assert 10_000_000 < lines(tmp_path / "out.jsonl")[-1]["parent_peak_rss_bytes"] < 200_000_000
