"""ONNX Runtime on its CUDA provider: all of the network there, on the queue's stream and in its memory."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from mnv2bench.backends.shared.cuda_session import CudaQueue, CudaSession
from mnv2bench.backends.shared.torch_session import prepare
from mnv2bench.case import Case
from mnv2bench.precisions import TF32, named
from mnv2bench.refusals import Unavailable, Wrong

PROVIDER = "CUDAExecutionProvider"
NAMED = 3  # of the nodes that are elsewhere


def require_provider() -> None:
    """Unavailable where this onnxruntime was built without CUDA."""
    if PROVIDER not in onnxruntime.get_available_providers():
        raise Unavailable(
            f"this onnxruntime ({onnxruntime.__version__}) has no CUDA: "
            "pip uninstall onnxruntime; pip install 'mnv2bench[cuda]'"
        )


def elsewhere(session: Any) -> dict[str, list[str]]:
    """Nodes of the model by the provider that took them, where that is not CUDA's."""
    nodes_of: dict[str, list[str]] = {}
    for part in session.get_provider_graph_assignment_info():
        if part.ep_name != PROVIDER:
            nodes = [f"{node.op_type} {node.name}".rstrip() for node in part.get_nodes()]
            nodes_of.setdefault(part.ep_name, []).extend(nodes)
    return nodes_of


def require_all_there(session: Any) -> None:
    """Wrong where any node of the model is on another provider: onnxruntime falls back without an error."""
    nodes_of = elsewhere(session)
    if not nodes_of:
        return
    parts = []
    for provider, nodes in nodes_of.items():
        more = f" (and {len(nodes) - NAMED} more)" if len(nodes) > NAMED else ""
        parts.append(f"{', '.join(nodes[:NAMED])}{more} to {provider}")
    missing = "" if PROVIDER in session.get_providers() else f"; {PROVIDER} did not load: check its CUDA and cuDNN"
    raise Wrong(f"onnxruntime fell back from {PROVIDER}: {'; '.join(parts)}{missing}")


def opened(case: Case, path: Path, stream: int) -> Any:
    """An InferenceSession with every node on the GPU, whose calls are queued on a stream. Wrong else."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = case.threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    cuda = {
        "device_id": str(case.gpu),
        "user_compute_stream": str(stream),
        "use_tf32": "1" if case.precision == TF32.name else "0",  # it is on by default
        "cudnn_conv_algo_search": "EXHAUSTIVE",
        "cudnn_conv_use_max_workspace": "1",
        "prefer_nhwc": "0",
        "enable_cuda_graph": "0",
    }
    # its own fallback would print, and try the CPU
    session = onnxruntime.InferenceSession(path, options, providers=[(PROVIDER, cuda)], enable_fallback=0)
    require_all_there(session)
    return session


class OnnxRuntimeCudaSession(CudaSession):
    """Session on onnxruntime's CUDA provider."""

    def __init__(self, case: Case, path: Path) -> None:
        super().__init__(CudaQueue(case, self._call))
        device = self.queue.device
        self.session = opened(case, path, self.queue.stream.cuda_stream)
        (images,), (logits,) = self.session.get_inputs(), self.session.get_outputs()
        self.queue.output = torch.zeros(logits.shape, dtype=self.queue.input.dtype, device=device)
        self.binding = self.session.io_binding()
        element = np.dtype(named(case.precision).dtype)
        for bind, name, tensor in (
            (self.binding.bind_input, images.name, self.queue.input),
            (self.binding.bind_output, logits.name, self.queue.output),
        ):
            bind(name, device.type, device.index or 0, element, tuple(tensor.shape), tensor.data_ptr())
        self.options = onnxruntime.RunOptions()
        self.options.add_run_config_entry("disable_synchronize_execution_providers", "1")  # else each call would wait

    def _call(self) -> None:
        self.session.run_with_iobinding(self.binding, self.options)

    def settings(self) -> dict[str, str]:
        options = self.session.get_provider_options().get(PROVIDER, {})
        shown = ("use_tf32", "cudnn_conv_algo_search", "prefer_nhwc", "enable_cuda_graph")
        return super().settings() | {
            "providers": " ".join(self.session.get_providers()),
            "nodes on other providers": "0",
            **{name: options[name] for name in shown if name in options},
        }


def open(case: Case, path: Path) -> CudaSession:
    require_provider()
    prepare(case)  # before the session: what it loads of CUDA is then what torch has loaded
    return OnnxRuntimeCudaSession(case, path)
