"""What profiling adds to a campaign, in fresh processes among those of the cases: profiles of cases, and probes."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from mnv2bench import backends
from mnv2bench.artifacts import compiled
from mnv2bench.campaign import Needs, Turn
from mnv2bench.campaign.child import OUR_PYTHON, Interpreter, run_child, variables
from mnv2bench.campaign.preparation import Failure, Preparation
from mnv2bench.campaign.processes import compile_cache
from mnv2bench.case import Case, Kind
from mnv2bench.files import is_stream, write_whole
from mnv2bench.profiling.jobs import PROBER, PROFILER, ProbeJob, ProbeResult, ProfileJob, ProfileResult
from mnv2bench.profiling.lines import PROBES, PROFILE, decoded, write_probes, write_profile
from mnv2bench.profiling.profilers import why_no_trace, why_not
from mnv2bench.profiling.records import Probes, Profile
from mnv2bench.records import ENDED, Plan, replace
from mnv2bench.records.journal import Journal
from mnv2bench.workers.environment import variables_of
from mnv2bench.workers.programs import Outcome

CANNOT = "{} is {}: profiles are taken on this machine only"


@dataclass(frozen=True)
class Profiling:
    """A case's runtime with its profiler on; the trace of the first process goes to that file."""

    case: Case
    trace: str = ""
    interpreter: Interpreter = OUR_PYTHON

    @property
    def id(self) -> str:
        return f"profile of {self.case.id}"

    @property
    def refusal(self) -> str:
        """Why the case cannot be profiled, or not with a trace; "" where it can."""
        if self.case.kind != Kind.MEASURED_HERE:
            return CANNOT.format(self.case.id, self.case.kind)
        if self.case.streams > 1:
            return f"a profile is of one stream: profile {replace(self.case, streams=1).id}"
        return why_no_trace(self.case.backend) if self.trace else why_not(self.case.backend)

    @property
    def needs(self) -> Needs | None:
        """What its case opens, or a file that is made to be profiled; None where it cannot be profiled."""
        if self.refusal:
            return None
        return Needs(self.case, backends.runtime(self.case.backend).profiled_format(self.case.precision))

    def statuses(self, journal: Journal) -> dict[int, str]:
        own = (line for line in journal.others if line["line"] == PROFILE and line.get("case") == self.case.id)
        return {profile.number: profile.status for profile in decoded(own)[0]}

    def measure(self, turn: Turn, preparation: Preparation | Failure | None, plan: Plan, journal: Journal) -> str:
        profile = _profile(self, turn, preparation, plan)
        write_profile(journal, profile)
        return profile.status


@dataclass(frozen=True)
class Probing:
    """The machine's own limits with a number of threads."""

    threads: int

    @property
    def id(self) -> str:
        return f"probes, {self.threads} threads"

    @property
    def needs(self) -> None:
        return None

    def statuses(self, journal: Journal) -> dict[int, str]:
        own = (line for line in journal.others if line["line"] == PROBES and line.get("threads") == self.threads)
        return {probes.number: probes.status for probes in decoded(own)[1]}

    def measure(self, turn: Turn, preparation: Preparation | Failure | None, plan: Plan, journal: Journal) -> str:
        probes = _probes(self, turn, plan)
        write_probes(journal, probes)
        return probes.status


def _probes(probing: Probing, turn: Turn, plan: Plan) -> Probes:
    job = ProbeJob(probing.threads, plan)
    environment = variables(probing.threads, turn.seed) | variables_of(plan.environment)
    outcome = run_child(PROBER, job, environment, plan.timeout_s)
    result = outcome.result or ProbeResult()
    return Probes(
        threads=probing.threads,
        number=turn.number,
        status=outcome.status,
        reason=outcome.reason,
        wall_s=outcome.wall_s,
        probes=result.probes,
        caches=result.caches,
        notes=result.notes,
        passes=result.passes,
    )


def _profile(profiling: Profiling, turn: Turn, preparation: Preparation | Failure | None, plan: Plan) -> Profile:
    case = profiling.case
    if preparation is None:
        preparation = Failure("unsupported", profiling.refusal)
    if isinstance(preparation, Failure):
        return Profile(case, turn.number, preparation.status, preparation.reason, 0.0)
    outcome = _run(profiling, turn, preparation, plan)
    head = Profile(case, turn.number, outcome.status, outcome.reason, outcome.wall_s)
    result = outcome.result
    if result is None:
        return head
    return replace(
        head,
        profiler=result.profiler,
        operators=result.operators,
        calls_ns=result.calls_ns,
        arena_bytes=result.arena_bytes,
        arena=result.arena,
        notes=result.notes,
        error=result.error,
    )


def _run(profiling: Profiling, turn: Turn, preparation: Preparation, plan: Plan) -> Outcome[ProfileResult]:
    """Run one process under the profiler; the trace of the first one is copied to where it was asked for."""
    case = profiling.case
    with tempfile.TemporaryDirectory(prefix="mnv2bench-") as folder:
        trace = Path(folder, "trace.json") if profiling.trace and turn.number == 0 else None
        job = ProfileJob(
            case=case,
            plan=plan,
            artifact=preparation.path,
            reference=preparation.reference,
            input_seed=turn.seed,
            trace=str(trace or ""),
            weights=preparation.weights,
        )
        # a profiled model is compiled otherwise: in a folder of its own, kept from process to process
        cache = compiled.profiled(Path(compile_cache(preparation, plan)))
        environment = variables(case.threads, turn.seed) | compiled.variables(cache)
        environment |= variables_of(plan.environment)
        outcome = run_child(PROFILER, job, environment, plan.timeout_s, profiling.interpreter)
        if outcome.status in ENDED:
            compiled.seal(cache)
        if trace and trace.exists():
            _keep_trace(trace, Path(profiling.trace))
    return outcome


def _keep_trace(trace: Path, place: Path) -> None:
    """Copy a trace to its place, unless a file came to stand there while the process ran."""
    if is_stream(place) or not place.exists() or not place.stat().st_size:
        write_whole(place, trace.read_bytes())
