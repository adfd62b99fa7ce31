"""Lowers an exported program to XNNPACK and writes it as a program of ExecuTorch."""

import operator
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import EdgeProgramManager, ExecutorchBackendConfig, to_edge_transform_and_lower
from executorch.exir.lowered_backend_module import get_lowered_submodules
from executorch.exir.passes import MemoryPlanningPass

from mnv2bench.precisions import INT8, PRECISIONS

WITH_WEIGHTS = ("aten.convolution.default", "aten.linear.default", "aten.addmm.default")
ACTIVATIONS = ("aten.hardtanh.default", "aten.relu.default")
QUANTIZE, DEQUANTIZE = "quantized_decomposed.quantize_per", "quantized_decomposed.dequantize_per"


def lower(exported: torch.export.ExportedProgram, target: Path) -> None:
    """Lower the program and write the file.

    Its constant methods say how many operators XNNPACK was given, counted before it fuses, and how many layers compute
    in which precision.
    """
    lowered = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()]).exported_program()
    delegates = [module.original_module.graph for _, module, _ in get_lowered_submodules(lowered.graph_module)]
    layers = Counter(precision for graph in (lowered.graph, *delegates) for precision in _layers(graph))
    counts = {
        "delegated_operators": sum(map(_operators, delegates)),
        "operators_not_delegated": _operators(lowered.graph) - len(delegates),
        **{f"layers_{precision}": number for precision, number in layers.items()},
    }
    # Planned memory of the image would be used again by what follows it, and a second call would compute from that
    memory = MemoryPlanningPass(alloc_graph_input=False)
    program = EdgeProgramManager(lowered, constant_methods=counts).to_executorch(
        ExecutorchBackendConfig(memory_planning_pass=memory)
    )
    with target.open("wb") as file:
        program.write_to_file(file)


def _operators(graph: torch.fx.Graph) -> int:
    """How many operators compute: one that only takes one of several results does not."""
    return sum(node.op == "call_function" and node.target is not operator.getitem for node in graph.nodes)


def _layers(graph: torch.fx.Graph) -> Iterator[str]:
    """The precision of each convolution and linear layer.

    It is int8 where images and weights are dequantised just before it, and its result is quantised just behind it or
    behind its activation: XNNPACK takes all of these as one operator of int8.
    """
    names = {getattr(torch, precision.dtype): precision.name for precision in reversed(PRECISIONS)}
    for node in graph.nodes:
        if _name(node) in WITH_WEIGHTS:
            is_int8 = all(map(_is_dequantising, node.args[:2])) and all(map(_is_quantised, node.users))
            yield INT8.name if is_int8 else names.get(node.meta["val"].dtype, str(node.meta["val"].dtype))


def _is_dequantising(node: torch.fx.Node) -> bool:
    return _name(node).startswith(DEQUANTIZE)


def _is_quantised(node: torch.fx.Node) -> bool:
    """Whether the node quantises, or is an activation whose results are quantised."""
    if _name(node) in ACTIVATIONS:
        return all(_name(user).startswith(QUANTIZE) for user in node.users)
    return _name(node).startswith(QUANTIZE)


def _name(node: torch.fx.Node) -> str:
    """The name of an operator, as aten.convolution.default; of another node something else."""
    return str(getattr(node.target, "__name__", node.target))
