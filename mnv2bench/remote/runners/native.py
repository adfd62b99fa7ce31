"""Compiled runners for Linux: for arm64 with a glibc of their own, and for x86-64."""

import hashlib
import importlib.util
import platform
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mnv2bench.refusals import Unavailable, Unsupported
from mnv2bench.remote.commands import program, succeed
from mnv2bench.remote.runners import debian, wheels
from mnv2bench.remote.runners.cached import (
    GLIBC,
    LOADED,
    Bundle,
    cached_folder,
    digest,
    libc_version,
    read_facts,
    root,
    write_facts,
)
from mnv2bench.remote.runners.contract import CONTRACT

SOURCES = Path(__file__).parent
HEADERS = ("runner.h", "rounds.h", "rotation.h", "answer.h")
WARNINGS = ("-O2", "-Wall", "-Wextra")
ANDROID = "android-arm64"
TARGETS = ("linux-aarch64", "linux-x86_64", ANDROID)


@dataclass(frozen=True)
class Native:
    """A compiled runner: its source, and the files of its runtime's wheel that it is compiled and linked with."""

    source: str
    distribution: str
    module: str
    libraries: tuple[str, ...]
    includes: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return Path(self.source).stem

    @property
    def cxx(self) -> bool:
        return self.source.endswith(".cpp")


NATIVE = {
    # without libLiteRtWebGpuAccelerator.so, which libLiteRt.so would load, and which ends on cores without LSE
    "litert": Native("litert_runner.c", "ai-edge-litert", "ai_edge_litert", ("libLiteRt.so",)),
    "executorch": Native(
        "executorch_runner.cpp",
        "executorch",
        "executorch",
        tuple(f"lib/libexecutorch{part}.so" for part in ("", "_kernels_optimized", "_backend_xnnpack", "_threadpool")),
        ("include", "include/executorch/runtime/core/portable_type/c10"),
        ("-std=c++17", "-DC10_USING_CUSTOM_GENERATED_MACROS", "-DET_EVENT_TRACER_ENABLED", "-DET_USE_THREADPOOL"),
    ),
}


@dataclass(frozen=True)
class Compiler:
    """A compiler for one target; `fix` is the command that installs what it needs.

    `libc` is its target's C library, None where it links against one of its own, and Debian's is brought along.
    """

    argv: tuple[str, ...]
    version: str
    fix: str
    libc: Path | None


def bundle(backend: str, target: str) -> Bundle:
    """The bundle of a compiled runner; on Android the one that was built with an NDK, else the one with glibc."""
    runner = NATIVE[backend]
    if target == ANDROID:
        folder = android_folder(backend)
        if folder.is_dir():
            return Bundle((folder / runner.name, folder / "lib"), (f"./{runner.name}",), read_facts(folder))
        glibc = bundle(backend, "linux-aarch64")
        unverified = {"unverified": "glibc bundle on Android: not run on a phone by us"}
        return Bundle(glibc.paths, glibc.start, glibc.facts | unverified)
    folder = _linux(backend, target)
    loader = LOADED if target == "linux-aarch64" else ()
    return Bundle((folder / runner.name, folder / "lib"), (*loader, f"./{runner.name}"), read_facts(folder))


def android_folder(backend: str) -> Path:
    """The folder of the runner that was built with an NDK, which may be missing."""
    return root() / ANDROID / backend


def compiler(target: str, cxx: bool) -> Compiler:
    """The installed compiler for this target. Unavailable, with what to install, where there is none."""
    machine = target.partition("-")[2]
    short = "g++" if cxx else "gcc"
    package = f"{short}-{machine.replace('_', '-')}-linux-gnu"
    names = [f"{machine}-linux-gnu-{short}"]
    if machine == platform.machine():
        package = short
        names.append(short)
    fix = f"apt-get install {package}"
    if path := program(names):
        libc = succeed([path, "-print-file-name=libc.so.6"], f"{path} does not start", fix).strip()
        if not Path(libc).is_absolute():
            raise Unavailable(
                f"{path} has no C library: apt-get install libc6-dev-{machine.replace('aarch64', 'arm64')}-cross"
            )
        return Compiler((path,), version_of(path, fix), fix, Path(libc).resolve())
    if not cxx and importlib.util.find_spec("ziglang"):  # its C++ library is not the one that the wheels need
        return _zig(machine)
    alternative = "" if cxx else ", or pip install ziglang"
    raise Unavailable(f"{names[0]} is not installed, which compiles the runner: {fix}{alternative}")


