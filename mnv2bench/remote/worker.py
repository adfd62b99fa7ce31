"""The program that measures a case on a remote device once: a runner runs there, its outputs are checked here."""

import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from msgspec import structs

from mnv2bench.artifacts import REFERENCE_SEEDS, UNKNOWN_SEEDS, batch_seeds
from mnv2bench.backends import Images
from mnv2bench.cases import Case, Kind
from mnv2bench.imagesets import ImageSet, image_set
from mnv2bench.records import Checks, Counts
from mnv2bench.records.target import Target
from mnv2bench.refusals import Unavailable, Unsupported
from mnv2bench.remote import devices
from mnv2bench.remote.devices.cooling import cool_down
from mnv2bench.remote.devices.peak import SOURCE, peak_madds_per_s
from mnv2bench.remote.devices.state import facts, state
from mnv2bench.remote.prepare import bundle_for, transport_to, with_device
from mnv2bench.remote.runners import answer, contract, external
from mnv2bench.remote.runners.cached import Bundle
from mnv2bench.remote.transports import TimedOut, Transport, TransportError
from mnv2bench.texts import one_line
from mnv2bench.workers.checking import after_counting, after_rounds
from mnv2bench.workers.environment import ALLOCATOR, ALLOCATOR_TEXT, variables_of
from mnv2bench.workers.jobs import REMOTE_WORKER, Measured, MeasureJob
from mnv2bench.workers.outputs import Reference, compare
from mnv2bench.workers.peak import Peak
from mnv2bench.workers.programs import Outcome, serve
from mnv2bench.workers.proof import ran_otherwise
from mnv2bench.workers.rotation import CHECKED, LEAST, kept

COUNTED_RUNS = 3
MAX_INPUT_BYTES = 64 * 2**20  # of images that are pushed, where that leaves enough batches
LAST_WORDS_S = 15.0  # between the runner's own limit and the one after which the campaign kills this process
COOL_C, COOL_CAP_S = 38.0, 120.0


class Clock:
    """The time that a process has left, seconds."""

    def __init__(self, limit_s: float) -> None:
        self.end = time.monotonic() + limit_s

    def left(self) -> float:
        return max(1.0, self.end - time.monotonic())


def _seeds(case: Case, input_seed: int) -> tuple[int, ...]:
    """The seeds of the batches that are pushed: fewer where they are large."""
    batch_bytes = 4 * 3 * case.resolution**2 * case.batch
    every = len(UNKNOWN_SEEDS)
    fits = MAX_INPUT_BYTES // batch_bytes - len(REFERENCE_SEEDS)
    return batch_seeds(input_seed, min(every, max(fits, LEAST - len(REFERENCE_SEEDS))))


def _inputs(case: Case, pictures: ImageSet, seeds: Sequence[int], target: Path) -> None:
    """Write the batches of images."""
    with target.open("wb") as file:
        for seed in seeds:
            file.write(pictures.batch(seed, case.batch, case.resolution).tobytes())


def _outputs(path: Path, shape: tuple[int, ...]) -> list[Images]:
    logits = np.fromfile(path, np.float32)
    if logits.size != np.prod(shape):
        raise ValueError(f"the runner wrote {logits.size} logits, {int(np.prod(shape))} were expected")
    return list(logits.reshape(shape))


def _model(job: MeasureJob) -> str:
    """The artifact's name on the device."""
    return f"model{Path(job.artifact).suffix}"


def _variables(job: MeasureJob) -> dict[str, str]:
    """The variables of the program on the device: the allocator's setting where time is measured, and those of --env.

    Counts go on without the setting: instructions of other allocations would be another count.
    """
    timed = ALLOCATOR if job.case.kind == Kind.MEASURED_ON_DEVICE else {}
    return {**timed, **variables_of(job.plan.environment)}


def _allocator(device: Transport, bundle: Bundle) -> dict[str, str]:
    """The fact that names the setting of a device's allocator, where its C library is glibc or may be."""
    bionic = device.target.startswith("android") and not bundle.facts.get("libc", "").startswith("glibc")
    if bionic or device.kind != Kind.MEASURED_ON_DEVICE:
        return {}
    return {"allocator": ALLOCATOR_TEXT}


def run(job: MeasureJob) -> Outcome[Measured]:
    """The outcome of one process; raises what transports and runners raise."""
    clock = Clock(job.plan.timeout_s - LAST_WORDS_S)
    with transport_to(job.case, job.runner) as device, tempfile.TemporaryDirectory(prefix="mnv2bench-") as folder:
        bundle = bundle_for(device, job.case, job.runner)
        devices.set_mask(device)
        identity = facts(device)
        target = Target(
            facts=identity.readable | device.facts() | bundle.facts | _allocator(device, bundle),
            clusters=identity.clusters,
            mask=device.mask,
            cooling=cool_down(device, COOL_C, min(COOL_CAP_S, clock.left() / 3)),
            before=state(device),
        )
        model, inputs = Path(folder, _model(job)), Path(folder, "inputs")
        shutil.copy(job.artifact, model)
        seeds = _seeds(job.case, job.input_seed)
        _inputs(job.case, image_set(job.case, job.weights), seeds, inputs)
        device.push([*bundle.paths, model, inputs])
        if external.is_tool(job.runner):
            outcome = _external(device, bundle, job, clock)
        else:
            limit = Peak(peak_madds_per_s(identity.clusters, device.mask, job.case.threads), SOURCE)
            outcome = _ours(device, bundle, job, clock, Path(folder), seeds, limit)
        target = structs.replace(target, after=state(device))
    measured = structs.replace(outcome.result or Measured(), target=target)
    return structs.replace(outcome, result=measured)


