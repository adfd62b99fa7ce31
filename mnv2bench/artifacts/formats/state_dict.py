"""A state dict in float32, by torch.save, or a copy of the user's own model: what every other file is made from."""

from pathlib import Path

import torch

from mnv2bench.artifacts import models, stored
from mnv2bench.artifacts.formats import Format
from mnv2bench.artifacts.job import Job
from mnv2bench.networks import build, digits_state
from mnv2bench.records import WeightsKind
from mnv2bench.refusals import Unavailable

FORMAT = Format(suffix=".pt", made_from="", per_precision=False, per_shape=False, from_files=("pt2",))


def export(job: Job) -> None:
    """Weights trained on digits, seeded ones, or those of the user's file as `stored` unwraps and converts them."""
    case = job.case
    if job.weights.kind(case) == WeightsKind.MODEL:
        _copy_model(job)
        return
    match job.weights.kind(case):
        case WeightsKind.FILE:
            file, content = Path(job.weights.file), job.weights.content
            tensors = stored.state_dict(file, content, case.spec)
        case WeightsKind.DIGITS:
            tensors = digits_state(case.network, case.width, case.classes)
        case WeightsKind.SEEDED:
            tensors = build(*case.spec, seed=job.weights.seed).state_dict()
    torch.save(tensors, job.target)


def _copy_model(job: Job) -> None:
    """The user's file, if it still is what was read of it."""
    description = job.case.description
    if not description.file:
        raise Unavailable(f"{description.origin} is a file of another campaign: name it with --model FILE")
    try:
        models.write(description, job.target)
    except (OSError, ValueError) as error:
        raise Unavailable(f"{description.origin}: {error}") from error
