"""Environments of releases: each holds a release and what it requires, and takes everything else from this one.

They are kept in the cache, by what they are made of; the least recently used go first.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import msgspec
from msgspec import Struct

from mnv2bench import artifacts
from mnv2bench.bisection.commits import checked_out
from mnv2bench.bisection.installing import WHEELS_ONLY, Uninstallable, install
from mnv2bench.bisection.requirements import missing_requirements, own_distributions
from mnv2bench.bisection.subject import Subject
from mnv2bench.campaign.places import MOVE_CACHE
from mnv2bench.files import write_whole
from mnv2bench.locks import Progress
from mnv2bench.remote.runners.cached import digest
from mnv2bench.workers import package
from mnv2bench.workers.distributions import installed_versions

FACTS = "environment.json"  # written last: a folder without it is not whole
BEHIND = "zz_mnv2bench_behind.pth"  # read last, so that what the environment holds is imported first
LAYER_NAMES = ("site-packages", "dist-packages")
DEEPEST = 10  # rounds of requirements of requirements
IN_USE = 2  # environments of the question that is measured


class Facts(Struct, frozen=True):
    """What an environment holds: its distributions with their versions, and the program that installed them."""

    installed: dict[str, str]
    program: str
    size_bytes: int


@dataclass(frozen=True)
class Environment:
    """The interpreter of an environment, and what it holds itself."""

    python: str
    installed: dict[str, str]


def root() -> Path:
    """The folder of all environments in the cache."""
    return artifacts.root() / "environments"


@dataclass
class Environments:
    """The environments of a subject's releases, made when they are needed. All hold at most `most_bytes` together."""

    subject: Subject
    most_bytes: int
    progress: Progress
    recent: list[Path] = field(default_factory=list)
    failures: dict[int, str] = field(default_factory=dict)

    def environment(self, number: int) -> Environment:
        """The environment of a release. Raises Uninstallable where it cannot be made, also the second time."""
        if number in self.failures:
            raise Uninstallable(self.failures[number])
        folder = root() / self._folder_name(number)
        facts = _facts(folder)
        if facts is None:
            self.progress(f"installing {self.subject.label(number)}", 0, 0)
            facts = self._made(number, folder)
        os.utime(folder / FACTS)
        self.recent = [*(recent for recent in self.recent if recent != folder), folder][-IN_USE:]
        self._evict()
        return Environment(str(folder / "bin" / "python"), facts.installed)

    @cached_property
    def behind(self) -> dict[str, str]:
        """The versions of all distributions of this environment, which is behind each of those of releases."""
        return installed_versions()

    def _folder_name(self, number: int) -> str:
        """A name that changes with the release, with this Python and with what this environment holds."""
        source = self.subject.package or self.subject.checkout
        release = self.subject.releases[number]
        parts = [source, release.identity, sys.version, sys.prefix, *_layers()]
        parts += [f"{name} {version}" for name, version in sorted(self.behind.items())]
        readable = re.sub(r"[^\w.+-]+", "-", f"{self.subject.name}-{release.name}")
        return f"{readable}-{digest(parts)}"

    def _made(self, number: int, folder: Path) -> Facts:
        try:
            return self._installed(number, folder)
        except Uninstallable as error:
            self.failures[number] = str(error)
            shutil.rmtree(folder, ignore_errors=True)
            raise
        except OSError as error:
            raise ValueError(f"{folder} could not be made ({error.strerror}): make room, or {MOVE_CACHE}") from error

    def _installed(self, number: int, folder: Path) -> Facts:
        """Make an environment anew."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        venv.create(folder, clear=True, symlinks=True)
        site = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)}))
        program = self._install_release(number, folder, site)
        self._install_requirements(site)
        _write_layers(site)
        size = sum(file.lstat().st_size for file in folder.rglob("*"))
        facts = Facts(own_distributions(site), program, size)
        write_whole(folder / FACTS, msgspec.json.encode(facts))
        return facts

    def _install_release(self, number: int, folder: Path, site: Path) -> str:
        """Install the release alone, and return the program that did it."""
        identity = self.subject.releases[number].identity
        if self.subject.package:
            return install([*WHEELS_ONLY, f"{self.subject.package}=={identity}"], site)
        try:
            with checked_out(Path(self.subject.checkout), identity, folder / "sources") as sources:
                return install([str(sources)], site)
        except subprocess.SubprocessError as error:
            raise Uninstallable(f"git could not check it out ({error})") from error

    def _install_requirements(self, site: Path) -> None:
        """Install what is missing, and what that requires in turn. Raises Uninstallable where it never ends."""
        for _ in range(DEEPEST):
            missing = missing_requirements(site, self.behind)
            if not missing:
                return
            install([*WHEELS_ONLY, *missing], site)
        raise Uninstallable(f"its requirements exclude one another: {', '.join(missing)}")

    def _evict(self) -> None:
        """Remove what is not whole, and the least recently used until the others hold at most `most_bytes`."""
        for folder in root().iterdir():
            if folder.is_dir() and _facts(folder) is None:
                shutil.rmtree(folder, ignore_errors=True)
        kept = 0
        for folder, facts in _by_last_use():
            kept += facts.size_bytes
            if kept > self.most_bytes and folder not in self.recent:
                shutil.rmtree(folder, ignore_errors=True)
                kept -= facts.size_bytes


def _by_last_use() -> list[tuple[Path, Facts]]:
    """All whole environments, the last used first."""
    folders = [(folder, facts) for folder in root().iterdir() if (facts := _facts(folder))]
    return sorted(folders, key=lambda entry: -(entry[0] / FACTS).stat().st_mtime_ns)


def _facts(folder: Path) -> Facts | None:
    """The facts of an environment, None where it is not whole."""
    try:
        return msgspec.json.decode((folder / FACTS).read_bytes(), type=Facts)
    except (OSError, msgspec.DecodeError):
        return None


def _layers() -> list[str]:
    """The folders from which this process imports: that of mnv2bench, then those with its distributions."""
    layers = [entry for entry in sys.path if Path(entry).name in LAYER_NAMES]
    return list(dict.fromkeys([str(package.FOLDER.parent), *layers]))


def _write_layers(site: Path) -> None:
    """Put this environment behind another one on its import path, with what its own .pth files add."""
    ours, *layers = _layers()
    lines = [ours, *(f"import site; site.addsitedir({layer!r})" for layer in layers)]
    (site / BEHIND).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
