"""What the torch backends share: one static input, one callable, threads as the case says."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from mnv2bench.backends import Images, Session, require
from mnv2bench.cases import Case
from mnv2bench.networks import build
from mnv2bench.refusals import Unavailable

DTYPES = {"fp32": torch.float32, "tf32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


class TorchSession(Session):
    """Calls `network` on one static NCHW tensor."""

    def __init__(self, case: Case, network: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self.network = network
        self.input = torch.zeros(case.batch, 3, case.resolution, case.resolution)
        self.output = torch.empty(0)

    def put(self, images: Images) -> None:
        self.input.copy_(torch.from_numpy(images))

    def run(self) -> None:
        self.output = self.network(self.input)

    def get(self) -> Images:
        return np.array(self.output.numpy(), dtype=np.float32)

    def settings(self) -> dict[str, str]:
        return {
            "torch threads": str(torch.get_num_threads()),
            "cpu capability": torch.backends.cpu.get_cpu_capability(),
            "float32 matmul": torch.get_float32_matmul_precision(),
        }


def prepare(case: Case) -> None:
    """Set up torch for the one session of this process; no autograd from here on."""
    require(case)
    torch.set_num_threads(case.threads)
    torch.set_num_interop_threads(1)
    torch.set_grad_enabled(False)


def network(case: Case, path: Path) -> torch.nn.Module:
    """The case's network in eval mode with the weights of a state dict file."""
    module = build(case.network, width=case.width, seed=None)
    module.load_state_dict(torch.load(path, weights_only=True))
    return module.eval()


def require_compiler() -> None:
    """Inductor writes C++; it takes $CXX, else g++ or clang++."""
    compilers = [os.environ.get("CXX", ""), "g++", "clang++"]
    if not any(c and shutil.which(c) for c in compilers):
        raise Unavailable(
            "torch.compile needs a C++ compiler and found no g++ or clang++: apt-get install g++, or set CXX"
        )


def compiled(case: Case, path: Path) -> Session:
    """A session of torch.compile, compiled when it returns."""
    require(case)
    require_compiler()
    prepare(case)
    session = TorchSession(case, torch.compile(network(case, path), dynamic=False))
    session.run()
    return session
