"""The real ssh and scp, and a real sshd on loopback: what works, and each thing that can go wrong."""

import threading

import pytest
from ssh_double import board, why_not, why_not_small

from mnv2bench.refusals import Unavailable, Unsupported
from mnv2bench.remote.transports import TimedOut, TransportError, transport

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())


@pytest.fixture(scope="module")
def sshd(tmp_path_factory):
    with board(tmp_path_factory.mktemp("board")) as sshd:
        yield sshd


@pytest.fixture
def t(sshd):
    with transport("ssh:board") as t:
        yield t


def script(folder, text):
    (folder / "program").write_text(f"#!/bin/sh\n{text}\n")
    (folder / "program").chmod(0o755)
    return folder / "program"


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
    assert t.kind == "measured-device"
    assert t.target in ("linux-x86_64", "linux-aarch64")
    with pytest.raises(
        TransportError, match=r"^board has no other in its folder: look at what the program there printed$"
    ):
        t.pull("other", tmp_path / "other")


def test_a_program_has_the_variables_that_it_is_given_whatever_their_values_hold(t, tmp_path):
    t.push([script(tmp_path, 'echo "$MALLOC_MMAP_MAX_" "$OMP_PLACES"')])
    assert t.run(["./program"], 30, {"MALLOC_MMAP_MAX_": "0", "OMP_PLACES": "{0} $HOME '"}).out == "0 {0} $HOME '\n"


def test_the_folder_is_removed_and_what_still_runs_in_it_ended(sshd, t, tmp_path):
    with transport("ssh:board") as other:
        folder = other.folder
        other.push([script(tmp_path, "sleep 71 >/dev/null 2>&1 & exit 0")])
        assert other.run(["./program"], 30).code == 0
        assert "sleep 71" in t.ask(["ps", "-ef"]).out
    assert t.ask(["ls", folder]).code == 2
    assert "sleep 71" not in t.ask(["ps", "-ef"]).out


def test_a_mask_is_taken_from_taskset(t):
    t.mask = "1"
    assert "Cpus_allowed_list:\t0\n" in t.run(["cat", "/proc/self/status"], 10).out


def test_255_of_a_program_is_not_taken_for_a_lost_connection(t, tmp_path):
    t.push([script(tmp_path, "echo 'Connection refused' >&2; exit 255")])
    assert t.run(["./program"], 30).code == 255


def test_a_hang_is_late_and_ended_on_the_board_and_a_crash_is_its_signal(t, tmp_path):
    t.push([script(tmp_path, "case $1 in hang) sleep 72;; esac; kill -SEGV $$")])
    with pytest.raises(TimedOut, match=r"^no result after 2 s: ended$"):
        t.run(["./program", "hang"], 2)
    assert "sleep 72" not in t.ask(["ps", "-ef"]).out
    assert t.run(["./program", "crash"], 30).code == 139


def test_garbage_comes_back_as_it_is(t, tmp_path):
    t.push([script(tmp_path, r"printf '\377\033[31m MNV2_RC=0\n garbage'; exit 3")])
    ran = t.run(["./program"], 30)
    assert (ran.code, ran.out) == (3, "�\x1b[31m MNV2_RC=0\n garbage")


def test_a_connection_lost_in_mid_run_is_gone(sshd, t, tmp_path, wait_for):
    t.push([script(tmp_path, "touch begun; sleep 73")])
    with transport("ssh:board") as other:
        other.push([tmp_path / "program"])

        def unplug():
            wait_for(lambda: t.ask(["ls", f"{other.folder}/begun"]).code == 0)
            sshd.unplug()

        cutting = threading.Thread(target=unplug)
        cutting.start()
        with pytest.raises(TransportError) as gone:
            other.run(["./program"], 60)
        cutting.join()
    text = str(gone.value)
    assert text.startswith("board went away, or its answer is not whole (ssh's last words: '")
    assert "closed by remote host" in text
    assert text.endswith("'): see whether ssh board reaches it, then run again with --resume")
    assert "sleep 73" not in t.ask(["ps", "-ef"]).out


def refusal(host):
    with pytest.raises((Unavailable, Unsupported)) as refused, transport(f"ssh:{host}"):
        pass
    return str(refused.value)


@pytest.mark.parametrize(
    ("host", "text"),
    [
        ("stranger", "stranger refuses every key of ours: ssh-copy-id stranger"),
        (
            "changed",
            "the host key of changed is unknown or has changed: find out why, then log in once by hand, ssh changed",
        ),
        ("silent", "silent is there, but no sshd answers: start it there, or name its port in ~/.ssh/config"),
        (
            "nosuch.invalid",
            "there is no host nosuch.invalid: correct the name, or give it one in ~/.ssh/config",
        ),
    ],
)
def test_a_board_that_does_not_let_us_in_says_why_and_what_to_do(sshd, host, text):
    assert refusal(host) == text


def test_a_configuration_that_ssh_does_not_take_is_said(sshd, tmp_path, monkeypatch):
    (tmp_path / "config").write_text("Nonsense yes\n")
    monkeypatch.setenv("MNV2BENCH_SSH_CONFIG", str(tmp_path / "config"))
    assert refusal("board") == "ssh does not take its own configuration: ssh board says which line"


def test_without_ssh_there_is_a_command_that_installs_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert refusal("board") == "ssh is not installed: apt-get install openssh-client"


@pytest.mark.skipif(bool(why_not_small()), reason=why_not_small())
def test_a_full_board_says_so_although_scp_says_only_failure(tmp_path):
    (tmp_path / "large").write_bytes(bytes(3_000_000))
    with board(tmp_path / "small", space="1m"), pytest.raises(Unavailable) as full, transport("ssh:board") as t:
        t.push([tmp_path / "large"])
    assert str(full.value) == (
        "board is full (No space left on device): free some of it, ssh board df -h /tmp says how much there is"
    )
