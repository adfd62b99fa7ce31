"""What a worker process is given: the artifacts of its case, made here if they are not cached."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

from mnv2bench import artifacts, backends
from mnv2bench.artifacts import Weights
from mnv2bench.campaign.child import THREAD_VARIABLES, Ended, child
from mnv2bench.campaign.schedule import nuisances
from mnv2bench.cases import Case, Kind
from mnv2bench.machine import this_machine
from mnv2bench.precisions import TF32
from mnv2bench.records import Artifact, Plan
from mnv2bench.refusals import Unavailable, Unsupported

EXPORT_TIMEOUT_S = 900.0
PROBE_TIMEOUT_S = 60.0
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


def variables(threads: int, seed: int) -> dict[str, str]:
    return nuisances(seed) | dict.fromkeys(THREAD_VARIABLES, str(threads))


def _make(
    case: Case, format: str, weights: Weights, source: str, options: dict[str, str], progress: Progress
) -> Artifact | Ended:
    """The artifact, from the cache or made now in a process of its own; or how that process ended."""
    converted = (source, options) if format in artifacts.MADE_FROM else ()
    name = artifacts.key(case, format, weights, this_machine().fingerprint, *converted)
    cached = artifacts.facts(format, name)
    if cached:
        return cached
    progress(f"exporting {format} for {case.variant}, batch {case.batch}", 0, 0)
    job = {
        "case": asdict(case),
        "weights": asdict(weights),
        "format": format,
        "key": name,
        "source": source,
        "options": options,
    }
    chosen = variables(case.threads, 0) | {"TORCHINDUCTOR_CACHE_DIR": str(artifacts.root() / "compiled" / "export")}
    ended = child("mnv2bench.artifacts.export", job, chosen, EXPORT_TIMEOUT_S)
    made = artifacts.facts(format, name)
    return made if ended.status == "ok" and made else ended


def _prepared(case: Case, runner: str, progress: Progress) -> Ended:
    """What a case elsewhere needs besides its artifact: the device is there, and what runs on it is built."""
    progress(f"preparing {case.device} for {case.backend}", 0, 0)
    job = {"case": asdict(case), "runner": runner, "prepare": True}
    return child("mnv2bench.remote.worker", job, {}, EXPORT_TIMEOUT_S)


@cache
def gpu(index: int, cuda_version: int, backend: str) -> Ended:
    """The GPU as its driver tells of it, asked in a process of its own: ours loads no driver. Or why there is none."""
    job = {"index": index, "cuda_version": cuda_version, "backend": backend}
    return child("mnv2bench.gpu.driver", job, {}, PROBE_TIMEOUT_S)


def _options(case: Case, device: dict[str, Any], level: int) -> dict[str, str]:
    """What a file that is made for one GPU depends on."""
    facts = {name: str(device[name]) for name in ("name", "compute_capability", "cuda_version")}
    return facts | {"optimization level": str(level), "tf32": "on" if case.precision == TF32.name else "off"}


def ready(
    case: Case, weights: Weights, progress: Progress = silent, runner: str = "", trt_level: int = 3, reads: str = ""
) -> Ready | Ended:
    """Make what the case needs with this interpreter; or how that ended. `reads`: a format instead of the backend's."""
    if case.kind != Kind.MEASURED_HERE and (prepared := _prepared(case, runner, progress)).status != "ok":
        return prepared
    options: dict[str, str] = {}
    try:
        reads = reads or backends.runtime(case.backend).reads
        if case.kind == Kind.MEASURED_HERE:
            backends.require_supported(case)
        if case.gpu is not None:
            asked = gpu(case.gpu, backends.runtime(case.backend).needs_cuda, case.backend)
            if asked.status != "ok":
                return asked
            options = _options(case, asked.measured, trt_level)
    except Unsupported as error:
        return Ended("unsupported", str(error), {}, 0.0)
    except (ValueError, Unavailable) as error:
        return Ended("unavailable", str(error), {}, 0.0)
    made: dict[str, Artifact] = {}
    for format in dict.fromkeys(("state_dict", "reference", artifacts.MADE_FROM.get(reads, reads), reads)):
        needs = artifacts.MADE_FROM.get(format, "state_dict")
        source = str(artifacts.path(needs, made[needs].key)) if made else ""
        ended = _make(case, format, weights, source, options, progress)
        if isinstance(ended, Ended):
            return replace(ended, reason=f"export to {format}: {ended.reason}")
        made[format] = ended
    return Ready(
        artifact=made[reads],
        path=str(artifacts.path(reads, made[reads].key)),
        reference=str(artifacts.path("reference", made["reference"].key)),
        compile_cache=str(artifacts.compile_cache(case, weights, this_machine().fingerprint)),
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
    chosen = variables(case.threads, seed) | {"TORCHINDUCTOR_CACHE_DIR": given.compile_cache}
    module = "mnv2bench.workers.worker" if case.kind == Kind.MEASURED_HERE else "mnv2bench.remote.worker"
    return child(module, job, chosen, plan.timeout_s, interpreter)
