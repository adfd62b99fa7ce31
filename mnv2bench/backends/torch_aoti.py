"""AOTInductor: torch.export compiled ahead of time into a package that this process only loads."""

from pathlib import Path

import torch

from mnv2bench.backends import Runtime, Session
from mnv2bench.backends.shared import torch_session
from mnv2bench.backends.shared.torch_layers import printed_layers
from mnv2bench.case import Case

RUNTIME = Runtime(
    reads="pt2",
    reads_other={"int8": "pt2_int8"},
    runs={"cpu": ("fp32", "bf16", "int8")},
    distributions=("torch", "torchao"),
    quick_grid="brief",
    profiler="torch_aoti",
    profiled_reads="pt2_profiled",
    profiled_reads_other={"int8": "pt2_int8_profiled"},
    programs={"cpu": "torch_aoti"},
    why_no_streams="its Python binding keeps the interpreter's lock during a call: calls of several threads take turns",
)
ONE_RUNNER, ANY_DEVICE = 1, -1


def open(case: Case, path: Path) -> Session:
    torch_session.prepare(case)
    # torch._inductor.aoti_load_package wraps this loader, but first imports the compiler and tries out the C++ one:
    # 2 s warm and 8 s cold for what takes 10 ms, in a process that is to compile nothing
    loader = torch._C._aoti.AOTIModelPackageLoader(str(path), "model", True, ONE_RUNNER, ANY_DEVICE)
    return torch_session.TorchSession(case, lambda images: loader.boxed_run([images])[0], printed_layers)
