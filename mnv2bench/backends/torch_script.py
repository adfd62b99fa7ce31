"""TorchScript: traced and frozen in the artifact, optimised for inference when it is loaded."""

from pathlib import Path

import torch

from mnv2bench.backends import Session, _torch
from mnv2bench.cases import Case

READS = "torchscript"


def open(case: Case, path: Path) -> Session:
    _torch.prepare(case)
    frozen = torch.jit.load(path)  # type: ignore[no-untyped-call]
    return _torch.TorchSession(case, torch.jit.optimize_for_inference(frozen))
