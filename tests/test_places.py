"""Where nothing can be kept, nothing is measured: one line and the variable that helps, with real users and folders."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

QUICK = ("run", "--suites", "latency", "--widths", "0.35", "--resolutions", "96", "--threads", "1", "--processes", "1")
WORDS = (*QUICK, "--rounds", "1", "--backends", "fake", "--quiet")
NOBODY = 54321  # a number that no user has


def ran(*words, start=(), **variables):
    """Run mnv2bench with these variables and those that tests need, and no others."""
    kept = {
        name: os.environ[name]
        for name in ("PATH", "PYTHONPATH", "MNV2BENCH_LOCKS", "MNV2BENCH_IDLE_S")
        if name in os.environ
    }
    command = [*start, sys.executable, "-m", "mnv2bench", *words]
    return subprocess.run(command, env=kept | variables, capture_output=True, text=True, timeout=240, check=False)


def refusal(tmp_path, *start, **variables):
    out = tmp_path / "out.jsonl"
    refused = ran(*WORDS, "--out", str(out), start=start, **variables)
    assert refused.returncode == 2, refused.stderr
    assert re.fullmatch(r"mnv2bench: [^\n]*\n", refused.stderr), refused.stderr
    assert not out.exists()
    return refused.stderr.removeprefix("mnv2bench: ").rstrip("\n")


def test_a_relative_cache_of_the_desktop_is_refused(tmp_path):
    reason = refusal(tmp_path, XDG_CACHE_HOME="cache", HOME=str(tmp_path))
    assert reason == "XDG_CACHE_HOME is 'cache', a relative path: set MNV2BENCH_CACHE or make it absolute"


def test_a_cache_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    reason = refusal(tmp_path, MNV2BENCH_CACHE=str(tmp_path / "file" / "cache"))
    advice = "set MNV2BENCH_CACHE to a folder that you may write to"
    assert reason == f"the cache {tmp_path / 'file' / 'cache'} cannot be made (Not a directory): {advice}"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_cache_on_a_full_disk_is_refused(tmp_path):
    """A file system of 1 MiB, mounted in a namespace of its own; without the right to do so there is none."""
    mount = f'mount -t tmpfs -o size=1m tmpfs {tmp_path}/full && exec "$@"'
    (tmp_path / "full").mkdir()
    start = ("unshare", "--mount", "--map-root-user", "sh", "-c", mount, "sh")
    if shutil.which("unshare") is None or subprocess.run([*start, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here: unshare --mount is refused")
    reason = refusal(tmp_path, *start, MNV2BENCH_CACHE=str(tmp_path / "full"))
    assert reason.startswith(f"the cache {tmp_path / 'full'} cannot be written (No space left on device): set MNV2")


def test_a_results_folder_that_cannot_be_written_ends_the_suites_before_they_measure(command, tmp_path):
    (tmp_path / "file").write_text("")
    chosen = ("--backends=fake", "--widths=0.35", "--resolutions=96", "--threads=1", "--processes=1", "--rounds=1")
    words = ("pytest", "suites", "-q", "-p", "no:cacheprovider", "-k", "latency", "--benchmark-save=x", *chosen)
    ran = command(*words, MNV2BENCH_RESULTS=str(tmp_path / "file"))
    assert ran.returncode == 2
    reason = "cannot be written (Not a directory): set MNV2BENCH_RESULTS to a folder that you may write to"
    assert f"the results folder {tmp_path / 'file'}" in ran.stdout + ran.stderr
    assert reason in ran.stdout + ran.stderr
    assert "what was measured so far" not in ran.stdout + ran.stderr


def test_a_user_without_a_name_and_a_home_is_told_what_to_set_and_then_measures(tmp_path):
    """In a namespace of its own this process has a number that no user has."""
    start = ("unshare", f"--map-user={NOBODY}", f"--map-group={NOBODY}")
    if shutil.which("unshare") is None or subprocess.run([*start, "true"], check=False, capture_output=True).returncode:
        pytest.skip("nobody can become another user here: unshare --map-user is refused")
    assert refusal(tmp_path, *start) == "no home folder is known: set MNV2BENCH_CACHE to a folder that you may write to"
    words = (*WORDS, "--out", str(tmp_path / "out.jsonl"))
    measured = ran(*words, start=start, MNV2BENCH_CACHE=str(tmp_path / "cache"))
    assert (measured.returncode, measured.stderr) == (0, "")


@pytest.mark.slow
def test_paths_with_spaces_are_no_matter_for_what_compiles(tmp_path):
    folder = tmp_path / "my files"
    (folder / "temporary").mkdir(parents=True)
    words = (*QUICK[:-6], "--resolutions", "32", "--threads", "1", "--processes", "1", "--rounds", "1", "--backends")
    places = {"MNV2BENCH_CACHE": str(folder / "cache"), "TMPDIR": str(folder / "temporary"), "HOME": str(folder)}
    measured = ran(*words, "torch_compile", "--quiet", "--out", str(folder / "out.jsonl"), **places)
    assert (measured.returncode, measured.stderr) == (0, ""), measured.stdout
    assert any((folder / "cache" / "compiled").iterdir())
