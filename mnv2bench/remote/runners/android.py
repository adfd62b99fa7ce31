"""Runners for Android, compiled with the user's NDK against the user's libraries. Not run on a phone by us."""

import os
import shutil
from pathlib import Path

from mnv2bench.refusals import Unavailable
from mnv2bench.remote.runners.cached import make_folder, write_facts
from mnv2bench.remote.runners.contract import CONTRACT
from mnv2bench.remote.runners.native import NATIVE, Compiler, Native, android_folder, compile_runner, version_of

API = 24
UNVERIFIED = "built with an NDK: not run on a phone by us"


def build(backend: str, ndk: str, libraries: str) -> Path:
    """Compile with the NDK and keep the folder as this backend's Android runner, in place of an earlier one."""
    runner, tools = NATIVE[backend], _clang(ndk, NATIVE[backend].cxx)
    runtime = _libraries(runner, libraries)
    folder = android_folder(backend)
    if folder.is_dir():
        shutil.rmtree(folder)
    make_folder(folder, lambda to: _make(backend, runner, tools, runtime, to))
    return folder


def _clang(ndk: str, cxx: bool) -> Compiler:
    folder = ndk or os.environ.get("ANDROID_NDK_HOME", "")
    fix = "give --ndk the folder of an Android NDK, or set ANDROID_NDK_HOME"
    if not folder:
        raise Unavailable(f"no NDK is named: {fix}")
    name = "clang++" if cxx else "clang"
    paths = sorted(Path(folder).glob(f"toolchains/llvm/prebuilt/*/bin/{name}"))
    if not paths:
        raise Unavailable(f"{folder} holds no toolchains/llvm/prebuilt/*/bin/{name}: {fix}")
    clang = str(paths[0])
    static = ("-static-libstdc++",) if cxx else ()
    argv = (clang, f"--target=aarch64-linux-android{API}", *static)
    return Compiler(argv, version_of(clang, fix), fix, None)


def _libraries(runner: Native, folder: str) -> Path:
    """A folder with Android builds of the runtime's libraries, laid out as in its wheel."""
    names = (*runner.libraries, *runner.includes)
    fix = f"give --libraries a folder with Android builds of {', '.join(names)}"
    if not folder:
        raise Unavailable(f"no libraries are named: {fix}")
    missing = [name for name in names if not (Path(folder) / name).exists()]
    if missing:
        raise Unavailable(f"{folder} has no {', '.join(missing)}: {fix}")
    return Path(folder)


def _make(backend: str, runner: Native, tools: Compiler, runtime: Path, to: Path) -> None:
    (to / "lib").mkdir()
    for name in runner.libraries:
        shutil.copy(runtime / name, to / "lib")
    compile_runner(runner, tools, runtime, to)
    facts = {
        "libc": f"bionic (API {API})",
        "compiler": tools.version,
        "runtime": f"{runner.distribution}: libraries of the user",
        "runner": f"{backend}, contract {CONTRACT}",
        "unverified": UNVERIFIED,
    }
    write_facts(to, facts)
