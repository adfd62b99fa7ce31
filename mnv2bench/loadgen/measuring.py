"""A case under a scenario: its files, its fresh processes, and the record of what LoadGen said."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace as changed

from mnv2bench.artifacts import compiled
from mnv2bench.campaign.child import run_child, variables
from mnv2bench.campaign.preparation import NOT_OF_REFERENCES, Failure, Preparation, prepare
from mnv2bench.campaign.processes import compile_cache
from mnv2bench.case import Case, Kind
from mnv2bench.loadgen import folder as folders
from mnv2bench.loadgen.jobs import LOADGEN, LoadJob, LoadResult
from mnv2bench.loadgen.library import OF_A_SEED
from mnv2bench.loadgen.records import Load, LoadRecord, Played, Rules
from mnv2bench.loadgen.scenarios import Scenario
from mnv2bench.loadgen.search import MOST_TRIES, MOST_VALIDATIONS, STEP_DOWN
from mnv2bench.loadgen.worker import TRY_S
from mnv2bench.locks import Progress
from mnv2bench.machine import cores, this_machine
from mnv2bench.records import ENDED, Plan, Weights, replace
from mnv2bench.workers.environment import variables_of
from mnv2bench.workers.programs import Outcome

LEAST_QUERIES = {  # where a user names none: as many as LoadGen needs for the percentile of the scenario
    Scenario.SINGLE_STREAM: 100,
    Scenario.MULTI_STREAM: 662,
    Scenario.OFFLINE: 1,
    Scenario.SERVER: 459,
}
DRAINING = 10  # times its shortest duration is the longest that a run may take, and the limit of a process besides
NO_RULES = Rules(0.0, 1)  # of a record whose process did not come as far as LoadGen


@dataclass(frozen=True)
class Request:
    """What a user wants of a scenario. `target_qps` is None where the rate of a server is to be searched."""

    scenario: Scenario
    min_duration_s: float
    min_queries: int | None = None
    latency_bound_s: float | None = None
    target_qps: float | None = None
    seed: int = 0

    @property
    def searches(self) -> bool:
        """Whether the rate is searched."""
        return self.scenario == Scenario.SERVER and self.target_qps is None

    @property
    def load(self) -> Load:
        """The load of the run that counts, without a rate where that is searched."""
        return Load(
            scenario=self.scenario,
            min_duration_s=self.min_duration_s,
            min_queries=self.min_queries or LEAST_QUERIES[self.scenario],
            latency_bound_s=self.latency_bound_s,
            target_qps=self.target_qps,
            seed=self.seed,
        )


def refusal(case: Case, scenario: Scenario) -> str:
    """Why a case means nothing under a scenario, with what to do; "" where it can be run."""
    if case.kind != Kind.MEASURED_HERE or case.gpu is not None:
        return f"{case.id}: LoadGen runs here on CPUs of this machine: name a case of the device cpu"
    if case.batch != 1 and scenario in (Scenario.SINGLE_STREAM, Scenario.SERVER):
        return f"{case.id}: a query of the scenario {scenario} is one image: name a case of batch 1"
    if case.streams != 1 and scenario == Scenario.SINGLE_STREAM:
        return f"{case.id}: single-stream has one query at a time: name a case of one stream"
    if case.streams != 1 and case.total_threads > cores():
        together = f"{case.id} needs {case.total_threads} cores, and there are {cores()} for this process"
        return f"{together}: name a case of fewer streams or threads"
    return ""


def measure(
    case: Case,
    request: Request,
    weights: Weights,
    plan: Plan,
    place: Path,
    other_load: float | None,
    progress: Progress,
) -> LoadRecord:
    """Run a case under a scenario; LoadGen's logs and the record lie in the folder `place` when this returns."""
    with folders.staged(place) as staged:
        record = _measure(case, request, weights, plan, staged, progress)
        record = changed(record, other_load=other_load)
        folders.keep(record, staged)
    return record


