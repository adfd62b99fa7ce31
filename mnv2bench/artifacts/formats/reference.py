"""Logits of eager fp32 for batches of images, by numpy.savez: what every backend is compared with.

With the seeds of the batches, and the names by which the fake backend knows them.
"""

import numpy as np

from mnv2bench.artifacts import REFERENCE_SEEDS, UNKNOWN_SEEDS
from mnv2bench.artifacts.formats import Format
from mnv2bench.artifacts.job import Job, batch
from mnv2bench.artifacts.separation import require_meaning
from mnv2bench.backends.shared.fake_work import batch_name
from mnv2bench.backends.shared.torch_session import network

FORMAT = Format(suffix=".npz", per_precision=False)


def export(job: Job) -> None:
    module = network(job.case, job.source)
    seeds = (*REFERENCE_SEEDS, *UNKNOWN_SEEDS)
    names, outputs = [], []
    for seed in seeds:  # one batch in memory at a time
        images = batch(job, seed)
        names.append(batch_name(images.numpy()))
        outputs.append(module(images).numpy())
    logits = np.stack(outputs)
    require_meaning(logits)
    with job.target.open("wb") as file:
        np.savez(file, logits=logits, seeds=np.array(seeds), names=np.array(names))
