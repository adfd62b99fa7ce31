"""The jobs and the results of the two programs of profiling, each declared once."""

from msgspec import Struct

from mnv2bench.case import Case
from mnv2bench.profiling.records import Operator, Probe
from mnv2bench.records import Plan, Weights
from mnv2bench.workers.programs import Program


class ProfileJob(Struct, frozen=True):
    """One process of a case under its runtime's profiler; `trace` is the file for a Chrome trace, "" for none.

    `weights` decide which images it is given.
    """

    case: Case
    plan: Plan
    artifact: str
    reference: str
    input_seed: int
    trace: str = ""
    weights: Weights = Weights()


class ProfileResult(Struct, frozen=True):
    """What one process profiled, as fields of a `records.Profile`."""

    profiler: str
    operators: tuple[Operator, ...]
    calls_ns: tuple[int, ...]
    arena_bytes: int | None
    arena: str
    notes: tuple[str, ...]
    error: float | None = None


class ProbeJob(Struct, frozen=True):
    """One process of probes with this number of threads."""

    threads: int
    plan: Plan


class ProbeResult(Struct, frozen=True):
    """What one process probed, as fields of a `records.Probes`."""

    probes: tuple[Probe, ...] = ()
    caches: dict[str, int] = {}
    notes: tuple[str, ...] = ()
    passes: int = 0


PROFILER = Program("mnv2bench.profiling.profile_worker", ProfileJob, ProfileResult)
PROBER = Program("mnv2bench.profiling.probe_worker", ProbeJob, ProbeResult)
