"""What else the machine did: counters that need no root, each absent where the kernel does not tell."""

import os
import resource
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PROC = Path("/proc")
CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Counters:
    """Cumulative, nanoseconds and events; None where unreadable."""

    cpu_ns: int
    run_queue_ns: int | None
    steal_ns: int | None
    throttled_ns: int | None
    involuntary_switches: int
    major_faults: int


def _run_queue_ns() -> int | None:
    """Time that threads of this process waited for a core, all of them: /proc/self/schedstat has only one thread's."""
    total, seen = 0, False
    with suppress(OSError):
        for task in os.scandir("/proc/self/task"):
            with suppress(OSError, IndexError, ValueError), open(f"{task.path}/schedstat") as file:  # noqa: PTH123
                total += int(file.read().split()[1])
                seen = True
    return total if seen else None


@cache
def _tick_ns() -> int:
    return 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def _steal_ns() -> int | None:
    """Time that the hypervisor gave to others, of all cores together."""
    with suppress(OSError, IndexError, ValueError), (PROC / "stat").open() as file:
        return int(file.readline().split()[8]) * _tick_ns()
    return None


@cache
def _throttle() -> tuple[Path, str, int] | None:
    """The cgroup file, its field and the nanoseconds of its unit: version 2, else 1."""
    for path, field, unit in (
        (CGROUP / "cpu.stat", "throttled_usec", 1000),
        (CGROUP / "cpu" / "cpu.stat", "throttled_time", 1),
    ):
        with suppress(OSError):
            if field in path.read_text():
                return path, field, unit
    return None


def _throttled_ns() -> int | None:
    found = _throttle()
    if found:
        path, field, unit = found
        with suppress(OSError, ValueError, KeyError):
            return int(dict(line.split() for line in path.read_text().splitlines())[field]) * unit
    return None


def counters(last: bool = False) -> Counters:
    """Read them all; CPU time is read next to the round: last before it, first after it (`last=False`)."""
    usage = resource.getrusage(resource.RUSAGE_SELF) if not last else None
    rest = (_run_queue_ns(), _steal_ns(), _throttled_ns())
    usage = usage or resource.getrusage(resource.RUSAGE_SELF)
    cpu_ns = round((usage.ru_utime + usage.ru_stime) * 1e9)
    return Counters(cpu_ns, *rest, usage.ru_nivcsw, usage.ru_majflt)


def since(before: int | None, after: int | None) -> int | None:
    """What a counter moved, None where it could not be read."""
    return None if before is None or after is None else max(0, after - before)


def resident_bytes(field: str = "VmRSS") -> int | None:
    """Resident memory of this process now, or at its highest with VmHWM; getrusage's would begin at the parent's."""
    with suppress(OSError), (PROC / "self" / "status").open() as file:
        for line in file:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    return None
