"""A quantised program of torch.export: int8 as PT2E and torchao's quantizer for x86 write it, not compiled yet."""

import torch
import torchao.quantization.pt2e.quantizer.x86_inductor_quantizer as x86
from torch import fx
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

from mnv2bench.artifacts.formats import Format
from mnv2bench.artifacts.job import Job, calibration_batches, example, exported_program

FORMAT = Format(suffix=".pt2e.pt2", converters=("torch", "torchao"), calibrated=True, quantises_files=("pt2",))


def _without_unused(module: fx.GraphModule) -> fx.GraphModule:
    """The module without the float weights of its int8 ones, which no operator reads any more."""
    used = {node.target for node in module.graph.nodes if node.op == "get_attr"}
    for path, _ in list(module.named_parameters()):
        if path not in used:
            parent, _, name = path.rpartition(".")
            delattr(module.get_submodule(parent), name)
    return module


def export(job: Job) -> None:
    """Unsigned tensors and signed weights, each output channel with a scale of its own; batch norm is folded first."""
    quantizer = x86.X86InductorQuantizer().set_global(x86.get_default_x86_inductor_quantization_config())
    prepared = prepare_pt2e(exported_program(job).module(), quantizer)
    for images in calibration_batches(job):
        prepared(torch.from_numpy(images))
    quantised = _without_unused(convert_pt2e(prepared))
    torch.export.save(torch.export.export(quantised, (example(job),)), job.target)
