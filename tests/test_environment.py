"""What a worker runs and what it is given: the parent's package, a short list of variables, one allocator setting."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mnv2bench
from mnv2bench.campaign.child import OUR_PYTHON, Interpreter, run_child
from mnv2bench.workers import environment, package
from mnv2bench.workers.programs import Program

PACKAGE = Path(mnv2bench.__file__).parent
REPORTED = """
import json, os, sys
from mnv2bench.workers.programs import Outcome, Program, serve
import mnv2bench, random
PROGRAM = Program("reporting_module", dict, dict)

def main(job):
    return Outcome(result={
        "package": mnv2bench.__file__,
        "random": random.__file__,
        "path": sys.path,
        "variables": dict(os.environ),
        "name": __name__,
        "argv": sys.argv[0],
    })

if __name__ == "__main__":
    serve(PROGRAM, main)
"""


@pytest.fixture
def child(tmp_path, monkeypatch):
    """What a child process of run_child reports of itself: its module lies on PYTHONPATH."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "reporting_module.py").write_text(REPORTED)
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)

    def report(variables=None, interpreter=OUR_PYTHON):
        program = Program("reporting_module", dict, dict)
        outcome = run_child(program, {}, variables or {}, 60.0, interpreter)
        assert outcome.status == "ok", outcome.reason
        return outcome.result

    report.folder = folder
    return report


# the package


def test_a_worker_runs_the_package_of_its_parent_and_not_that_of_the_current_folder(child, tmp_path, monkeypatch):
    other = tmp_path / "checkout"
    (other / "mnv2bench").mkdir(parents=True)
    (other / "mnv2bench" / "__init__.py").write_text("raise SystemExit('the wrong checkout')")
    (other / "random.py").write_text("raise SystemExit('the wrong random')")
    monkeypatch.chdir(other)
    said = child()
    assert said["package"] == str(PACKAGE / "__init__.py")
    assert Path(said["random"]).parent == Path(os.__file__).parent
    assert str(other) not in said["path"]
    assert "" not in said["path"]


def test_an_empty_or_relative_entry_of_pythonpath_is_the_current_folder_and_does_not_pass(child, tmp_path, monkeypatch):
    (tmp_path / "random.py").write_text("raise SystemExit('the wrong random')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", ".", str(child.folder), ""]))
    said = child()
    assert Path(said["random"]).parent == Path(os.__file__).parent
    assert said["variables"]["PYTHONPATH"] == str(child.folder)


