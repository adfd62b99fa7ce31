"""A case on another device, as a campaign has it: a whole one on each, and each fault as a status and a reason."""

import json
import re
import shutil
import sys
from pathlib import Path

import adb_double
import pytest
import ssh_double

from mnv2bench import Case, Plan
from mnv2bench.campaign import Campaign, run
from mnv2bench.records import replace
from mnv2bench.records.journal import Journal, load
from mnv2bench.selfcheck.device import device as selfchecked
from mnv2bench.selfcheck.device import verdict

pytestmark = pytest.mark.slow

SMALL = Case(width=0.35, resolution=96, backend="litert")
BRIEF = Plan(processes=1, rounds=2, round_s=0.02, warmup_s=0.0, warmup_runs=1, warmup_cap_rounds=1)
NO_QEMU = "" if shutil.which("qemu-aarch64") else "qemu is not installed: apt-get install qemu-user"
NO_CROSS = "" if shutil.which("aarch64-linux-gnu-gcc") else "no arm64 compiler: apt-get install gcc-aarch64-linux-gnu"
NO_PHONE, NO_BOARD = adb_double.why_not(), ssh_double.why_not()
arm64 = pytest.mark.skipif(bool(NO_QEMU or NO_CROSS), reason=NO_QEMU or NO_CROSS)
phones = pytest.mark.skipif(bool(NO_PHONE), reason=NO_PHONE)
boards = pytest.mark.skipif(bool(NO_BOARD), reason=NO_BOARD)


def measured(tmp_path, cases, plan=BRIEF, runner=""):
    """The records of a campaign as a reader of its journal finds them, and its lines of processes."""
    path = tmp_path / "elsewhere.jsonl"
    run(Campaign(tuple(cases), Journal(path), plan, runner=runner))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return load(path), [line for line in lines if line["line"] == "process"]


def told(tmp_path, device, plan=BRIEF, runner="", **changes):
    (record,), _ = measured(tmp_path, [replace(SMALL, device=device, **changes)], plan, runner)
    return record.status, record.reason


# qemu: an exact count, and no time


@arm64
def test_a_count_is_verified_exact_and_has_no_latency_field(tmp_path):
    (record,), lines = measured(tmp_path, [replace(SMALL, device="qemu:cortex-a76")], replace(BRIEF, processes=3))
    assert (record.status, record.reason, record.case.kind) == ("ok", "", "emulated-count")
    first, *others = record.counts
    assert all(counts.net == first.net for counts in others)
    assert len(first.net) == 3
    assert 6.2e6 < min(first.net) <= max(first.net) < 6.5e6
    assert first.error < 1e-4
    assert first.classes["fma"] > 2_900_000  # four multiply-adds each, of 11.9 M
    assert record.samples == () or all(s.rounds == () for s in record.samples)
    assert lines[0]["kind"] == "emulated-count"
    assert "samples" not in lines[0]
    assert not any("ms" in name or name.endswith("_ns") for name in lines[0]["counts"])
    facts = lines[0]["target"]["facts"]
    assert facts["cpu"] == "cortex-a76"
    assert {"qemu", "libc", "compiler", "runtime", "runner"} <= set(facts)


@arm64
def test_suites_save_counts_like_the_rest_and_two_saved_files_compare(command, tmp_path):
    words = ["--devices=qemu:cortex-a76", "--backends=litert", "--widths=0.35", "--resolutions=96", "--processes=2"]
    for _ in range(2):
        place = f"--benchmark-storage=file://{tmp_path}"
        ran = command("pytest", "suites", *words, "--benchmark-save=test_arm64", place)
        assert ran.returncode == 0, ran.stdout + ran.stderr
    first, second = sorted(map(str, tmp_path.glob("*/*_test_arm64.json")))
    assert json.loads(Path(first).read_text())["benchmarks"] == []
    (record,) = load(Path(first))
    assert (record.status, len(record.counts)) == ("ok", 2)
    compared = command("mnv2bench", "compare", first, second)
    assert compared.returncode == 0
    assert re.search(r"litert-qemu:cortex-a76-fp32-t1 +same +6,3\d\d,\d\d\d +6,3\d\d,\d\d\d +0 ", compared.stdout)
    journal = next((Path(__file__).parents[1] / "results").glob("*/test_arm64.journal.jsonl"))
    for left in journal.parent.glob("test_arm64.journal*"):
        left.unlink()


