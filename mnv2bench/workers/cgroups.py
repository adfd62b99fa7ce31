"""What the control groups of this process allow it, of version 1 and 2: every group on its own path, up to the root.

A limit may stand at any of them: that of a container, of a systemd slice, of a session. The smallest one applies.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SELF = Path("/proc/self")
ESCAPES = {"\\040": " ", "\\011": "\t", "\\012": "\n", "\\134": "\\"}  # in the paths of mountinfo


@dataclass(frozen=True)
class Mount:
    """A mounted hierarchy that controls CPU time: its version, the group that is mounted, and where."""

    version: int
    root: str
    point: Path


@dataclass(frozen=True)
class Group:
    """A control group that this process is in, as a folder of one version."""

    version: int
    folder: Path

    def quota_cores(self) -> float | None:
        """Cores that the group may use, None without a limit."""
        if self.version == 1:
            quota, period = _text(self.folder / "cpu.cfs_quota_us"), _text(self.folder / "cpu.cfs_period_us")
        else:
            quota, _, period = _text(self.folder / "cpu.max").partition(" ")
        with suppress(ValueError, ZeroDivisionError):
            cores = int(quota) / int(period)
            return cores if cores > 0 else None
        return None

    def throttled_ns(self) -> int | None:
        """How long its limit has kept the group from running, None where it does not count that."""
        field, unit_ns = ("throttled_time", 1) if self.version == 1 else ("throttled_usec", 1000)
        for line in _text(self.folder / "cpu.stat").splitlines():
            name, _, value = line.partition(" ")
            if name == field and value.isdigit():
                return int(value) * unit_ns
        return None


@cache
def own_groups(process: Path = SELF) -> tuple[Group, ...]:
    """The groups of this process, the innermost first. Empty where the system has none or does not show them."""
    paths = _paths(process / "cgroup")
    return tuple(group for mount in _mounts(process / "mountinfo") for group in _groups(mount, paths))


def quota_cores(process: Path = SELF) -> float | None:
    """The smallest limit of all groups of this process, in cores; None without one."""
    return min((cores for group in own_groups(process) if (cores := group.quota_cores())), default=None)


def throttled_ns(process: Path = SELF) -> int | None:
    """How long limits have kept the groups of this process from running, added up; None where nothing counts it."""
    counts = [count for group in own_groups(process) if (count := group.throttled_ns()) is not None]
    return sum(counts) if counts else None


def _text(path: Path) -> str:
    with suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="utf-8").strip()
    return ""


def _paths(file: Path) -> dict[int, str]:
    """The path of the process's group in the hierarchy of each version."""
    paths = {}
    for line in _text(file).splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            paths[2] = path
        elif "cpu" in controllers.split(","):
            paths[1] = path
    return paths


def _mounts(file: Path) -> Iterator[Mount]:
    """The hierarchies that may control CPU time, as they are mounted here."""
    for line in _text(file).splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) < 5 or len(kind) < 3:
            continue
        root, point = _unescaped(fields[3]), Path(_unescaped(fields[4]))
        if kind[0] == "cgroup2":
            yield Mount(2, root, point)
        elif kind[0] == "cgroup" and "cpu" in kind[2].split(","):
            yield Mount(1, root, point)


def _unescaped(path: str) -> str:
    for escaped, character in ESCAPES.items():
        path = path.replace(escaped, character)
    return path


def _groups(mount: Mount, paths: dict[int, str]) -> Iterator[Group]:
    """The groups from the process's own up to the one that is mounted, as far as they are visible here.

    Where only a part of the hierarchy is mounted, as in a container, the path may lie beside it: then the group that is
    mounted is the innermost one that can be read.
    """
    path = paths.get(mount.version)
    if path is None:
        return
    below = path.removeprefix(mount.root.rstrip("/")) if _is_below(path, mount.root) else ""
    steps = [step for step in below.split("/") if step]
    if ".." in steps:
        steps = []
    for count in range(len(steps), -1, -1):
        folder = mount.point.joinpath(*steps[:count])
        if folder.is_dir():
            yield Group(mount.version, folder)


def _is_below(path: str, root: str) -> bool:
    return root == "/" or path == root or path.startswith(f"{root}/")
