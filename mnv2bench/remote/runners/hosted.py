"""Runners in Python: an arm64 Python with a runtime's wheel and our sources, or a Python of the device."""

import compileall
import py_compile
import shutil
import sys
from pathlib import Path

from mnv2bench import backends
from mnv2bench.refusals import Unavailable, Unsupported
from mnv2bench.remote.runners import debian, wheels
from mnv2bench.remote.runners.cached import (
    GLIBC,
    LOADED,
    Bundle,
    cached_folder,
    digest,
    libc_version,
    read_facts,
    write_facts,
)
from mnv2bench.remote.runners.contract import CONTRACT
from mnv2bench.remote.runners.external import TOOLS
from mnv2bench.remote.runners.native import NATIVE

PACKAGE = Path(__file__).parents[2]
LAYOUT = "1"  # of the folder with Python: a change of `_assemble` is a change of this, or old ones would be kept
MODULE = "mnv2bench.remote.runners.session"
BINARY = Path("python") / "bin" / f"python{wheels.PYTHON}"
STANDARD = Path("python") / "lib" / f"python{wheels.PYTHON}"
PACKAGES = Path("python") / "lib" / "python3" / "dist-packages"
NEEDED = (*GLIBC, "libexpat.so.1", "libz.so.1", "libffi.so.8")
SESSION_WHEELS = ("numpy", "msgspec")  # what the session itself imports
SESSION_FOLDERS = (
    "backends",
    "backends/interface",
    "backends/shared",
    "digits",
    "gpu",
    "networks",
    "networks/families",
    "records",
    "remote",
    "remote/runners",
    "workers",
)
UNNEEDED = ("/tests/", "/test/", ".pyi")


def installed(backend: str, interpreter: str) -> Bundle:
    """The bundle of a device's own Python, in which mnv2bench and the runtime are installed: nothing is pushed."""
    start = (interpreter, "-m", MODULE, "--backend", backend)
    return Bundle((), start, {"runner": f"session of {backend}, contract {CONTRACT}", "interpreter": interpreter})


def _android_alternative(backend: str) -> str:
    """A tool of other people that runs what the backend reads, else the backends that have a runner for Android."""
    for tool in TOOLS.values():
        if backend in tool.backends:
            return f"--runner {tool.name}"
    return f"--backends {' or '.join(NATIVE)}"


def bundle(backend: str, target: str) -> Bundle:
    """The bundle of an arm64 Python, which needs nothing of the device but its kernel."""
    if target == "android-arm64":
        raise Unsupported(f"{backend} has no Android build on PyPI: {_android_alternative(backend)}")
    runtime = backends.runtime(backend)
    if not runtime.wheels:
        raise Unsupported(f"{backend} has no runner elsewhere: give --runner the path of a Python there that has it")
    if target != "linux-aarch64":
        raise Unavailable(
            f"{backend} has no runner that is built for {target}: "
            f"give --runner the path of a Python there with mnv2bench[{backend}]"
        )
    versions = {name: wheels.installed(backend, name) for name in (*runtime.wheels, *SESSION_WHEELS)}
    bytecode = sys.implementation.cache_tag or ""
    parts = [LAYOUT, debian.RELEASE, *map(str, versions.items()), bytecode]
    python = cached_folder(f"linux-aarch64-{backend}", parts, lambda to: _assemble(backend, versions, to))
    texts = [f"{source.relative_to(PACKAGE)} {source.read_text(encoding='utf-8')}" for source in _sources()]
    session = cached_folder("session", [digest(texts), bytecode], _copy_sources)
    start = (*LOADED, str(BINARY), "-B", "-m", MODULE, "--backend", backend)
    return Bundle((python / "lib", python / "python", session / "mnv2bench"), start, read_facts(python))


def _sources() -> list[Path]:
    """The modules of mnv2bench that the session may import."""
    modules = [path for folder in SESSION_FOLDERS for path in (PACKAGE / folder).glob("*.py")]
    return sorted([*PACKAGE.glob("*.py"), *modules])


def _copy_sources(to: Path) -> None:
    for source in _sources():
        target = to / "mnv2bench" / source.relative_to(PACKAGE)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    _compile(to)


def _assemble(backend: str, versions: dict[str, str], to: Path) -> None:
    system = debian.packages((*debian.PYTHON, *debian.LIBRARIES))
    _copy_libraries(system, to / "lib")
    (to / BINARY).parent.mkdir(parents=True)
    shutil.copy(system / "usr" / "bin" / BINARY.name, to / BINARY)
    unwanted = shutil.ignore_patterns("sitecustomize.py", "__pycache__", "test", "idlelib", "ensurepip", "lib2to3")
    shutil.copytree(system / "usr" / "lib" / STANDARD.name, to / STANDARD, ignore=unwanted)
    for name, version in versions.items():
        wheels.unpack(wheels.wheel(name, version), to / PACKAGES, lambda path: not any(u in path for u in UNNEEDED))
    _compile(to / "python" / "lib")
    packages = debian.versions(system)
    python, libc = packages[f"python{wheels.PYTHON}-minimal"], packages["libc6"]
    facts = {
        "libc": f"{libc_version(to / 'lib' / 'libc.so.6')} (libc6 {libc})",
        "python": f"{wheels.PYTHON} (Debian {python})",
        # msgspec is left out: it does not run while instructions are counted
        "runtime": " ".join(f"{name} {version}" for name, version in versions.items() if name != "msgspec"),
        "runner": f"session of {backend}, contract {CONTRACT}",
    }
    write_facts(to, facts)


def _copy_libraries(system: Path, to: Path) -> None:
    to.mkdir()
    for name in NEEDED:
        library = debian.library(system, name)
        if not library:
            raise Unavailable(f"Debian's packages have no {name}: remove {system} and try again")
        shutil.copy(library, to / name)


def _compile(folder: Path) -> None:
    """Compile to bytecode where both Pythons share it: without it, an emulated start takes four times as long."""
    if sys.implementation.cache_tag == f"cpython-{wheels.PYTHON.replace('.', '')}":
        unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH  # a copy over ssh or adb changes the times
        compileall.compile_dir(folder, quiet=2, invalidation_mode=unchecked)