@arm64
@pytest.mark.parametrize(
    ("device", "changes", "said"),
    [
        ("qemu:cortex-a76", {"threads": 2}, "instructions are counted of one thread, not of 2"),
        ("qemu:max", {}, "qemu's cpu max computes wrong int8 with qemu 7.2: take one of cortex-a53,"),
        ("qemu:z80", {}, "qemu:z80 has no known part for /proc/cpuinfo: take one of cortex-a53,"),
        ("qemu:cortex-a76", {"backend": "onnxruntime"}, "onnxruntime is not counted, whose own threads would blur it"),
    ],
)
def test_what_cannot_be_counted_is_unsupported_and_says_why(tmp_path, device, changes, said):
    status, reason = told(tmp_path, device, **changes)
    assert status == "unsupported"
    assert reason.startswith(said)


@arm64
def test_a_tool_that_sets_no_marks_cannot_be_counted(tmp_path):
    status, reason = told(tmp_path, "qemu:cortex-a76", runner="benchmark_model")
    assert (status, reason) == ("unsupported", "benchmark_model sets no marks to count between: leave --runner out")


@arm64
def test_without_qemu_the_row_says_what_installs_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    assert told(tmp_path, "qemu:cortex-a53") == (
        "unavailable",
        "qemu-aarch64 is not installed: apt-get install qemu-user",
    )


# adb: a phone of ours, the real client


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with adb_double.adb_server(tmp_path_factory.mktemp("home")):
        yield


@phones
@arm64
def test_a_case_on_a_phone_is_a_record_like_any_other(tmp_path, server):
    with adb_double.phone(tmp_path / "phone", arm64=True) as serial:
        (record,), lines = measured(tmp_path, [replace(SMALL, device=f"adb:{serial}@big")])
        left = adb_double.adb("-s", serial, "shell", "ls /data/local/tmp")
    assert (record.status, record.reason, record.case.kind) == ("ok", "", "measured-device")
    (samples,) = record.samples
    assert len(samples.rounds) >= 2
    assert all(d > 0 for r in samples.rounds for d in r.durations_ns)
    assert samples.error < 1e-4
    assert samples.memory.loaded > samples.memory.floor > 0
    target = lines[0]["target"]
    assert target["mask"] == "80"
    assert target["facts"]["soc"]
    assert "glibc" in target["facts"]["libc"]
    assert target["before"]["governors"]["0"] == target["after"]["governors"]["0"] == "schedutil"
    assert target["cooling"]["throttled"] is False
    assert left == ""


@phones
@pytest.mark.parametrize(
    ("phone", "status", "said"),
    [
        ({"link": "unauthorized"}, "unavailable", "does not trust this machine yet: unlock it, and confirm"),
        ({"link": "offline"}, "unavailable", "is offline: plug it in again"),
        ({"space": "1m"}, "unavailable", "is full (No space left on device): free some of it"),
        ({"unplugs_on": "half of an answer"}, "failed", "went away, or its answer is not whole"),
    ],
)
def test_a_fault_of_the_phone_is_a_status_and_a_reason(tmp_path, server, phone, status, said):
    speaks = {"shims/python-speaks": "#!/bin/sh\necho half of an answer\nsleep 20\necho the other half\n"}
    with adb_double.phone(tmp_path / "phone", serves=speaks, **phone) as serial:
        assert_told(told(tmp_path, f"adb:{serial}", runner="python-speaks"), status, said)


def assert_told(found, status, said):
    assert found[0] == status, found
    assert said in found[1]


@phones
def test_an_unknown_serial_says_how_to_attach_it(tmp_path, server):
    said = "adb knows no device nosuch: plug it in with USB debugging on, or adb connect nosuch"
    assert_told(told(tmp_path, "adb:nosuch"), "unavailable", said)


