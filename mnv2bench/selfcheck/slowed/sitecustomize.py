"""For tests and self-checks only: a busy loop inside the timed call of the cases that $MNV2BENCH_SLOWED names.

On the PYTHONPATH of one side of a duel, this makes its environment slower by a known amount and leaves every file of
mnv2bench as it is: "mobilenet_v2_0.35_96-b1-onnxruntime-cpu-fp32-t1=6400" adds 6,400 ns to each of its inferences.
"""

import importlib.abc
import importlib.machinery
import os
import sys
import time
from collections.abc import Callable
from typing import Any

ADDED_NS = dict(pair.split("=") for pair in os.environ.get("MNV2BENCH_SLOWED", "").split(",") if pair)


def slow(session: Any, added_ns: int) -> Any:
    """The same session with its run spinning on: a busy loop, as slower code is, and not a sleep."""
    fast, clock = session.run, time.perf_counter_ns

    def run() -> None:
        fast()
        end = clock() + added_ns
        while clock() < end:
            pass

    session.run = run
    return session


def slowing(find: Callable[[str], Any]) -> Callable[[str], Any]:
    """mnv2bench.backends.backend with slow sessions for the named cases."""

    def backend(name: str) -> Any:
        module = find(name)
        opens = module.open

        def open(case: Any, path: Any) -> Any:
            session = opens(case, path)
            return slow(session, int(ADDED_NS[case.id])) if case.id in ADDED_NS else session

        module.open = open
        return module

    return backend


class Slowed(importlib.abc.MetaPathFinder):
    """Finder that leaves the import of mnv2bench.backends as it is, and slows the sessions of its backends."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name != "mnv2bench.backends":
            return None
        spec: Any = importlib.machinery.PathFinder.find_spec(name, path)
        load = spec.loader.exec_module

        def exec_module(module: Any) -> None:
            load(module)
            module.backend = slowing(module.backend)

        spec.loader.exec_module = exec_module
        return spec


if ADDED_NS:
    sys.meta_path.insert(0, Slowed())