def test_an_installed_mnv2bench_in_a_folder_with_another_one_measures_with_its_own(command, tmp_path):
    """The whole verb, from a folder with a random.py and a checkout that would end every worker."""
    (tmp_path / "mnv2bench").mkdir()
    (tmp_path / "mnv2bench" / "__init__.py").write_text("raise SystemExit('the wrong checkout')")
    (tmp_path / "random.py").write_text("raise SystemExit('the wrong random')")
    words = ("--suites", "latency", "--widths", "0.35", "--resolutions", "96", "--threads", "1", "--processes", "1")
    run = f"import os, sys; os.chdir({str(tmp_path)!r}); from mnv2bench.cli import main; main()"
    ran = subprocess.run(
        [sys.executable, "-P", "-c", run, "run", "--backends", "fake", "--rounds", "1", *words, "--out", "out.jsonl"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_parent_of_python_m_imports_nothing_from_the_current_folder_either(tmp_path):
    (tmp_path / "random.py").write_text("raise SystemExit('the wrong random')")
    ran = subprocess.run(
        [sys.executable, "-m", "mnv2bench", "env"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert json.loads(ran.stdout)["sources"] == package.digest()


def test_a_worker_is_its_module_as_with_python_m(child):
    said = child()
    assert said["name"] == "__main__"
    assert said["argv"] == str(child.folder / "reporting_module.py")


def test_another_interpreter_runs_the_package_that_it_has_whatever_the_parents_pythonpath_is(child, tmp_path):
    """A virtual environment, by a symbolic link to the same Python, whose package lies in its own site-packages."""
    theirs = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(theirs)], check=True)
    (site,) = theirs.glob("lib/python*/site-packages")
    shutil.copytree(PACKAGE, site / "mnv2bench", ignore=shutil.ignore_patterns("__pycache__"))
    (site / "reporting_module.py").write_text(REPORTED)
    import msgspec

    (site / "msgspec.pth").write_text(str(Path(msgspec.__file__).parents[1]))
    said = child(interpreter=Interpreter(str(theirs / "bin" / "python")))
    assert said["package"] == str(site / "mnv2bench" / "__init__.py")
    assert "PYTHONPATH" not in said["variables"]


def test_a_worker_whose_sources_changed_since_the_campaign_began_is_failed(tmp_path, monkeypatch):
    """A real change of a real copy, while the parent is running."""
    copy = tmp_path / "mnv2bench"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    script = """
import json
import os
from pathlib import Path
from mnv2bench.campaign.child import run_child
from mnv2bench.workers.jobs import DRIVER, DriverJob
import mnv2bench
print(run_child(DRIVER, DriverJob(0), {}, 60.0).status)
source = Path(mnv2bench.__file__).parent / "texts.py"
source.write_text(source.read_text() + "# changed\\n")
print(run_child(DRIVER, DriverJob(0), {}, 60.0))
"""
    ran = subprocess.run(
        [sys.executable, "-P", "-c", script],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    first, second = ran.stdout.splitlines()
    assert first in ("ok", "unavailable")
    assert "status='failed'" in second
    assert f"the sources of mnv2bench in {copy} are not those that the campaign began with" in second


def test_the_digest_is_of_every_source_by_its_place(tmp_path):
    for name, text in (("a.py", "1\n"), ("b/c.py", "2\n"), ("b/d.txt", "3\n")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    before = package.digest(tmp_path)
    (tmp_path / "b" / "d.txt").write_text("4\n")
    assert package.digest(tmp_path) == before
    (tmp_path / "b" / "c.py").rename(tmp_path / "b" / "e.py")
    assert package.digest(tmp_path) != before


# variables


def test_variables_that_change_speed_do_not_reach_a_worker_and_what_it_needs_does(child, monkeypatch):
    changing = {
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_DEFAULT_FPMATH_MODE": "BF16",
        "OMP_PLACES": "{0}",
        "LD_PRELOAD": "/nowhere/lib.so",
        "PYTHONWARNINGS": "error",
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
        "MALLOC_ARENA_MAX": "1",
        "KMP_BLOCKTIME": "0",
    }
    needed = {"MNV2BENCH_FAKE": "x=crash", "XDG_CACHE_HOME": "/x", "LC_TIME": "C", "https_proxy": "http://p:1"}
    for name, value in (changing | needed).items():
        monkeypatch.setenv(name, value)
    said = child({"OMP_NUM_THREADS": "3"})["variables"]
    assert changing.keys() & said.keys() == set()
    assert needed.items() <= said.items()
    assert said["OMP_NUM_THREADS"] == "3"
    assert (said["PATH"], said["HOME"]) == (os.environ["PATH"], os.environ["HOME"])
    assert environment.dropped(os.environ) == tuple(sorted({*changing, *environment.dropped(os.environ)}))


def test_no_program_and_no_library_is_looked_for_in_the_current_folder(child, monkeypatch):
    monkeypatch.setenv("PATH", os.pathsep.join(["", ".", "bin", os.environ["PATH"]]))
    monkeypatch.setenv("LD_LIBRARY_PATH", os.pathsep.join(["", "/nowhere", "lib"]))
    said = child()["variables"]
    assert said["LD_LIBRARY_PATH"] == "/nowhere"
    assert not {"", ".", "bin"} & set(said["PATH"].split(os.pathsep))
    assert environment.recorded(os.environ)["LD_LIBRARY_PATH"] == "/nowhere"


def test_every_worker_has_the_stated_allocator_setting(child):
    said = child()["variables"]
    assert said["MALLOC_MMAP_MAX_"] == "0"
    assert said["MALLOC_TRIM_THRESHOLD_"] == "17179869184"
    assert said["MALLOC_TOP_PAD_"] == "67108864"


def test_large_blocks_are_not_mapped_anew_in_each_call(child):
    """Twenty blocks of 40 MB, allocated, written and freed by numpy in a real child: pages are given to it once."""
    (child.folder / "reporting_module.py").write_text(
        """
import resource
import numpy as np
from mnv2bench.workers.programs import Outcome, Program, serve

def main(job):
    faults = []
    for _ in range(20):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        np.ones(40_000_000 // 4, np.float32).sum()
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    return Outcome(result={"faults": faults})

serve(Program("reporting_module", dict, dict), main)
"""
    )
    if not environment.allocator():
        pytest.skip("this C library is not glibc: the setting has no effect here")
    faults = child()["faults"]
    assert faults[0] > 5
    assert sum(faults[2:]) < 50
    mapped = child({"MALLOC_MMAP_MAX_": "65536", "MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_TOP_PAD_": "0"})["faults"]
    assert sum(mapped[2:]) > 18 * 15  # huge pages at most, and 9,800 of 4 KiB


# --env


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["ONEDNN_MAX_CPU_ISA"], "--env takes NAME=VALUE, not 'ONEDNN_MAX_CPU_ISA'"),
        (["=x"], "--env takes NAME=VALUE, not '=x'"),
        (["A B=x"], "--env takes NAME=VALUE, not 'A B=x'"),
        (["OMP_NUM_THREADS=4"], "--env OMP_NUM_THREADS is not for you to set: --threads sets it"),
        (["PYTHONHASHSEED=0"], "--env PYTHONHASHSEED is not for you to set: --seed sets it"),
        (["PYTHONPATH=/x"], "--env PYTHONPATH is not for you to set: install what is to be imported"),
        (["MNV2BENCH_FAKE=x"], "--env MNV2BENCH_FAKE is not for you to set: set it before mnv2bench starts, it passes"),
        (
            ["ONEDNN_DEFAULT_FPMATH_MODE=BF16"],
            "--env ONEDNN_DEFAULT_FPMATH_MODE is not for you to set: it would compute in fewer bits what is called "
            "fp32; --precisions bf16 measures bf16",
        ),
        (["KMP_BLOCKTIME=0", "KMP_BLOCKTIME=1"], "--env KMP_BLOCKTIME is given twice, as 0 and as 1: leave one out"),
        (["X=a\nb"], "--env X has a character that cannot be printed: leave it out"),
        (["LD_PRELOAD=/nowhere/lib.so"], "--env LD_PRELOAD=/nowhere/lib.so cannot be loaded"),
        (["LD_PRELOAD=libnosuch.so.9"], "--env LD_PRELOAD=libnosuch.so.9 cannot be loaded"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_nonsense_in_env_is_refused_in_one_line(words, reason):
    with pytest.raises(ValueError, match=re.escape(reason)) as refused:
        environment.checked_environment(words)
    assert str(refused.value).count("\n") == 0


@pytest.mark.parametrize("word", ["ONEDNN_MAX_CPU_ISA", "LD_PRELOAD=libnosuch.so.9"])
def test_nonsense_in_env_is_exit_code_2_before_anything_is_measured(command, tmp_path, word):
    ran = command("mnv2bench", "run", "--backends", "fake", "--env", word, "--out", str(tmp_path / "out.jsonl"))
    assert ran.returncode == 2
    assert re.fullmatch(r"mnv2bench: --env [^\n]*\n", ran.stderr)
    assert list(tmp_path.iterdir()) == []


def test_the_words_of_env_are_sorted_and_their_values_may_hold_anything():
    words = ["OMP_PLACES={0},{1}", "ONEDNN_MAX_CPU_ISA=SSE41", "MALLOC_CONF=a:b,c=d", "EMPTY="]
    chosen = environment.checked_environment(words)
    assert chosen == ("EMPTY=", "MALLOC_CONF=a:b,c=d", "OMP_PLACES={0},{1}", "ONEDNN_MAX_CPU_ISA=SSE41")
    assert environment.variables_of(chosen)["MALLOC_CONF"] == "a:b,c=d"


SMALL = ("--suites", "latency", "--widths", "0.35", "--resolutions", "96", "--threads", "1", "--processes", "1")


@pytest.fixture(scope="module")
def with_env(command, tmp_path_factory):
    """The folder of a campaign with a variable, of one with another, of one without; and what the first one printed."""
    folder = tmp_path_factory.mktemp("env")
    words = ("mnv2bench", "run", "--backends", "fake", *SMALL, "--rounds", "1", "--out")
    isa = "ONEDNN_MAX_CPU_ISA=SSE41"
    given = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "default", "OMP_PLACES": "{0}"}
    ran = [
        command(*words, str(folder / "sse.jsonl"), "--env", isa, **given),
        command(*words, str(folder / "avx.jsonl"), "--env", "ONEDNN_MAX_CPU_ISA=AVX2"),
        command(*words, str(folder / "none.jsonl")),
    ]
    assert [each.returncode for each in ran] == [0, 0, 0]
    return folder, ran[0].stdout


def test_what_was_set_is_in_the_plan_and_on_the_page_and_what_was_dropped_is_named_once(with_env, command):
    folder, printed = with_env
    (said,) = (line for line in printed.splitlines() if line.startswith("not passed"))
    assert "ATEN_CPU_CAPABILITY" in said
    assert "OMP_PLACES" in said
    assert "ONEDNN" not in said
    head = json.loads((folder / "sse.jsonl").read_text().splitlines()[0])
    assert head["plan"]["environment"] == ["ONEDNN_MAX_CPU_ISA=SSE41"]
    assert head["environment"]["sources"] == package.digest()
    assert command("mnv2bench", "report", str(folder / "sse.jsonl")).returncode == 0
    assert "- Variables that were set: ONEDNN_MAX_CPU_ISA=SSE41\n" in (folder / "sse.md").read_text()


@pytest.mark.parametrize(("a", "b"), [("sse", "avx"), ("sse", "none")])
def test_files_with_other_variables_are_not_compared(with_env, command, a, b):
    ran = command("mnv2bench", "compare", *(str(with_env[0] / f"{name}.jsonl") for name in (a, b)))
    assert ran.returncode == 2
    shown = "ONEDNN_MAX_CPU_ISA=AVX2" if b == "avx" else "none"
    assert f"plan.environment: ONEDNN_MAX_CPU_ISA=SSE41 in A, {shown} in B" in ran.stderr


def test_a_campaign_is_not_resumed_with_other_variables(with_env, command):
    words = ("mnv2bench", "run", "--backends", "fake", *SMALL, "--rounds", "1", "--resume")
    ran = command(*words, "--out", str(with_env[0] / "sse.jsonl"))
    assert (ran.returncode, "had other plan" in ran.stderr) == (2, True)
    ran = command(*words, "--out", str(with_env[0] / "none.jsonl"), LD_LIBRARY_PATH="/nowhere")
    assert (ran.returncode, "had another environment" in ran.stderr) == (2, True)


def test_a_variable_reaches_the_process_that_measures_and_a_library_is_preloaded(tmp_path):
    """What a real worker of torch says of its processor, with its instructions limited on purpose."""
    from mnv2bench import Case, Plan
    from mnv2bench.artifacts import Weights
    from mnv2bench.campaign.preparation import prepare
    from mnv2bench.campaign.processes import run_process

    case = Case(width=0.35, resolution=32, backend="torch_eager")
    plan = Plan(processes=1, rounds=1, warmup_s=0.0, warmup_cap_s=0.1, environment=("ATEN_CPU_CAPABILITY=default",))
    outcome = run_process(case, prepare(case, Weights()), plan, seed=1)
    assert outcome.result.samples.settings["cpu capability"].lower() in ("default", "no avx")


def test_what_a_runtime_compiles_with_other_variables_is_kept_apart():
    from mnv2bench.campaign.preparation import Preparation
    from mnv2bench.campaign.processes import compile_cache
    from mnv2bench.records import Artifact, Plan

    prepared = Preparation(Artifact("pt2", "k", 1, 0.1), "a", "r", "/cache/c")
    assert compile_cache(prepared, Plan()) == "/cache/c"
    folders = {compile_cache(prepared, Plan(environment=(word,))) for word in ("A=1", "A=2")}
    assert len(folders | {"/cache/c"}) == 3


# the commit


def git(folder, *words):
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path):
    """Somebody's repository with one commit."""
    (tmp_path / "theirs.txt").write_text("theirs")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "theirs.txt")
    git(tmp_path, "commit", "--quiet", "-m", "theirs")
    return tmp_path


def commit_of(folder, **variables):
    """The commit and the reason that a process finds for the package in a folder."""
    code = "from mnv2bench.machine import this_machine as m; print(m().commit, m().why_no_commit, sep='|')"
    ran = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env={**os.environ, "PYTHONPATH": str(folder), **variables},
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    return ran.stdout.strip().split("|")


def test_an_installation_inside_somebodys_repository_has_no_commit_and_says_why(repository):
    site = repository / ".venv" / "lib" / "site-packages"
    shutil.copytree(PACKAGE, site / "mnv2bench", ignore=shutil.ignore_patterns("__pycache__"))
    commit, reason = commit_of(site)
    assert commit == "None"
    assert reason == f"mnv2bench is installed in {site / 'mnv2bench'}, and the repository {repository} is not its own"
    git(repository, "add", "-f", ".venv")
    git(repository, "commit", "--quiet", "-m", "vendored")
    assert commit_of(site)[0] == "None"


def test_a_package_beside_somebodys_files_is_not_of_their_commit(repository):
    shutil.copytree(PACKAGE, repository / "mnv2bench", ignore=shutil.ignore_patterns("__pycache__"))
    commit, reason = commit_of(repository)
    assert commit == "None"
    assert reason == f"mnv2bench in {repository / 'mnv2bench'} is not kept in the repository around it"


def test_a_checkout_has_its_commit_and_a_changed_or_new_source_a_plus(repository):
    shutil.copytree(PACKAGE, repository / "mnv2bench", ignore=shutil.ignore_patterns("__pycache__"))
    git(repository, "add", "mnv2bench")
    git(repository, "commit", "--quiet", "-m", "ours")
    (repository / ".gitignore").write_text("__pycache__\n")
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=repository, capture_output=True, text=True).stdout.strip()
    assert commit_of(repository) == [head, "None"]
    other = repository.parent / "other.git"
    assert commit_of(repository, GIT_DIR=str(other), GIT_WORK_TREE="/") == [head, "None"]  # as in a hook of git
    (repository / "mnv2bench" / "statistics" / "new.py").write_text("")
    assert commit_of(repository)[0] == f"{head}+"


