"""What profiling adds to a campaign, in fresh processes among those of the cases: profiles of cases, and probes."""

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from mnv2bench import backends
from mnv2bench.campaign.child import Ended, child
from mnv2bench.campaign.items import Needs, Turn
from mnv2bench.campaign.ready import Ready, variables
from mnv2bench.cases import Case, Kind
from mnv2bench.profiling.lines import PROBES, PROFILE, decoded, write_probes, write_profile
from mnv2bench.profiling.profilers import why_not
from mnv2bench.profiling.records import Probes, Profile, probes_from_json, profile_from_json
from mnv2bench.records import Plan
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

    @property
    def needs(self) -> Needs | None:
        """What its case opens, or a file that is made to be profiled; None where it cannot be profiled."""
        if self.case.kind != Kind.MEASURED_HERE or why_not(self.case.backend):
            return None
        return Needs(self.case, backends.runtime(self.case.backend).profiled_reads)

    def statuses(self, journal: Journal) -> dict[int, str]:
        own = (line for line in journal.others if line["line"] == PROFILE and line.get("case") == self.case.id)
        return {profile.number: profile.status for profile in decoded(journal.path, own)[0]}

    def measure(self, turn: Turn, preparation: Ready | Ended | None, plan: Plan, journal: Journal) -> str:
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
        return {probes.number: probes.status for probes in decoded(journal.path, own)[1]}

    def measure(self, turn: Turn, preparation: Ready | Ended | None, plan: Plan, journal: Journal) -> str:
        probes = _probes(self, turn, plan)
        write_probes(journal, probes)
        return probes.status


def _probes(probing: Probing, turn: Turn, plan: Plan) -> Probes:
    job = {"threads": probing.threads, "plan": asdict(plan)}
    ended = child("mnv2bench.profiling.probe_worker", job, variables(probing.threads, turn.seed), plan.timeout_s)
    return probes_from_json({"threads": probing.threads, "number": turn.number, **_fields(ended)})


def _profile(profiling: Profiling, turn: Turn, preparation: Ready | Ended | None, plan: Plan) -> Profile:
    case, number = profiling.case, turn.number
    if preparation is None:
        reason = CANNOT.format(case.id, case.kind) if case.kind != Kind.MEASURED_HERE else why_not(case.backend)
        preparation = Ended("unsupported", reason, {}, 0.0)
    if isinstance(preparation, Ended):
        return Profile(case, number, preparation.status, preparation.reason, 0.0)
    with tempfile.TemporaryDirectory(prefix="mnv2bench-") as folder:
        trace = Path(folder, "trace.json") if profiling.trace and number == 0 else None
        job = {
            "case": asdict(case),
            "plan": asdict(plan),
            "artifact": preparation.path,
            "reference": preparation.reference,
            "input_seed": turn.seed,
            "trace": str(trace or ""),
        }
        # a profiled model is compiled otherwise: in a folder of its own, kept from process to process
        cache = {"TORCHINDUCTOR_CACHE_DIR": f"{preparation.compile_cache}-profiled"}
        chosen = variables(case.threads, turn.seed) | cache
        ended = child("mnv2bench.profiling.profile_worker", job, chosen, plan.timeout_s)
        if trace and trace.exists():
            Path(profiling.trace).write_bytes(trace.read_bytes())
    return profile_from_json({"case": case.id, "number": number, **_fields(ended)})


def _fields(ended: Ended) -> dict[str, object]:
    return {"status": ended.status, "reason": ended.reason, "wall_s": ended.wall_s, **ended.measured}
