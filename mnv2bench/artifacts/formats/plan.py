"""A TensorRT plan for the case's GPU, made from the ONNX file."""

import torch

from mnv2bench import backends
from mnv2bench.artifacts.formats import Format
from mnv2bench.artifacts.job import Job
from mnv2bench.backends.shared.torch_session import prepare
from mnv2bench.files import write_whole

FORMAT = Format(
    suffix=".plan",
    converters=("tensorrt-cu13", "tensorrt-cu12", "tensorrt"),
    sources=("backends/shared/tensorrt_plan.py",),
    made_from="onnx",
    from_files=("onnx", "pt2"),
)


def export(job: Job) -> None:
    """The timing cache beside the plan makes a plan that is built again take the same kernels."""
    prepare(job.case)  # before TensorRT is touched: without a driver it would end the process
    backends.backend(job.case.backend)  # Unavailable where TensorRT is missing or does not load
    from mnv2bench.backends.shared import tensorrt_plan  # it imports TensorRT

    torch.cuda.set_device(job.case.gpu)  # the builder times kernels on the current one
    timings = job.target.with_name(job.target.name.partition("-")[2]).with_suffix(".timings")
    plan, timed = tensorrt_plan.build(job.source, job.options, timings.read_bytes() if timings.exists() else b"")
    job.target.write_bytes(plan)
    write_whole(timings, timed)
