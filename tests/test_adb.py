"""The real adb client, and a phone of ours at its other end: what works, and each thing that can go wrong."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest
from adb_double import adb, adb_server, phone, why_not

from mnv2bench.refusals import Unavailable, Unsupported
from mnv2bench.remote.transports import TimedOut, TransportError, transport
from mnv2bench.remote.transports.adb import attached

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())


@pytest.fixture(scope="module", autouse=True)
def server(tmp_path_factory):
    with adb_server(tmp_path_factory.mktemp("adb")):
        yield


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    """A phone without faults."""
    with phone(tmp_path_factory.mktemp("phone")) as serial:
        yield serial


@pytest.fixture
def t(serial):
    with transport(f"adb:{serial}") as t:
        yield t


def script(folder, text, name="program"):
    """A program for the phone."""
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)
    return folder / name


def test_a_program_is_pushed_run_in_a_private_folder_and_its_result_pulled(t, tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "text").write_text("from a folder\n")
    t.push([script(tmp_path, 'pwd; cat lib/text; echo "$1" > result; echo err >&2; exit 7'), tmp_path / "lib"])
    ran = t.run(["./program", "two words; it's $HOME"], 30)
    assert ran.code == 7
    assert ran.out == f"{t.folder}\nfrom a folder\n"
    assert ran.err == "err\n"
    t.pull("result", tmp_path / "result")
    assert (tmp_path / "result").read_text() == "two words; it's $HOME\n"
    assert (t.target, t.kind) == ("android-arm64", "measured-device")
    assert t.ask(["stat", "-c", "%a", t.folder]).out == "700\n"


def test_the_folder_is_removed_and_what_still_runs_in_it_ended(serial, tmp_path):
    with transport(f"adb:{serial}") as t:
        folder = t.folder
        t.push([script(tmp_path, "sleep 61 >/dev/null 2>&1 & exit 0")])
        assert t.run(["./program"], 30).code == 0
        assert "sleep 61" in adb("-s", serial, "shell", "ps -ef")
    assert "No such file" in adb("-s", serial, "shell", "ls", folder)
    assert "sleep 61" not in adb("-s", serial, "shell", "ps -ef")


def test_output_without_a_last_newline_is_whole(t):
    assert t.run(["printf", "no newline"], 30).out == "no newline"


def test_a_place_that_is_not_entered_is_no_folder(serial):
    with pytest.raises(ValueError, match=f"^adb:{serial} is not entered: use it in a with statement$"):
        transport(f"adb:{serial}").run(["true"], 10)


def test_a_mask_is_what_taskset_gets_and_cores_without_a_mask_are_not_run(serial):
    with transport(f"adb:{serial}@big") as t:
        with pytest.raises(ValueError, match=r"asks for the cores 'big': devices\.set_mask finds their mask$"):
            t.run(["true"], 10)
        t.mask = "80"
        assert t.run(["echo", "ran"], 10).out == "ran\n"
        assert t.ask(["cat", "/data/mask"]).out == "80\n"


def test_a_program_is_really_on_its_core(tmp_path):
    """With this machine's own taskset and its first core."""
    with (
        phone(
            tmp_path / "phone", serves={"shims/taskset": '#!/bin/sh\nPATH="${PATH#/shims:}" exec taskset "$@"\n'}
        ) as s,
        transport(f"adb:{s}@1") as t,
    ):
        t.mask = t.cores
        assert "Cpus_allowed_list:\t0\n" in t.run(["cat", "/proc/self/status"], 10).out


def test_a_hang_is_late_and_ended_on_the_phone(t, tmp_path):
    t.push([script(tmp_path, "sleep 62; echo never")])
    with pytest.raises(TimedOut, match=r"^no result after 1 s: ended$"):
        t.run(["./program"], 1)
    assert "sleep 62" not in t.ask(["ps", "-ef"]).out


def test_a_crash_and_a_missing_program_are_exit_codes(t, tmp_path):
    t.push([script(tmp_path, "kill -SEGV $$")])
    assert t.run(["./program"], 30).code == 139
    missing = t.run(["./nothing"], 30)
    assert missing.code == 127
    assert "not found" in missing.err


def test_garbage_comes_back_as_it_is(t, tmp_path):
    t.push([script(tmp_path, r"printf '\000\377\033[31m MNV2_RC=0\n garbage\r\n'; exit 3")])
    ran = t.run(["./program"], 30)
    assert ran.code == 3
    assert ran.out == "\0�\x1b[31m MNV2_RC=0\n garbage\n"


def test_what_is_not_there_cannot_be_pulled(t, serial, tmp_path):
    with pytest.raises(TransportError) as gone:
        t.pull("result", tmp_path / "result")
    assert str(gone.value) == f"{serial} has no result in its folder: look at what the program there printed"


def refusal(serial):
    with pytest.raises((Unavailable, Unsupported)) as refused, transport(f"adb:{serial}"):
        pass
    return str(refused.value)


def test_a_phone_unplugged_in_mid_run_is_gone_although_adb_answers_0(tmp_path):
    with phone(tmp_path / "phone", unplugs_on="it has begun") as serial:
        with pytest.raises(TransportError) as gone, transport(f"adb:{serial}") as t:
            folder = t.folder
            t.push([script(tmp_path, "echo it has begun; sleep 63")])
            t.run(["./program"], 30)
        text = str(gone.value)
        assert text.startswith(f"{serial} went away, or its answer is not whole (adb's last words: ")
        assert text.endswith("): check its cable and mnv2bench devices, then run again with --resume")
        assert "No such file" in adb("-s", serial, "shell", "ls", folder)  # it came back, and was cleaned
        assert "sleep 63" not in adb("-s", serial, "shell", "ps -ef")


