"""Profiler of frozen torch.compile: torch.profiler; operators are mapped by order, as some kernels name no modules."""

from pathlib import Path

from mnv2bench.backends import torch_compile_freezing
from mnv2bench.case import Case
from mnv2bench.profiling.readers.inductor import InductorProfiledSession, enable_kernel_events


def open(case: Case, path: Path, folder: Path) -> InductorProfiledSession:
    enable_kernel_events()
    return InductorProfiledSession(case, torch_compile_freezing.open(case, path))
