"""A fleet over ssh: Dask's ssh.Worker with a real sshd on loopback, and each thing that can go wrong before it."""

import os
import sys
import tempfile
from pathlib import Path

import psutil
import pytest
from fleet_double import Programs
from ssh_double import board, why_not

from mnv2bench.fleet import hosts
from mnv2bench.fleet.hosts import Host, read
from mnv2bench.fleet.ssh import started

with_sshd = pytest.mark.skipif(bool(why_not()), reason=why_not())


def written(folder, *lines):
    (folder / "hosts.txt").write_text("\n".join(lines) + "\n")
    return folder / "hosts.txt"


def test_a_file_names_a_host_in_each_line_with_its_python_and_its_name(tmp_path):
    file = written(tmp_path, "# our boards", "", "pi@pi4:2222 python=/opt/bench/bin/python", "box name=big # the fast")
    assert read(file) == (
        Host("pi4", "pi4", "pi", 2222, "/opt/bench/bin/python"),
        Host("big", "box", "", None, sys.executable),
    )


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["-oProxyCommand=x"], r"hosts\.txt, line 1: '-oProxyCommand=x' is no host: write \[USER@\]HOST"),
        (["pi4", "pi4"], r"hosts\.txt, line 2: a second pi4: add name=NAME"),
        (["pi4 pyhton=x"], r"line 1: 'pyhton=x' is neither python=PATH nor name=NAME"),
        (["pi4 python=$(id)"], r"line 1: python='\$\(id\)' is no path of a Python"),
        (["pi4:99999"], "line 1: 99999 is no port"),
        (["pi4 name=../x"], r"line 1: '\.\./x' is no name of a machine"),
        (["# nobody"], "names no host: write lines such as"),
        (["x" * hosts.MOST_BYTES], "it is no list of hosts"),
    ],
)
def test_a_line_that_cannot_be_meant_is_refused(tmp_path, lines, reason):
    with pytest.raises(ValueError, match=reason):
        read(written(tmp_path, *lines))


@pytest.fixture(scope="module")
def sshd(tmp_path_factory):
    with board(tmp_path_factory.mktemp("board")) as sshd:
        yield sshd


def python(folder, name):
    """A Python that imports the package of this test, with the tests' cache and locks of its own."""
    path = folder / name
    path.write_text(
        f"#!/bin/sh\nexport PYTHONPATH={Path(hosts.__file__).parents[2]}\n"
        f"export MNV2BENCH_CACHE={os.environ['MNV2BENCH_CACHE']}\n"
        f'export MNV2BENCH_LOCKS={folder}/{name}-locks\nexec {sys.executable} "$@"\n'
    )
    path.chmod(0o755)
    return path


def key_files():
    return set(Path(tempfile.gettempdir()).glob("mnv2bench-fleet-*"))


@with_sshd
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("stranger", "^stranger refuses every key of ours: ssh-copy-id stranger$"),
        ("changed", "^the host key of changed is unknown or has changed: find out why, then log in once by hand"),
        ("silent", "^silent cannot be reached .*: see whether ssh silent does$"),
        ("nosuch.invalid", "^nosuch.invalid cannot be reached"),
        ("board python=/no/such/python", "^board has no /no/such/python .*: name its Python with python=PATH$"),
        (
            "board python=/usr/bin/python3",
            r"^board: ModuleNotFoundError: .*/usr/bin/python3 -m pip install 'mnv2bench\[f",
        ),
    ],
)
def test_a_host_that_cannot_be_used_says_why_and_what_to_do(sshd, tmp_path, line, reason):
    before = key_files()
    with pytest.raises(ValueError, match=reason), started(read(written(tmp_path, line)), "", print):
        pass
    assert key_files() == before


@with_sshd
@pytest.mark.slow
def test_the_verb_measures_on_the_hosts_of_a_file_and_leaves_no_key_and_no_process_there(sshd, tmp_path, wait_for):
    file = written(tmp_path, *(f"board name={name} python={python(tmp_path, name)}" for name in ("one", "two")))
    cases = (
        "--backends",
        "fake",
        "--widths",
        "0.35",
        "--resolutions",
        "32,40",
        "--threads",
        "1",
        "--suites",
        "latency",
    )
    plan = ("--processes", "1", "--rounds", "1", "--no-accuracy")
    before = key_files()
    with Programs(tmp_path) as programs:
        client = programs.start("client", "fleet", "--ssh", file, *cases, *plan, "--out", tmp_path / "night.jsonl")
        client.line("one: 0 of 1 processes")
        assert key_files() == before
        workers = machine_processes(tmp_path)
        assert len(workers) >= 2
        assert client.ended() == 0
    assert {path.name for path in tmp_path.glob("night.*.jsonl")} == {"night.one.jsonl", "night.two.jsonl"}
    wait_for(lambda: not any(worker.is_running() for worker in workers))


def machine_processes(folder):
    """The processes of Dask on the hosts: those whose locks are below a folder."""
    return [process for process in psutil.process_iter() if f"{folder}/" in own_locks(process)]


def own_locks(process):
    try:
        locks = process.environ().get("MNV2BENCH_LOCKS", "")
        return locks if "distributed.cli.dask_spec" in process.cmdline() else ""
    except psutil.Error:
        return ""