def _ours(
    device: Transport,
    bundle: Bundle,
    job: MeasureJob,
    clock: Clock,
    folder: Path,
    seeds: Sequence[int],
    limit: Peak,
) -> Outcome[Measured]:
    """The outcome of a runner of ours: all raw samples, or all counts.

    `limit` is the most that the device can do, where its runner does not measure that itself.
    """
    result = _answer(device, bundle, job, clock)
    device.pull("outputs", folder / "outputs")
    reference, rounds = Reference(Path(job.reference)), result.samples.rounds
    weights = job.weights.kind(job.case)
    expected = reference.of(seeds[:CHECKED])
    number = CHECKED + len(kept(len(rounds), len(seeds)))
    outputs = _outputs(folder / "outputs", (number, *expected.shape[1:]))
    error, separation, wrong = compare(outputs[:CHECKED], expected, job.case.precision, weights)
    otherwise = ran_otherwise(job.case, result.samples.layers)
    if job.case.kind != Kind.COUNTED:
        checks = result.samples.checks or Checks()
        if checks.peak_madds_per_s:
            limit = Peak(checks.peak_madds_per_s, f"{checks.peak} there")
        checks, wrong_later = after_rounds(
            job.case, weights, rounds, outputs[CHECKED:], seeds, checks, reference, lambda seconds: limit
        )
        samples = structs.replace(result.samples, error=error, separation=separation, checks=checks)
        return _outcome(wrong or otherwise or wrong_later, Measured(samples))
    marks = folder / "counts.jsonl"
    device.pull("counts.jsonl", marks)
    runs = answer.counts(marks.read_text(encoding="utf-8"), result.marks)
    counts = Counts(
        instructions=runs.instructions,
        empty=runs.empty,
        classes=runs.classes,
        error=error,
        separation=separation,
        settings=result.samples.settings,
        layers=result.samples.layers,
    )
    checks, wrong_later = after_counting(job.case, weights, outputs[CHECKED:], seeds, reference, min(counts.net))
    return _outcome(wrong or otherwise or wrong_later, Measured(counts=structs.replace(counts, checks=checks)))


def _outcome(wrong: str, measured: Measured) -> Outcome[Measured]:
    return Outcome("wrong" if wrong else "ok", wrong, measured)


def _answer(device: Transport, bundle: Bundle, job: MeasureJob, clock: Clock) -> answer.Answer:
    """The answer of a runner of ours, run to its end."""
    counting = job.case.kind == Kind.COUNTED
    limit_s = clock.left()
    words = answer.arguments(
        job.case,
        structs.replace(job.plan, rounds=COUNTED_RUNS) if counting else job.plan,
        mode=contract.COUNT if counting else contract.TIME,
        limit_s=limit_s,
        model=_model(job),
        inputs="inputs",
        outputs="outputs",
    )
    program = device.run([*bundle.start, *words], limit_s + LAST_WORDS_S / 2, _variables(job))
    if program.code == contract.TOO_LATE:
        raise TimedOut(f"the runner ended itself after {limit_s:.0f} s: raise --process-limit")
    message = one_line(program.err)
    if program.code == contract.UNSUPPORTED:
        raise Unsupported(message)
    if program.code == contract.UNAVAILABLE:
        raise Unavailable(message)
    if program.code:
        raise TransportError(f"the runner ended with {_exit(program.code)}: {message or 'it printed nothing'}")
    return answer.parse(program.out)


def _external(device: Transport, bundle: Bundle, job: MeasureJob, clock: Clock) -> Outcome[Measured]:
    """The outcome of an external tool: the result that it printed."""
    tool = external.tool(job.runner)
    program = device.run([*bundle.start, *tool.argv(_model(job), job.case, job.plan)], clock.left(), _variables(job))
    if program.code:
        message = one_line(program.err or program.out)
        raise TransportError(f"{tool.name} ended with {_exit(program.code)}: {message}")
    return Outcome(result=Measured(external_result=tool.parse(program.out, program.err)))


def _exit(code: int) -> str:
    """An exit code in words: a shell gives 128 + the signal."""
    return f"signal {code - 128}" if 128 < code < 160 else f"exit code {code}"


def main(job: MeasureJob) -> Outcome[Measured]:
    """Measure a case once on its device."""
    return with_device(lambda: run(job))


if __name__ == "__main__":
    serve(REMOTE_WORKER, main)
