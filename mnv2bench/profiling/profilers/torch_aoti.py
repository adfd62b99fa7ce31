"""torch.profiler on an AOTInductor package whose kernels were compiled to say when they begin and end."""

from pathlib import Path

from mnv2bench.backends import torch_aoti
from mnv2bench.cases import Case
from mnv2bench.profiling.readers.inductor import InductorProfiled


def open(case: Case, path: Path, folder: Path) -> InductorProfiled:
    return InductorProfiled(case, torch_aoti.open(case, path))
