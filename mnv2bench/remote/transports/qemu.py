"""arm64 without a phone: programs under qemu-user, and their instructions counted by a plugin of ours."""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path

from mnv2bench import artifacts
from mnv2bench.case import Kind
from mnv2bench.refusals import Unavailable, Unsupported
from mnv2bench.remote.commands import command, program
from mnv2bench.remote.transports import NO_VARIABLES, ProgramResult, Transport, TransportError
from mnv2bench.texts import one_line

_ARMV8 = "fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid"
_ARMV8_2 = f"{_ARMV8} atomics fphp asimdhp asimdrdm lrcpc dcpop asimddp ssbs"
# name of -cpu: part and features of /proc/cpuinfo, by which XNNPACK picks its kernels: they must agree with -cpu
CPUS = {
    "cortex-a53": ("0xd03", _ARMV8),
    "cortex-a72": ("0xd08", _ARMV8),
    "cortex-a76": ("0xd0b", _ARMV8_2),
}
PROCESSORS = 4  # what the emulated program sees, whatever this machine has: a count must not depend on it
COUNTS = "counts.jsonl"
SOURCE = Path(__file__).parents[1] / "runners" / "icount.c"
INSTALL = "apt-get install qemu-user"


def transport(device: str) -> "Qemu":
    """The transport of a device's name, not yet entered. Unsupported for a CPU that computes or counts wrong."""
    cpu = device.partition(":")[2]
    if cpu == "max" or cpu.startswith("max,"):
        raise Unsupported(f"qemu's cpu {cpu} computes wrong int8 with qemu 7.2: take one of {', '.join(CPUS)}")
    if cpu not in CPUS:
        raise Unsupported(f"qemu:{cpu} has no known part for /proc/cpuinfo: take one of {', '.join(CPUS)}")
    return Qemu(device, cpu)


def version(cpu: str = "") -> str:
    """The version of the installed qemu, which loads plugins and has the CPU. Unavailable where it does not."""
    qemu = _require("qemu-aarch64", INSTALL)
    _require("setarch", "apt-get install util-linux")
    printed = command([qemu, "--version"], 10).out
    number = re.search(r"version (\S+(?: \([^)]*\))?)", printed)
    if not number:
        raise Unavailable(f"qemu-aarch64 --version says {one_line(printed)!r}: {INSTALL}")
    if "-plugin" not in command([qemu, "--help"], 10).out:
        raise Unavailable(
            f"qemu {number[1]} is built without plugins, so nothing can be counted: {INSTALL} (not qemu-user-static)"
        )
    if cpu and cpu not in command([qemu, "-cpu", "help"], 10).out.split():
        raise Unavailable(f"qemu {number[1]} has no {cpu} (cortex-a76 came with 7.0): {INSTALL} from a newer Debian")
    fixed = command(["setarch", "-R", qemu, "--version"], 10)
    if fixed.code:
        raise Unavailable(
            f"setarch -R is refused here ({one_line(fixed.err)}), and without it counts vary: "
            "in a container, start it with --security-opt seccomp=unconfined"
        )
    return number[1]


def _require(name: str, install: str) -> str:
    """The path of a program. Unavailable, with the command that installs it, where it is missing."""
    path = program([name])
    if not path:
        raise Unavailable(f"{name} is not installed: {install}")
    return path


def plugin() -> Path:
    """The counting plugin, compiled at its first use and kept by its source; Unavailable where that cannot be."""
    source = Path(os.environ.get("MNV2BENCH_ICOUNT") or SOURCE)
    if not source.is_file():
        raise Unavailable(
            "the counting plugin is not in the wheel (GPL): run from a checkout of mnv2bench, "
            "or set MNV2BENCH_ICOUNT to its icount.c"
        )
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    library = artifacts.root() / "runners" / f"icount-{digest}.so"
    if library.exists():
        return library
    compiler = program(("cc", "gcc", "clang"))
    if not compiler:
        raise Unavailable("no C compiler here for the counting plugin: apt-get install gcc libc6-dev")
    library.parent.mkdir(parents=True, exist_ok=True)
    partial = library.with_name(f".{os.urandom(6).hex()}.tmp")
    flags = ("-O2", "-shared", "-fPIC", "-fvisibility=hidden")
    compiled = command([compiler, *flags, "-o", str(partial), str(source)], 120)
    if compiled.code:
        reason = one_line(compiled.err)
        raise Unavailable(f"the counting plugin does not compile ({reason}): apt-get install gcc libc6-dev")
    partial.replace(library)
    return library


