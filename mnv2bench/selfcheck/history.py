"""Time and memory to load a synthetic history of 1,000 nights: without a cache, with it, and after one new night."""

import itertools
import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from msgspec import structs
from rich.console import Console

from mnv2bench.case import Case, cases, variants
from mnv2bench.machine import cores
from mnv2bench.records import SCHEMA, Machine, Memory, Plan, Process, Samples, Weights
from mnv2bench.records.encoding import process_to_json, samples_to_json, to_json
from mnv2bench.records.json_text import dumps
from mnv2bench.records.machine import machine_to_json
from mnv2bench.records.rounds import Round
from mnv2bench.workers.noise import resident_bytes

SYNTHETIC = "synthetic-not-measured"
NIGHTS = (250, 500, 1000)
BACKENDS = tuple(f"synthetic_{letter}" for letter in "abcde")
PLAN = Plan(processes=3, rounds=4, round_s=0.001)
CALLS = 4  # a round
NIGHT_SD, PROCESS_SD, CALL_SD = 0.005, 0.01, 0.02  # of log times
MAX_COLD_S, MAX_WARM_S, MAX_RSS = 60.0, 1.0, 1_000_000_000  # docs/thresholds.md#selfcheck
FIRST = datetime(2020, 1, 1, 2, tzinfo=UTC)
CHILD = "from mnv2bench.selfcheck.history import load_and_report; load_and_report()"


def synthetic_cases() -> tuple[Case, ...]:
    """300 cells: the full grid on five made-up backends, on one thread and on two."""
    return cases(variants("full"), backends=BACKENDS, threads=(1, 2))