@phones
@pytest.mark.parametrize(
    ("program", "status", "said"),
    [
        ("echo hello", "failed", "it printed 'hello'"),
        ("kill -SEGV $$", "failed", "the runner ended with signal 11"),
        ("echo no memory >&2; exit 3", "failed", "the runner ended with exit code 3: no memory"),
        ("exit 124", "timeout", "the runner ended itself after"),
        ("echo not here >&2; exit 69", "unavailable", "not here"),
        ("echo not that >&2; exit 64", "unsupported", "not that"),
        ("sleep 60", "timeout", "no result after"),
    ],
)
def test_a_fault_of_the_runner_is_a_status_and_a_reason(tmp_path, server, program, status, said):
    with adb_double.phone(tmp_path / "phone", serves={"shims/python-odd": f"#!/bin/sh\n{program}\n"}) as serial:
        plan = replace(BRIEF, timeout_s=20.0) if "sleep" in program else BRIEF
        assert_told(told(tmp_path, f"adb:{serial}", plan, "python-odd"), status, said)


@phones
def test_what_another_tool_tells_is_kept_apart_and_is_no_latency(tmp_path, server):
    text = (
        "count=50 first=8003 curr=7990 min=7900 max=8900 avg=8000.5 std=39\n"
        "Inference timings in us: Init: 9933, First inference: 12000, Warmup (avg): 8003, Inference (avg): 8000.5\n"
    )
    tool = tmp_path / "benchmark_model"
    tool.write_text(f"#!/bin/sh\ncat <<'END'\ncount=1 curr=12000\n{text}END\n")
    tool.chmod(0o755)
    with adb_double.phone(tmp_path / "phone") as serial:
        (record,), lines = measured(tmp_path, [replace(SMALL, device=f"adb:{serial}")], runner=str(tool))
    assert (record.status, record.reason, record.timed) == ("ok", "", False)
    (said,) = record.external_results
    assert (said.tool, said.count, said.min_ms, said.max_ms) == ("benchmark_model", 50, 7.9, 8.9)
    assert "samples" not in lines[0]


# ssh: a real sshd


@boards
def test_a_board_is_measured_by_our_runner_and_by_the_worker_where_python_is(tmp_path):
    case = replace(SMALL, device="ssh:board")
    with ssh_double.board(tmp_path / "board"):
        (compiled,), lines = measured(tmp_path, [case])
        (hosted,), _ = measured(tmp_path, [case], runner=sys.executable)
        (ncnn,), _ = measured(tmp_path, [replace(case, backend="ncnn")], runner=sys.executable)
    for record in (compiled, hosted, ncnn):
        assert (record.status, record.reason, record.case.kind) == ("ok", "", "measured-device")
        assert record.samples[0].error < 1e-4
        assert len(record.samples[0].rounds) >= 2
        for timed in record.samples[0].rounds:
            assert timed.minor_faults >= 0
            assert 0 <= timed.system_ns <= timed.cpu_ns + 20_000_000
        assert "MALLOC_MMAP_MAX_=0" in record.processes[0].target.facts["allocator"]
    assert lines[0]["target"]["before"]["load"] >= 0


@boards
def test_a_board_that_does_not_let_us_in_is_unavailable(tmp_path):
    with ssh_double.board(tmp_path / "board"):
        status, reason = told(tmp_path, "ssh:stranger")
    assert status == "unavailable"
    assert "ssh-copy-id" in reason


# selfcheck --device


@boards
def test_selfcheck_of_a_device_says_what_it_saw(tmp_path, command):
    with ssh_double.board(tmp_path / "board"):
        ran = command("mnv2bench", "selfcheck", "--device", "ssh:board")
    for threads in (1, 2):
        case = f"mobilenet_v2_0.35_96-b1-litert-ssh:board-fp32-t{threads}"
        assert re.search(
            rf": {case}: error \d\.\de-0[67], [012]\.\d\d threads used, 0\.\d\d% of a round between", ran.stdout
        )
    assert re.search("as it should be: mobilenet_v2_0.35_96-b1-ncnn-.*: unavailable: ncnn has no runner", ran.stdout)


def test_selfcheck_without_a_device_is_told_to_name_one():
    with pytest.raises(ValueError, match="which device"):
        selfchecked("", None)


def test_a_device_on_which_something_failed_does_not_pass():
    from mnv2bench.records import Machine, Process, record

    case = replace(SMALL, device="adb:x")
    failed = record(case, BRIEF, Machine(), [Process(case, 0, 0, 0, "failed", "it broke", 1.0)])
    assert verdict(failed) == (False, "failed: it broke")
