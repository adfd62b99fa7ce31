"""PyTorch eager, NCHW, as `model(images)` runs it. Every speed-up is over this backend."""

from pathlib import Path

from mnv2bench.backends import Runtime, Session
from mnv2bench.backends.shared import torch_session
from mnv2bench.case import Case

RUNTIME = Runtime(
    reads="state_dict",
    runs={"cpu": ("fp32", "fp16", "bf16"), "cuda": ("fp32", "tf32", "fp16", "bf16")},
    refuses={
        "cpu": {
            "int8": "torch computes a network that was quantised for x86 in float unless Inductor compiles it with "
            "frozen weights: torch_compile_freezing and torch_aoti do"
        }
    },
    distributions=("torch",),
    profiler="torch_eager",
    why_no_program="its file holds weights alone: ship torch_script, whose file holds the same network and its weights",
)


def open(case: Case, path: Path) -> Session:
    return open_streams(case, path)[0]


def open_streams(case: Case, path: Path) -> list[Session]:
    torch_session.prepare(case)
    return torch_session.streams(case, torch_session.placed(case, torch_session.network(case, path)))
