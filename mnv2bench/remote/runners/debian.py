"""Debian's arm64 packages: downloaded by apt-get with its own configuration here, unpacked, never installed."""

import os
import re
import shutil
from pathlib import Path

from mnv2bench.refusals import Unavailable
from mnv2bench.remote.commands import program, succeed
from mnv2bench.remote.runners.cached import cached_folder

RELEASE = "bookworm"  # its libc is part of every count: a newer one is a change of this line
MIRROR = "http://deb.debian.org/debian"  # apt-get checks every file against the keyring's signature
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
LIBRARIES = ("libc6", "libgcc-s1", "libstdc++6")
PYTHON = ("python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib", "libexpat1", "zlib1g", "libffi8")
DOWNLOAD_S = 300.0
NETWORK = r"Acquire::(http|https|ftp|Retries)\b.*"  # of the machine's settings these are kept: proxies, certificates


def packages(names: tuple[str, ...]) -> Path:
    """A folder with the files of these packages as they would lie in /, in the versions of the day it was made."""
    return cached_folder(f"debian-{RELEASE}-arm64", names, lambda to: _fetch(names, to))


def versions(folder: Path) -> dict[str, str]:
    """The versions of the packages in such a folder, by their names."""
    lines = (folder / "versions").read_text(encoding="utf-8").splitlines()
    return {name: version for name, _, version in (line.partition("\t") for line in lines)}


def library(folder: Path, name: str) -> Path | None:
    """A shared library in such a folder, None where no package has it."""
    return next(filter(Path.exists, folder.glob(f"**/aarch64-linux-gnu/{name}")), None)


def _require_tools() -> None:
    for tool, package in (("apt-get", "apt"), ("dpkg-deb", "dpkg")):
        if not program([tool]):
            raise Unavailable(f"{tool} is not here, which fetches Debian's arm64 files: install {package}")
    if not KEYRING.exists():
        fix = "apt-get install debian-archive-keyring"
        raise Unavailable(f"{KEYRING} is not here, which Debian's files are checked with: {fix}")


def _fetch(names: tuple[str, ...], to: Path) -> None:
    _require_tools()
    apt, debs = to / "apt", to / "debs"
    for folder in (apt / "lists" / "partial", apt / "archives" / "partial", apt / "empty", debs):
        folder.mkdir(parents=True)
    (apt / "status").touch()
    (apt / "sources.list").write_text(f"deb [signed-by={KEYRING}] {MIRROR} {RELEASE} main\n", encoding="utf-8")
    (apt / "apt.conf").write_text(_configuration(apt), encoding="utf-8")
    variables = {**os.environ, "APT_CONFIG": str(apt / "apt.conf")}  # read first, so that /etc/apt is not read at all
    offline = "be online, and behind a proxy set Acquire::http::Proxy in /etc/apt/apt.conf.d"
    for words in (["update"], ["download", *names]):
        failure = f"Debian's arm64 packages did not come by apt-get {words[0]}"
        succeed(["apt-get", "-q", *words], failure, offline, DOWNLOAD_S, debs, variables)
    lines = []
    for deb in sorted(debs.glob("*.deb")):
        succeed(["dpkg-deb", "-x", str(deb), str(to)], f"{deb.name} does not unpack", "try again")
        lines.append(succeed(["dpkg-deb", "-W", str(deb)], f"{deb.name} tells no version", "try again").strip())
    (to / "versions").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for folder in (apt, debs):
        shutil.rmtree(folder)


def _configuration(apt: Path) -> str:
    """The apt configuration: none of this machine's state and architecture, but its way to the network."""
    settings = {
        "Dir::Etc::main": "/dev/null",
        "Dir::Etc::parts": apt / "empty",
        "Dir::Etc::sourcelist": apt / "sources.list",
        "Dir::Etc::sourceparts": apt / "empty",
        "Dir::State": apt,
        "Dir::State::lists": apt / "lists",
        "Dir::State::status": apt / "status",
        "Dir::Cache": apt,
        "Dir::Cache::archives": apt / "archives",
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "APT::Update::Error-Mode": "any",  # else it ends well with nothing fetched
    }
    return _network() + "".join(f'{name} "{value}";\n' for name, value in settings.items())


def _network() -> str:
    """The settings by which this machine's apt-get reaches the network."""
    dump = succeed(["apt-config", "dump", "--format", '%F "%v";%n', "Acquire"], "apt-config fails", "install apt")
    return "".join(f"{line}\n" for line in dump.splitlines() if re.fullmatch(NETWORK, line))
