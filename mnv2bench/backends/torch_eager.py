"""PyTorch eager, NCHW as `model(images)` runs it: what every speed-up is over."""

from pathlib import Path

from mnv2bench.backends import Session, _torch
from mnv2bench.cases import Case

READS = "state_dict"
DEVICES = ("cpu", "cuda")


def open(case: Case, path: Path) -> Session:
    _torch.prepare(case)
    return _torch.session(case, _torch.placed(case, _torch.network(case, path)))
