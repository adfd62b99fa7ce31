"""For tests and self-checks only: slowdowns of the cases that two variables name, inside the timed call.

On the PYTHONPATH of one side of a duel, this makes its environment slower by a known amount and leaves every file of
mnv2bench as it is. MNV2BENCH_SLOWED="mobilenet_v2_0.35_96-b1-onnxruntime-cpu-fp32-t1=6400" adds a busy loop of 6,400 ns
to each of its inferences. MNV2BENCH_SLOWED_MODULES="mobilenet_v2_0.35_96-b1-torch_eager-cpu-fp32-t1/features.3=9" lets
that module of the network compute nine times more, where torch runs it from Python.
"""

import importlib.abc
import importlib.machinery
import os
import sys
import time
from collections.abc import Callable
from typing import Any


def numbers(variable: str) -> dict[str, int]:
    """The numbers of a variable by their names: NAME=NUMBER,NAME=NUMBER."""
    pairs = [pair.split("=") for pair in os.environ.get(variable, "").split(",") if pair]
    return {name: int(number) for name, number in pairs}


ADDED_NS = numbers("MNV2BENCH_SLOWED")
ADDED_RUNS = numbers("MNV2BENCH_SLOWED_MODULES")


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
            return slow(session, ADDED_NS[case.id]) if case.id in ADDED_NS else session

        module.open = open
        return module

    return backend


def repeating(build: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """mnv2bench.backends.shared.torch_session.network whose named modules compute several times."""

    def network(case: Any, path: Any) -> Any:
        built = build(case, path)
        for name, runs in ADDED_RUNS.items():
            case_id, _, module_name = name.partition("/")
            if case_id == case.id:
                repeat(built.get_submodule(module_name), runs)
        return built

    return network


def repeat(module: Any, runs: int) -> None:
    """Let a module compute so many times more after each of its calls; the result stays the first one's."""

    def again(called: Any, inputs: Any, output: Any) -> None:
        for _ in range(runs):
            called.forward(*inputs)

    module.register_forward_hook(again)


class Slowed(importlib.abc.MetaPathFinder):
    """Finder that imports a module as it is, and then puts a slower function in the place of one of its own."""

    def __init__(self, module: str, name: str, slower: Callable[[Any], Any]) -> None:
        self.module, self.name, self.slower = module, name, slower

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name != self.module:
            return None
        spec: Any = importlib.machinery.PathFinder.find_spec(name, path)
        load = spec.loader.exec_module

        def exec_module(module: Any) -> None:
            load(module)
            setattr(module, self.name, self.slower(getattr(module, self.name)))

        spec.loader.exec_module = exec_module
        return spec


if ADDED_NS:
    sys.meta_path.insert(0, Slowed("mnv2bench.backends", "backend", slowing))
if ADDED_RUNS:
    sys.meta_path.insert(0, Slowed("mnv2bench.backends.shared.torch_session", "network", repeating))
