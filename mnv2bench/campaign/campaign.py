"""The campaign: artifacts first, then blocks of worker processes, each written down as it ends."""

import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from mnv2bench import artifacts, backends
from mnv2bench.artifacts import Weights
from mnv2bench.campaign.child import THREAD_VARIABLES, Ended, child
from mnv2bench.campaign.schedule import blocks, nuisances
from mnv2bench.cases import Case
from mnv2bench.journal import Head, Journal, records
from mnv2bench.measure.environment import environment, state
from mnv2bench.measure.noise import resident_bytes
from mnv2bench.records import Artifact, Plan, Process, Record, Samples, samples_from_json

EXPORT_TIMEOUT_S = 900.0
Progress = Callable[[str, int, int], None]  # what comes next, steps done, steps in all


def _silent(doing: str, done: int, total: int) -> None:
    pass


@dataclass
class Campaign:
    """What to measure, how, and where to write it down."""

    cases: tuple[Case, ...]
    journal: Journal
    plan: Plan = field(default_factory=Plan)
    seed: int = 0
    weights: Weights = field(default_factory=Weights)
    progress: Progress = _silent


def run(campaign: Campaign, resume: bool = False) -> tuple[Record, ...]:
    """Measure every case and return its Record; on resume, what the journal already holds is not measured again.

    Raises ValueError where the journal is of another campaign or machine, OSError where it cannot be written.
    """
    weights = asdict(campaign.weights) | {"content": campaign.weights.content}
    head = Head(campaign.cases, campaign.plan, campaign.seed, weights, environment())
    journal = campaign.journal
    if resume and journal.path.exists() and journal.path.stat().st_size:
        _require_same(journal.resume(), head)
    else:
        aside = journal.begin(head)
        if aside:
            campaign.progress(f"what stood in {journal.path} is kept as {aside}", 0, 0)
    done = {(p.case.id, p.number) for p in journal.processes}
    stopped = {p.case.id for p in journal.processes if p.status not in ("ok", "wrong")}
    whole = {case.id for case in campaign.cases if {(case.id, n) for n in range(campaign.plan.processes)} <= done}
    refusals = export(campaign, [case for case in campaign.cases if case.id not in stopped | whole])
    order = blocks(campaign.cases, campaign.plan.processes, campaign.seed)
    seeds = random.Random(campaign.seed)
    position, total = 0, len(campaign.cases) * campaign.plan.processes
    for number, block in enumerate(order):
        if len(done) < position + len(block):
            journal.note("state", state())
        for case in block:
            seed = seeds.randrange(2**31)
            if (case.id, number) not in done and case.id not in stopped:
                campaign.progress(f"block {number + 1} of {campaign.plan.processes}, {case.id}", position, total)
                ended = refusals.get(case.id) or work(campaign, case, seed)
                journal.process(_process(case, number, position, seed, ended))
                if ended.status not in ("ok", "wrong"):
                    stopped.add(case.id)
            position += 1
    journal.note("state", state())
    journal.note("end", {"parent_peak_rss_bytes": resident_bytes("VmHWM")})
    campaign.progress("done", total, total)
    return records(head, journal.artifacts, journal.processes)


def _require_same(before: Head, now: Head) -> None:
    for name in ("cases", "plan", "seed", "weights"):
        if getattr(before, name) != getattr(now, name):
            raise ValueError(f"the interrupted campaign had other {name}: repeat its command with --resume, or drop it")
    if before.environment["fingerprint"] != now.environment["fingerprint"]:
        raise ValueError("the interrupted campaign ran on another machine: measure it anew, without --resume")
    if before.environment["libraries"] != now.environment["libraries"]:
        raise ValueError("libraries changed since the campaign was interrupted: measure it anew, without --resume")


def _job(campaign: Campaign, case: Case) -> dict[str, Any]:
    return {"case": asdict(case), "weights": asdict(campaign.weights)}


def _variables(threads: int, seed: int) -> dict[str, str]:
    return nuisances(seed) | dict.fromkeys(THREAD_VARIABLES, str(threads))


def _make(campaign: Campaign, case: Case, format: str, state_dict: str) -> Artifact | Ended:
    """The artifact, from the cache or made now in a process of its own; or how that process ended."""
    name = artifacts.key(case, format, campaign.weights, environment()["fingerprint"])
    cached = artifacts.facts(format, name)
    if cached:
        return cached
    campaign.progress(f"exporting {format} for {case.variant}, batch {case.batch}", 0, 0)
    job = {**_job(campaign, case), "format": format, "key": name, "state_dict": state_dict}
    variables = _variables(case.threads, 0) | {"TORCHINDUCTOR_CACHE_DIR": str(artifacts.root() / "compiled" / "export")}
    ended = child("mnv2bench.artifacts.export", job, variables, EXPORT_TIMEOUT_S)
    made = artifacts.facts(format, name)
    return made if ended.status == "ok" and made else ended


def export(campaign: Campaign, cases: Sequence[Case]) -> dict[str, Ended]:
    """Make what the cases need; the cases that cannot be measured, each with why."""
    refusals: dict[str, Ended] = {}
    for case in cases:
        try:
            reads = backends.reads(case.backend)
        except (ValueError, backends.Unavailable) as error:
            refusals[case.id] = Ended("unavailable", str(error), {}, 0.0)
            continue
        made: dict[str, Artifact] = {}
        for format in ("state_dict", "reference", reads):
            state_dict = str(artifacts.path("state_dict", made["state_dict"].key)) if made else ""
            ended = made.get(format) or _make(campaign, case, format, state_dict)
            if isinstance(ended, Ended):
                refusals[case.id] = replace(ended, reason=f"export to {format}: {ended.reason}")
                break
            made[format] = ended
        else:
            campaign.journal.artifact(case, made[reads])
    return refusals


def work(campaign: Campaign, case: Case, seed: int) -> Ended:
    """One worker process of a case whose artifacts `export` has made."""
    machine = environment()["fingerprint"]
    cache = artifacts.compile_cache(case, campaign.weights, machine)
    reference = artifacts.key(case, "reference", campaign.weights, machine)
    artifact = campaign.journal.artifacts[case.id]
    job = _job(campaign, case) | {
        "plan": asdict(campaign.plan),
        "artifact": str(artifacts.path(artifact.format, artifact.key)),
        "reference": str(artifacts.path("reference", reference)),
        "compile_cache": str(cache),
        "input_seed": seed,
    }
    variables = _variables(case.threads, seed) | {"TORCHINDUCTOR_CACHE_DIR": str(cache)}
    return child("mnv2bench.measure.worker", job, variables, campaign.plan.timeout_s)


def _process(case: Case, number: int, position: int, seed: int, ended: Ended) -> Process:
    samples = samples_from_json(ended.measured) if ended.measured else Samples()
    return Process(case, number, position, seed, ended.status, ended.reason, ended.wall_s, samples)