def _zig(machine: str) -> Compiler:
    zig = (sys.executable, "-m", "ziglang")
    version = succeed([*zig, "version"], "zig does not start", "pip install ziglang").strip()
    argv = (*zig, "cc", "-target", f"{machine}-linux-gnu.2.28")
    return Compiler(argv, f"zig cc {version}", "pip install ziglang", None)


def version_of(compiler: str, fix: str) -> str:
    """The first line of a compiler's --version."""
    lines = succeed([compiler, "--version"], f"{compiler} does not start", fix).splitlines()
    return lines[0] if lines else compiler


def source_digest(runner: Native) -> str:
    """Digest of a runner's source files."""
    return digest([(SOURCES / name).read_text(encoding="utf-8") for name in (runner.source, *HEADERS)])


def _linux(backend: str, target: str) -> Path:
    runner = NATIVE[backend]
    if target not in TARGETS:
        raise Unsupported(f"runners are built for {', '.join(TARGETS)}, not for {target}")
    version = wheels.installed(backend, runner.distribution)
    tools = compiler(target, runner.cxx)
    libc = hashlib.sha256(tools.libc.read_bytes()).hexdigest() if tools.libc else debian.RELEASE
    parts = [str(CONTRACT), source_digest(runner), version, tools.version, libc]
    return cached_folder(f"{target}-{backend}", parts, lambda to: _make(backend, target, version, tools, to))


def _make(backend: str, target: str, version: str, tools: Compiler, to: Path) -> None:
    """Fill a folder with the program, its libraries and its facts."""
    runner = NATIVE[backend]
    facts = {
        "compiler": tools.version,
        "runtime": f"{runner.distribution} {version}",
        "runner": f"{backend}, contract {CONTRACT}",
    }
    (to / "lib").mkdir()
    with tempfile.TemporaryDirectory(prefix="mnv2bench-") as scratch:
        runtime = _runtime(backend, target, version, Path(scratch))
        for name in runner.libraries:
            shutil.copy(runtime / name, to / "lib")
        compile_runner(runner, tools, runtime, to)
    if target == "linux-aarch64":
        facts["libc"] = _bring_libc(tools, to / "lib")
    write_facts(to, facts)


def _runtime(backend: str, target: str, version: str, scratch: Path) -> Path:
    """The runtime's folder: the installed one, or the wheel for the other processor, unpacked in `scratch`."""
    runner = NATIVE[backend]
    if target == "linux-aarch64":
        wheels.unpack(wheels.wheel(runner.distribution, version), scratch, lambda name: _is_needed(runner, name))
        return scratch / runner.module
    if platform.machine() != "x86_64":
        raise Unavailable(f"the runner for {target} is built on such a machine only: run mnv2bench on one")
    return wheels.folder_here(backend, runner.module)


def _is_needed(runner: Native, name: str) -> bool:
    """Whether a file of the wheel is a library that is linked or a header that is included."""
    folders = (f"{name}/" for name in runner.includes)
    return name.startswith(tuple(f"{runner.module}/{part}" for part in (*runner.libraries, *folders)))


def compile_runner(runner: Native, tools: Compiler, runtime: Path, to: Path) -> None:
    """Compile the program, beside the folder lib in which it finds its libraries."""
    includes = [word for name in runner.includes for word in ("-isystem", str(runtime / name))]
    names = [f"-l{Path(name).stem.removeprefix('lib')}" for name in runner.libraries]
    link = [
        "-L",
        str(to / "lib"),
        "-Wl,--no-as-needed",
        *names,
        "-Wl,--allow-shlib-undefined",
        "-Wl,-rpath,$ORIGIN/lib",
    ]
    words = [*tools.argv, *WARNINGS, *runner.flags, *includes, "-o", str(to / runner.name)]
    succeed([*words, str(SOURCES / runner.source), *link], f"{runner.source} does not compile", tools.fix)


def _bring_libc(tools: Compiler, to: Path) -> str:
    """Copy the C and C++ libraries of the compiler, or Debian's, and return their version."""
    system = debian.packages(debian.LIBRARIES) if tools.libc is None else None
    for name in GLIBC:
        source = debian.library(system, name) if system else _library_of(tools, name)
        if not source:
            raise Unavailable(f"{name} for arm64 is not here: apt-get install libc6-arm64-cross libstdc++6-arm64-cross")
        shutil.copy(source, to / name)
    package = f" (libc6 {debian.versions(system)['libc6']})" if system else ""
    return libc_version(to / "libc.so.6") + package


def _library_of(tools: Compiler, name: str) -> Path | None:
    """A library that the compiler links, None where it has none of that name."""
    path = succeed([*tools.argv, f"-print-file-name={name}"], f"no {name}", tools.fix).strip()
    return Path(path).resolve() if Path(path).is_absolute() else None
