"""One fresh process of one case under its runtime's profiler: open, check the outputs, warm up, profile some calls."""

import tempfile
import time
from functools import partial
from pathlib import Path

from msgspec import structs

from mnv2bench import backends
from mnv2bench.artifacts import REFERENCE_SEEDS, batch_seeds
from mnv2bench.backends import Images
from mnv2bench.imagesets import image_set
from mnv2bench.profiling import profilers
from mnv2bench.profiling.jobs import PROFILER, ProfileJob, ProfileResult
from mnv2bench.profiling.session import ProfiledSession
from mnv2bench.records import Plan
from mnv2bench.workers.loop import warm_up
from mnv2bench.workers.opening import Opening, open_check_measure
from mnv2bench.workers.outputs import Comparison, Reference, compare, compare_timed
from mnv2bench.workers.programs import Outcome, serve
from mnv2bench.workers.rotation import LEAST, timed

PROFILED = (timed(0, LEAST), timed(1, LEAST))  # the batches of the warm-up and of the profiled calls
PROFILED_S, LEAST_CALLS, MOST_CALLS = 1.0, 20, 100  # single operators take microseconds, and events take memory


def calls(run_s: float) -> int:
    """How many calls are profiled: about a second of them, within limits."""
    return max(LEAST_CALLS, min(MOST_CALLS, int(PROFILED_S / run_s)))


def main(job: ProfileJob) -> Outcome[ProfileResult]:
    """Profile a case once; an outcome whose outputs are wrong has its profile all the same."""
    case = job.case
    backends.require(case)
    with tempfile.TemporaryDirectory(prefix="mnv2bench-") as folder:
        seeds, reference = batch_seeds(job.input_seed), Reference(Path(job.reference))
        pictures, weights = image_set(case, job.weights), job.weights.kind(case)

        def batch(number: int) -> Images:
            return pictures.batch(seeds[number], case.batch, case.image)

        def measure(session: ProfiledSession) -> tuple[ProfileResult, list[Images]]:
            return profile(session, job.plan, batch(PROFILED[1]), Path(job.trace) if job.trace else None)

        opening: Opening[Comparison, tuple[ProfileResult, list[Images]]] = open_check_measure(
            load=lambda: partial(profilers.open, case, Path(job.artifact), Path(folder)),
            batch=batch,
            check=lambda outputs: compare(outputs, reference.of(REFERENCE_SEEDS), case.precision, weights),
            measure=measure,
        )
    result, logits = opening.measured
    comparison = opening.checked
    if not comparison.wrong:
        expected = reference.of([seeds[number] for number in PROFILED])
        comparison = compare_timed(logits, expected, case.precision, weights)
    result = structs.replace(result, error=comparison.error)
    return Outcome("wrong" if comparison.wrong else "ok", comparison.wrong, result)


def profile(
    session: ProfiledSession, plan: Plan, images: Images, trace: Path | None
) -> tuple[ProfileResult, list[Images]]:
    """Warm up, then run some calls on these images with the profiler on; the profile, and the logits of both."""
    last = warm_up(session, plan)[-1]
    logits = [session.get()]
    session.put(images)
    durations_ns = []
    session.start()
    for _ in range(calls(last.wall_ns / 1e9 / len(last.durations_ns))):
        start = time.perf_counter_ns()
        session.run()
        durations_ns.append(time.perf_counter_ns() - start)
        session.ran()
    operators = session.stop(trace)
    logits.append(session.get())
    arena = session.arena()
    result = ProfileResult(
        profiler=session.profiler,
        operators=tuple(operators),
        calls_ns=tuple(durations_ns),
        arena_bytes=arena.bytes if arena else None,
        arena=arena.words if arena else "",
        notes=session.notes,
    )
    return result, logits


if __name__ == "__main__":
    serve(PROFILER, main)
