"""ExecuTorch with its XNNPACK delegate. Inputs are set once; `execute` is the timed call."""

from pathlib import Path

import numpy as np
import torch  # the next import needs its libraries

# What executorch.extension.pybindings.portable_lib passes on, without the exporter that comes with it: 4 s and 130 MB.
from executorch.extension.pybindings import _C

from mnv2bench.backends import Images, Runtime, Session, require
from mnv2bench.case import Case

RUNTIME = Runtime(
    reads="pte",
    reads_other={"int8": "pte_int8"},
    runs={"cpu": ("fp32", "fp16", "int8"), "arm64": ("fp32", "fp16", "int8")},
    refuses={
        "cpu": {"bf16": "XNNPACK takes no operator of a bf16 network: ExecuTorch would run its portable kernels"},
        "arm64": {"bf16": "XNNPACK takes no operator of a bf16 network: ExecuTorch would run its portable kernels"},
    },
    extra="executorch",
    distributions=("executorch",),
    quick_grid="brief",
    profiler="executorch",
    why_no_trace="ExecuTorch's ETDump is no Chrome trace",
    programs={"cpu": "executorch"},
    why_no_streams="its Python binding keeps the interpreter's lock during a call: calls of several threads take turns",
    mobile=True,
    counted=True,
)
LAYERS = "layers_"  # begins the names of methods that give numbers of layers


class ExecuTorchSession(Session):
    """Session on an ExecuTorch program, with a thread pool of the case's size."""

    def __init__(self, case: Case, path: Path) -> None:
        _C._unsafe_reset_threadpool(case.threads)  # its pool is its own: environment variables are ignored
        self.program = _C._load_program(str(path), program_verification=_C.Verification.InternalConsistency)
        self.method = self.program.load_method("forward")
        self.input = torch.zeros(case.input_shape)

    def put(self, images: Images) -> None:
        self.input.copy_(torch.from_numpy(images))
        self.method.set_inputs([self.input])

    def run(self) -> None:
        self.method.execute()

    def get(self) -> Images:
        return np.array(self.method.get_outputs(clone_outputs=False)[0].numpy(), dtype=np.float32)

    def layers(self) -> dict[str, int]:
        """Constant methods too, counted in the graph that XNNPACK was given."""
        names = [self.program.get_method_name(index) for index in range(self.program.num_methods())]
        counted = {name: name.removeprefix(LAYERS) for name in names if name.startswith(LAYERS)}
        return {precision: self.program.load_method(name)()[0] for name, precision in counted.items()}

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
