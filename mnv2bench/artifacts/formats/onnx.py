"""ONNX: by torch.onnx.export, or the user's own file for the case's batch and images."""

import torch

from mnv2bench.artifacts.formats import Format
from mnv2bench.artifacts.job import Job, example, typed_network
from mnv2bench.backends.shared.cuda_session import dtype
from mnv2bench.networks.described import file_kind

FORMAT = Format(suffix=".onnx", converters=("torch", "onnx", "onnxscript"), from_files=("onnx", "pt2"))
FIRST_OPSET_WITH_BFLOAT16 = 22  # of Conv


def export(job: Job) -> None:
    if file_kind(job.case.network) == "onnx":
        from mnv2bench.artifacts.models import onnx_file

        job.target.write_bytes(onnx_file.typed_model(job.case, job.source).SerializeToString())
        return
    opset = FIRST_OPSET_WITH_BFLOAT16 if dtype(job.case) is torch.bfloat16 else None  # torch's own default
    program = torch.onnx.export(typed_network(job), (example(job),), dynamo=True, verbose=False, opset_version=opset)
    if program is None:
        raise RuntimeError("torch.onnx.export returned no program: report it with the versions of torch and onnxscript")
    program.save(str(job.target))
