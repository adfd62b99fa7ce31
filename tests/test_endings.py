"""How campaigns and their workers end: by signals, by a kill of the parent, on a full disk; with real processes."""

import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from mnv2bench import Case, Plan
from mnv2bench.campaign import Campaign, run
from mnv2bench.campaign.child import SUPERVISOR, run_child
from mnv2bench.campaign.retries import ended_by_machine
from mnv2bench.records import replace
from mnv2bench.records.journal import Journal, lines, load
from mnv2bench.workers.programs import Program

RUN = ("mnv2bench", "run", "--suites", "latency", "--backends", "fake", "--widths", "0.35", "--resolutions", "96")
SHORT = (*RUN, "--threads", "1", "--processes", "1", "--rounds", "1")
HANG = {"MNV2BENCH_FAKE": "mobilenet_v2_0.35_96=hang"}
FAKE = Case(width=0.35, resolution=96, backend="fake")
BRIEF = Plan(processes=1, rounds=1, round_s=0.01, warmup_s=0.0, warmup_runs=1, warmup_cap_rounds=1)
PARENT = """
import sys
from mnv2bench.campaign.child import run_child
from mnv2bench.workers.programs import Program
run_child(Program("a_module", dict, dict), {"folder": sys.argv[1]}, {}, 600.0)
"""
STARTING = "import json, os, subprocess, sys, time\njob = json.load(open(sys.argv[1]))['job']\n"


def gone(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def parent(tmp_path, wait_for, monkeypatch):
    """Start a parent whose worker is this source, and return it with the pids that the source wrote down."""
    started, pids = [], []
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))

    def start(source, count):
        (tmp_path / "a_module.py").write_text(STARTING + source)
        process = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)])
        started.append(process)

        def written():
            texts = [file.read_text() for file in tmp_path.glob("*.pid")]
            return texts if len(texts) == count and all(texts) else None

        pids.extend(map(int, wait_for(written)))
        return process, pids

    yield start
    for process in started:
        process.kill()
        process.wait()
    for pid in pids:
        if not gone(pid):
            os.kill(pid, signal.SIGKILL)


def sleeper(name, **options):
    """Source that starts a process which sleeps, as a compiler works, and writes its pid down."""
    words = ", ".join(f"{option}={value!r}" for option, value in options.items())
    return (
        f"started = subprocess.Popen(['sleep', '600'], {words})\n"
        f"open(job['folder'] + '/{name}.pid', 'w').write(str(started.pid))\n"
    )


WORKER_ITSELF = "open(job['folder'] + '/worker.pid', 'w').write(str(os.getpid()))\n"
ORPHAN = (
    "code = 'import os,sys,time;"
    "pid = os.fork();"
    'pid and open(sys.argv[1], "w").write(str(pid));'
    "pid or (os.setsid(), time.sleep(600))'\n"
    "subprocess.run([sys.executable, '-c', code, job['folder'] + '/orphan.pid'])\n"
)


@pytest.mark.skipif(sys.platform != "linux", reason="subreapers and PDEATHSIG are Linux's")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_what_a_worker_started_ends_when_the_parent_is_killed(parent, wait_for, number):
    """Also what has a session of its own, and what its own parent has left to itself."""
    source = WORKER_ITSELF + sleeper("child") + sleeper("session", start_new_session=True) + ORPHAN
    process, pids = parent(source + "time.sleep(600)", 4)
    assert not any(map(gone, pids))
    process.send_signal(number)
    assert wait_for(lambda: all(map(gone, pids)))


def test_what_a_worker_started_ends_when_only_its_supervisor_and_parent_are_killed_at_birth(tmp_path, wait_for, parent):
    """The worker is killed by the kernel where its supervisor dies, before it has imported anything."""
    process, (worker,) = parent(WORKER_ITSELF + "time.sleep(600)", 1)
    supervisor = psutil.Process(worker).ppid()
    assert psutil.Process(supervisor).ppid() == process.pid
    os.kill(supervisor, signal.SIGKILL)
    assert wait_for(lambda: gone(worker))
    assert process.wait(timeout=60) == 0


def test_a_parent_that_dies_before_its_supervisor_has_started_leaves_no_worker(tmp_path):
    """The supervisor's input is closed already when it begins to watch."""
    reading, writing = os.pipe()
    os.close(writing)
    file = tmp_path / "started.pid"
    code = f"import os, time; open({str(file)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    words = [sys.executable, "-I", "-S", SUPERVISOR, "600", "", sys.executable, "-c", code]
    ran = subprocess.run(words, stdin=reading, capture_output=True, timeout=60, check=True)
    os.close(reading)
    assert (ran.stdout, ran.stderr) == (b"-9 0\n", b"")
    assert not file.exists() or gone(int(file.read_text()))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_a_run_as_ctrl_c_does(started, command, wait_for, tmp_path, number):
    out, temporary = tmp_path / "out.jsonl", tmp_path / "temporary"
    temporary.mkdir()
    campaign = started(*SHORT, "--out", str(out), TMPDIR=str(temporary), **HANG)
    worker = started.worker(campaign)
    campaign.send_signal(number)
    printed, errors = campaign.communicate(timeout=60)
    assert campaign.returncode == 130
    assert printed.endswith(f"interrupted: the same command with --resume goes on from {out}\n")
    assert "Traceback" not in errors
    assert wait_for(lambda: gone(worker.pid))
    assert list(temporary.glob("mnv2bench-*")) == []
    assert command(*SHORT, "--out", str(out), "--resume").returncode == 0
    assert [record.status for record in load(out)] == ["ok"]


