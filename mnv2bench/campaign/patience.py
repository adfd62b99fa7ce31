"""Patience: what a campaign waits for before it measures, which is other campaigns and an idle machine."""

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from mnv2bench.locks import Progress
from mnv2bench.statistics.conditions import IDLE_LOAD

IDLE_VARIABLE = "MNV2BENCH_IDLE_S"
DEFAULT_IDLE_S = 60.0
LOOK_S = 1.0
SHORT_LOOK_S = 0.2
READ_EVERY_S = 0.01
LOADAVG = Path("/proc/loadavg")

PATIENCE_FLAGS = {  # options and their help, for argparse and typer alike
    "wait": "Wait for the end of another campaign on this machine, instead of refusing to start beside it.",
    "no-wait": "Start on a busy machine at once, instead of waiting up to 60 s for an idle one.",
}


def idle_limit_s() -> float:
    """Seconds that a campaign waits for an idle machine at most: $MNV2BENCH_IDLE_S, else 60."""
    text = os.environ.get(IDLE_VARIABLE) or str(DEFAULT_IDLE_S)
    with suppress(ValueError):
        if 0 <= float(text) < float("inf"):
            return float(text)
    raise ValueError(f"{IDLE_VARIABLE} is a number of seconds from 0, not {text!r}: correct it, or unset it")


@dataclass(frozen=True)
class Patience:
    """`campaigns`: wait until another campaign on this machine has ended, instead of refusing to start.

    `idle_s`: how long to wait until nothing else runs. What still runs then is recorded.
    """

    campaigns: bool = False
    idle_s: float = field(default_factory=idle_limit_s)


def patience(flags: Mapping[str, bool]) -> Patience:
    """What the options --wait and --no-wait choose."""
    return Patience(flags["wait"], 0.0) if flags["no-wait"] else Patience(flags["wait"])


def other_load(seconds: float) -> float | None:
    """How many threads of other programs ran or waited for a core, on average over so many seconds from now.

    The kernel's own load averages go back a minute and more: they still tell of what has ended. None where the kernel
    does not count.
    """
    counts: list[int] = []
    end = time.monotonic() + seconds
    with suppress(OSError, ValueError, IndexError):
        while not counts or time.monotonic() < end:
            time.sleep(READ_EVERY_S)
            counts.append(_runnable() - 1)  # this thread is one of them while it reads
        return sum(counts) / len(counts)
    return None


def _runnable() -> int:
    """The number of threads on this machine that run or wait for a core at this moment."""
    return int(LOADAVG.read_text().split()[3].partition("/")[0])


def settled_load(limit_s: float, progress: Progress) -> float | None:
    """Wait until the machine is idle, so many seconds at most; return the load of other programs at the end."""
    end = time.monotonic() + limit_s
    load = other_load(LOOK_S if limit_s else SHORT_LOOK_S)
    if load and load > IDLE_LOAD and limit_s:
        progress(f"waiting up to {limit_s:g} s for an idle machine: load {load:.1f}", 0, 0)
    while load and load > IDLE_LOAD and time.monotonic() < end:
        load = other_load(LOOK_S)
    return None if load is None else round(load, 2)