class Synthetic:
    """Saved files of nights that nobody measured, in the format of real ones; the same for a seed."""

    def __init__(self, folder: Path, chosen: Sequence[Case] = (), seed: int = 1, fingerprint: str = SYNTHETIC) -> None:
        self.folder = folder / fingerprint / "synthetic"
        self.fingerprint = fingerprint
        self.folder.mkdir(parents=True)
        self.cases = tuple(chosen) or synthetic_cases()
        self.random = random.Random(seed)
        self.forms = {case: process_to_json(_form(case)) for case in self.cases}
        form = _form(self.cases[0]).samples
        self.samples, self.round = samples_to_json(form), to_json(form.warmup[0])
        self.written = 0

    def grow(self, nights: int) -> None:
        """Write nights until there are so many."""
        while self.written < nights:
            self.written += 1
            path = self.folder / f"{self.written:04}_nightly.json"
            path.write_text(dumps(self._saved(FIRST + timedelta(days=self.written))), encoding="utf-8")

    def _saved(self, when: datetime) -> dict[str, object]:
        commit = f"{self.written:08x}" * 5
        machine = Machine(
            cpu_model="synthetic",
            cores=2,
            libraries={"mnv2bench": "0", "synthetic": str(self.written // 100)},
            commit=commit,
            fingerprint=self.fingerprint,
        )
        environment = machine_to_json(machine)
        head = {
            "cases": [case.id for case in self.cases],
            "plan": structs.asdict(PLAN),
            "seed": 0,
            "weights": structs.asdict(Weights()),
            "runner": "",
            "began": "",
            "networks": [],
        }
        lines = [{"line": "head", "schema": SCHEMA, **head, "environment": environment}, *self._processes()]
        return {
            "machine_info": environment,
            "commit_info": {"id": commit},
            "benchmarks": [],
            "datetime": when.isoformat(),
            "version": "5.3.1",
            "mnv2bench": lines,
        }

    def _processes(self) -> Iterator[dict[str, object]]:
        shift = self.random.gauss(0, NIGHT_SD)
        position = itertools.count()
        for case, form in self.forms.items():
            night = math.log(2e-5 * case.count.madds) + shift
            for number in range(PLAN.processes):
                level = self.random.gauss(night, PROCESS_SD)
                samples = self.samples | {"rounds": [self._round(level, case) for _ in range(PLAN.rounds)]}
                yield {"line": "process", **form, "number": number, "position": next(position), "samples": samples}

    def _round(self, level: float, case: Case) -> dict[str, object]:
        durations = [int(1e3 * math.exp(level + abs(self.random.gauss(0, CALL_SD)))) for _ in range(CALLS)]
        wall = sum(durations) + 1000
        busy = 0.5 if self.random.random() < 0.1 else 1.0
        packed = " ".join(map(str, durations))
        return self.round | {"durations_ns": packed, "wall_ns": wall, "cpu_ns": int(busy * case.threads * wall)}


def _form(case: Case) -> Process:
    """The fields that all processes of a case share; each writes rounds of its own."""
    measured = Samples((Round((1000,), 1000, 1000),), (), 0.1, 0.2, None, False, 0.01, Memory(1, 2, 3, 4), 1e-6, 0.5)
    return Process(case, 0, 0, 0, "ok", "", 1.0, measured)


def load_and_report() -> None:
    """The program of a child process: load the history under its first argument, write the figures to its second."""
    from mnv2bench.regression.history import load

    results, figures = map(Path, sys.argv[1:])
    start, cpu = time.perf_counter(), sum(os.times()[:4])
    loaded = load(results, SYNTHETIC)
    seconds, cpu_s = time.perf_counter() - start, sum(os.times()[:4]) - cpu
    peak = (resident_bytes("VmHWM") or 0) + _peak_of_readers()
    figures.write_text(json.dumps([seconds, cpu_s, len(loaded.frame), peak]), encoding="utf-8")


def _peak_of_readers() -> int:
    """Bytes that the processes which read files held at most, as if each held as much as the largest."""
    import resource

    return cores() * 1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


class Load(NamedTuple):
    """One load in a fresh process. `cpu_s` and `peak` are of it and of the processes that read files for it."""

    seconds: float
    cpu_s: float
    records: int
    peak: int


def _loaded(results: Path) -> Load:
    figures = results / "figures.json"
    command = [sys.executable, "-c", CHILD, str(results), str(figures)]
    subprocess.run(command, check=True, env={**os.environ, "MNV2BENCH_CACHE": str(results / "cache")})
    return Load(*json.loads(figures.read_text(encoding="utf-8")))


def _bytes(folder: Path, pattern: str) -> int:
    return sum(file.stat().st_size for file in folder.rglob(pattern))


def history(repeats: int, out: Console, sizes: Sequence[int] = NIGHTS, chosen: Sequence[Case] = ()) -> bool:
    """Loads of synthetic histories, each in a fresh process: cold, warm (`repeats` times), and after one new night."""
    cold_s = warm_s = math.inf
    peak = MAX_RSS + 1
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder)
        nights = Synthetic(results, chosen)
        out.print(f"history: {SYNTHETIC} nights of {len(nights.cases)} cells, {PLAN.processes} processes each")
        for size in sizes:
            nights.grow(size)
            for cached in results.glob("cache/history/*"):
                cached.unlink()
            cold = _loaded(results)
            warm = [_loaded(results) for _ in range(max(repeats, 1))]
            cold_s, warm_s = cold.seconds, statistics.median(load.seconds for load in warm)
            peak = max(load.peak for load in (cold, *warm))
            saved, kept = _bytes(nights.folder, "*.json"), _bytes(results, "*.parquet")
            out.print(
                f"  {size:5} nights, {cold.records:,} records, files {saved / 1e6:,.0f} MB, cache {kept / 1e6:.1f} MB: "
                f"cold {cold.seconds:.1f} s ({1e3 * cold.cpu_s / cold.records:.2f} ms of CPU a record, "
                f"peak {cold.peak / 1e6:.0f} MB), "
                f"warm {warm_s:.2f} s (median of {len(warm)}; peak {peak / 1e6:.0f} MB)"
            )
        nights.grow(nights.written + 1)
        grown = _loaded(results)
    out.print(
        f"  one night more: {grown.seconds:.2f} s, peak {grown.peak / 1e6:.0f} MB; "
        f"goal for the largest: cold <= {MAX_COLD_S:.0f} s, warm <= {MAX_WARM_S:.0f} s, <= {MAX_RSS / 1e6:.0f} MB"
    )
    return cold_s <= MAX_COLD_S and warm_s <= MAX_WARM_S and 0 < peak <= MAX_RSS