GOING_ON = """
import sys
from pathlib import Path
from mnv2bench.campaign.resuming import open_journal
from mnv2bench.campaign.preparation import silent
from mnv2bench.case import Case
from mnv2bench.machine import this_machine
from mnv2bench.records import Plan, Weights
from mnv2bench.records.journal import Head, Journal
head = Head((Case(backend="fake"),), Plan(), 0, Weights(), this_machine())
open_journal(Journal(Path(sys.argv[1])), head, True, silent)
"""


def go_on(folder, journal):
    """Begin or resume a campaign with the package in a folder; returns the last line of what it printed."""
    ran = subprocess.run(
        [sys.executable, "-P", "-c", GOING_ON, journal],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        cwd="/",
    )
    return ran.stderr.strip().rpartition("\n")[2]


@pytest.mark.parametrize("change", ["a commit", "no commit"])
def test_a_campaign_is_not_resumed_by_other_code(repository, change):
    shutil.copytree(PACKAGE, repository / "mnv2bench", ignore=shutil.ignore_patterns("__pycache__"))
    if change == "a commit":
        git(repository, "add", "mnv2bench")
        git(repository, "commit", "--quiet", "-m", "ours")
    journal = repository / "x.jsonl"
    assert go_on(repository, journal) == ""
    assert go_on(repository, journal) == ""
    before = journal.read_bytes()
    if change == "a commit":
        git(repository, "commit", "--quiet", "--allow-empty", "-m", "next")
    else:
        (repository / "mnv2bench" / "statistics" / "new.py").write_text("")
    refusal = go_on(repository, journal)
    assert refusal.startswith("ValueError: mnv2bench itself changed since the campaign was interrupted (")
    assert refusal.endswith(" now): measure it anew, without --resume")
    assert journal.read_bytes() == before


def test_an_installed_package_outside_of_any_repository_says_so(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "mnv2bench", ignore=shutil.ignore_patterns("__pycache__"))
    commit, reason = commit_of(tmp_path)
    assert commit == "None"
    assert reason.startswith(f"{tmp_path / 'mnv2bench'} is no checkout (fatal: not a git repository")
