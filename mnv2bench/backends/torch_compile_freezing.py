"""torch.compile with weights frozen into the graph: batch norm folded, weights packed for oneDNN; also in int8."""

from pathlib import Path

import torch._inductor.config

from mnv2bench.backends import Runtime, Session
from mnv2bench.backends.shared import torch_session
from mnv2bench.case import Case
from mnv2bench.precisions import INT8

RUNTIME = Runtime(
    reads="state_dict",
    reads_other={"int8": "pt2e"},
    runs={"cpu": ("fp32", "bf16", "int8")},
    distributions=("torch", "torchao"),
    opens="slow",
    quick_grid="brief",
    profiler="torch_compile_freezing",
    why_no_program="torch.compile compiles in every process: ship torch_aoti, which is compiled ahead of time",
)


def open(case: Case, path: Path) -> Session:
    return open_streams(case, path)[0]


def open_streams(case: Case, path: Path) -> list[Session]:
    torch._inductor.config.freezing = True  # as torch.compile's option it comes too late for Dynamo, and does nothing
    load = torch_session.quantised_network if case.precision == INT8.name else torch_session.network
    return torch_session.compiled(case, path, load=load)
