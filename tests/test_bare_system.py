"""On systems that lack what Linux has: reading works anywhere, and a fact that cannot be read never ends a campaign.

Each process is a real one, in which `sitecustomize` takes these modules, functions and files away.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mnv2bench.records.journal import load

BARE = """
import builtins, io, os, sys
import psutil  # it imports resource itself on Linux, and needs none elsewhere
sys.modules["resource"] = None
for name in ("getloadavg", "sched_getaffinity", "confstr"):
    delattr(os, name)
opened = io.open
def refuse(file, *rest, **more):
    if str(file).startswith(("/proc", "/sys")):
        raise PermissionError(13, "Permission denied", str(file))
    return opened(file, *rest, **more)
io.open = builtins.open = refuse
def broken(*rest, **more):
    raise psutil.AccessDenied(1)
psutil.cpu_count = psutil.virtual_memory = broken
"""
FROZEN = Path(__file__).parent / "frozen" / "schema1.jsonl"


@pytest.fixture
def bare(tmp_path):
    """Run mnv2bench in a process that lacks all of it: bare("env")."""
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "sitecustomize.py").write_text(BARE)
    path = os.pathsep.join(filter(None, [str(tmp_path / "bare"), os.environ.get("PYTHONPATH", "")]))

    def run(*words):
        command = [sys.executable, "-m", "mnv2bench", *words]
        environment = {**os.environ, "PYTHONPATH": path}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)

    return run


@pytest.mark.parametrize(
    "words", [("--help",), ("run", "--help"), ("paper",), ("network", "mobilenet_v2"), ("memory",)]
)
def test_verbs_that_measure_nothing_work_anywhere(bare, words):
    ran = bare(*words)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert len(ran.stdout) > 100


def test_a_saved_file_is_read_anywhere(bare, tmp_path):
    ran = bare("report", str(FROZEN), "--markdown", str(tmp_path / "page.md"), "--csv", str(tmp_path / "table.csv"))
    assert (ran.returncode, ran.stderr) == (0, "")
    assert (tmp_path / "table.csv").stat().st_size > 1000


def test_facts_that_cannot_be_read_are_null(bare):
    facts = json.loads(bare("env").stdout)
    assert [facts[name] for name in ("cores_physical", "memory_gb", "memory_class_gb", "aslr")] == [None] * 4
    assert facts["cores"] == os.cpu_count()


def test_a_campaign_measures_without_them(bare, tmp_path):
    chosen = ("--widths", "0.35", "--resolutions", "96", "--threads", "1", "--processes", "1", "--rounds", "1")
    out = tmp_path / "out.jsonl"
    ran = bare("run", "--suites", "latency", *chosen, "--backends", "fake", "--quiet", "--out", str(out))
    assert (ran.returncode, ran.stderr) == (0, "")
    (record,) = load(out)
    assert (record.status, record.samples[0].memory) == ("ok", None)
    assert record.samples[0].rounds[0].cpu_ns > 0


def test_where_standard_output_is_closed_verbs_work_and_print_nothing(tmp_path):
    words = [sys.executable, "-m", "mnv2bench", "network", "mobilenet_v2"]
    ran = subprocess.run(["sh", "-c", '"$@" <&- >&- 2>&-', "sh", *words], cwd=tmp_path, check=False)
    assert ran.returncode == 0
    ran = subprocess.run(
        ["sh", "-c", '"$@" >&-', "sh", *words[:-1], "none"], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr[:44]) == (2, "mnv2bench: unknown network 'none': name one,")
