"""Logits of eager fp32, or of the reference of a user's file, for batches of images, by numpy.savez.

Every backend is compared with them. With the seeds of the batches, and the names by which the fake backend knows them.
"""

from collections.abc import Callable

import numpy as np
import torch

from mnv2bench.artifacts import REFERENCE_SEEDS, UNKNOWN_SEEDS, models
from mnv2bench.artifacts.formats import Format
from mnv2bench.artifacts.job import Job, batch
from mnv2bench.artifacts.separation import require_meaning
from mnv2bench.backends import Images
from mnv2bench.backends.shared.fake_work import batch_name
from mnv2bench.backends.shared.torch_session import network
from mnv2bench.records import WeightsKind

FORMAT = Format(suffix=".npz", per_precision=False)


def export(job: Job) -> None:
    forward = _forward(job)
    seeds = (*REFERENCE_SEEDS, *UNKNOWN_SEEDS)
    names, outputs = [], []
    for seed in seeds:  # one batch in memory at a time
        images = batch(job, seed).numpy()
        names.append(batch_name(images))
        outputs.append(forward(images))
    logits = np.stack(outputs)
    require_meaning(logits)
    with job.target.open("wb") as file:
        np.savez(file, logits=logits, seeds=np.array(seeds), names=np.array(names))


def _forward(job: Job) -> Callable[[Images], Images]:
    if job.weights.kind(job.case) == WeightsKind.MODEL:
        return models.forward(job.case, job.source)
    module = network(job.case, job.source)
    return lambda images: np.asarray(module(torch.from_numpy(images)).numpy())
