"""Logits of eager fp32 for batches of images, with their seeds, by numpy.savez: what every backend is compared with."""

import numpy as np

from mnv2bench.artifacts import REFERENCE_SEEDS, UNKNOWN_SEEDS
from mnv2bench.artifacts.formats import Format
from mnv2bench.artifacts.job import Job, batch
from mnv2bench.artifacts.separation import require_meaning
from mnv2bench.backends.shared.torch_session import network

FORMAT = Format(suffix=".npz", per_precision=False)


def export(job: Job) -> None:
    module = network(job.case, job.source)
    seeds = (*REFERENCE_SEEDS, *UNKNOWN_SEEDS)
    logits = np.stack([module(batch(job, seed)).numpy() for seed in seeds])
    require_meaning(logits)
    with job.target.open("wb") as file:
        np.savez(file, logits=logits, seeds=np.array(seeds))
