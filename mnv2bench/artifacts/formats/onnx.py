"""ONNX, by torch.onnx.export."""

import torch

from mnv2bench.artifacts.formats import Format
from mnv2bench.artifacts.job import Job, example, typed_network
from mnv2bench.backends.shared.cuda_session import dtype

FORMAT = Format(suffix=".onnx", converters=("torch", "onnx", "onnxscript"))
FIRST_OPSET_WITH_BFLOAT16 = 22  # of Conv


def export(job: Job) -> None:
    opset = FIRST_OPSET_WITH_BFLOAT16 if dtype(job.case) is torch.bfloat16 else None  # torch's own default
    program = torch.onnx.export(typed_network(job), (example(job),), dynamo=True, verbose=False, opset_version=opset)
    if program is None:
        raise RuntimeError("torch.onnx.export returned no program: report it with the versions of torch and onnxscript")
    program.save(str(job.target))
