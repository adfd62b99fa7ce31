"""Counters of what else the machine does; they need no root, and each is None where the kernel does not have it."""

import os
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mnv2bench.workers.cgroups import throttled_ns
from mnv2bench.workers.energy import Reading, energy

try:
    import resource
except ModuleNotFoundError:  # not on Windows: counters that only it has are then unknown or 0
    resource = None  # type: ignore[assignment]

PROC = Path("/proc")


@dataclass(frozen=True)
class Counters:
    """Counts since the process or the machine started, in nanoseconds and events; None where unreadable."""

    cpu_ns: int
    run_queue_ns: int | None
    steal_ns: int | None
    throttled_ns: int | None
    involuntary_switches: int
    major_faults: int
    minor_faults: int = 0
    system_ns: int = 0
    energy: tuple[Reading, ...] | None = None


def _run_queue_ns() -> int | None:
    """Time that the threads of this process waited for a core, added up: /proc/self/schedstat has only one thread's."""
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
    """Time that the hypervisor gave to other machines, of all cores together."""
    with suppress(OSError, IndexError, ValueError), (PROC / "stat").open() as file:
        return int(file.readline().split()[8]) * _tick_ns()
    return None


def counters(last: bool = False) -> Counters:
    """Read all counters. CPU time is read next to the round: as the last one before it, as the first one after it."""
    if resource is None:
        return _without_usage()
    usage = resource.getrusage(resource.RUSAGE_SELF) if not last else None
    waited = (_run_queue_ns(), _steal_ns(), throttled_ns())
    used = energy()
    usage = usage or resource.getrusage(resource.RUSAGE_SELF)
    cpu_ns = round((usage.ru_utime + usage.ru_stime) * 1e9)
    system_ns = round(usage.ru_stime * 1e9)
    return Counters(cpu_ns, *waited, usage.ru_nivcsw, usage.ru_majflt, usage.ru_minflt, system_ns, used)


def _without_usage() -> Counters:
    times = os.times()
    cpu_ns, system_ns = round((times.user + times.system) * 1e9), round(times.system * 1e9)
    return Counters(cpu_ns, _run_queue_ns(), _steal_ns(), throttled_ns(), 0, 0, 0, system_ns)


def since(before: int | None, after: int | None) -> int | None:
    """The difference of two readings of a counter, None where one could not be read."""
    return None if before is None or after is None else max(0, after - before)


def resident_bytes(field: str = "VmRSS") -> int | None:
    """Resident memory of this process in bytes: now, or at its highest with the field VmHWM.

    The maximum that getrusage tells would begin at the parent's.
    """
    with suppress(OSError), (PROC / "self" / "status").open() as file:
        for line in file:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    return None
