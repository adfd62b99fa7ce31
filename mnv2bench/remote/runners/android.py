"""Runners for Android, compiled with the user's NDK against libraries that the user has. Not run on a phone by us."""

import os
import shutil
from pathlib import Path

from mnv2bench.refusals import Unavailable
from mnv2bench.remote.runners import CONTRACT
from mnv2bench.remote.runners.build import NATIVE, Compiler, Native, compile_runner, version_of
from mnv2bench.remote.runners.kept import replaced, root, write_facts

API = 24
UNVERIFIED = "built with an NDK: not run on a phone by us"


def build(backend: str, ndk: str, libraries: str) -> Path:
    """Compile with the NDK and keep it as the Android runner of this backend, in place of an earlier one."""
    runner, chosen = NATIVE[backend], _clang(ndk, NATIVE[backend].cxx)
    given = _libraries(runner, libraries)
    folder = root() / "android-arm64" / backend
    if folder.is_dir():
        shutil.rmtree(folder)
    replaced(folder, lambda to: _make(backend, runner, chosen, given, to))
    return folder


def _clang(ndk: str, cxx: bool) -> Compiler:
    place = ndk or os.environ.get("ANDROID_NDK_HOME", "")
    mend = "give --ndk the folder of an Android NDK, or set ANDROID_NDK_HOME"
    if not place:
        raise Unavailable(f"no NDK is named: {mend}")
    program = "clang++" if cxx else "clang"
    found = sorted(Path(place).glob(f"toolchains/llvm/prebuilt/*/bin/{program}"))
    if not found:
        raise Unavailable(f"{place} holds no toolchains/llvm/prebuilt/*/bin/{program}: {mend}")
    static = ("-static-libstdc++",) if cxx else ()
    argv = (str(found[0]), f"--target=aarch64-linux-android{API}", *static)
    return Compiler(argv, version_of(str(found[0]), mend), mend, None)


def _libraries(runner: Native, folder: str) -> Path:
    """A folder with Android builds of the runtime's libraries, laid out as in its wheel."""
    names = (*runner.libraries, *runner.includes)
    mend = f"give --libraries a folder with Android builds of {', '.join(names)}"
    if not folder:
        raise Unavailable(f"no libraries are named: {mend}")
    missing = [name for name in names if not (Path(folder) / name).exists()]
    if missing:
        raise Unavailable(f"{folder} has no {', '.join(missing)}: {mend}")
    return Path(folder)


def _make(backend: str, runner: Native, chosen: Compiler, given: Path, to: Path) -> None:
    (to / "lib").mkdir()
    for name in runner.libraries:
        shutil.copy(given / name, to / "lib")
    compile_runner(runner, chosen, given, to)
    known = {
        "libc": f"bionic (API {API})",
        "compiler": chosen.version,
        "runtime": f"{runner.distribution}: libraries of the user",
        "runner": f"{backend}, contract {CONTRACT}",
        "unverified": UNVERIFIED,
    }
    write_facts(to, known)
