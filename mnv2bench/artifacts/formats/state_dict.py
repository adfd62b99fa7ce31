"""A state dict in float32, by torch.save: what every other file is made from."""

from pathlib import Path

import torch

from mnv2bench.artifacts import stored
from mnv2bench.artifacts.formats import Format
from mnv2bench.artifacts.job import Job
from mnv2bench.networks import build

FORMAT = Format(suffix=".pt", made_from="", per_precision=False, per_shape=False)


def export(job: Job) -> None:
    """Seeded weights, or those of the user's file as `stored` unwraps and converts them."""
    case = job.case
    if not job.weights.file:
        torch.save(build(case.network, case.width, case.classes, job.weights.seed).state_dict(), job.target)
        return
    tensors = stored.state_dict(Path(job.weights.file), job.weights.content, case.network, case.width, case.classes)
    torch.save(tensors, job.target)
