"""torch.compile with mode="reduce-overhead": Inductor's kernels, launched as one CUDA graph."""

from pathlib import Path

import torch

from mnv2bench.backends import Runtime, Session
from mnv2bench.backends.shared import torch_session
from mnv2bench.case import Case

RUNTIME = Runtime(
    reads="state_dict",
    runs={"cuda": ("fp32", "tf32", "fp16", "bf16")},
    distributions=("torch", "triton"),
    opens="compiling",
    quick_grid="brief",
    why_no_profiler="a CUDA graph is launched as a whole and calls no operators: profile torch_compile",
    why_no_program="torch.compile compiles in every process: ship tensorrt, which is compiled ahead of time",
)
RUNS = 3  # Inductor's graphs warm up in the first, are recorded in the second and replayed from the third on


def graph(device: int) -> str:
    """Whether a CUDA graph ran, once Inductor has compiled: "yes", or "no: " and Inductor's reason."""
    from torch._dynamo.utils import counters  # importing a backend is timed, and is not to import a compiler
    from torch._inductor import cudagraph_trees

    if skips := counters["inductor"]["cudagraph_skips"]:
        return f"no: Inductor skipped it {skips} times (TORCH_LOGS=cudagraphs says why)"
    if cudagraph_trees.get_manager(device, create_if_none_exists=False) is None:
        return "no: Inductor recorded none (TORCH_LOGS=cudagraphs says why)"
    return "yes"


class CudaGraphsSession(torch_session.CudaTorchSession):
    """A graph reads its own memory: each call first copies the images there, on the GPU."""

    def settings(self) -> dict[str, str]:
        copied = {"graph input": "copied on the GPU at each call"}
        answer = graph(self.queue.device.index)
        return super().settings() | {"CUDA graph": answer} | (copied if answer == "yes" else {})


def open(case: Case, path: Path) -> Session:
    torch_session.prepare(case)
    torch_session.require_triton()
    network = torch_session.placed(case, torch_session.network(case, path))
    session = CudaGraphsSession(case, torch.compile(network, mode="reduce-overhead", dynamic=False))
    for _ in range(RUNS):
        session.run()
    return session