def test_a_phone_that_does_not_come_back_is_offline_at_the_next_case(tmp_path):
    with phone(tmp_path / "phone", unplugs_on="exec true", unplugs_after_s=0.3, comes_back=False) as serial:
        start = time.monotonic()
        with (
            pytest.raises(TransportError, match="went away, or its answer is not whole"),
            transport(f"adb:{serial}") as t,
        ):
            t.run(["sh", "-c", "sleep 64; exec true"], 30)
        assert time.monotonic() - start < 25
        assert refusal(serial) in (
            f"{serial} is offline: plug it in again, or adb reconnect offline",
            f"adb knows no device {serial}: plug it in with USB debugging on, or adb connect {serial}; "
            "mnv2bench devices lists them",
        )


def test_a_phone_unplugged_while_it_is_given_files_is_refused_by_name(tmp_path):
    (tmp_path / "large").write_bytes(bytes(30_000_000))
    with (
        phone(tmp_path / "phone", unplugs_on="sync:") as serial,
        pytest.raises(TransportError, match=f"^{serial} went away"),
        transport(f"adb:{serial}") as t,
    ):
        t.push([tmp_path / "large"])


def test_a_phone_that_says_nothing_is_offline(tmp_path):
    with phone(tmp_path / "phone", link="offline") as serial:
        assert refusal(serial) == f"{serial} is offline: plug it in again, or adb reconnect offline"
        assert (serial, "offline", "") in attached()


def test_a_phone_that_was_not_allowed_says_what_to_touch(tmp_path):
    with phone(tmp_path / "phone", link="unauthorized") as serial:
        assert refusal(serial) == (
            f"{serial} does not trust this machine yet: "
            "unlock it, and confirm its question whether to allow USB debugging"
        )
        assert (serial, "unauthorized", "") in attached()


def test_an_unknown_serial_says_how_to_attach_it():
    assert refusal("NOSUCH") == (
        "adb knows no device NOSUCH: plug it in with USB debugging on, or adb connect NOSUCH; "
        "mnv2bench devices lists them"
    )


def test_a_full_phone_says_so_at_the_push_and_leaves_nothing(tmp_path):
    (tmp_path / "large").write_bytes(bytes(3_000_000))
    with phone(tmp_path / "phone", space="1m") as serial:
        with pytest.raises(Unavailable) as full, transport(f"adb:{serial}") as t:
            t.push([tmp_path / "large"])
        assert str(full.value) == (
            f"{serial} is full (No space left on device): free some of it, "
            f"adb -s {serial} shell df -h /data/local/tmp says how much there is"
        )
        assert adb("-s", serial, "shell", "ls", "/data/local/tmp") == ""


def test_a_phone_of_another_processor_is_unsupported(tmp_path):
    properties = {"fixtures/getprop.txt": "[ro.product.cpu.abi]: [armeabi-v7a]\n"}
    with phone(tmp_path / "phone", serves=properties) as serial:
        assert refusal(serial) == f"{serial} says abi 'armeabi-v7a': runners are for arm64-v8a"


def test_without_adb_there_is_a_command_that_installs_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert refusal("R5CT") == "adb is not installed: apt-get install adb, or Android's platform-tools"
    monkeypatch.setenv("ADB", str(tmp_path / "adb"))
    assert refusal("R5CT") == f"$ADB names {tmp_path}/adb, which is no program: unset it, or correct it"


ARM64 = Path("/usr/aarch64-linux-gnu/lib")
LACKS = [name for name in ("qemu-aarch64", "aarch64-linux-gnu-gcc") if not shutil.which(name)]


@pytest.mark.skipif(bool(LACKS), reason=f"{LACKS} not here: apt-get install qemu-user gcc-aarch64-linux-gnu")
def test_an_arm64_folder_with_its_own_loader_runs_on_the_phone(tmp_path):
    """As a runner's bundle does: the double runs the loader under qemu, and the product does not know."""
    (tmp_path / "hello.c").write_text("#include <stdio.h>\nint main(int n, char **a) { puts(a[n - 1]); return 5; }\n")
    build = ["aarch64-linux-gnu-gcc", "-o", str(tmp_path / "hello"), str(tmp_path / "hello.c")]
    subprocess.run(build, check=True)
    (tmp_path / "lib").mkdir()
    for name in ("ld-linux-aarch64.so.1", "libc.so.6"):
        shutil.copy(ARM64 / name, tmp_path / "lib" / name)
    with phone(tmp_path / "phone", arm64=True) as serial, transport(f"adb:{serial}") as t:
        t.push([tmp_path / "lib", tmp_path / "hello"])
        ran = t.run(["lib/ld-linux-aarch64.so.1", "--library-path", "lib", "./hello", "from arm64"], 60)
    assert (ran.code, ran.out, ran.err) == (5, "from arm64\n", "")


def test_what_is_attached_is_listed_with_its_state_and_model(serial):
    assert (serial, "device", "Double 8") in attached()


def test_the_double_is_a_phone_to_the_client_itself(serial, tmp_path):
    """The one test without the product: what the double answers is what the real client takes."""
    (tmp_path / "file").write_text("text\n")
    assert "1 file pushed" in adb("-s", serial, "push", str(tmp_path / "file"), "/data/local/tmp/pushed")
    assert "1 file pulled" in adb("-s", serial, "pull", "/data/local/tmp/pushed", str(tmp_path / "back"))
    assert (tmp_path / "back").read_text() == "text\n"
    assert "Permission denied" in adb("-s", serial, "push", str(tmp_path / "file"), "/etc/pushed")
    shell = subprocess.run(["adb", "-s", serial, "shell", "echo e >&2; exit 7"], capture_output=True, check=False)
    assert (shell.returncode, shell.stdout, shell.stderr) == (7, b"", b"e\n")
