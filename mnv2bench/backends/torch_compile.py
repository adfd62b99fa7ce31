"""torch.compile with Inductor's defaults."""

from pathlib import Path

from mnv2bench.backends import Session, _torch
from mnv2bench.cases import Case

READS = "state_dict"
DEVICES = ("cpu", "cuda")


def open(case: Case, path: Path) -> Session:
    return _torch.compiled(case, path)
