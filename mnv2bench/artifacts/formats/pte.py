"""An ExecuTorch program, lowered to XNNPACK."""

import operator

import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import EdgeProgramManager, to_edge_transform_and_lower
from executorch.exir.lowered_backend_module import get_lowered_submodules

from mnv2bench.artifacts.formats import Format
from mnv2bench.artifacts.job import Job, example, typed_network

FORMAT = Format(suffix=".pte", converters=("torch", "executorch", "torchao"))


def _operators(graph: torch.fx.Graph) -> int:
    """How many operators compute: one that only takes one of several results does not."""
    return sum(node.op == "call_function" and node.target is not operator.getitem for node in graph.nodes)


def export(job: Job) -> None:
    """Two constant methods of the program say how many operators XNNPACK was given, counted before it fuses."""
    exported = torch.export.export(typed_network(job), (example(job),))
    lowered = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()]).exported_program()
    delegates = [module for _, module, _ in get_lowered_submodules(lowered.graph_module)]
    counts = {
        "delegated_operators": sum(_operators(delegate.original_module.graph) for delegate in delegates),
        "operators_not_delegated": _operators(lowered.graph) - len(delegates),
    }
    with job.target.open("wb") as file:
        EdgeProgramManager(lowered, constant_methods=counts).to_executorch().write_to_file(file)
