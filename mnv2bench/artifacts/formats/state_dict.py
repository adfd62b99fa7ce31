"""A state dict in float32, by torch.save: what every other file is made from."""

from pathlib import Path

import torch

from mnv2bench.artifacts import stored
from mnv2bench.artifacts.formats import Format
from mnv2bench.artifacts.job import Job
from mnv2bench.networks import build, digits_state
from mnv2bench.records import WeightsKind

FORMAT = Format(suffix=".pt", made_from="", per_precision=False, per_shape=False)


def export(job: Job) -> None:
    """Weights trained on digits, seeded ones, or those of the user's file as `stored` unwraps and converts them."""
    case = job.case
    match job.weights.kind(case):
        case WeightsKind.FILE:
            file, content = Path(job.weights.file), job.weights.content
            tensors = stored.state_dict(file, content, case.spec)
        case WeightsKind.DIGITS:
            tensors = digits_state(case.network, case.width, case.classes)
        case WeightsKind.SEEDED:
            tensors = build(*case.spec, seed=job.weights.seed).state_dict()
    torch.save(tensors, job.target)
