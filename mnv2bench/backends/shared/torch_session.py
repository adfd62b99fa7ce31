"""What the torch backends share: one static input, one callable, threads and number format as the case says."""

import os
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mnv2bench.backends.interface.registry import require
from mnv2bench.backends.interface.session import Images, Session
from mnv2bench.backends.shared.cuda_session import CudaQueue, CudaSession, dtype
from mnv2bench.backends.shared.exported_network import ExportedNetwork, loaded_program
from mnv2bench.backends.shared.torch_layers import dispatched_layers, reduced_fp32, require_full_fp32
from mnv2bench.case import Case
from mnv2bench.gpu import driver
from mnv2bench.networks import build, is_file
from mnv2bench.networks.described import file_kind
from mnv2bench.networks.folding import fold_norms
from mnv2bench.precisions import TF32
from mnv2bench.refusals import Unavailable

Network = Callable[[torch.Tensor], torch.Tensor]


class TorchSession(Session):
    """Calls `network` on one static NCHW tensor of float32 images.

    A network in another number format is given the images in it, and its logits are made float32, in each call.
    `count` is how the layers of a call are counted: `dispatched_layers` or `printed_layers`.
    """

    def __init__(
        self, case: Case, network: Network, count: Callable[[Callable[[], object]], dict[str, int]] = dispatched_layers
    ) -> None:
        self.network = network if dtype(case) is torch.float32 else converting(network, dtype(case))
        self.threads = case.threads
        self.count = count
        self.input = torch.zeros(case.input_shape)
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
            "fp32 products": reduced_fp32() or "full",
        }

    def layers(self) -> dict[str, int]:
        return self.count(self.run)

    def prepare_thread(self) -> None:
        torch.set_num_threads(self.threads)  # OpenMP keeps it for each thread
        torch.set_grad_enabled(False)  # torch does


def converting(network: Network, element: torch.dtype) -> Network:
    """The network with the conversion of its images to a number format, and of its logits to float32."""

    def convert(images: torch.Tensor) -> torch.Tensor:
        return network(images.to(element)).float()

    return convert


class CudaTorchSession(CudaSession):
    """Calls `network` on the queue's input, on its stream."""

    def __init__(self, case: Case, network: Network) -> None:
        super().__init__(CudaQueue(case, self._call))
        self.network = network

    def _call(self) -> None:
        self.queue.output = self.network(self.queue.input)

    def settings(self) -> dict[str, str]:
        return super().settings() | {
            "torch threads": str(torch.get_num_threads()),
            "TF32": "on" if torch.backends.cudnn.allow_tf32 and torch.backends.cuda.matmul.allow_tf32 else "off",
            "cuDNN benchmark": "on" if torch.backends.cudnn.benchmark else "off",
        }


def require_cuda(case: Case) -> None:
    """Raise Unavailable where this torch cannot use the case's GPU, although the driver has it."""
    if torch.version.cuda is None:
        raise Unavailable(
            f"torch {torch.__version__} has no CUDA: pip uninstall torch; pip install 'torch>=2.11,<2.14'"
        )
    major = int(torch.version.cuda.partition(".")[0])  # a driver serves every CUDA of its major version
    driver.require(case.gpu or 0, 1000 * major, f"torch {torch.__version__}")
    if not torch.cuda.is_available():
        raise Unavailable(
            f"torch {torch.__version__} finds no GPU where the driver does: "
            "python -c 'import torch; torch.cuda.init()' says why"
        )


def prepare(case: Case) -> None:
    """Set up torch for the session of this process: threads, no autograd, TF32 on a GPU only where the case says so.

    On a GPU float32 is float32: torch's own default would have cuDNN's convolutions multiply in TF32. Raises Wrong
    where a setting of a CPU's libraries makes it less.
    """
    require(case)
    if case.gpu is None:
        require_full_fp32()
    else:
        require_cuda(case)
        # torch cannot read these two any more once `fp32_precision`, which is to replace them, has been written
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = case.precision == TF32.name
    torch.set_num_threads(case.threads)
    torch.set_num_interop_threads(1)
    torch.set_grad_enabled(False)


def network(case: Case, path: Path) -> torch.nn.Module:
    """The case's network in eval mode with the weights of a state dict file, in float32 on the CPU.

    Of a user's program of torch.export the file is that program.
    """
    if file_kind(case.network) == "pt2":
        return ExportedNetwork(loaded_program(path)).float()
    module = build(*case.spec, seed=None)
    module.load_state_dict(torch.load(path, weights_only=True))
    return module.eval()


def quantised_program(path: Path) -> torch.export.ExportedProgram:
    """The program of a file in the format pt2e."""
    import torch.ao.quantization.fx._decomposed  # the operators that quantise in its graph

    return torch.export.load(path)


def quantised_network(case: Case, path: Path) -> torch.nn.Module:
    """The same as a module: torch computes it in float, unless it is compiled with its weights frozen."""
    return quantised_program(path).module()


def placed(case: Case, module: torch.nn.Module) -> torch.nn.Module:
    """The network on the device where the case runs, in the case's number format; on a CPU as `typed` makes it."""
    if case.gpu is not None:
        return module.to(torch.device("cuda", case.gpu), dtype(case))
    return typed(case, module)


def typed(case: Case, module: torch.nn.Module) -> torch.nn.Module:
    """The network in the case's number format, with batch norm folded first where that has fewer bits than fp32.

    That of a user's program is the one that its own author chose.
    """
    if dtype(case) is torch.float32:
        return module
    if is_file(case.network):
        return module.to(dtype(case))
    return fold_norms(module, case.layers).to(dtype(case))


def session(case: Case, network: Network) -> Session:
    """A session of a network that is on the case's device already."""
    return TorchSession(case, network) if case.gpu is None else CudaTorchSession(case, network)


def streams(
    case: Case, network: Network, count: Callable[[Callable[[], object]], dict[str, int]] = dispatched_layers
) -> list[Session]:
    """A session for each stream of a case of this processor, which share the network; of a GPU the only session."""
    if case.gpu is not None:
        return [session(case, network)]
    return [TorchSession(case, network, count) for _ in range(case.streams)]


def require_compiler() -> None:
    """Raise Unavailable without a compiler for the C++ that Inductor writes: $CXX, else g++ or clang++."""
    compilers = [os.environ.get("CXX", ""), "g++", "clang++"]
    if not any(c and shutil.which(c) for c in compilers):
        raise Unavailable(
            "torch.compile needs a C++ compiler and found no g++ or clang++: apt-get install g++, or set CXX"
        )


def require_triton() -> None:
    """Raise Unavailable without Triton, which Inductor writes for GPUs, and a C compiler for it: $CC, gcc or clang."""
    if find_spec("triton") is None:
        raise Unavailable("torch.compile needs Triton on a GPU: pip install triton, or torch's own build for CUDA")
    compilers = [os.environ.get("CC", ""), "gcc", "clang"]
    if not any(c and shutil.which(c) for c in compilers):
        raise Unavailable("torch.compile needs a C compiler on a GPU and found no gcc or clang: apt-get install gcc")


def compiled(
    case: Case,
    path: Path,
    backend: str | Callable[..., Any] = "inductor",
    load: Callable[[Case, Path], torch.nn.Module] = network,
) -> list[Session]:
    """The sessions of torch.compile for the streams of a case, compiled when it returns; they share what was compiled.

    Its own backend can be wrapped. `load` reads the file.
    """
    prepare(case)
    (require_compiler if case.gpu is None else require_triton)()
    opened = streams(case, torch.compile(placed(case, load(case, path)), dynamic=False, backend=backend))
    opened[0].run()
    return opened
