"""Two campaigns at once, in real processes: the second one is refused or waits, and nothing that ends keeps a lock."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
from pathlib import Path

import psutil
import pytest

from mnv2bench import Case, Plan
from mnv2bench.campaign import Campaign, Patience, run
from mnv2bench.locks import Locked, lock_folder, measuring
from mnv2bench.machine import this_machine
from mnv2bench.records.journal import Journal, load
from mnv2bench.regression.duels.duel import begin_duel, locked_duel

ROOT = Path(__file__).parents[1]
CASE = ("--backends", "fake", "--widths", "0.35", "--resolutions", "96", "--threads", "1")
CAMPAIGN = (*CASE, "--processes", "1", "--rounds", "1")
RUN = ("mnv2bench", "run", "--suites", "latency", *CAMPAIGN)
HANG = {"MNV2BENCH_FAKE": "mobilenet_v2_0.35_96=hang"}
SUITES = ("pytest", "--rootdir", str(ROOT), "-p", "no:cacheprovider", str(ROOT / "suites/test_latency.py"), *CAMPAIGN)
FAKE = Case(width=0.35, resolution=96, backend="fake")
BRIEF = Plan(processes=1, rounds=1, round_s=0.01, warmup_s=0.0, warmup_runs=1, warmup_cap_rounds=1)


@pytest.fixture
def locks(tmp_path, monkeypatch):
    """The folder of the machine's lock, of this test alone."""
    folder = tmp_path / "locks"
    monkeypatch.setenv("MNV2BENCH_LOCKS", str(folder))
    return folder


@pytest.fixture
def measured_now(locks, started, tmp_path, wait_for):
    """A campaign that is measuring, and never ends by itself."""
    campaign = started(*RUN, "--out", str(tmp_path / "first.jsonl"), **HANG)
    started.worker(campaign)
    return campaign


def refused(ran):
    """The only line of a command that was refused."""
    assert ran.returncode == 2, ran.stdout + ran.stderr
    assert (ran.stdout, ran.stderr.count("\n")) == ("", 1)
    return ran.stderr


# the machine


