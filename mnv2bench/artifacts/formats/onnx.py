"""ONNX, by torch.onnx.export."""

import torch
from torch.fx.experimental.optimization import fuse

from mnv2bench.artifacts.formats import Format
from mnv2bench.artifacts.job import Job, example, typed_network
from mnv2bench.backends.shared.cuda_session import dtype
from mnv2bench.backends.shared.torch_session import network

FORMAT = Format(suffix=".onnx", converters=("torch", "onnx", "onnxscript"))
FIRST_OPSET_WITH_BFLOAT16 = 22  # of Conv


def export(job: Job) -> None:
    """In bfloat16 batch norm is folded here: the exporter would fold it to float32 weights."""
    if dtype(job.case) is torch.bfloat16:
        module, opset = fuse(network(job.case, job.source)).to(torch.bfloat16), FIRST_OPSET_WITH_BFLOAT16
    else:
        module, opset = typed_network(job), None  # torch's own default
    program = torch.onnx.export(module, (example(job),), dynamo=True, verbose=False, opset_version=opset)
    if program is None:
        raise RuntimeError("torch.onnx.export returned no program: report it with the versions of torch and onnxscript")
    program.save(str(job.target))
