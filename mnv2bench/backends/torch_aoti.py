"""AOTInductor: torch.export compiled ahead of time into a package that this process only loads."""

from pathlib import Path

import torch

from mnv2bench.backends import Session, _torch
from mnv2bench.cases import Case

READS = "pt2"
ONE_RUNNER, ANY_DEVICE = 1, -1


def open(case: Case, path: Path) -> Session:
    _torch.prepare(case)
    # torch._inductor.aoti_load_package wraps this loader, but first imports the compiler and tries out the C++ one:
    # 2 s warm and 8 s cold for what takes 10 ms, in a process that is to compile nothing
    loader = torch._C._aoti.AOTIModelPackageLoader(str(path), "model", True, ONE_RUNNER, ANY_DEVICE)
    return _torch.TorchSession(case, lambda images: loader.boxed_run([images])[0])
