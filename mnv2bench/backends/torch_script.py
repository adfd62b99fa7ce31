"""TorchScript: traced and frozen in the artifact, optimised for inference when it is loaded."""

from pathlib import Path
from typing import Any

import torch

from mnv2bench.backends import Runtime, Session
from mnv2bench.backends.shared import torch_session
from mnv2bench.backends.shared.torch_layers import printed_layers
from mnv2bench.case import Case
from mnv2bench.precisions import TF32

RUNTIME = Runtime(
    reads="torchscript",
    runs={"cpu": ("fp32", "fp16", "bf16"), "cuda": ("fp32", "tf32", "fp16", "bf16")},
    refuses={
        "cpu": {
            "int8": "torch computes a network that was quantised for x86 in float unless Inductor compiles it with "
            "frozen weights: torch_compile_freezing and torch_aoti do"
        }
    },
    distributions=("torch",),
    profiler="torch_script",
    programs={"cpu": "torch_script"},
)
ALLOW_TF32 = 12  # which argument of aten::_convolution


def allow_tf32(graph: Any, allowed: bool) -> None:
    """Set whether convolutions may multiply in TF32. Each was traced with torch's default, on, which no flag undoes."""
    convolutions = graph.findAllNodes("aten::_convolution")
    if convolutions:
        constant = graph.insertConstant(allowed)
        constant.node().moveBefore(
            convolutions[0]
        )  # an insert point there would be left dangling by what optimises next
        for convolution in convolutions:
            convolution.replaceInput(ALLOW_TF32, constant)


def open(case: Case, path: Path) -> Session:
    return open_streams(case, path)[0]


def open_streams(case: Case, path: Path) -> list[Session]:
    torch_session.prepare(case)
    if case.gpu is None:
        frozen = torch.jit.load(path)  # type: ignore[no-untyped-call]
        return torch_session.streams(case, torch.jit.optimize_for_inference(frozen), printed_layers)
    frozen = torch.jit.load(path, map_location=torch.device("cuda", case.gpu))  # type: ignore[no-untyped-call]
    allow_tf32(frozen.graph, case.precision == TF32.name)
    return torch_session.streams(case, torch.jit.optimize_for_inference(frozen))
