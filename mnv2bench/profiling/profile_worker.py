"""One fresh process of one case under its runtime's profiler: open, check the outputs, warm up, profile some calls."""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from mnv2bench import backends
from mnv2bench.artifacts import REFERENCE_SEEDS
from mnv2bench.cases import Case
from mnv2bench.networks import images
from mnv2bench.profiling import profilers
from mnv2bench.profiling.records import Profile, measured, profile_to_json
from mnv2bench.records import Plan
from mnv2bench.workers.loop import warm_up
from mnv2bench.workers.outcome import outcome
from mnv2bench.workers.outputs import compare

PROFILED_S, LEAST_CALLS, MOST_CALLS = 1.0, 20, 100  # single operators take microseconds, and events take memory


def calls(run_s: float) -> int:
    """How many calls are profiled: about a second of them, some whatever they take."""
    return max(LEAST_CALLS, min(MOST_CALLS, int(PROFILED_S / run_s)))


def main(job: dict[str, Any]) -> dict[str, Any]:
    case, plan = Case(**job["case"]), Plan(**job["plan"])
    backends.require(case)
    with (
        tempfile.TemporaryDirectory(prefix="mnv2bench-") as folder,
        profilers.open(case, Path(job["artifact"]), Path(folder)) as session,
    ):
        outputs = []
        for seed in REFERENCE_SEEDS:
            session.put(images(seed, case.batch, case.resolution))
            session.run()
            outputs.append(session.get())
        error, _, wrong = compare(outputs, np.load(job["reference"])["logits"], case.precision)
        session.put(images(job["input_seed"], case.batch, case.resolution))
        last = warm_up(session, plan)[-1]
        durations = []
        session.start()
        for _ in range(calls(last.wall_ns / 1e9 / len(last.durations_ns))):
            start = time.perf_counter_ns()
            session.run()
            durations.append(time.perf_counter_ns() - start)
            session.ran()
        operators = session.stop(Path(job["trace"]) if job["trace"] else None)
        arena = session.arena()
    told = Profile(
        case,
        number=0,
        status="ok",
        reason="",
        wall_s=0.0,
        profiler=session.profiler,
        operators=tuple(operators),
        calls_ns=tuple(durations),
        arena_bytes=arena.bytes if arena else None,
        arena=arena.words if arena else "",
        notes=session.notes,
        error=error,
    )
    return {"status": "wrong" if wrong else "ok", "reason": wrong, "measured": measured(profile_to_json(told))}


if __name__ == "__main__":
    outcome(main, json.loads(Path(sys.argv[1]).read_text()))
