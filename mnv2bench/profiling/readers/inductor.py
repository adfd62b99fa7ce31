"""What Inductor's fused kernels are, by the names that it makes of the operators they come from."""

import re
from collections.abc import Sequence
from dataclasses import replace

import torch._inductor.config

from mnv2bench.profiling.readers import torch_events as _torch
from mnv2bench.profiling.readers.torch_events import Call, Span, TorchProfiled, calls

FUSED = re.compile(r"(?:graph_\d+_)?(?:cpp|triton_[a-z]+)_fused(_.*?)?_\d+")
PARTS = (("batch_norm", "norm"), ("hardtanh", "activation"), ("_add_", "add"), ("mean", "pool"))


def tell() -> None:
    """Have kernels of C++ say when they begin and end, in code that is compiled from here on."""
    torch._inductor.config.cpp.enable_kernel_profile = True


def kind(name: str) -> str:
    """Of any operator that Inductor calls.

    A fused kernel never convolves or multiplies matrices: those are the libraries'. One that is named only after a
    convolution, or after nothing, reorders numbers or writes constants; one named after a linear layer adds its bias.
    """
    fused = FUSED.fullmatch(name)
    if not fused:
        return _torch.kind(name)
    origins = f"{fused[1] or ''}_"
    if "addmm" in origins:
        return "add"
    return "+".join(part for word, part in PARTS if word in origins) or "layout"


class InductorProfiled(TorchProfiled):
    """Fused kernels before the first convolution bear the name of what comes after it, and only change the layout."""

    def calls(self) -> list[Call]:
        return [replace(call, spans=_settled(call.spans)) for call in calls(self._events(self.profile), kind)]


def _settled(spans: list[Span]) -> list[Span]:
    first = next((place for place, span in enumerate(spans) if span.kind.startswith("conv")), 0)
    return [replace(span, kind="layout") if place < first else span for place, span in enumerate(spans)]


def named(spans: Sequence[Span], kernels: Sequence[tuple[str, tuple[str, ...]]]) -> list[Span]:
    """The operators of a call with the modules of the kernels, where these are the same ones in the same order."""

    def same(span: Span, kernel: str) -> bool:
        return span.name.endswith(f"_{kernel}") or span.name.rpartition("::")[2] == kernel.rpartition(".")[2]

    if len(spans) != len(kernels) or not all(same(s, k) for s, (k, _) in zip(spans, kernels, strict=True)):
        return list(spans)
    return [replace(span, origins=modules) for span, (_, modules) in zip(spans, kernels, strict=True)]
