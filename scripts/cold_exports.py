"""Make the files of a grid in an empty cache, and print how long that took and how much memory it needed.

python scripts/cold_exports.py --at-once 1 --grid quick
"""

import argparse
import os
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress

import psutil

from mnv2bench.campaign import exports
from mnv2bench.campaign.estimate import estimate
from mnv2bench.campaign.weights import require_weights
from mnv2bench.records import default_weights
from mnv2bench.selection import select, suite_cases

EVERY_S = 0.1


class Memory:
    """Watches the resident memory of the processes below this one, those of one export together, in MB of 1e6 bytes."""

    def __init__(self) -> None:
        self.all_mb, self.largest_mb, self.is_over = 0.0, 0.0, threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def end(self) -> None:
        """Stop watching."""
        self.is_over.set()
        self.thread.join()

    def _watch(self) -> None:
        while not self.is_over.wait(EVERY_S):
            of_exports = [_tree_mb(child) for child in psutil.Process().children()]
            self.all_mb = max(self.all_mb, sum(of_exports))
            self.largest_mb = max(self.largest_mb, *of_exports, 0.0)


def _tree_mb(process: psutil.Process) -> float:
    """The resident memory of a process and of all below it."""
    total = 0.0
    with suppress(psutil.Error):
        for each in (process, *process.children(recursive=True)):
            with suppress(psutil.Error):
                total += each.memory_info().rss / 1e6
    return total


def main() -> None:
    """Export what the options choose."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--at-once", type=int, default=0, help="Exports that run side by side. Default: as a run does.")
    parser.add_argument("--grid", default="quick")
    parser.add_argument("--backends", default="")
    arguments = parser.parse_args()
    if arguments.at_once:
        exports.at_once = lambda: arguments.at_once
    selection = select({"grid": arguments.grid, "backends": arguments.backends})
    cases = suite_cases("latency", selection)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MNV2BENCH_CACHE"] = folder
        weights = require_weights(cases, default_weights())
        missing = estimate(cases, selection.plan, weights).missing
        expected_s = exports.seconds(missing)
        print(
            f"{len(cases)} cases, {len(missing)} files, {exports.at_once()} at once: about {expected_s:.0f} s",
            flush=True,
        )
        memory, start = Memory(), time.monotonic()
        failures = exports.make_missing(missing, weights, lambda doing, done, total: print(f"  {doing}", flush=True))
        wall_s = time.monotonic() - start
        memory.end()
    print(f"took {wall_s:.0f} s; {len(failures)} failed")
    print(f"peak memory: {memory.largest_mb:.0f} MB of one export, {memory.all_mb:.0f} MB of all that ran at once")
    for (format, _), failure in failures.items():
        print(f"{format}: {failure.status}: {failure.reason}")
    print("files:", ", ".join(f"{number} {name}" for name, number in Counter(e.format for e in missing).items()))


if __name__ == "__main__":
    main()
