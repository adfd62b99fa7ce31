"""Programs that hang, print without end, or are none: a line in the list of devices, within its time limit."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

FROZEN = Path(__file__).parent / "frozen" / "schema1.jsonl"
BROKEN = {
    "hangs": (
        "#!/bin/sh\nexec sleep 1000\n",
        r"adb devices gives no list \(no result after 15 s: ended\): adb kill-server",
    ),
    "endless": ("#!/bin/sh\nexec yes\n", r"adb devices gives no list \(it printed more than 64 MiB"),
    "fails": ("#!/bin/sh\nexit 1\n", r"adb devices fails \(exit code 1\): adb kill-server"),
    "binary": ("#!/bin/sh\nexec head -c 3000 /dev/urandom\n", r"adb devices fails \(.*\): adb kill-server"),
    "killed": ("#!/bin/sh\nkill -9 $$\n", r"adb devices fails \(exit code 137\): adb kill-server"),
    "no program": ("\n", r"adb devices gives no list \(\[Errno 8\] Exec format error: .*\): adb kill-server"),
}


@pytest.mark.parametrize("way", BROKEN)
def test_a_broken_adb_is_a_line_in_the_list_of_devices(command, tmp_path, way):
    script, reason = BROKEN[way]
    (tmp_path / "adb").write_text(script)
    (tmp_path / "adb").chmod(0o755)
    start = time.monotonic()
    ran = command("mnv2bench", "devices", ADB=str(tmp_path / "adb"), COLUMNS="4000")
    assert time.monotonic() - start < 40
    assert (ran.returncode, ran.stderr) == (0, "")
    (line,) = [line for line in ran.stdout.splitlines() if "adb:SERIAL" in line]
    assert "unavailable" in line
    assert re.search(reason, line), line


@pytest.mark.parametrize("script", ["#!/bin/sh\nexec yes\n", "\n", "#!/bin/sh\nexec head -c 3000 /dev/urandom\n"])
def test_a_broken_qemu_is_a_line_for_each_processor(command, tmp_path, monkeypatch, script):
    for name in ("qemu-aarch64", "qemu-aarch64-static"):
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    ran = command("mnv2bench", "devices", COLUMNS="4000")
    assert (ran.returncode, ran.stderr) == (0, "")
    lines = [line for line in ran.stdout.splitlines() if "qemu:" in line]
    assert len(lines) == 3
    assert all("unavailable" in line for line in lines)


def test_an_interrupt_while_the_verbs_are_imported_is_no_traceback(tmp_path):
    """A real signal, sent by a module that stands in the place of one that every verb imports."""
    (tmp_path / "typer.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    words = [sys.executable, "-m", "mnv2bench", "--help"]
    ran = subprocess.run(
        words, env={"PYTHONPATH": f"{tmp_path}:{':'.join(sys.path)}"}, capture_output=True, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, b"", b"")


def test_a_defect_of_a_library_is_one_line_that_says_how_to_see_more(tmp_path):
    """A library that is installed and broken: a table cannot be drawn with it."""
    (tmp_path / "pandas.py").write_text("raise KeyError('broken installation')\n")
    words = [sys.executable, "-m", "mnv2bench", "report", str(FROZEN)]
    environment = {"PYTHONPATH": f"{tmp_path}:{':'.join(sys.path)}"}
    ran = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    reason = "mnv2bench: KeyError: 'broken installation': this is a fault of mnv2bench or of a library: "
    assert (ran.returncode, ran.stderr) == (2, f"{reason}MNV2BENCH_TRACEBACK=1 shows where; report it with that\n")
    traced = subprocess.run(words, env=environment | {"MNV2BENCH_TRACEBACK": "1"}, capture_output=True, check=False)
    assert traced.stderr.startswith(b"Traceback")
