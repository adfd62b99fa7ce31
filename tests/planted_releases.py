"""A local index with releases of a package that slows the cases of whoever installs it, for tests of bisections."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

from mnv2bench.selfcheck.duels import SLOWED

PACKAGE, MODULE = "planted-delay", "planted_delay"
START = f"import {MODULE}\n"  # of every Python of its environment
CRASH = "import os; os._exit(7)\n"


@dataclass(frozen=True)
class Planted:
    """A release: the nanoseconds that it adds to each call of a case, by its id, and what it requires."""

    version: str
    added_ns: dict[str, int]
    requires: str = ""
    yanked: str = ""
    start: str = START
    tag: str = "py3-none-any"


def local_index(folder: Path, releases) -> str:
    """The address of an index of these releases, whose wheels lie beside it."""
    place = folder / "simple" / PACKAGE
    place.mkdir(parents=True)
    links = []
    for release in releases:
        name = f"{MODULE}-{release.version}-{release.tag}.whl"
        write_wheel(place / name, release)
        yanked = f' data-yanked="{release.yanked}"' if release.yanked else ""
        links.append(f'<a href="{name}"{yanked}>{name}</a><br>')
    (place / "index.html").write_text(f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>")
    return (folder / "simple").as_uri()


def write_wheel(path: Path, release: Planted) -> None:
    """A wheel whose module adds a busy loop to calls, as soon as a Python of its environment starts."""
    words = ",".join(f"{case}={added}" for case, added in release.added_ns.items())
    source = f'import os\n\nos.environ["MNV2BENCH_SLOWED"] = "{words}"\n' + (SLOWED / "sitecustomize.py").read_text()
    requires = f"Requires-Dist: {release.requires}\n" if release.requires else ""
    facts = f"{MODULE}-{release.version}.dist-info"
    files = {
        f"{MODULE}.py": source,
        f"{MODULE}.pth": release.start,
        f"{facts}/METADATA": f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: {release.version}\n{requires}",
        f"{facts}/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {release.tag}\n",
    }
    record = "".join(f"{name},,\n" for name in [*files, f"{facts}/RECORD"])
    with zipfile.ZipFile(path, "w") as wheel:
        for name, content in (files | {f"{facts}/RECORD": record}).items():
            wheel.writestr(name, content)
