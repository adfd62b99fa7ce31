"""Profiler of eager torch: torch.profiler, with a scope around each module that names it."""

from pathlib import Path
from typing import Any

from torch import nn
from torch.profiler import record_function

from mnv2bench.backends.shared import torch_session
from mnv2bench.case import Case
from mnv2bench.profiling.readers.torch_events import SCOPE, TorchProfiledSession


def name_scopes(network: nn.Module) -> None:
    """Let every module report its path to torch.profiler while it computes."""
    entered: list[record_function] = []

    def enter(path: str) -> Any:
        def hook(module: nn.Module, inputs: Any) -> None:
            entered.append(record_function(SCOPE + path))
            entered[-1].__enter__()  # type: ignore[no-untyped-call]

        return hook

    def leave(module: nn.Module, inputs: Any, output: Any) -> None:
        entered.pop().__exit__(None, None, None)

    for path, module in network.named_modules():
        module.register_forward_pre_hook(enter(path))
        module.register_forward_hook(leave)


def open(case: Case, path: Path, folder: Path) -> TorchProfiledSession:
    torch_session.prepare(case)
    network = torch_session.placed(case, torch_session.network(case, path))
    name_scopes(network)
    return TorchProfiledSession(case, torch_session.session(case, network))
