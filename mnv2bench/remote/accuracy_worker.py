"""The program that tests an artifact on labelled images on a remote device. Nothing is timed or counted."""

import math
import shutil
import tempfile
from pathlib import Path

import numpy as np

from mnv2bench.case import Case, Kind
from mnv2bench.imagesets import image_set
from mnv2bench.precisions import FP16
from mnv2bench.records import Accuracy
from mnv2bench.refusals import Unsupported
from mnv2bench.remote import devices, runs
from mnv2bench.remote.prepare import bundle_for, transport_to, with_device
from mnv2bench.remote.runners import contract, external
from mnv2bench.workers.accuracy import LabelledReference, accuracy, batches
from mnv2bench.workers.jobs import REMOTE_ACCURACY, AccuracyJob
from mnv2bench.workers.programs import Outcome, serve

EMULATED_MADDS = {FP16.name: 0.5e9}  # of images that an emulator runs in a minute; it computes fp16 in software
EMULATED_MADDS_ELSE = 4e9
LEAST_IMAGES = 10  # that an emulator runs


def batches_there(case: Case, labelled: int) -> int:
    """How many batches of the labelled images are tested on the case's device: all of them, or as many as fit there.

    Raises Unsupported where an emulator would take too long for any.
    """
    image_bytes = 4 * math.prod(case.image)
    images = min(labelled, runs.MAX_INPUT_BYTES // image_bytes)
    if case.kind == Kind.COUNTED:
        madds = case.count.madds
        emulated = int(EMULATED_MADDS.get(case.precision, EMULATED_MADDS_ELSE) // madds)
        if emulated < LEAST_IMAGES:
            number = f"{emulated} images in {case.precision} in a minute"
            raise Unsupported(f"an emulator runs {number}: too few to test")
        images = min(images, emulated)
    if images == labelled:
        return -(-images // case.batch)
    return max(1, images // case.batch)  # whole ones, since only behind the very last image may be others


def run(job: AccuracyJob) -> Outcome[Accuracy]:
    """The accuracy of one artifact; raises what transports and runners raise."""
    case, clock, reference = job.case, runs.Clock(job.plan), LabelledReference(Path(job.labelled))
    if external.is_tool(job.runner):
        raise Unsupported(f"{Path(job.runner).name} gives no logits to test: leave --runner out")
    pictures, number = image_set(case, job.weights), batches_there(case, len(reference.labels))
    device = transport_to(case, job.runner)
    device.counting = False
    with device, tempfile.TemporaryDirectory(prefix="mnv2bench-") as folder:
        bundle = bundle_for(device, case, job.runner)
        devices.set_mask(device)
        model, inputs = Path(folder, runs.model_name(job.artifact)), Path(folder, runs.INPUTS)
        shutil.copy(job.artifact, model)
        with inputs.open("wb") as file:
            for images in batches(pictures, case.batch, case.image, number * case.batch):
                file.write(images.tobytes())
        device.push([*bundle.paths, model, inputs])
        runs.answer_of(device, bundle, case, job.plan, model.name, contract.EACH, clock)
        device.pull(runs.OUTPUTS, Path(folder, runs.OUTPUTS))
        logits = runs.outputs(Path(folder, runs.OUTPUTS), (number * case.batch, case.classes))
    return Outcome(result=accuracy(np.stack(logits).argmax(axis=1), reference, pictures.name))


def main(job: AccuracyJob) -> Outcome[Accuracy]:
    """Test an artifact on its device."""
    return with_device(lambda: run(job))


if __name__ == "__main__":
    serve(REMOTE_ACCURACY, main)
