"""torch.compile with Inductor's defaults."""

from pathlib import Path

from mnv2bench.backends import Runtime, Session
from mnv2bench.backends.shared import torch_session
from mnv2bench.case import Case

RUNTIME = Runtime(
    reads="state_dict",
    runs={"cpu": ("fp32", "bf16"), "cuda": ("fp32", "tf32", "fp16", "bf16")},
    refuses={
        "cpu": {
            "int8": "Inductor computes a quantised network in float unless its weights are frozen: "
            "torch_compile_freezing and torch_aoti do"
        }
    },
    distributions=("torch", "triton"),
    opens="compiling",
    quick_grid="brief",
    profiler="torch_compile",
    why_no_program="torch.compile compiles in every process: ship torch_aoti, which is compiled ahead of time",
)


def open(case: Case, path: Path) -> Session:
    return open_streams(case, path)[0]


def open_streams(case: Case, path: Path) -> list[Session]:
    return torch_session.compiled(case, path)
