"""Wheels of the runtimes for other processors: downloaded by pip, unpacked, never installed."""

import importlib.metadata
import importlib.util
import os
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

from mnv2bench.backends import fix_command
from mnv2bench.refusals import Unavailable
from mnv2bench.remote.commands import succeed
from mnv2bench.remote.runners.cached import cached_folder

PYTHON = "3.11"  # of Debian bookworm, whose arm64 build hosts the backends that are Python modules
PLATFORMS = tuple(f"manylinux_2_{minor}_aarch64" for minor in (28, 27, 24, 17))
DECLARED_BY_HAND = {"ai-edge-litert": "2.3.0"}  # its wheel has no headers: litert_runner.c holds for this one alone
DOWNLOAD_S = 600.0


def installed(backend: str, distribution: str) -> str:
    """The installed version, which is also the one for the device. Unavailable where it is missing or not supported."""
    try:
        version = importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError as error:
        raise Unavailable(f"{distribution} is not installed: {fix_command(backend, distribution)}") from error
    supported = DECLARED_BY_HAND.get(distribution, version)
    if version != supported:
        raise Unavailable(
            f"the runner is written for {distribution} {supported}, and {version} is installed: "
            f"pip install {distribution}=={supported}"
        )
    return version


def folder_here(backend: str, module: str) -> Path:
    """The folder of an installed package, which is not imported."""
    spec = importlib.util.find_spec(module)
    if not spec or not spec.submodule_search_locations:
        raise Unavailable(f"{module} is not installed: {fix_command(backend, module)}")
    return Path(spec.submodule_search_locations[0])


def wheel(distribution: str, version: str) -> Path:
    """The arm64 wheel: from $MNV2BENCH_WHEELS where it lies there, else from the package index."""
    parts = [distribution, version, PYTHON, *PLATFORMS]
    folder = cached_folder("wheel", parts, lambda to: _download(distribution, version, to))
    return next(folder.glob("*.whl"))


def _download(distribution: str, version: str, to: Path) -> None:
    python = ["--python-version", PYTHON, "--implementation", "cp", "--abi", f"cp{PYTHON.replace('.', '')}"]
    platforms = [word for name in PLATFORMS for word in ("--platform", name)]
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    download = [*pip, "--only-binary=:all:", *python, *platforms, "--dest", str(to), f"{distribution}=={version}"]
    fix = "be online, or set MNV2BENCH_WHEELS to a folder that holds it"
    if not importlib.util.find_spec("pip"):
        raise Unavailable(f"pip is not installed, which downloads {distribution}: {sys.executable} -m ensurepip")
    folder = os.environ.get("MNV2BENCH_WHEELS")
    if folder and Path(folder).is_dir() and _is_here(download, folder):
        return
    succeed(download, f"the arm64 wheel of {distribution} {version} did not come", fix, DOWNLOAD_S)


def _is_here(download: list[str], folder: str) -> bool:
    try:
        succeed([*download, "--no-index", "--find-links", folder], "", "", DOWNLOAD_S)
    except Unavailable:
        return False
    return True


def unpack(wheel: Path, to: Path, wanted: Callable[[str], bool]) -> None:
    """Extract the files of a wheel whose names are wanted."""
    with zipfile.ZipFile(wheel) as archive:
        for name in filter(wanted, archive.namelist()):
            archive.extract(name, to)
