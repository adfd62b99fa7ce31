"""Profiler of AOTInductor: torch.profiler on a package whose kernels were compiled to report their times."""

from pathlib import Path

from mnv2bench.backends import torch_aoti
from mnv2bench.case import Case
from mnv2bench.profiling.readers.inductor import InductorProfiledSession


def open(case: Case, path: Path, folder: Path) -> InductorProfiledSession:
    return InductorProfiledSession(case, torch_aoti.open(case, path))
