"""One fresh process of probes: matrix products and copies, timed by the loop that times cases."""

from msgspec.structs import replace

from mnv2bench.machine import caches
from mnv2bench.profiling import probes
from mnv2bench.profiling.jobs import PROBER, ProbeJob, ProbeResult
from mnv2bench.profiling.records import Probe
from mnv2bench.workers.loop import measure
from mnv2bench.workers.programs import Outcome, serve


def main(job: ProbeJob) -> Outcome[ProbeResult]:
    """Time every probe of every library that is installed."""
    sizes = caches()
    measured: list[Probe] = []
    notes: list[str] = []
    for library in probes.LIBRARIES:
        try:
            for ready in probes.probes(library, job.threads, sizes):
                with ready.kernel as kernel:
                    _, rounds = measure(kernel, job.plan, job.threads)
                measured.append(replace(ready.probe, rounds=rounds))
        except ModuleNotFoundError as error:
            notes.append(f"{error.name} is not installed: its probes are missing")
    return Outcome(result=ProbeResult(tuple(measured), sizes, tuple(notes)))


if __name__ == "__main__":
    serve(PROBER, main)
