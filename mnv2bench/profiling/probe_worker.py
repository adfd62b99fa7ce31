"""One fresh process of probes: matrix products, copies and reads, timed by the loop that times cases."""

from msgspec.structs import replace

from mnv2bench.machine import caches
from mnv2bench.processor import instructions
from mnv2bench.profiling import probes
from mnv2bench.profiling.jobs import PROBER, ProbeJob, ProbeResult
from mnv2bench.profiling.probes import ReadyProbe, Setting
from mnv2bench.records.rounds import Round
from mnv2bench.workers.loop import time_round
from mnv2bench.workers.programs import Outcome, serve

# docs/thresholds.md#probes
ROUND_S = 0.01
PASSES = (5, 10)  # at least and at most


def main(job: ProbeJob) -> Outcome[ProbeResult]:
    """Time every probe of every library that is installed, in several passes over all of them.

    Other programs slow a machine for seconds, so that the rounds of one probe lie apart.
    """
    setting = Setting(job.threads, caches(), instructions())
    ready, notes = _ready(setting)
    passes = min(max(job.plan.rounds, PASSES[0]), PASSES[1])
    seconds = min(ROUND_S, job.plan.round_s)
    rounds: list[list[Round]] = [[] for _ in ready]
    for each in ready:
        each.kernel.run()  # the first run allocates, and starts threads
    for _ in range(passes):
        for each, measured in zip(ready, rounds, strict=True):
            measured.append(time_round(each.kernel, seconds))
    for each in ready:
        each.kernel.close()
    measured_probes = tuple(replace(each.probe, rounds=tuple(r)) for each, r in zip(ready, rounds, strict=True))
    return Outcome(result=ProbeResult(measured_probes, setting.caches, tuple(notes), passes))


def _ready(setting: Setting) -> tuple[list[ReadyProbe], list[str]]:
    """The probes of all libraries, and a note for each library that is not installed."""
    ready: list[ReadyProbe] = []
    notes: list[str] = []
    for library in probes.LIBRARIES:
        try:
            ready += probes.probes(library, setting)
        except ModuleNotFoundError as error:
            notes.append(f"{error.name} is not installed: its probes are missing")
    return ready, notes


if __name__ == "__main__":
    serve(PROBER, main)
