"""torch.compile with weights frozen into the graph: batch norm folded, weights packed for oneDNN."""

from pathlib import Path

import torch._inductor.config

from mnv2bench.backends import Runtime, Session
from mnv2bench.backends.shared import torch_session
from mnv2bench.cases import Case

RUNTIME = Runtime(
    reads="state_dict",
    runs={"cpu": ("fp32", "bf16")},
    distributions=("torch",),
    opens="slow",
    profiler="torch_compile_freezing",
)


def open(case: Case, path: Path) -> Session:
    torch._inductor.config.freezing = True  # as torch.compile's option it comes too late for Dynamo, and does nothing
    return torch_session.compiled(case, path)
