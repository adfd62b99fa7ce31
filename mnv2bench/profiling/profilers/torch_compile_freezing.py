"""torch.profiler on what Inductor makes of frozen weights, by its order: it loses where some fused layers come from."""

from pathlib import Path

from mnv2bench.backends import torch_compile_freezing
from mnv2bench.cases import Case
from mnv2bench.profiling.readers import inductor as _inductor


def open(case: Case, path: Path, folder: Path) -> _inductor.InductorProfiled:
    _inductor.tell()
    return _inductor.InductorProfiled(case, torch_compile_freezing.open(case, path))
