"""A state dict in float32, by torch.save: what every other file is made from."""

import torch

from mnv2bench.artifacts.formats import Format
from mnv2bench.artifacts.job import Job
from mnv2bench.networks import build

FORMAT = Format(suffix=".pt", made_from="", per_precision=False, per_shape=False)


def export(job: Job) -> None:
    """Seeded weights, or those of the user's file, checked against the network."""
    case, seed = job.case, None if job.weights.file else job.weights.seed
    module = build(case.network, case.width, case.classes, seed)
    if not job.weights.file:
        torch.save(module.state_dict(), job.target)
        return
    module.load_state_dict(torch.load(job.weights.file, weights_only=True, map_location="cpu"))
    torch.save(module.state_dict(), job.target)