def test_under_nohup_a_hangup_interrupts_nothing(started, tmp_path, wait_for):
    out = tmp_path / "out.jsonl"
    nohup = [shutil.which("nohup"), str(Path(sys.executable).parent / "mnv2bench"), *SHORT[1:], "--out", str(out)]
    campaign = subprocess.Popen(nohup, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for(out.exists)
    campaign.send_signal(signal.SIGHUP)
    campaign.communicate(timeout=120)
    assert campaign.returncode == 0


# results


def program(tmp_path, monkeypatch, source):
    (tmp_path / "a_module.py").write_text(
        "import json, os, sys\nenvelope = json.load(open(sys.argv[1]))\njob = envelope['job']\n" + source
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    return Program("a_module", dict, dict)


BIG = """
print("a line that a runtime prints\\n" * 100_000, flush=True)
answer = {"status": "ok", "reason": "", "result": {"text": job["text"] * 2}}
json.dump(answer, open(envelope["outcome"], "w"))
"""


def test_a_big_job_many_printed_lines_and_a_big_outcome_need_no_file(tmp_path, monkeypatch):
    """Megabytes each way, far more than a pipe holds, where no file may be longer than 4 KB."""
    big = program(tmp_path, monkeypatch, BIG)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        outcome = run_child(big, {"text": "x" * 2_000_000}, {}, 120.0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (outcome.status, outcome.reason) == ("ok", "")
    assert len(outcome.result["text"]) == 4_000_000


def test_a_run_with_a_full_temporary_folder_measures_all_the_same(tmp_path):
    """A real file system without a free byte; its mount is seen by this process alone."""
    folder = tmp_path / "full"
    folder.mkdir()
    words = [str(Path(sys.executable).parent / SHORT[0]), *SHORT[1:], "--out", str(tmp_path / "out.jsonl"), "--quiet"]
    script = (
        'mount -t tmpfs -o size=16k none "$0" || exit 77; dd if=/dev/zero of="$0/filler" bs=1k 2>/dev/null; '
        'TMPDIR="$0" exec "$@"'
    )
    unshare = ["unshare", "--mount", *([] if os.getuid() == 0 else ["--user", "--map-root-user"])]
    ran = subprocess.run(
        [*unshare, "sh", "-c", script, str(folder), *words], capture_output=True, text=True, check=False
    )
    if ran.returncode == 77 or "unshare" in ran.stderr:
        pytest.skip(f"this user may mount nothing here: {ran.stderr}")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert [record.status for record in load(tmp_path / "out.jsonl")] == ["ok"]


def test_a_process_that_the_machine_ended_is_measured_again_by_resume(command, tmp_path):
    """The fake's worker is killed with SIGKILL, as the kernel does where memory is short."""
    out = tmp_path / "out.jsonl"
    words = (*SHORT, "--resolutions", "64,96", "--seed", "1", "--out", str(out))  # seed 1 puts 96 first
    failed = command(*words, MNV2BENCH_FAKE="mobilenet_v2_0.35_96=kill")
    assert failed.returncode == 1
    assert [(record.status, record.reason) for record in load(out)] == [
        ("ok", ""),
        ("failed", "worker ended by SIGKILL"),
    ]
    good = [line for line in lines(out) if line["line"] == "process" and line["status"] == "ok"]
    resumed = command(*words, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert "measured again, as the machine had ended them: 1 processes" in resumed.stdout
    assert [record.status for record in load(out)] == ["ok", "ok"]
    processes = [line for line in lines(out) if line["line"] == "process"]
    assert processes[:1] == good
    assert [(line["position"], line["number"]) for line in processes] == [(1, 0), (2, 0)]
    assert [line["line"] for line in lines(out)].index("end") == len(lines(out)) - 1


def test_a_process_that_its_own_case_ended_is_not_measured_again_by_resume(command, tmp_path):
    out = tmp_path / "out.jsonl"
    words = (*SHORT, "--out", str(out))
    assert command(*words, MNV2BENCH_FAKE="mobilenet_v2_0.35_96=raise").returncode == 1
    before = [line for line in lines(out) if line["line"] == "process"]
    assert command(*words, "--resume").returncode == 1
    assert [line for line in lines(out) if line["line"] == "process"] == before


@pytest.mark.parametrize(
    ("reason", "again"),
    [
        ("OSError: [Errno 28] No space left on device: '/tmp/x'", True),
        ("worker ended with exit code 1: OSError: [Errno 27] File too large", True),
        ("export to onnx: worker ended by SIGKILL", True),
        ("MemoryError: ", True),
        ("worker ended by SIGSEGV", False),
        ("RuntimeError: fake is told to raise over two lines", False),
    ],
)
def test_what_is_of_the_machine_is_known_by_its_reason(tmp_path, reason, again):
    (record,) = run(Campaign((FAKE,), Journal(tmp_path / "out.jsonl"), BRIEF))
    (process,) = record.processes
    assert ended_by_machine(replace(process, status="failed", reason=reason)) is again
    assert not ended_by_machine(replace(process, status="unsupported", reason=reason))
