"""What a worker process is given: the artifacts of its case, made here if they are not cached."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from mnv2bench import artifacts, backends
from mnv2bench.artifacts import Weights
from mnv2bench.campaign.child import THREAD_VARIABLES, Ended, child
from mnv2bench.campaign.schedule import nuisances
from mnv2bench.cases import KINDS, Case
from mnv2bench.measure.environment import environment
from mnv2bench.records import Artifact, Plan
from mnv2bench.refusals import Unavailable

EXPORT_TIMEOUT_S = 900.0
Progress = Callable[[str, int, int], None]  # what comes next, steps done, steps in all


@dataclass(frozen=True)
class Ready:
    """An artifact and the paths that a worker is given: the artifact's file, the reference's, the compile cache.

    `runner` is the --runner of a case that runs elsewhere.
    """

    artifact: Artifact
    path: str
    reference: str
    compile_cache: str
    runner: str = ""


def silent(doing: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


def _variables(threads: int, seed: int) -> dict[str, str]:
    return nuisances(seed) | dict.fromkeys(THREAD_VARIABLES, str(threads))


def _make(case: Case, format: str, weights: Weights, state_dict: str, progress: Progress) -> Artifact | Ended:
    """The artifact, from the cache or made now in a process of its own; or how that process ended."""
    name = artifacts.key(case, format, weights, environment()["fingerprint"])
    cached = artifacts.facts(format, name)
    if cached:
        return cached
    progress(f"exporting {format} for {case.variant}, batch {case.batch}", 0, 0)
    job = {
        "case": asdict(case),
        "weights": asdict(weights),
        "format": format,
        "key": name,
        "state_dict": state_dict,
    }
    variables = _variables(case.threads, 0) | {"TORCHINDUCTOR_CACHE_DIR": str(artifacts.root() / "compiled" / "export")}
    ended = child("mnv2bench.artifacts.export", job, variables, EXPORT_TIMEOUT_S)
    made = artifacts.facts(format, name)
    return made if ended.status == "ok" and made else ended


def _prepared(case: Case, runner: str, progress: Progress) -> Ended:
    """What a case elsewhere needs besides its artifact: the device is there, and what runs on it is built."""
    progress(f"preparing {case.device} for {case.backend}", 0, 0)
    job = {"case": asdict(case), "runner": runner, "prepare": True}
    return child("mnv2bench.measure.elsewhere", job, {}, EXPORT_TIMEOUT_S)


def ready(case: Case, weights: Weights, progress: Progress = silent, runner: str = "") -> Ready | Ended:
    """Make what the case needs with this interpreter; or how that ended."""
    if case.kind != KINDS[0] and (prepared := _prepared(case, runner, progress)).status != "ok":
        return prepared
    try:
        reads = backends.reads(case.backend)
    except (ValueError, Unavailable) as error:
        return Ended("unavailable", str(error), {}, 0.0)
    made: dict[str, Artifact] = {}
    for format in ("state_dict", "reference", reads):
        state_dict = str(artifacts.path("state_dict", made["state_dict"].key)) if made else ""
        ended = made.get(format) or _make(case, format, weights, state_dict, progress)
        if isinstance(ended, Ended):
            return replace(ended, reason=f"export to {format}: {ended.reason}")
        made[format] = ended
    return Ready(
        artifact=made[reads],
        path=str(artifacts.path(reads, made[reads].key)),
        reference=str(artifacts.path("reference", made["reference"].key)),
        compile_cache=str(artifacts.compile_cache(case, weights, environment()["fingerprint"])),
        runner=runner,
    )


def work(case: Case, given: Ready, plan: Plan, seed: int, interpreter: Sequence[str] = (sys.executable,)) -> Ended:
    """One worker process of a case for which everything is ready."""
    job: dict[str, Any] = {
        "case": asdict(case),
        "plan": asdict(plan),
        "artifact": given.path,
        "reference": given.reference,
        "compile_cache": given.compile_cache,
        "input_seed": seed,
        "runner": given.runner,
    }
    variables = _variables(case.threads, seed) | {"TORCHINDUCTOR_CACHE_DIR": given.compile_cache}
    module = "mnv2bench.measure.worker" if case.kind == KINDS[0] else "mnv2bench.measure.elsewhere"
    return child(module, job, variables, plan.timeout_s, interpreter)
