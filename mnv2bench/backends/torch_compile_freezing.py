"""torch.compile with weights frozen into the graph: batch norm folded, weights packed for oneDNN."""

from pathlib import Path

import torch._inductor.config

from mnv2bench.backends import Session, _torch
from mnv2bench.cases import Case

READS = "state_dict"


def open(case: Case, path: Path) -> Session:
    torch._inductor.config.freezing = True  # as torch.compile's option it comes too late for Dynamo, and does nothing
    return _torch.compiled(case, path)
