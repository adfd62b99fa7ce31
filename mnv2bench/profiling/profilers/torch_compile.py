"""Profiler of torch.compile: torch.profiler on Inductor's kernels, each with the modules that Inductor reports."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch._functorch.config
import torch._inductor.config
from torch import fx
from torch._inductor.compile_fx import compile_fx, compile_fx_inner

from mnv2bench.backends import Session
from mnv2bench.backends.shared import torch_session
from mnv2bench.case import Case
from mnv2bench.profiling.readers.inductor import InductorProfiledSession, enable_kernel_events, with_modules
from mnv2bench.profiling.readers.torch_events import Call

NETWORK = "L['self']"  # as Dynamo names the module that it compiles


class Provenance:
    """A backend for torch.compile: Inductor, and a record of the modules that each kernel computes."""

    def __init__(self) -> None:
        self.modules: dict[str, str] = {}  # by Dynamo's nodes, in the order of the network
        self.compiled: list[Any] = []

    def __call__(self, graph: fx.GraphModule, inputs: Sequence[Any]) -> Any:
        for node in graph.graph.nodes:
            paths = [path for path, _ in node.meta.get("nn_module_stack", {}).values()]
            self.modules[node.name] = paths[-1].removeprefix(NETWORK).lstrip(".") if paths else ""
        return compile_fx(graph, list(inputs), inner_compile=self._inner)

    def _inner(self, *positional: Any, **named: Any) -> Any:
        self.compiled.append(compile_fx_inner(*positional, **named))
        return self.compiled[-1]

    def kernels(self) -> list[tuple[str, tuple[str, ...]]]:
        """Each kernel's name and modules in the order in which they run; empty where Inductor does not report them."""
        if len(self.compiled) != 1:
            return []
        mapping = json.loads(self.compiled[0].inductor_provenance_mapping_str or "{}")
        places = {name: place for place, name in enumerate(self.modules)}
        listed = []
        for kernel, optimised_nodes in mapping.get("cppCodeToPost", {}).items():
            sources = {name for node in optimised_nodes for name in mapping["postToPre"].get(node, ())}
            in_order = sorted(sources & places.keys(), key=places.__getitem__)
            modules = dict.fromkeys(self.modules[name] for name in in_order)
            listed.append((kernel.rpartition(":")[0], tuple(modules)))
        return listed


class CompiledProfiledSession(InductorProfiledSession):
    """A session whose operators have the modules of their kernels."""

    def __init__(self, case: Case, session: Session, provenance: Provenance) -> None:
        super().__init__(case, session)
        self.provenance = provenance

    def calls(self) -> list[Call]:
        kernels = self.provenance.kernels()
        return [replace(call, spans=with_modules(call.spans, kernels)) for call in super().calls()]


def open(case: Case, path: Path, folder: Path) -> CompiledProfiledSession:
    enable_kernel_events()
    torch._inductor.config.trace.provenance_tracking_level = 1
    torch._functorch.config.enable_autograd_cache = False  # what it keeps lacks the modules
    provenance = Provenance()
    return CompiledProfiledSession(case, torch_session.compiled(case, path, provenance)[0], provenance)
