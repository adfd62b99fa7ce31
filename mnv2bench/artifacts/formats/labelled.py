"""Labels of all labelled images, and the classes that eager fp32 gives them, by numpy.savez: for accuracies."""

import numpy as np
import torch

from mnv2bench.artifacts.formats import Format
from mnv2bench.artifacts.job import Job
from mnv2bench.backends.shared.torch_session import network
from mnv2bench.imagesets import image_set

FORMAT = Format(suffix=".labelled.npz", per_precision=False)


def export(job: Job) -> None:
    """In batches, and with the channels last in memory, which changes no class and takes two thirds of the time."""
    module = network(job.case, job.source)
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs do not have it
    classes, labels = [], []
    for part in image_set(job.case, job.weights).labelled(job.case.image):
        images = torch.from_numpy(part.images).to(memory_format=torch.channels_last)
        classes.append(module(images).argmax(dim=1).numpy())
        labels.append(part.labels)
    with job.target.open("wb") as file:
        np.savez(file, classes=np.concatenate(classes), labels=np.concatenate(labels))
