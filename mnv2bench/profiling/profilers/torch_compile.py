"""torch.profiler on Inductor's kernels, each by the modules that Inductor says it comes from."""

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
from mnv2bench.cases import Case
from mnv2bench.profiling.readers import inductor as _inductor
from mnv2bench.profiling.readers.torch_events import Call

NETWORK = "L['self']"  # as Dynamo names the module that it compiles


class Provenance:
    """Inductor as torch.compile's backend, which keeps what each kernel of what it compiled computes."""

    def __init__(self) -> None:
        self.modules: dict[str, str] = {}  # of Dynamo's nodes, in the order of the network
        self.compiled: list[Any] = []

    def __call__(self, graph: fx.GraphModule, inputs: Sequence[Any]) -> Any:
        for node in graph.graph.nodes:
            inside = [path for path, _ in node.meta.get("nn_module_stack", {}).values()]
            self.modules[node.name] = inside[-1].removeprefix(NETWORK).lstrip(".") if inside else ""
        return compile_fx(graph, list(inputs), inner_compile=self._inner)

    def _inner(self, *words: Any, **named: Any) -> Any:
        self.compiled.append(compile_fx_inner(*words, **named))
        return self.compiled[-1]

    def kernels(self) -> list[tuple[str, tuple[str, ...]]]:
        """Each kernel's name and modules in the order in which they run; empty where Inductor does not say."""
        if len(self.compiled) != 1:
            return []
        said = json.loads(self.compiled[0].inductor_provenance_mapping_str or "{}")
        places = {name: place for place, name in enumerate(self.modules)}
        found = []
        for kernel, after in said.get("cppCodeToPost", {}).items():
            before = {name for node in after for name in said["postToPre"].get(node, ())} & places.keys()
            modules = dict.fromkeys(self.modules[name] for name in sorted(before, key=places.__getitem__))
            found.append((kernel.rpartition(":")[0], tuple(modules)))
        return found


class CompiledProfiled(_inductor.InductorProfiled):
    def __init__(self, case: Case, session: Session, provenance: Provenance) -> None:
        super().__init__(case, session)
        self.provenance = provenance

    def calls(self) -> list[Call]:
        kernels = self.provenance.kernels()
        return [replace(call, spans=_inductor.named(call.spans, kernels)) for call in super().calls()]


def open(case: Case, path: Path, folder: Path) -> CompiledProfiled:
    _inductor.tell()
    torch._inductor.config.trace.provenance_tracking_level = 1
    torch._functorch.config.enable_autograd_cache = False  # it keeps what it compiled without where that comes from
    provenance = Provenance()
    return CompiledProfiled(case, torch_session.compiled(case, path, provenance), provenance)
