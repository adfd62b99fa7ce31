"""A device of ours that the real adb client takes for a phone: adbd over TCP on loopback, with its own files.

Each phone is a process in a mount namespace, with a root of its own: its /data, /sys, /proc/cpuinfo and /proc/loadavg
are folders and files of the test, its getprop and dumpsys are shims, everything else is this machine's. Not covered:
USB, SELinux, bionic, toybox, the real dumpsys.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from adbd import Device
from ssh_double import free_port

from mnv2bench.remote.transports.qemu import prefix

FIXTURES = Path(__file__).parent / "fixtures" / "phone"


@dataclass(frozen=True)
class Phone:
    """What a phone of a test is like, and what goes wrong with it.

    `link` is "open", "unauthorized" or "offline"; `space` is the size of its /data/local/tmp ("1m"), "" for what this
    machine has. The cable is out `unplugs_after_s` after `unplugs_on` is seen, in a command or in what it prints;
    `comes_back` is whether the phone answers again after that. `arm64` runs the loader of an arm64 bundle under qemu.
    """

    root: str
    serves: dict[str, str] = field(default_factory=dict)  # path in its root: text, written before it starts
    link: str = "open"
    space: str = ""
    unplugs_on: str = ""
    unplugs_after_s: float = 0.0
    comes_back: bool = True
    arm64: bool = False


# --- the side of the tests -------------------------------------------------------------------------------------------


def why_not():
    """Why no phone can be played here; "" where it can."""
    if not shutil.which("adb"):
        return "the adb client is not installed: apt-get install adb"
    probe = [*_namespace(), "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        return (
            "the device double gets no mount namespace: run as root, or allow user namespaces, "
            "sysctl kernel.apparmor_restrict_unprivileged_userns=0 kernel.unprivileged_userns_clone=1"
        )
    return ""


def _namespace():
    return ("unshare", "--mount") if os.geteuid() == 0 else ("unshare", "--mount", "--map-root-user")


@contextmanager
def adb_server(home):
    """The real adb server on a port of its own and with a HOME of its own; ended in the end."""
    before = {name: os.environ.get(name) for name in ("ANDROID_ADB_SERVER_PORT", "HOME", "ADB", "ANDROID_SERIAL")}
    for name in before:
        os.environ.pop(name, None)
    os.environ |= {"ANDROID_ADB_SERVER_PORT": str(free_port()), "HOME": str(home)}
    try:
        adb("start-server")
        yield
    finally:
        adb("kill-server")
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def adb(*arguments):
    ran = subprocess.run(["adb", *arguments], capture_output=True, text=True, timeout=60, check=False)
    return ran.stdout + ran.stderr


@contextmanager
def phone(folder, connect=True, **options):
    """A phone on a port of loopback, and its serial: what `adb connect` made of it. Needs an `adb_server`."""
    root = Path(folder)
    root.mkdir(parents=True, exist_ok=True)
    job = Phone(str(root), **options)
    with (root / "log").open("w") as log:
        process = subprocess.Popen(
            [*_namespace(), sys.executable, __file__, json.dumps(asdict(job))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    connecting = None
    try:
        port = process.stdout.readline().strip()
        assert port.isdigit(), (root / "log").read_text()
        serial = f"127.0.0.1:{port}"
        if connect:
            # a phone that says nothing keeps the client waiting for 10 s, and is listed as offline at once
            connecting = subprocess.Popen(["adb", "connect", serial], stdout=subprocess.DEVNULL)
            _wait_until_it_is_listed(serial)
        yield serial
    finally:
        if connecting:
            adb("disconnect", serial)
            connecting.kill()
            connecting.wait()
        process.terminate()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def _wait_until_it_is_listed(serial):
    until = time.monotonic() + 10
    while not any(serial in line and "connecting" not in line for line in adb("devices").splitlines()):
        assert time.monotonic() < until, adb("devices")
        time.sleep(0.05)


# --- the side of the phone -------------------------------------------------------------------------------------------

CPUS = ((1785600, 284, 4), (2419200, 871, 3), (2841600, 1024, 1))  # maximum kHz, capacity, how many: of our phone


def _mount(*words):
    subprocess.run(["mount", *words], check=True)


def _write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def _sys():
    """cpufreq, capacities and a thermal zone of the phone."""
    files = {
        "sys/class/thermal/thermal_zone0/type": "cpu-0-0-usr\n",
        "sys/class/thermal/thermal_zone0/temp": "41700\n",
        "sys/class/thermal/thermal_zone1/type": "battery\n",
        "sys/class/thermal/thermal_zone1/temp": "29300\n",
    }
    for number, (khz, capacity) in enumerate((k, c) for k, c, many in CPUS for _ in range(many)):
        files |= {
            f"sys/devices/system/cpu/cpu{number}/{name}": f"{value}\n"
            for name, value in {
                "cpufreq/scaling_governor": "schedutil",
                "cpufreq/scaling_cur_freq": khz // 2,
                "cpufreq/cpuinfo_max_freq": khz,
                "cpu_capacity": capacity,
                "online": 1,
            }.items()
        }
    return files


def _shims():
    """getprop and dumpsys print the fixtures; taskset only notes its mask, since these are not the phone's cores."""
    return {
        "shims/getprop": '#!/bin/sh\nsed -n "s/^\\[$1\\]: \\[\\(.*\\)\\]$/\\1/p" /fixtures/getprop.txt\n',
        "shims/dumpsys": '#!/bin/sh\nexec cat "/fixtures/dumpsys_$1.txt"\n',
        "shims/taskset": '#!/bin/sh\necho "$1" > /data/mask\nshift\nexec "$@"\n',
    }


def furnish(phone):
    """Give the phone its files, and make its root the root of this process."""
    root = Path(phone.root) / "root"
    shutil.copytree(FIXTURES, root / "fixtures")
    _write(
        root, {"proc.cpuinfo": (FIXTURES / "cpuinfo.txt").read_text(), "proc.loadavg": "0.42 0.31 0.20 1/900 4242\n"}
    )
    _write(root, _sys() | _shims() | phone.serves)
    for shim in (root / "shims").iterdir():
        shim.chmod(0o755)
    if phone.arm64:
        prefix(root / "prefix", "cortex-a76")
    for entry in Path("/").iterdir():
        if entry.is_symlink():
            (root / entry.name).symlink_to(entry.readlink())
        elif entry.is_dir() and entry.name not in ("data", "sys"):
            (root / entry.name).mkdir()
            _mount("--rbind", str(entry), str(root / entry.name))
    for name in ("cpuinfo", "loadavg"):
        _mount("--bind", str(root / f"proc.{name}"), str(root / "proc" / name))
    (root / "data/local/tmp").mkdir(parents=True)
    if phone.space:
        _mount("-t", "tmpfs", "-o", f"size={phone.space}", "phone", str(root / "data/local/tmp"))
    os.chroot(root)
    os.chdir("/")
    os.environ["PATH"] = f"/shims:{os.environ['PATH']}"


if __name__ == "__main__":
    told = Phone(**json.loads(sys.argv[1]))
    model = (FIXTURES / "getprop.txt").read_text().partition("[ro.product.model]: [")[2].partition("]")[0]
    furnish(told)
    asyncio.run(Device(told, model).run())
