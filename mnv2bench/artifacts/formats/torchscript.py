"""TorchScript, traced and frozen."""

from typing import Any

import torch

from mnv2bench.artifacts.formats import Format
from mnv2bench.artifacts.job import Job, example, typed_network

FORMAT = Format(suffix=".ts", from_files=("pt2",))


def export(job: Job) -> None:
    traced: Any = torch.jit.trace(typed_network(job), (example(job),))  # type: ignore[no-untyped-call]
    torch.jit.save(torch.jit.freeze(traced), job.target)
