"""The program that measures a case on a remote device once: a runner runs there, its outputs are checked here."""

import math
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from msgspec import structs

from mnv2bench.artifacts import REFERENCE_SEEDS, UNKNOWN_SEEDS, batch_seeds
from mnv2bench.case import Case, Kind
from mnv2bench.imagesets import ImageSet, image_set
from mnv2bench.records import Checks, Counts
from mnv2bench.records.target import Target
from mnv2bench.remote import devices, runs
from mnv2bench.remote.devices.cooling import cool_down
from mnv2bench.remote.devices.peak import SOURCE, peak_madds_per_s
from mnv2bench.remote.devices.state import facts, state
from mnv2bench.remote.prepare import bundle_for, transport_to, with_device
from mnv2bench.remote.runners import answer, contract, external
from mnv2bench.remote.runners.cached import Bundle
from mnv2bench.remote.transports import Transport, TransportError
from mnv2bench.texts import one_line
from mnv2bench.workers.checking import after_counting, after_rounds
from mnv2bench.workers.environment import ALLOCATOR_TEXT
from mnv2bench.workers.jobs import REMOTE_WORKER, Measured, MeasureJob
from mnv2bench.workers.outputs import Reference, compare
from mnv2bench.workers.peak import Peak
from mnv2bench.workers.programs import Outcome, serve
from mnv2bench.workers.proof import ran_otherwise
from mnv2bench.workers.rotation import CHECKED, LEAST, kept

COUNTED_RUNS = 3
COOL_C, COOL_CAP_S = 38.0, 120.0


def _seeds(case: Case, input_seed: int) -> tuple[int, ...]:
    """The seeds of the batches that are pushed: fewer where they are large."""
    batch_bytes = 4 * math.prod(case.input_shape)
    every = len(UNKNOWN_SEEDS)
    fits = runs.MAX_INPUT_BYTES // batch_bytes - len(REFERENCE_SEEDS)
    return batch_seeds(input_seed, min(every, max(fits, LEAST - len(REFERENCE_SEEDS))))


def _inputs(case: Case, pictures: ImageSet, seeds: Sequence[int], target: Path) -> None:
    """Write the batches of images."""
    with target.open("wb") as file:
        for seed in seeds:
            file.write(pictures.batch(seed, case.batch, case.image).tobytes())


def _allocator(device: Transport, bundle: Bundle) -> dict[str, str]:
    """The fact that names the setting of a device's allocator, where its C library is glibc or may be."""
    bionic = device.target.startswith("android") and not bundle.facts.get("libc", "").startswith("glibc")
    if bionic or device.kind != Kind.MEASURED_ON_DEVICE:
        return {}
    return {"allocator": ALLOCATOR_TEXT}


def run(job: MeasureJob) -> Outcome[Measured]:
    """The outcome of one process; raises what transports and runners raise."""
    clock = runs.Clock(job.plan)
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
        model, inputs = Path(folder, runs.model_name(job.artifact)), Path(folder, runs.INPUTS)
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
    clock: runs.Clock,
    folder: Path,
    seeds: Sequence[int],
    limit: Peak,
) -> Outcome[Measured]:
    """The outcome of a runner of ours: all raw samples, or all counts.

    `limit` is the most that the device can do, where its runner does not measure that itself.
    """
    counting = job.case.kind == Kind.COUNTED
    plan = structs.replace(job.plan, rounds=COUNTED_RUNS) if counting else job.plan
    mode = contract.COUNT if counting else contract.TIME
    result = runs.answer_of(device, bundle, job.case, plan, runs.model_name(job.artifact), mode, clock)
    device.pull(runs.OUTPUTS, folder / runs.OUTPUTS)
    reference, rounds = Reference(Path(job.reference)), result.samples.rounds
    weights = job.weights.kind(job.case)
    expected = reference.of(seeds[:CHECKED])
    number = CHECKED + len(kept(len(rounds), len(seeds)))
    outputs = runs.outputs(folder / runs.OUTPUTS, (number, *expected.shape[1:]))
    error, separation, wrong = compare(outputs[:CHECKED], expected, job.case.precision, weights)
    otherwise = ran_otherwise(job.case, result.samples.layers)
    if not counting:
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
    counted = answer.counts(marks.read_text(encoding="utf-8"), result.marks)
    counts = Counts(
        instructions=counted.instructions,
        empty=counted.empty,
        classes=counted.classes,
        error=error,
        separation=separation,
        settings=result.samples.settings,
        layers=result.samples.layers,
    )
    checks, wrong_later = after_counting(job.case, weights, outputs[CHECKED:], seeds, reference, min(counts.net))
    return _outcome(wrong or otherwise or wrong_later, Measured(counts=structs.replace(counts, checks=checks)))


def _outcome(wrong: str, measured: Measured) -> Outcome[Measured]:
    return Outcome("wrong" if wrong else "ok", wrong, measured)


def _external(device: Transport, bundle: Bundle, job: MeasureJob, clock: runs.Clock) -> Outcome[Measured]:
    """The outcome of an external tool: the result that it printed."""
    tool = external.tool(job.runner)
    words = tool.argv(runs.model_name(job.artifact), job.case, job.plan)
    program = device.run([*bundle.start, *words], clock.left(), runs.variables(job.case, job.plan))
    if program.code:
        message = one_line(program.err or program.out)
        raise TransportError(f"{tool.name} ended with {runs.exit_text(program.code)}: {message}")
    return Outcome(result=Measured(external_result=tool.parse(program.out, program.err)))


def main(job: MeasureJob) -> Outcome[Measured]:
    """Measure a case once on its device."""
    return with_device(lambda: run(job))


if __name__ == "__main__":
    serve(REMOTE_WORKER, main)
