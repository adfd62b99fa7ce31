"""What a campaign measures beside its cases, among them and in fresh processes too: profiles of cases, and probes."""

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from mnv2bench.campaign.child import Ended, child
from mnv2bench.campaign.ready import Ready, variables
from mnv2bench.cases import Case, Kind
from mnv2bench.profiling.profilers import READS, why_not
from mnv2bench.profiling.records import Probes, Profile, probes_from_json, profile_from_json
from mnv2bench.records import ENDED, Plan
from mnv2bench.records.journal import Journal

CANNOT = "{} is {}: profiles are taken on this machine only"


@dataclass(frozen=True)
class Profiling:
    """A case's runtime with its profiler on; the trace of the first process goes to that file."""

    case: Case
    trace: str = ""

    @property
    def id(self) -> str:
        return f"profile of {self.case.id}"


@dataclass(frozen=True)
class Probing:
    """The machine's own limits with a number of threads."""

    threads: int

    @property
    def id(self) -> str:
        return f"probes, {self.threads} threads"


Extra = Profiling | Probing


def prepare(
    left: Iterable[object], given: dict[str, Ready | Ended], ready: Callable[[Case, str], Ready | Ended]
) -> dict[str, Ready | Ended]:
    """What the profiles among these open, by their ids: what their cases do, or a file that is made to be profiled."""
    found: dict[str, Ready | Ended] = {}
    for extra in left:
        if isinstance(extra, Profiling) and extra.case.kind == Kind.MEASURED_HERE and not why_not(extra.case.backend):
            reads = READS.get(extra.case.backend, "")
            mine = None if reads else given.get(extra.case.id)
            found[extra.id] = mine or ready(extra.case, reads)
    return found


def stopped(journal: Journal) -> set[str]:
    """What did not end well once is not tried again."""
    profiled = {Profiling(p.case).id for p in journal.profiles if p.status not in ENDED}
    return profiled | {Probing(p.threads).id for p in journal.probes if p.status not in ENDED}


def done(journal: Journal) -> set[tuple[str, int]]:
    """What a resumed campaign has measured already."""
    profiled = {(Profiling(p.case).id, p.number) for p in journal.profiles}
    return profiled | {(Probing(p.threads).id, p.number) for p in journal.probes}


def measure(extra: Extra, number: int, given: Ready | Ended | None, plan: Plan, seed: int, journal: Journal) -> str:
    """One process, written down as it ends; its status. `given` is what a profile opens; probes need nothing."""
    if isinstance(extra, Probing):
        probed = _probes(extra, number, plan, seed)
        journal.probe(probed)
        return probed.status
    profiled = _profile(extra, number, given, plan, seed)
    journal.profile(profiled)
    return profiled.status


def _probes(extra: Probing, number: int, plan: Plan, seed: int) -> Probes:
    job = {"threads": extra.threads, "plan": asdict(plan)}
    ended = child("mnv2bench.profiling.probe_worker", job, variables(extra.threads, seed), plan.timeout_s)
    return probes_from_json({"threads": extra.threads, "number": number, **_told(ended)})


def _profile(extra: Profiling, number: int, given: Ready | Ended | None, plan: Plan, seed: int) -> Profile:
    case = extra.case
    if given is None:
        reason = CANNOT.format(case.id, case.kind) if case.kind != Kind.MEASURED_HERE else why_not(case.backend)
        given = Ended("unsupported", reason, {}, 0.0)
    if isinstance(given, Ended):
        return Profile(case, number, given.status, given.reason, 0.0)
    with tempfile.TemporaryDirectory(prefix="mnv2bench-") as folder:
        trace = Path(folder, "trace.json") if extra.trace and number == 0 else None
        job = {
            "case": asdict(case),
            "plan": asdict(plan),
            "artifact": given.path,
            "reference": given.reference,
            "input_seed": seed,
            "trace": str(trace or ""),
        }
        # a profiled model is compiled otherwise: in a folder of its own, kept from process to process
        cache = {"TORCHINDUCTOR_CACHE_DIR": f"{given.compile_cache}-profiled"}
        ended = child("mnv2bench.profiling.profile_worker", job, variables(case.threads, seed) | cache, plan.timeout_s)
        if trace and trace.exists():
            Path(extra.trace).write_bytes(trace.read_bytes())
    return profile_from_json({"case": case.id, "number": number, **_told(ended)})


def _told(ended: Ended) -> dict[str, object]:
    return {"status": ended.status, "reason": ended.reason, "wall_s": ended.wall_s, **ended.measured}
