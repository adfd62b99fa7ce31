"""The page that goes along with an artifact: what was measured, what was verified, how to run it."""

import hashlib
import shlex
from collections.abc import Iterator, Mapping, Sequence

from mnv2bench.case import Case
from mnv2bench.networks import CLASSES, IMAGE_CHANNELS, resolution_text
from mnv2bench.networks.inputs import MEANS, normalisation
from mnv2bench.precisions import named
from mnv2bench.recommendation import Goal
from mnv2bench.recommendation.candidates import PUBLISHED, why_not
from mnv2bench.recommendation.machines import machine_name
from mnv2bench.records import Record, Weights, WeightsKind
from mnv2bench.report.cells import escape, number, scaled
from mnv2bench.shipping.artifact import Shipped
from mnv2bench.shipping.measurement import Measurement
from mnv2bench.shipping.program import TIMED_S, left_out, variables
from mnv2bench.shipping.rendering import environment
from mnv2bench.shipping.requirements import Requirement
from mnv2bench.shipping.verification import Verification
from mnv2bench.workers.environment import variables_of

LICENCES = {
    WeightsKind.DIGITS: """\
The weights tell ten handwritten digits apart and nothing else: they show what a runtime's arithmetic does to a trained
network. For a product ship your own with `--weights FILE`. mnv2bench trained them; they are under its MIT licence. The
digits in `images.npy` are from the UCI repository, under CC BY 4.0: `LICENSE-digits.txt`.""",
    WeightsKind.SEEDED: """\
The weights are random numbers and recognise nothing: ship your own with `--weights FILE`. Weights and images are made
from a seed, and under no licence.""",
    WeightsKind.FILE: """\
The weights are your own, and so is their licence: mnv2bench does not know it. Write it down here.""",
}
PICTURES = {
    WeightsKind.DIGITS: "The images in `images.npy` are handwritten digits that the network was not trained on.",
    WeightsKind.SEEDED: "The images in `images.npy` are made from a seed and show nothing.",
    WeightsKind.FILE: "Prepare your images as your weights expect them.",
}
OF_FOLDER = (
    "Pictures were prepared so: resized, bilinear, until they cover 256/224 of the image's sides; the middle cropped; "
    "{colours} divided by 255, less {means}, over {deviations}."
)
NOT_OF_THESE = "top-1 that its authors published of their own weights for ImageNet, which are not in this folder"


def readme(
    measurement: Measurement,
    weights: Weights,
    shipped: Shipped,
    verification: Verification,
    required: Sequence[Requirement],
    contents: Mapping[str, bytes],
) -> str:
    """The text of README.md; `contents` are the other files of the folder, by name."""
    record = measurement.record
    case = record.case
    kind = weights.kind(case)
    settings = record.samples[0].settings if record.samples else {}
    return (
        environment()
        .get_template("README.md.jinja")
        .render(
            id=case.id,
            headline=_headline(measurement),
            numbers=list(_numbers(measurement)),
            flags=measurement.evaluation.flags,
            python=escape(record.machine.python or "3.11"),
            seconds=f"{2 * TIMED_S:.0f} s",
            shape=case.input_shape,
            pictures=_pictures(weights, case),
            settings=sorted(settings.items()),
            command=_command(record),
            gpu=case.gpu is not None,
            variables=variables(record).items(),
            left_out=left_out(record).items(),
            verified=list(_verified(measurement, weights, shipped, verification, required)),
            files=[(name, len(content), hashlib.sha256(content).hexdigest()) for name, content in contents.items()],
            licence=LICENCES[kind],
        )
    )


def _headline(measurement: Measurement) -> str:
    candidate, machine = measurement.candidate, measurement.record.machine
    interval = candidate.interval_ms
    within = f" (95 %: {scaled(interval[0])} to {scaled(interval[1])})" if interval else ""
    where = f"on {escape(machine_name(machine))}, {measurement.day:%Y-%m-%d}"
    median = f"{scaled(candidate.median_ms)} ms"
    if reason := why_not(candidate, Goal()):
        return f"**Do not rely on its times: {escape(reason)}.** A call took {median}{within} {where}."
    return f"A call took **{median}**{within} {where}."


def _numbers(measurement: Measurement) -> Iterator[tuple[str, str]]:
    """The rows of the table; a number that does not exist has none."""
    candidate, record = measurement.candidate, measurement.record
    interval = candidate.interval_ms
    processes = f"{len(record.samples)} fresh processes"
    yield f"latency, median of {processes}", f"{scaled(candidate.median_ms)} ms"
    if interval:
        yield "its 95 % interval", f"{scaled(interval[0])} to {scaled(interval[1])} ms"
    if (p99 := candidate.percentile_ms(99)) is not None:
        yield "99th percentile, upper bound", f"{scaled(p99)} ms"
    if (p99_9 := candidate.percentile_ms(99.9)) is not None:
        yield "99.9th percentile, upper bound", f"{scaled(p99_9)} ms"
    if candidate.images_per_s is not None:
        yield "images a second, one call after the other", number(candidate.images_per_s, 1)
    if candidate.peak_mb is not None:
        yield "peak of resident memory, Python and the runtime included", f"{number(candidate.peak_mb, 1)} MB"
    if candidate.accuracy is not None:
        name = NOT_OF_THESE if candidate.accuracy_source == PUBLISHED else f"top-1 on {candidate.accuracy_source}"
        yield name, f"{number(candidate.accuracy, 1)} %"
    if tested := candidate.tested:
        yield f"right of {tested.images}", f"{number(tested.top1, 1)} %"
        yield "same class as eager fp32", f"{number(tested.agreement, 1)} %"
    yield "machine", f"{machine_name(record.machine)}, {record.machine.fingerprint}"
    yield "file, and its day", f"{measurement.file.name}, {measurement.day:%Y-%m-%d}"
    yield "mnv2bench", record.machine.commit or "of an unknown commit"