def prefix(folder: Path, cpu: str) -> None:
    """Write files that emulated programs read in place of this machine's: without them runtimes crash or guess."""
    part, features = CPUS[cpu]
    lines = f"BogoMIPS\t: 62.50\nFeatures\t: {features}\nCPU implementer\t: 0x41\nCPU architecture: 8\n"
    lines += f"CPU variant\t: 0x0\nCPU part\t: {part}\nCPU revision\t: 3\n\n"
    files = {
        "proc/cpuinfo": "".join(f"processor\t: {n}\n{lines}" for n in range(PROCESSORS)),
        "sys/devices/system/cpu/possible": f"0-{PROCESSORS - 1}\n",
        "sys/devices/system/cpu/present": f"0-{PROCESSORS - 1}\n",
        "sys/devices/system/cpu/online": f"0-{PROCESSORS - 1}\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def _folder() -> Path:
    """A new private folder. Its name is the same each time, since counts of Python depend on the hashes of paths."""
    for number in count():
        with suppress(FileExistsError):
            folder = Path(tempfile.gettempdir()) / f"mnv2bench-qemu-{number:03}"
            folder.mkdir(mode=0o700)
            return folder
    raise AssertionError


class Qemu(Transport):
    """An emulated processor: a private folder on this machine, and qemu in front of each program.

    `run` leaves the plugin's counts of that run in `counts.jsonl` in the private folder, unless `counting` is off.
    """

    kind = Kind.COUNTED
    target = "linux-aarch64"

    def __init__(self, device: str, cpu: str) -> None:
        self.device, self.cpu = device, cpu
        self._private: Path | None = None
        self._version = ""

    def open(self) -> None:
        self._version = version(self.cpu)
        library = plugin() if self.counting else None
        self._private = _folder()
        self.folder.mkdir()
        prefix(self._private / "prefix", self.cpu)
        if library:
            shutil.copy(library, self._private / "icount.so")

    def close(self) -> None:
        if self._private:
            shutil.rmtree(self._private, ignore_errors=True)
            self._private = None

    @property
    def folder(self) -> Path:
        if not self._private:
            raise ValueError(f"{self.device} is not entered: use it in a with statement")
        return self._private / "run"

    def facts(self) -> dict[str, str]:
        return {"qemu": self._version or version(self.cpu), "cpu": self.cpu}

    def instructions(self) -> tuple[str, ...]:
        return tuple(CPUS[self.cpu][1].split())

    def push(self, paths: Sequence[Path]) -> None:
        for path in paths:
            if path.is_dir():
                shutil.copytree(path, self.folder / path.name, dirs_exist_ok=True)
            else:
                shutil.copy(path, self.folder / path.name)

    def pull(self, name: str, to: Path) -> None:
        if not (self.folder / name).is_file():
            raise TransportError(f"{self.device} has no {name} in its folder: look at what the program there printed")
        shutil.copy(self.folder / name, to)

    def run(self, argv: Sequence[str], timeout_s: float, variables: Mapping[str, str] = NO_VARIABLES) -> ProgramResult:
        (self.folder / COUNTS).unlink(missing_ok=True)
        return self._emulate(argv, timeout_s, self.counting, variables)

    def ask(self, argv: Sequence[str], timeout_s: float = 10) -> ProgramResult:
        return self._emulate(argv, timeout_s, counting=False)

    def _emulate(
        self, argv: Sequence[str], timeout_s: float, counting: bool, variables: Mapping[str, str] = NO_VARIABLES
    ) -> ProgramResult:
        # relative to the folder, because a comma in a path would end the plugin's argument
        plugged = ("-plugin", f"file=../icount.so,out={COUNTS}") if counting else ()
        own = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "PYTHONHASHSEED": "0"}
        start = ("setarch", "-R", _require("qemu-aarch64", INSTALL), "-cpu", self.cpu, "-L", "../prefix")
        return command([*start, *plugged, *argv], timeout_s, self.folder, {**own, **variables})
