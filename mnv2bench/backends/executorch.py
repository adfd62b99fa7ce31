"""ExecuTorch with its XNNPACK delegate. Inputs are set once; `execute` is the timed call."""

from pathlib import Path

import numpy as np
import torch  # the next import needs its libraries

# What executorch.extension.pybindings.portable_lib passes on, without the exporter that comes with it: 4 s and 130 MB.
from executorch.extension.pybindings import _C

from mnv2bench.backends import Images, Runtime, Session, require
from mnv2bench.cases import Case

RUNTIME = Runtime(
    reads="pte",
    runs={"cpu": ("fp32",)},
    extra="executorch",
    distributions=("executorch",),
    profiler="executorch",
    why_no_trace="ExecuTorch's ETDump is no Chrome trace",
    mobile=True,
    counted=True,
)


class ExecuTorchSession(Session):
    """Session on an ExecuTorch program, with a thread pool of the case's size."""

    def __init__(self, case: Case, path: Path) -> None:
        _C._unsafe_reset_threadpool(case.threads)  # its pool is its own: environment variables are ignored
        self.program = _C._load_program(str(path), program_verification=_C.Verification.InternalConsistency)
        self.method = self.program.load_method("forward")
        self.input = torch.zeros(case.batch, 3, case.resolution, case.resolution)

    def put(self, images: Images) -> None:
        self.input.copy_(torch.from_numpy(images))
        self.method.set_inputs([self.input])

    def run(self) -> None:
        self.method.execute()

    def get(self) -> Images:
        return np.array(self.method.get_outputs(clone_outputs=False)[0].numpy(), dtype=np.float32)

    def settings(self) -> dict[str, str]:
        """Two constant methods, which our exporter adds to the program, give the numbers of delegated operators."""
        inside, outside = (
            self.program.load_method(name)()[0] for name in ("delegated_operators", "operators_not_delegated")
        )
        return {
            "threads": str(_C._threadpool_get_thread_count()),
            "delegate": "XNNPACK" if inside else "none",
            "delegated operators": str(inside),
            "operators not delegated": str(outside),
        }


def open(case: Case, path: Path) -> Session:
    require(case)
    return ExecuTorchSession(case, path)
