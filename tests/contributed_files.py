"""A file as somebody sends it: a journal of one machine with all that a right one has, to be changed by tests."""

import json
import random
from datetime import UTC, datetime

from msgspec import structs

from mnv2bench.campaign.schedule import process_seed
from mnv2bench.case import Case
from mnv2bench.contributions.speed import rate_of
from mnv2bench.machine import fingerprint
from mnv2bench.records import Checks, Machine, Memory, Plan, Process, Samples, Weights
from mnv2bench.records.journal import End, Head, Journal
from mnv2bench.records.rounds import Round

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
MB = 1_000_000
SMALL, LARGE = Case(width=0.35, resolution=96, backend="openvino"), Case(width=0.5, resolution=96, backend="openvino")
FACTS = Machine(
    cpu_model="Example CPU",
    cpu_family="6/143",
    cpu_flags=("avx2", "fma", "avx512f"),
    cpu_flags_hash="0123456789ab",
    cores=2,
    cores_physical=2,
    memory_class_gb=32,
    memory_gb=25.3,
    machine="x86_64",
    system="linux",
    kernel="6.1.0",
    kernel_major="6",
    os="debian 12",
    python="3.11",
    libraries={"mnv2bench": "0.1.0", "torch": "2.13.0", "numpy": "2.4.0", "openvino": "2026.4.1"},
    commit="ab" * 20,
)
MACHINE = structs.replace(FACTS, fingerprint=fingerprint(FACTS))


def measured(case, number, position, ms, seed=0):
    """A process of four rounds of thirty calls of about so many milliseconds, whose jitter follows from its seed."""
    own_seed = process_seed(seed, case.id, number)
    chance = random.Random(own_seed)
    rounds = []
    for _ in range(4):
        durations = tuple(round(1e6 * ms * chance.lognormvariate(0.0, 0.02)) for _ in range(30))
        rounds.append(Round(durations, sum(durations), sum(durations), minor_faults=0, system_ns=0))
    samples = Samples(
        rounds=tuple(rounds),
        import_s=0.5,
        memory=Memory(10 * MB, 50 * MB, 60 * MB, 80 * MB, first=70 * MB),
        error=2e-6,
        libraries={"openvino": "2026.4.1"},
    )
    process = Process(case, number, position, own_seed, "ok", "", 10.0, samples)
    checks = Checks(8, 2e-6, 1, 1, 1, 1, rate_of(process), 50e9, "numpy's fp32 matrix product")
    return structs.replace(process, samples=structs.replace(samples, checks=checks))


def contributed(path, ms=1.0, machine=MACHINE, began="2026-11-27T02:30:00+00:00", seed=0, cases=(SMALL, LARGE)):
    """Write a journal of three processes of each of two cases, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    journal = Journal(path)
    journal.begin(Head(cases, Plan(processes=3), seed, Weights(), machine, began=began))
    for number in range(3):
        for place, case in enumerate(cases):
            journal.process(measured(case, number, number * len(cases) + place, ms * (1 + place), seed))
    journal.note(End(100 * MB))
    return path


def changed(path, change):
    """Write the file again with what a function makes of its parsed lines."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines = change(lines) or lines
    path.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))
    return path