def test_a_second_run_is_refused_before_anything_is_touched_and_names_the_first(measured_now, command, tmp_path):
    before = (tmp_path / "first.jsonl").read_bytes()
    refusal = refused(command(*RUN, "--out", str(tmp_path / "second" / "second.jsonl"), "--quiet"))
    assert re.fullmatch(
        rf"mnv2bench: another campaign, pid {measured_now.pid} \(mnv2bench run --suites latency --backends fake .*, "
        r"since \d{4}-\d\d-\d\d \d\d:\d\d\) is measuring on this machine, and two at once would measure each other: "
        r"wait for its end with --wait, or end it\n",
        refusal,
    )
    assert not (tmp_path / "second").exists()
    assert (tmp_path / "first.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    "words",
    [
        ("backends", "fake"),
        ("profile", *CAMPAIGN, "--out", "p.jsonl", "--quiet"),
        ("roofline", *CAMPAIGN, "--out", "r.jsonl", "--quiet"),
        ("duel", *CASE, "--old", sys.executable, "--out", "d", "--quiet"),
        ("selfcheck", "--only", "overhead"),
    ],
    ids=lambda words: words[0],
)
def test_every_verb_that_measures_is_refused_beside_a_campaign(measured_now, command, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    assert f"another campaign, pid {measured_now.pid} " in refused(command("mnv2bench", *words))
    assert sorted(path.name for path in tmp_path.glob("[!.]*")) == ["first.jsonl", "locks"]


def test_a_second_pytest_suites_of_the_same_name_is_refused(locks, started, command, wait_for):
    name = f"test-of-locks-{os.getpid()}"
    journal = ROOT / "results" / this_machine().fingerprint / f"{name}.journal.jsonl"
    first = started(*SUITES, f"--benchmark-save={name}", **HANG)
    started.worker(first)
    before = journal.read_bytes()
    try:
        for more in ((), ("--resume",)):
            second = command(*SUITES, f"--benchmark-save={name}", *more)
            assert second.returncode == 2
            assert re.search(rf"another campaign, pid {first.pid} \(pytest .*, since .*\) is meas", second.stdout)
            assert "Traceback" not in second.stdout + second.stderr
            assert journal.read_bytes() == before
    finally:
        first.kill()
        first.communicate()
        for file in journal.parent.glob(f"*{name}*"):
            file.unlink()
        if not any(journal.parent.iterdir()):
            journal.parent.rmdir()


def test_resuming_beside_the_live_run_is_refused(measured_now, command, tmp_path):
    journal = tmp_path / "first.jsonl"
    before = journal.read_bytes()
    refusal = refused(command(*RUN, "--out", str(journal), "--resume", "--quiet"))
    assert f"another campaign, pid {measured_now.pid} " in refusal
    assert journal.read_bytes() == before


def test_verbs_that_only_read_run_beside_a_campaign(measured_now, command, tmp_path):
    live = str(tmp_path / "first.jsonl")
    for words in (["paper"], ["env"], ["devices"], ["report", live], ["compare", live, live], ["history"]):
        ran = command("mnv2bench", *words)
        assert "another campaign" not in ran.stdout + ran.stderr, words
    assert (tmp_path / "first.jsonl.md").exists() or (tmp_path / "first.md").exists()


def test_with_wait_a_campaign_starts_when_the_other_one_has_ended(measured_now, started, tmp_path, wait_for):
    out = tmp_path / "second.jsonl"
    waiting = started(*RUN, "--out", str(out), "--wait")
    line = waiting.stdout.readline()
    assert line.startswith(f"waiting for the end of another campaign, pid {measured_now.pid} (mnv2bench run ")
    assert not out.exists()
    measured_now.send_signal(signal.SIGINT)
    assert waiting.wait(timeout=120) == 0
    assert [record.status for record in load(out)] == ["ok"]


def test_a_campaign_that_was_killed_holds_nothing(measured_now, locks, command, tmp_path):
    measured_now.kill()
    measured_now.wait()
    assert json.loads((locks / "machine.lock").read_text())["pid"] == measured_now.pid  # nobody could remove it
    resumed = command(*RUN, "--out", str(tmp_path / "first.jsonl"), "--resume", "--quiet")
    assert (resumed.returncode, resumed.stderr) == (0, "")
    assert (locks / "machine.lock").read_text() == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.jsonl", "locks"]


def test_campaigns_one_after_the_other_meet_no_lock(locks, tmp_path):
    for _ in range(2):
        (record,) = run(Campaign((FAKE,), Journal(tmp_path / "out.jsonl"), BRIEF))
        assert record.status == "ok"


# one process


def hold(locks, *journals):
    return measuring(*journals, wait=False, progress=lambda *step: None)


def test_a_thread_takes_its_own_lock_again_and_keeps_it_until_the_outermost_block_ends(locks, tmp_path, command):
    journal = tmp_path / "out.jsonl"
    with hold(locks, journal):
        with hold(locks, journal):
            pass
        assert f"pid {os.getpid()} " in refused(command(*RUN, "--out", str(journal), "--quiet"))
    assert command(*RUN, "--out", str(journal), "--quiet").returncode == 0


def test_two_threads_of_a_process_do_not_measure_at_once(locks):
    refusals = []

    def second():
        try:
            with hold(locks):
                pass
        except Locked as refusal:
            refusals.append(str(refusal))

    with hold(locks):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert [f"another campaign, pid {os.getpid()} " in refusal for refusal in refusals] == [True]


def test_the_pairs_of_a_duel_nest_in_the_lock_of_their_gate(locks, tmp_path):
    patience, pythons = Patience(idle_s=0.0), (sys.executable, sys.executable)
    with hold(locks), locked_duel(tmp_path / "duel", patience, lambda *step: None):
        duel = begin_duel((FAKE,), pythons, tmp_path / "duel", BRIEF, patience=patience)
    assert duel.cases == (FAKE,)
    assert sorted(path.name for path in tmp_path.glob(".*")) == []


HOLDER = """
import os, sys, time
from pathlib import Path
from mnv2bench.locks import measuring
with measuring(*map(Path, sys.argv[1:]), wait=False, progress=lambda *step: None):
    {then}
"""


def holding(then, *journals):
    """A process that takes the locks, prints a line, and goes on with `then`."""
    code = HOLDER.format(then=textwrap.indent(textwrap.dedent(then), "    ").strip())
    return subprocess.Popen([sys.executable, "-c", code, *map(str, journals)], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    "child",
    [
        # the child says that it runs: the kernel may start it long after its parent went on
        "r, w = os.pipe(); pid = os.fork(); os.read(r, 1) if pid else (os.write(w, b'x'), time.sleep(600))",
        "import subprocess; pid = subprocess.Popen(['sleep', '600']).pid",
        "import subprocess; pid = subprocess.Popen(['sleep', '600'], close_fds=False).pid",
    ],
    ids=["fork", "subprocess", "every descriptor inherited"],
)
def test_a_child_that_outlives_the_holder_does_not_hold_its_lock(locks, tmp_path, child):
    holder = holding(f"{child}\nprint(pid, flush=True)\ntime.sleep(600)", tmp_path / "out.jsonl")
    outliving = psutil.Process(int(holder.stdout.readline()))
    try:
        with pytest.raises(Locked, match=f"pid {holder.pid} "), hold(locks):
            pass
        holder.kill()
        holder.wait()
        assert outliving.is_running()
        with hold(locks, tmp_path / "out.jsonl"):
            pass
    finally:
        outliving.kill()
        holder.stdout.close()


# the journal


def test_a_journal_has_one_writer_also_where_the_machines_lock_is_another(locks, tmp_path, command):
    journal, link = tmp_path / "night.jsonl", tmp_path / "link.jsonl"
    journal.touch()
    link.symlink_to(journal)
    with hold(locks, journal):
        for name in (journal, link):
            ran = command(*RUN, "--out", str(name), "--quiet", MNV2BENCH_LOCKS=str(tmp_path / "others"))
            line = refused(ran)
            assert f"pid {os.getpid()} " in line
            assert f"is writing {journal}: wait for its end with --wait, or end it" in line
    assert sorted(path.name for path in tmp_path.glob(".*")) == []
    assert journal.read_text() == ""


# where locks do not work


WITHOUT_FLOCK = """
import ctypes, errno, os, platform, struct, sys
number = {"x86_64": 73, "aarch64": 32}[platform.machine()]
steps = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x00050000 | errno.ENOLCK), (0x06, 0, 0, 0x7FFF0000)]
code = b"".join(struct.pack("HBBI", *step) for step in steps)
buffer = ctypes.create_string_buffer(code)
program = struct.pack("HxxxxxxQ", len(steps), ctypes.addressof(buffer))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, program, 0, 0) == 0, os.strerror(ctypes.get_errno())
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_where_the_kernel_gives_no_locks_one_line_says_what_to_do(locks, tmp_path):
    """The kernel itself answers flock with "No locks available", as it does on a network file system."""
    words = [str(Path(sys.executable).parent / RUN[0]), *RUN[1:], "--out", str(tmp_path / "out.jsonl"), "--quiet"]
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_FLOCK, *words], capture_output=True, text=True, check=False, timeout=120
    )
    assert refused(ran) == (
        f"mnv2bench: {locks}/machine.lock cannot be locked (No locks available): name a folder on a local disk that "
        "every user may write to in MNV2BENCH_LOCKS\n"
    )
    assert not (tmp_path / "out.jsonl").exists()


def test_a_folder_that_cannot_be_made_is_one_line(command, tmp_path):
    (tmp_path / "file").touch()
    ran = command(
        *RUN, "--out", str(tmp_path / "out.jsonl"), "--quiet", MNV2BENCH_LOCKS=str(tmp_path / "file" / "locks")
    )
    assert refused(ran) == (
        f"mnv2bench: {tmp_path}/file/locks cannot be locked (Not a directory): name a folder on a local disk that "
        "every user may write to in MNV2BENCH_LOCKS\n"
    )


def test_users_and_checkouts_of_a_machine_share_a_folder_that_no_variable_of_theirs_moves(monkeypatch, tmp_path):
    monkeypatch.delenv("MNV2BENCH_LOCKS")
    for variable in ("TMPDIR", "HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(variable, str(tmp_path))
    folder = lock_folder()
    assert folder in (Path("/run/lock/mnv2bench"), Path("/tmp/mnv2bench"))
    assert folder.stat().st_mode & 0o1777 == 0o777


AS_ANOTHER_USER = """
import os, sys
from mnv2bench.campaign import Patience
from mnv2bench.locks import Locked, measuring
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    with measuring(wait=False, progress=print):
        print("locked", os.getuid(), flush=True)
        sys.stdin.readline()
except Locked as refusal:
    print(refusal)
"""


@pytest.fixture
def another_user(tmp_path):
    """A process of the user `nobody` that takes the lock; of the same user where the tests do not run as root."""
    processes = []

    def start():
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        processes.append(subprocess.Popen([sys.executable, "-c", AS_ANOTHER_USER], **pipes))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_the_lock_is_one_for_all_users(another_user, monkeypatch, request):
    folder = Path(tempfile.mkdtemp(prefix="mnv2bench-test-"))  # pytest's own folders are closed to other users
    request.addfinalizer(lambda: shutil.rmtree(folder))
    folder.chmod(0o777)
    monkeypatch.setenv("MNV2BENCH_LOCKS", str(folder / "locks"))
    with hold(folder):
        assert f"another campaign, pid {os.getpid()} " in another_user().communicate()[0]
    other = another_user()
    assert other.stdout.readline().startswith("locked")
    with pytest.raises(Locked, match=f"another campaign, pid {other.pid} "), hold(folder):
        pass
    other.communicate("\n")
    with hold(folder):
        pass
