"""One fresh process of one case under its runtime's profiler: open, check the outputs, warm up, profile some calls."""

import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
from msgspec import structs

from mnv2bench import backends
from mnv2bench.artifacts import REFERENCE_SEEDS
from mnv2bench.networks import images
from mnv2bench.profiling import profilers
from mnv2bench.profiling.jobs import PROFILER, ProfileJob, ProfileResult
from mnv2bench.profiling.session import ProfiledSession
from mnv2bench.records import Plan
from mnv2bench.workers.loop import warm_up
from mnv2bench.workers.opening import Opening, open_check_measure
from mnv2bench.workers.outputs import Comparison, compare
from mnv2bench.workers.programs import Outcome, serve

PROFILED_S, LEAST_CALLS, MOST_CALLS = 1.0, 20, 100  # single operators take microseconds, and events take memory


def calls(run_s: float) -> int:
    """How many calls are profiled: about a second of them, within limits."""
    return max(LEAST_CALLS, min(MOST_CALLS, int(PROFILED_S / run_s)))


def main(job: ProfileJob) -> Outcome[ProfileResult]:
    """Profile a case once; an outcome whose outputs are wrong has its profile all the same."""
    case = job.case
    backends.require(case)
    with tempfile.TemporaryDirectory(prefix="mnv2bench-") as folder:
        seeds = (*REFERENCE_SEEDS, job.input_seed)
        opening: Opening[Comparison, ProfileResult] = open_check_measure(
            load=lambda: partial(profilers.open, case, Path(job.artifact), Path(folder)),
            batch=lambda number: images(seeds[number], case.batch, case.resolution),
            check=lambda outputs: compare(outputs, np.load(job.reference)["logits"], case.precision),
            measure=lambda session: profile(session, job.plan, Path(job.trace) if job.trace else None),
        )
    comparison = opening.checked
    result = structs.replace(opening.measured, error=comparison.error)
    return Outcome("wrong" if comparison.wrong else "ok", comparison.wrong, result)


def profile(session: ProfiledSession, plan: Plan, trace: Path | None) -> ProfileResult:
    """Warm up, then run some calls with the profiler on."""
    last = warm_up(session, plan)[-1]
    durations_ns = []
    session.start()
    for _ in range(calls(last.wall_ns / 1e9 / len(last.durations_ns))):
        start = time.perf_counter_ns()
        session.run()
        durations_ns.append(time.perf_counter_ns() - start)
        session.ran()
    operators = session.stop(trace)
    arena = session.arena()
    return ProfileResult(
        profiler=session.profiler,
        operators=tuple(operators),
        calls_ns=tuple(durations_ns),
        arena_bytes=arena.bytes if arena else None,
        arena=arena.words if arena else "",
        notes=session.notes,
    )


if __name__ == "__main__":
    serve(PROFILER, main)
