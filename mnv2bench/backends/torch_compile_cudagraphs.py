"""torch.compile with mode="reduce-overhead": Inductor's kernels, launched as one CUDA graph."""

from pathlib import Path

import torch

from mnv2bench.backends import Session, _torch
from mnv2bench.cases import Case

READS = "state_dict"
DEVICES = ("cuda",)
RUNS = 3  # Inductor's graphs warm up in the first, are recorded in the second and replayed from the third on


def graph(device: int) -> str:
    """Whether what ran was a CUDA graph: "yes", or "no: " and what Inductor says of it. Asked when it has compiled."""
    from torch._dynamo.utils import counters  # importing a backend is timed, and is not to import a compiler
    from torch._inductor import cudagraph_trees

    if skips := counters["inductor"]["cudagraph_skips"]:
        return f"no: Inductor skipped it {skips} times (TORCH_LOGS=cudagraphs says why)"
    if cudagraph_trees.get_manager(device, create_if_none_exists=False) is None:
        return "no: Inductor recorded none (TORCH_LOGS=cudagraphs says why)"
    return "yes"


class CudaGraphsSession(_torch.CudaTorchSession):
    """A graph reads its own memory: each call first copies the images there, on the GPU."""

    def settings(self) -> dict[str, str]:
        copied = {"graph input": "copied on the GPU at each call"}
        found = graph(self.queue.device.index)
        return super().settings() | {"CUDA graph": found} | (copied if found == "yes" else {})


def open(case: Case, path: Path) -> Session:
    _torch.prepare(case)
    _torch.require_triton()
    network = _torch.placed(case, _torch.network(case, path))
    session = CudaGraphsSession(case, torch.compile(network, mode="reduce-overhead", dynamic=False))
    for _ in range(RUNS):
        session.run()
    return session
