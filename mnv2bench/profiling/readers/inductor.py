"""Inductor's fused kernels: their operator types, by the names that Inductor gives them."""

import re
from collections.abc import Sequence
from dataclasses import replace

import torch._inductor.config

from mnv2bench.profiling.readers import torch_events
from mnv2bench.profiling.readers.torch_events import Call, Span, TorchProfiledSession, calls

FUSED = re.compile(r"(?:graph_\d+_)?(?:cpp|triton_[a-z]+)_fused(_.*?)?_\d+")
PARTS = (("batch_norm", "norm"), ("hardtanh", "activation"), ("_add_", "add"), ("mean", "pool"))


def enable_kernel_events() -> None:
    """Let C++ kernels report when they begin and end, in code that is compiled from here on."""
    torch._inductor.config.cpp.enable_kernel_profile = True


def operator_type(name: str) -> str:
    """The operator type of a kernel or an operator that Inductor calls.

    A fused kernel never convolves or multiplies matrices, because libraries do that. A kernel that is named only after
    a convolution, or after nothing, reorders numbers or writes constants. One named after a linear layer adds its bias.
    """
    fused = FUSED.fullmatch(name)
    if not fused:
        return torch_events.operator_type(name)
    origins = f"{fused[1] or ''}_"
    if "addmm" in origins:
        return "add"
    return "+".join(part for word, part in PARTS if word in origins) or "layout"


class InductorProfiledSession(TorchProfiledSession):
    """A session of a compiled network under torch.profiler."""

    def calls(self) -> list[Call]:
        listed = calls(self._events(self.profile), operator_type)
        return [replace(call, spans=_with_layout_first(call.spans)) for call in listed]


def _with_layout_first(spans: list[Span]) -> list[Span]:
    """The operators of a call, those before the first convolution as layout changes.

    Such kernels are named after what comes behind the convolution, but they only reorder its inputs.
    """
    first = next((place for place, span in enumerate(spans) if span.type.startswith("conv")), 0)
    return [replace(span, type="layout") if place < first else span for place, span in enumerate(spans)]


def with_modules(spans: Sequence[Span], kernels: Sequence[tuple[str, tuple[str, ...]]]) -> list[Span]:
    """The operators of a call with the modules of the kernels as origins.

    Without origins where the kernels are not the operators' own, in the same order.
    """

    def same(span: Span, kernel: str) -> bool:
        return span.name.endswith(f"_{kernel}") or span.name.rpartition("::")[2] == kernel.rpartition(".")[2]

    if len(spans) != len(kernels) or not all(same(s, k) for s, (k, _) in zip(spans, kernels, strict=True)):
        return list(spans)
    return [replace(span, origins=modules) for span, (_, modules) in zip(spans, kernels, strict=True)]
