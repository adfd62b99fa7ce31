"""Preparation: the files that the processes of a case open, made here if they are not cached."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec

from mnv2bench import artifacts, backends
from mnv2bench.artifacts import compiled, formats
from mnv2bench.campaign.child import Task, run_child, variables
from mnv2bench.case import EAGER, Case, Kind
from mnv2bench.gpu.driver import Device
from mnv2bench.locks import Progress
from mnv2bench.machine import this_machine
from mnv2bench.networks import described
from mnv2bench.precisions import FP32, TF32
from mnv2bench.records import Artifact, Weights, replace
from mnv2bench.refusals import Unavailable, Unsupported
from mnv2bench.workers.jobs import DRIVER, EXPORTER, PROGRAMS, DeviceJob, DriverJob, ExportJob
from mnv2bench.workers.programs import Outcome

EXPORT_TIMEOUT_S = 900.0
DRIVER_TIMEOUT_S = 60.0
NOT_OF_REFERENCES: dict[str, Any] = {
    "backend": EAGER, "device": "cpu", "precision": FP32.name, "threads": 1, "streams": 1,
}  # fmt: skip
R = TypeVar("R")


class Preparation(msgspec.Struct, frozen=True, tag=True):
    """The artifact of a case, and the paths of the files that its processes open.

    `path` is the artifact's file, `reference` the one with eager's logits, `compile_cache` the folder where a runtime
    keeps what it compiles. `runner` is the --runner of a case on a remote device. `weights` are those of the campaign.
    """

    artifact: Artifact
    path: str
    reference: str
    compile_cache: str
    runner: str = ""
    weights: Weights = Weights()


class Failure(msgspec.Struct, frozen=True, tag=True):
    """How a preparation ended that made no files: the status and the reason of the case, and the seconds it took."""

    status: str
    reason: str
    wall_s: float = 0.0


Failures = Mapping[tuple[str, str], Failure]  # of exports, by the format and the key of the file
NO_FAILURES: Failures = MappingProxyType({})


@dataclass(frozen=True)
class FileChain:
    """The formats of the files that a case needs, each made from one before it, and the format that it opens.

    `case` is the case as its files know it, and `options` are what making them depends on besides.
    """

    case: Case
    formats: tuple[str, ...]
    opened: str
    options: dict[str, str]


def silent(doing: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


def prepare(
    case: Case,
    weights: Weights,
    progress: Progress = silent,
    runner: str = "",
    trt_level: int = 3,
    format: str = "",
    failures: Failures = NO_FAILURES,
) -> Preparation | Failure:
    """Make the files of a case with this interpreter.

    `format` is the artifact's format where it is not the one that the case's backend reads. `failures` are those of
    exports that were tried just now and are not tried again.
    """
    if failure := _device_failure(case, runner, progress):
        return failure
    chain = file_chain(case, trt_level, format)
    if isinstance(chain, Failure):
        return chain
    made = make_all(chain.case, chain.formats, weights, chain.options, progress, failures)
    if isinstance(made, Failure):
        return made
    compile_cache = artifacts.compile_cache(case, weights, this_machine().fingerprint)
    for folder in compiled.folders(compile_cache):
        _clear_damaged(case.id, folder, progress)
    return Preparation(
        artifact=made[chain.opened],
        path=str(artifacts.path(chain.opened, made[chain.opened].key)),
        reference=str(artifacts.path("reference", made["reference"].key)),
        compile_cache=str(compile_cache),
        runner=runner,
        weights=weights,
    )


def file_chain(case: Case, trt_level: int = 3, format: str = "") -> FileChain | Failure:
    """The files that a case needs, or why it cannot run here; nothing is made. A GPU is asked for its name."""
    try:
        runtime = backends.runtime(case.backend)
        format = format or runtime.format(case.precision, described.file_kind(case.network))
        steps = (*formats.steps("reference"), *formats.steps(format))
        if case.kind == Kind.MEASURED_HERE:
            backends.require_supported(case)
    except Unsupported as error:
        return Failure("unsupported", str(error))
    except (ValueError, Unavailable) as error:
        return Failure("unavailable", str(error))
    of_files = replace(case, precision=FP32.name) if case.precision in runtime.reads_fp32 else case
    if reason := _why_no_file(of_files, format):
        return Failure("unsupported", reason)
    options: dict[str, str] = {}
    if case.gpu is not None:
        answer = gpu_device(case.gpu, *_needs_of_gpu(case))
        if answer.result is None:
            return _failure(answer)
        options = _options(case, answer.result, trt_level)
    return FileChain(of_files, tuple(dict.fromkeys(steps)), format, options)


def _why_no_file(case: Case, format: str) -> str:
    """Why the user's file of a case gives none of this format; "" where it does, and for a network that is no file."""
    if not described.is_file(case.network):
        return ""
    return formats.refusal(format, case.description, case.precision, case.batch)


def require_reference(cases: Iterable[Case], weights: Weights, progress: Progress = silent) -> None:
    """Make the references of the cases of a weights file, which every backend's outputs are checked with.

    ValueError, in one line, where nothing could be checked with these weights. A reference that cannot be made for
    another reason is no matter of the weights: `prepare` says it of its cases.
    """
    for variant in dict.fromkeys(replace(case, **NOT_OF_REFERENCES) for case in cases):
        is_own = described.is_file(variant.network)
        if not is_own and not weights.file:
            continue
        if is_own and variant.description.batch not in (0, variant.batch):
            continue  # `file_chain` says why
        made = make_all(variant, formats.steps("reference"), weights, {}, progress)
        if isinstance(made, Failure) and made.status in ("wrong", *(("unavailable",) if is_own else ())):
            place = f"--model {variant.description.origin}" if is_own else f"--weights {weights.file}"
            raise ValueError(f"{place}: {made.reason.partition(': ')[2]}")


