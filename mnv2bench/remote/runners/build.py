"""Runners that are compiled: for arm64 with glibc, for this kind of PC, and for Android with the user's NDK."""

import hashlib
import importlib.util
import platform
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mnv2bench.refusals import Unavailable, Unsupported
from mnv2bench.remote.runners import CONTRACT, Bundle, debian, wheels
from mnv2bench.remote.runners.commands import program, succeed
from mnv2bench.remote.runners.glibc import LIBRARIES, START, libc_version
from mnv2bench.remote.runners.kept import digest, facts, kept, root, write_facts

SOURCES = Path(__file__).parent
HEADERS = ("runner.h", "rounds.h", "said.h")
WARNINGS = ("-O2", "-Wall", "-Wextra")
TARGETS = ("linux-aarch64", "linux-x86_64", "android-arm64")


@dataclass(frozen=True)
class Native:
    """A runner of ours: its source, and what of its runtime's wheel it is compiled and linked with."""

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
    argv: tuple[str, ...]
    version: str
    mend: str
    libc: Path | None  # of its target; None where it links against its own, and Debian's is brought along


def native(backend: str, target: str) -> Bundle:
    """The bundle of a compiled runner; on Android the one that was built with an NDK, else the one with glibc."""
    runner = NATIVE[backend]
    if target == "android-arm64":
        built = root() / target / backend
        if built.is_dir():
            return Bundle((built / runner.name, built / "lib"), (f"./{runner.name}",), facts(built))
        brought = native(backend, "linux-aarch64")
        unverified = {"unverified": "glibc bundle on Android: not run on a phone by us"}
        return Bundle(brought.paths, brought.start, brought.facts | unverified)
    folder = _linux(backend, target)
    loader = START if target == "linux-aarch64" else ()
    return Bundle((folder / runner.name, folder / "lib"), (*loader, f"./{runner.name}"), facts(folder))


def build(backend: str, target: str, ndk: str = "", libraries: str = "") -> Path:
    """Build for the verb: the folder with what is pushed. Unavailable and Unsupported as `bundle` raises them."""
    if backend not in NATIVE:
        raise Unsupported(f"{backend} has no runner to build: one of {', '.join(NATIVE)}")
    if target == "android-arm64":
        from mnv2bench.remote.runners import android

        return android.build(backend, ndk, libraries)
    return native(backend, target).paths[0].parent


def compiler(target: str, cxx: bool) -> Compiler:
    """The one for this target that is here. Unavailable, with what to install, where none is."""
    machine = target.partition("-")[2]
    cross = f"g++-{machine.replace('_', '-')}-linux-gnu" if cxx else f"gcc-{machine.replace('_', '-')}-linux-gnu"
    names = [f"{machine}-linux-gnu-{'g++' if cxx else 'gcc'}"]
    if machine == platform.machine():
        cross = "g++" if cxx else "gcc"
        names.append(cross)
    mend = f"apt-get install {cross}"
    if found := program(names):
        libc = succeed([found, "-print-file-name=libc.so.6"], f"{found} does not start", mend).strip()
        if not Path(libc).is_absolute():
            raise Unavailable(
                f"{found} has no C library: apt-get install libc6-dev-{machine.replace('aarch64', 'arm64')}-cross"
            )
        return Compiler((found,), version_of(found, mend), mend, Path(libc).resolve())
    if not cxx and importlib.util.find_spec("ziglang"):  # its C++ library is another than the wheels' one
        zig = (sys.executable, "-m", "ziglang")
        version = succeed([*zig, "version"], "zig does not start", "pip install ziglang").strip()
        argv = (*zig, "cc", "-target", f"{machine}-linux-gnu.2.28")
        return Compiler(argv, f"zig cc {version}", "pip install ziglang", None)
    other = "" if cxx else ", or pip install ziglang"
    raise Unavailable(f"{names[0]} is not installed, which compiles the runner: {mend}{other}")


def version_of(compiler: str, mend: str) -> str:
    """The first line that it says of itself."""
    lines = succeed([compiler, "--version"], f"{compiler} does not start", mend).splitlines()
    return lines[0] if lines else compiler


def source_digest(runner: Native) -> str:
    return digest([(SOURCES / name).read_text() for name in (runner.source, *HEADERS)])


def _linux(backend: str, target: str) -> Path:
    runner = NATIVE[backend]
    if target not in TARGETS:
        raise Unsupported(f"runners are built for {', '.join(TARGETS)}, not for {target}")
    version = wheels.installed(backend, runner.distribution)
    chosen = compiler(target, runner.cxx)
    libc = hashlib.sha256(chosen.libc.read_bytes()).hexdigest() if chosen.libc else debian.RELEASE
    parts = [str(CONTRACT), source_digest(runner), version, chosen.version, libc]
    return kept(f"{target}-{backend}", parts, lambda to: _make(backend, target, version, chosen, to))


def _make(backend: str, target: str, version: str, chosen: Compiler, to: Path) -> None:
    runner = NATIVE[backend]
    known = {
        "compiler": chosen.version,
        "runtime": f"{runner.distribution} {version}",
        "runner": f"{backend}, contract {CONTRACT}",
    }
    (to / "lib").mkdir()
    with tempfile.TemporaryDirectory(prefix="mnv2bench-") as place:
        runtime = _runtime(backend, target, version, Path(place))
        for name in runner.libraries:
            shutil.copy(runtime / name, to / "lib")
        compile_runner(runner, chosen, runtime, to)
    if target == "linux-aarch64":
        known["libc"] = _bring_libc(chosen, to / "lib")
    write_facts(to, known)


def _runtime(backend: str, target: str, version: str, place: Path) -> Path:
    """The runtime's folder, as it is installed here or unpacked from the wheel for the other processor."""
    runner = NATIVE[backend]
    if target == "linux-aarch64":
        wheels.unpack(wheels.wheel(runner.distribution, version), place, lambda name: _is_of(runner, name))
        return place / runner.module
    if platform.machine() != "x86_64":
        raise Unavailable(f"the runner for {target} is built on such a machine only: run mnv2bench on one")
    return wheels.folder_here(backend, runner.module)


def _is_of(runner: Native, name: str) -> bool:
    """Whether a file of the wheel is needed: the libraries, and what is included."""
    wanted = (f"{runner.module}/{part}" for part in (*runner.libraries, *(f"{i}/" for i in runner.includes)))
    return name.startswith(tuple(wanted))


def compile_runner(runner: Native, chosen: Compiler, runtime: Path, to: Path) -> None:
    """The program, beside the folder lib in which it finds its libraries."""
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
    words = [*chosen.argv, *WARNINGS, *runner.flags, *includes, "-o", str(to / runner.name)]
    succeed([*words, str(SOURCES / runner.source), *link], f"{runner.source} does not compile", chosen.mend)


def _bring_libc(chosen: Compiler, to: Path) -> str:
    """Copy the C and C++ libraries of the compiler, or Debian's; which they are."""
    system = debian.packages(debian.LIBRARIES) if chosen.libc is None else None
    for name in LIBRARIES:
        if system:
            found = debian.library(system, name)
        else:
            said = succeed([*chosen.argv, f"-print-file-name={name}"], f"no {name}", chosen.mend).strip()
            found = Path(said).resolve() if Path(said).is_absolute() else None
        if not found:
            raise Unavailable(f"{name} for arm64 is not here: apt-get install libc6-arm64-cross libstdc++6-arm64-cross")
        shutil.copy(found, to / name)
    package = f" (libc6 {debian.versions(system)['libc6']})" if system else ""
    return libc_version(to / "libc.so.6") + package
