"""The names of places, what they mean, and what the one local program of a transport may not do to this machine."""

import subprocess
import sys
import time

import pytest

from mnv2bench.case import is_elsewhere, kind
from mnv2bench.refusals import Unsupported
from mnv2bench.remote import commands
from mnv2bench.remote.commands import command
from mnv2bench.remote.transports import ProgramResult, TimedOut, TransportError, transport


@pytest.mark.parametrize(
    ("device", "elsewhere", "what"),
    [
        ("cpu", False, "host-measured"),
        ("cuda:0", False, "host-measured"),
        ("adb:R5CT@big", True, "measured-device"),
        ("ssh:pi@board", True, "measured-device"),
        ("qemu:cortex-a76", True, "emulated-count"),
    ],
)
def test_a_device_says_where_it_is_and_what_kind_its_numbers_are(device, elsewhere, what):
    assert is_elsewhere(device) is elsewhere
    assert kind(device) == what


@pytest.mark.parametrize(
    ("device", "serial", "cores"),
    [
        ("adb:R5CT", "R5CT", ""),
        ("adb:R5CT@big", "R5CT", "big"),
        ("adb:192.168.1.7:5555@f0", "192.168.1.7:5555", "f0"),
        ("adb:emulator-5554", "emulator-5554", ""),
        ("adb:adb-R5CT-ab._adb-tls-connect._tcp@little", "adb-R5CT-ab._adb-tls-connect._tcp", "little"),
    ],
)
def test_a_phone_may_be_asked_for_some_of_its_cores(device, serial, cores):
    phone = transport(device)
    assert (phone.serial, phone.cores, phone.mask) == (serial, cores, "")


@pytest.mark.parametrize("device", ["ssh:board", "ssh:pi@board", "ssh:pi@192.168.1.7"])
def test_a_board_is_a_host_of_ssh(device):
    assert transport(device).host == device.removeprefix("ssh:")


@pytest.mark.parametrize(
    ("device", "text"),
    [
        ("cpu", "device 'cpu' is not adb:SERIAL, ssh:HOST or qemu:CPU"),
        ("adb:", "device 'adb:' is not adb:SERIAL, ssh:HOST or qemu:CPU"),
        ("usb:1", "device 'usb:1' is not adb:SERIAL, ssh:HOST or qemu:CPU"),
        ("adb:R5CT@huge", "is not adb:SERIAL, with @big, @middle, @little or a mask like @f0 after it"),
        ("adb:-x", "is not adb:SERIAL, with"),
        ("adb:a b", "is not adb:SERIAL, with"),
        ("ssh:-oProxyCommand=reboot", "is not ssh:HOST or ssh:USER@HOST"),
        ("ssh:pi@-oProxyCommand=reboot", "is not ssh:HOST or ssh:USER@HOST"),
        ("ssh:board;reboot", "is not ssh:HOST or ssh:USER@HOST"),
    ],
)
def test_a_name_that_is_no_device_is_refused_before_any_program_sees_it(device, text):
    with pytest.raises(ValueError, match=text.replace("?", r"\?")):
        transport(device)


@pytest.mark.parametrize(
    ("cpu", "text"),
    [
        ("max", "qemu's cpu max computes wrong int8 with qemu 7.2: take one of cortex-a53, cortex-a72, cortex-a76"),
        ("max,sve=off", "qemu's cpu max,sve=off computes wrong int8 with qemu 7.2: take one of"),
        ("a64fx", "qemu:a64fx has no known part for /proc/cpuinfo: take one of cortex-a53, cortex-a72, cortex-a76"),
    ],
)
def test_a_processor_that_would_compute_or_count_wrong_is_unsupported(cpu, text):
    with pytest.raises(Unsupported) as refused:
        transport(f"qemu:{cpu}")
    assert str(refused.value).startswith(text)


def test_asking_for_a_kind_loads_no_transport():
    code = (
        "import sys; from mnv2bench.case import kind; kind('adb:X'); "
        "print(sorted(name for name in sys.modules if name.startswith(('mnv2bench.remote', 'subprocess'))))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_a_program_ends_with_its_code_its_output_and_its_errors_apart():
    assert command(["sh", "-c", "echo out; echo err >&2; exit 7"], 10) == ProgramResult(7, "out\n", "err\n")
    assert command(["sh", "-c", "kill -SEGV $$"], 10).code == 139


def test_a_program_is_ended_at_its_limit_and_so_is_what_it_started():
    start = time.monotonic()
    with pytest.raises(TimedOut, match=r"^no result after 0\.5 s: ended$"):
        command(["sh", "-c", "sleep 60 & sleep 60"], 0.5)
    with pytest.raises(TimedOut, match=r"^no result after 0\.5 s: ended$"):
        command(["sh", "-c", "exec >/dev/null 2>&1; sleep 60"], 0.5)
    with pytest.raises(TimedOut, match=r"^no result after 0\.5 s: ended$"):
        command(["sh", "-c", "while :; do echo; done"], 0.5)
    assert time.monotonic() - start < 30


def test_a_program_that_prints_without_end_does_not_fill_this_machine(monkeypatch):
    monkeypatch.setattr(commands, "MAX_BYTES", 2**20)
    with pytest.raises(
        TransportError, match=r"^it printed more than 1 MiB \('yy yy.*\) and was ended: see what it runs$"
    ):
        command(["yes", "yy"], 60)
