"""A program of torch.export as a network that gives one row of numbers for each image, like all that are measured."""

import io
from pathlib import Path

import torch
from torch.utils._pytree import tree_leaves


class ExportedNetwork(torch.nn.Module):
    """A program's module; all that it returns is joined, in its order, into (batch, numbers) in float32.

    It takes images of any number format, and converts them to that of the program, which `to` changes.
    """

    element: torch.Tensor

    def __init__(self, program: torch.export.ExportedProgram) -> None:
        super().__init__()
        self.program = program.module(check_guards=False)
        self.program._forward_pre_hooks.clear()  # checks of sizes, which torch.jit.trace cannot trace
        for module in self.modules():
            module.training = False  # as it was exported: torch's own eval() refuses such a module
        self.register_buffer("element", torch.zeros((), dtype=image_tensor(program).dtype), persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        outputs = tree_leaves(self.program(images.to(self.element.dtype)))
        rows = [output.reshape(images.shape[0], -1).to(torch.float32) for output in outputs]
        return rows[0] if len(rows) == 1 else torch.cat(rows, dim=1)


def image_tensor(program: torch.export.ExportedProgram) -> torch.Tensor:
    """What a program was exported for, without values. ValueError, in one line, unless it takes one tensor."""
    names = program.graph_signature.user_inputs
    tensors = [node.meta["val"] for node in program.graph.nodes if node.op == "placeholder" and node.name in names]
    if len(tensors) != 1 or not isinstance(tensors[0], torch.Tensor):
        raise ValueError(f"takes {len(names)} inputs: a network with one input, of images, can be measured")
    tensor: torch.Tensor = tensors[0]
    return tensor


def loaded_program(path: Path) -> torch.export.ExportedProgram:
    """The program in a file that `artifacts.models.pt2_file` wrote, whose parts were checked."""
    return torch.export.load(io.BytesIO(path.read_bytes()))
