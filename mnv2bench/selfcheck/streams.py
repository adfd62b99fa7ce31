"""Check of streams: what a call costs more in threads of one process than in as many processes at the same time."""

import hashlib
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from rich.console import Console

from mnv2bench.backends import Session
from mnv2bench.machine import cores
from mnv2bench.workers.loop import time_round
from mnv2bench.workers.streams import Streams, alone

ITERATIONS = 1000  # of a hash: about as long as a call of the smallest case
SECONDS = 1.0  # of each side in a turn
START_S = 2.0  # until the processes run
MAX_OVERHEAD = 0.01


class FixedWork(Session):
    """Its call computes the same hash each time, in memory of a few bytes, and lets other threads of Python run."""

    def run(self) -> None:
        hashlib.pbkdf2_hmac("sha256", b"image", b"weights", ITERATIONS)


def _durations_from(start_s: float) -> tuple[int, ...]:
    """Durations of calls from a time of the machine's clock on, in a process that has one session."""
    time.sleep(max(0.0, start_s - time.monotonic()))
    with alone(FixedWork()) as streams:
        return time_round(streams, SECONDS).durations_ns


def _in_processes(streams: int) -> Sequence[int]:
    with ProcessPoolExecutor(streams, mp_context=get_context("spawn")) as processes:
        start_s = time.monotonic() + START_S
        return [duration for each in processes.map(_durations_from, [start_s] * streams) for duration in each]


def _in_threads(streams: int) -> Sequence[int]:
    with Streams([FixedWork() for _ in range(streams)]) as opened:
        return time_round(opened, SECONDS).durations_ns


def overhead_of_threads(repeats: int, out: Console) -> bool:
    """Compare the same call in two threads of a process and in two processes, in turns.

    Both share the cores; only the threads share an interpreter.
    """
    streams = min(2, cores())
    if streams < 2:
        raise ValueError("two streams need two cores, and this process may use one: run it on another machine")
    ratios, differences_us = [], []
    for _ in range(repeats):
        threads, processes = (statistics.median(side(streams)) for side in (_in_threads, _in_processes))
        ratios.append(threads / processes)
        differences_us.append((threads - processes) / 1e3)
    median = statistics.median(ratios)
    out.print(
        f"streams: a call of {processes / 1e6:.3f} ms in {streams} threads / in {streams} processes = {median:.4f} "
        f"(median of {repeats} turns, {min(ratios):.4f} to {max(ratios):.4f}; "
        f"{statistics.median(differences_us):+.1f} us; goal <= {1 + MAX_OVERHEAD})"
    )
    return median <= 1 + MAX_OVERHEAD