def make_all(
    case: Case,
    steps: Iterable[str],
    weights: Weights,
    options: dict[str, str],
    progress: Progress,
    failures: Failures = NO_FAILURES,
) -> dict[str, Artifact] | Failure:
    """The artifacts of these formats, each made from one before it."""
    made: dict[str, Artifact] = {}
    for step in dict.fromkeys(steps):
        source_format = formats.format(step).made_from
        source = str(artifacts.path(source_format, made[source_format].key)) if source_format else ""
        job = export_job(case, step, weights, source, options)
        artifact = failures.get((step, job.key)) or _make(job, progress)
        if isinstance(artifact, Failure):
            return msgspec.structs.replace(artifact, reason=f"export to {step}: {artifact.reason}")
        made[step] = artifact
    return made


def export_task(job: ExportJob, progress: Progress) -> Task[ExportJob, None]:
    """The process that makes a file; machine code is compiled by one at a time, in a folder that they share."""
    compiles = formats.format(job.format).per_machine
    if compiles:
        _clear_damaged("earlier exports", _compiled_exports(), progress)
    environment = variables(job.case.threads, 0) | compiled.variables(_compiled_exports())
    return Task(EXPORTER, job, environment, EXPORT_TIMEOUT_S, group="compiling" if compiles else "")


def exported(job: ExportJob, outcome: Outcome[None]) -> Artifact | Failure:
    """The artifact of an export that ended; what it compiled is kept for the next one where it ended well."""
    if formats.format(job.format).per_machine and outcome.status == "ok":
        compiled.seal(_compiled_exports())
    elif formats.format(job.format).per_machine:
        compiled.clear(_compiled_exports())
    if outcome.status != "ok":
        return _failure(outcome)
    made = artifacts.facts(job.format, job.key)
    if made is None or artifacts.damage(made):
        return Failure("failed", f"its process left nothing whole in {artifacts.root()}: run it again", outcome.wall_s)
    return made


def _compiled_exports() -> Path:
    return artifacts.root() / "compiled" / "export"


def _clear_damaged(whose: str, folder: Path, progress: Progress) -> None:
    """Remove what was compiled where it is not what it was: it will be compiled again."""
    if damage := compiled.damage(folder):
        progress(f"what was compiled for {whose} is not whole ({damage}): it is compiled again", 0, 0)
        compiled.clear(folder)


@cache
def gpu_device(index: int, cuda_version: int, backend: str) -> Outcome[Device]:
    """The GPU as its driver tells of it, asked in a process of its own; or why a backend cannot use it."""
    return run_child(DRIVER, DriverJob(index, cuda_version, backend), {}, DRIVER_TIMEOUT_S)


def gpu_facts(case: Case) -> Device | None:
    """The GPU that a case runs on, None for a case of another device."""
    return None if case.gpu is None else gpu_device(case.gpu, *_needs_of_gpu(case)).result


def _needs_of_gpu(case: Case) -> tuple[int, str]:
    """The CUDA version that the backend of a case needs, and its name."""
    return backends.runtime(case.backend).needs_cuda, case.backend


def _failure(outcome: Outcome[R]) -> Failure:
    return Failure(outcome.status, outcome.reason, outcome.wall_s)


def _device_failure(case: Case, runner: str, progress: Progress) -> Failure | None:
    """Why the case's remote device cannot be used, None where it can: it is there, and its runner is built."""
    program = PROGRAMS[case.kind].prepare_device
    if program is None:
        return None
    progress(f"preparing {case.device} for {case.backend}", 0, 0)
    outcome = run_child(program, DeviceJob(case, runner), {}, EXPORT_TIMEOUT_S)
    return None if outcome.status == "ok" else _failure(outcome)


def _options(case: Case, device: Device, trt_level: int) -> dict[str, str]:
    """What a file that is made for one GPU depends on."""
    return {
        "name": device.name,
        "compute_capability": device.compute_capability,
        "cuda_version": str(device.cuda_version),
        "optimization level": str(trt_level),
        "tf32": "on" if case.precision == TF32.name else "off",
    }


def export_text(case: Case, format: str) -> str:
    """What the progress of a campaign says of an export."""
    return f"exporting {format} for {case.variant}, batch {case.batch}"


def export_job(case: Case, format: str, weights: Weights, source: str, options: dict[str, str]) -> ExportJob:
    """What is to be made from `source`, with the key that it has in the cache."""
    converted = (source, options) if source and formats.format(format).is_converted else ()
    key = artifacts.key(case, format, weights, this_machine().fingerprint, *converted)
    return ExportJob(case, weights, format, key, source, options)


def _make(job: ExportJob, progress: Progress) -> Artifact | Failure:
    """The artifact, from the cache or made now in a process of its own."""
    if cached := artifacts.facts(job.format, job.key):
        damage = artifacts.damage(cached)
        if not damage:
            return cached
        progress(f"{damage}: making it again", 0, 0)
    progress(export_text(job.case, job.format), 0, 0)
    task = export_task(job, progress)
    return exported(job, run_child(task.program, task.job, task.variables, task.timeout_s))