def _measure(
    case: Case, request: Request, weights: Weights, plan: Plan, staged: Path, progress: Progress
) -> LoadRecord:
    made = files(case, weights, progress)
    if isinstance(made, Failure):
        return _record(case, request, Outcome(made.status, made.reason, wall_s=made.wall_s))
    preparation, library_reference = made

    def run(load: Load, folder: str, search: bool = False) -> Outcome[LoadResult]:
        job = LoadJob(
            case=case,
            plan=plan,
            load=load,
            artifact=preparation.path,
            reference=preparation.reference,
            library_reference=library_reference,
            folder=str(staged / folder),
            search=search,
            weights=weights,
        )
        return run_process(job, preparation)

    if not request.searches:
        return _record(case, request, run(request.load, ""))
    return _searched(case, request, run, progress)


def run_process(job: LoadJob, preparation: Preparation) -> Outcome[LoadResult]:
    """One process of a job, with the variables of every process that measures."""
    cache = Path(compile_cache(preparation, job.plan))
    environment = variables(job.case.threads, job.load.seed) | compiled.variables(cache)
    environment |= variables_of(job.plan.environment)
    longest_s = DRAINING * (MOST_TRIES * TRY_S if job.search else job.load.min_duration_s)
    outcome = run_child(LOADGEN, job, environment, job.plan.timeout_s + longest_s)
    if outcome.status in ENDED:
        compiled.seal(cache)
    return outcome


def files(case: Case, weights: Weights, progress: Progress) -> tuple[Preparation, str] | Failure:
    """The files of a case, and the file with the logits of the library's images."""
    preparation = prepare(case, weights, progress)
    if isinstance(preparation, Failure):
        return preparation
    of_library = replace(case, **NOT_OF_REFERENCES, batch=OF_A_SEED)
    reference = prepare(of_library, weights, progress, format="reference")
    return reference if isinstance(reference, Failure) else (preparation, reference.path)


def _searched(case: Case, request: Request, run: Callable[..., Outcome[LoadResult]], progress: Progress) -> LoadRecord:
    """Search the highest rate in short runs of one process, and validate it in long runs of fresh ones."""
    searching = run(request.load, "", search=True)
    result = searching.result
    if searching.status != "ok" or result is None:
        return _record(case, request, searching)
    tries = list(result.played)
    if result.passed_qps is None:
        return _record(case, request, Outcome("failed", _too_slow(request, tries), result, searching.wall_s))
    qps, wall_s = result.passed_qps, searching.wall_s
    for number in range(MOST_VALIDATIONS):
        progress(f"{case.id}: validating {qps:,.1f} queries/s", number, MOST_VALIDATIONS)
        load = changed(request.load, target_qps=qps, seed=request.load.seed + len(tries))
        folder = f"validation-{number + 1}"
        validation = run(load, folder)
        wall_s += validation.wall_s
        if validation.result is None or validation.status != "ok":
            return _record(case, request, validation, tries)
        played = changed(validation.result.played[0], step="validation", folder=folder)
        tries.append(played)
        if played.is_valid:
            break
        qps *= STEP_DOWN
    return changed(_record(case, request, validation, tries), played=played, wall_s=wall_s)


def _too_slow(request: Request, tries: list[Played]) -> str:
    bound_ms = 1e3 * (request.latency_bound_s or 0.0)
    if not tries:
        return f"one image alone takes longer than the bound of {bound_ms:g} ms: name a higher --latency-bound"
    lowest = tries[-1].load.target_qps or 0.0
    return (
        f"no rate down to {lowest:,.1f} queries/s keeps p99 under {bound_ms:g} ms: name a higher --latency-bound, or "
        "leave the machine idle"
    )


def _record(
    case: Case, request: Request, outcome: Outcome[LoadResult], tries: list[Played] | None = None
) -> LoadRecord:
    """The record of what a process did; `tries` are those of the processes before it."""
    result = outcome.result or LoadResult((), NO_RULES)
    counting = None if request.searches or not result.played else result.played[-1]
    return LoadRecord(
        case=case.id,
        scenario=request.scenario,
        status=outcome.status,
        reason=outcome.reason,
        played=counting,
        tries=tuple(tries if tries is not None else result.played if request.searches else ()),
        rules=result.rules,
        wall_s=outcome.wall_s,
        error=result.error,
        checked=result.checked,
        settings=result.settings,
        libraries=result.libraries,
        machine=this_machine().fingerprint,
        saved_at=datetime.now(UTC).isoformat(timespec="seconds"),
        other_load=None,
    )
