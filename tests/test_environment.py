"""What a worker runs and what it is given: the parent's package, a short list of variables, one allocator setting."""

import os
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