def _command(record: Record) -> str:
    """The command that measures the case again, with the plan of its record."""
    case, plan = record.case, record.plan
    options: dict[str, object] = {
        "suites": "latency" if case.batch == 1 else "throughput",
        "networks": case.network,
        "widths": case.width,
        "resolutions": resolution_text(case.resolution),
        **_unusual(case),
        "backends": case.backend,
        "devices": case.device,
        "precisions": case.precision,
        "threads": case.threads,
        "batches": case.batch,
        "processes": len(record.processes) if plan.budget_s else plan.processes,
        "rounds": plan.rounds,
        "seed": record.seed,
    }
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return " ".join([shlex.join(["mnv2bench", "run", *words]), *_of_user(record)])


def _unusual(case: Case) -> Mapping[str, int]:
    """The options of a case's numbers of classes and channels that are not the usual ones."""
    numbers = {"classes": (case.classes, CLASSES), "channels": (case.channels, IMAGE_CHANNELS)}
    return {name: number for name, (number, usual) in numbers.items() if number != usual}


def _of_user(record: Record) -> Iterator[str]:
    """The options of a user's own weights, pictures and variables; the paths of a file of records are not repeated."""
    weights = record.weights
    if weights.file:
        yield "--weights FILE"
    elif not weights.digits:
        yield "--weights seeded"
    if weights.images:
        yield "--images FOLDER"
    for name in variables_of(record.plan.environment):
        yield f"--env {escape(name)}=VALUE"


def _pictures(weights: Weights, case: Case) -> str:
    """How the images of the folder were made."""
    kind = weights.kind(case)
    if kind != WeightsKind.FILE or not weights.images:
        return PICTURES[kind]
    colours = "red, green and blue" if case.channels == len(MEANS) else "grey"
    means, deviations = normalisation(case.channels)
    return OF_FOLDER.format(colours=colours, means=means, deviations=deviations)


def _verified(
    measurement: Measurement,
    weights: Weights,
    shipped: Shipped,
    verification: Verification,
    required: Sequence[Requirement],
) -> Iterator[str]:
    """Sentences on what was verified, then on what differs from what was measured."""
    record = measurement.record
    limited = f"limit {named(record.case.precision).limits(weights.kind(record.case)).error:g}"
    errors = [samples.error for samples in record.samples if samples.error is not None]
    if errors:
        yield f"Measured: outputs were up to {max(errors):.1e} of the largest logit away from eager fp32 ({limited})."
    yield (
        "When this folder was written, run.py ran with these files in a process of its own: its outputs on two batches "
        f"of images were up to {verification.error or 0:.1e} of the largest logit away from eager fp32 ({limited})."
    )
    yield _of_artifact(shipped)
    yield from _of_weights(record, weights)
    yield from _of_versions(required, verification)
    yield "The times were not measured again: python run.py --time does it on your machine."


def _of_artifact(shipped: Shipped) -> str:
    if shipped.is_measured:
        return f"The artifact is the measured one, byte by byte: SHA-256 {shipped.artifact.sha256}."
    made = f"The artifact was made again, SHA-256 {shipped.artifact.sha256}"
    if shipped.measured_sha256:
        return f"{made}. It is NOT the measured file, byte by byte: that one has {shipped.measured_sha256}."
    return f"{made}: the file of the measurement does not say which one was measured."


def _of_weights(record: Record, weights: Weights) -> Iterator[str]:
    """A sentence where the numbers were measured with other weights or images than those that are shipped."""
    case = record.case
    if record.weights.content_of(case) != weights.content_of(case):
        yield (
            f"NOT the measured weights: the numbers above are of {record.weights.name_of(case)} "
            f"({record.weights.content_of(case)[:16]}), and these are {weights.name_of(case)} "
            f"({weights.content_of(case)[:16]}). Measure these with mnv2bench run --weights FILE."
        )


def _of_versions(required: Sequence[Requirement], verification: Verification) -> Iterator[str]:
    """A sentence for each distribution that was verified here in another version than it was measured in."""
    for name, version in required:
        here = verification.versions.get(name)
        if version is None:
            yield f"The version of {name} that was measured is not known: {here or 'none'} was verified here."
        elif here != version:
            yield f"{name} was measured in version {version}, and run.py was verified here in {here or 'no version'}."
