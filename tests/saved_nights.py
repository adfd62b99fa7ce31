"""Saved nights written down by hand, for tests of the history: what each case took, in ms, per process."""

import json
from datetime import UTC, datetime, timedelta

from msgspec import structs

from mnv2bench.case import Case
from mnv2bench.records import SCHEMA, Counts, ExternalResult, Machine, Memory, Plan, Process, Samples, Weights
from mnv2bench.records.encoding import process_to_json
from mnv2bench.records.machine import machine_to_json
from mnv2bench.records.rounds import Round
from mnv2bench.records.target import Cooling, Target

MACHINE = "example-cpu-2c-752de294"
SMALL, LARGE = Case(width=0.35, resolution=96, backend="fake"), Case(backend="fake")
FIRST = datetime(2026, 11, 1, 2, 10, tzinfo=UTC)
LIBRARIES = {"torch": "2.13.0", "openvino": "2026.4.1"}


class Tailed(float):
    """Milliseconds of a process whose two slowest calls of five take so many times as long."""

    tail = 1.0

    @classmethod
    def of(cls, ms, tail):
        took = cls(ms)
        took.tail = tail
        return took


def samples(ms, busy=1.0):
    """Four rounds of five equal calls; `busy` is the share of the wall time that the worker had a core."""
    slowest = round(1e6 * ms * getattr(ms, "tail", 1.0))
    calls = (round(1e6 * ms),) * 3 + (slowest,) * 2
    wall_ns = sum(calls)
    ran = Round(calls, wall_ns, round(busy * wall_ns))
    return Samples((), (ran,) * 4, 0.25, 1.5, None, False, 0.03, Memory(1, 2, 3, 4), 2e-6, 0.5)


def run(*instructions, libc="2.36", **facts):
    """What a process of a counted case counted: net instructions of each inference, and what they depend on."""
    return Counts(tuple(n + 41 for n in instructions), 41), Target(facts={"cpu": "cortex-a76", "libc": libc} | facts)


class Hot(float):
    """Milliseconds of a process that ran while its device throttled."""


def process(case, number, position, ms):
    if isinstance(ms, tuple):
        counts, target = ms
        return Process(case, number, position, number, "ok", "", 10.0, counts=counts, target=target)
    if isinstance(ms, ExternalResult):
        return Process(case, number, position, number, "ok", "", 10.0, external_result=ms)
    if ms is None:
        return Process(case, number, position, number, "failed", "worker ended by SIGSEGV", 1.0, Samples())
    measured = samples(ms) if ms > 0 else samples(-ms, busy=0.5)
    target = Target(cooling=Cooling(throttled=True)) if isinstance(ms, Hot) else None
    return Process(case, number, position, number, "ok", "", 10.0, measured, target=target)


def content(took, number=1, *, when=None, plan=None, **facts):
    """`took`: case -> ms of each process, or its `run`; negative: of a noisy process, None: of one that failed."""
    known = {"fingerprint": MACHINE, "cpu_model": "Example CPU", "commit": f"{number:04x}" * 10, "libraries": LIBRARIES}
    environment = machine_to_json(Machine()) | known | facts
    plan_fields = structs.asdict(plan or Plan(processes=3))
    head = {
        "cases": [case.id for case in took],
        "plan": plan_fields,
        "seed": 7,
        "weights": structs.asdict(Weights()),
        "runner": "",
        "began": "",
        "networks": [],
    }
    runs = [(case, number, ms) for case, all_ms in took.items() for number, ms in enumerate(all_ms)]
    processes = [process(case, number, position, ms) for position, (case, number, ms) in enumerate(runs)]
    lines = [{"line": "head", "schema": SCHEMA, **head, "environment": environment}]
    lines += [{"line": "process", **process_to_json(each)} for each in processes]
    saved_at = when or FIRST + timedelta(days=number - 1)
    return json.dumps({"datetime": saved_at.isoformat(), "version": "5.3.1", "benchmarks": [], "mnv2bench": lines})


def save(results, number, took, name="nightly", platform="Linux-CPython-3.11-64bit", **facts):
    """Write results/MACHINE/PLATFORM/NNNN_NAME.json and return its path."""
    path = results / MACHINE / platform / f"{number:04}_{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content(took, number, **facts))
    return path
