"""An ExecuTorch program in int8, lowered to XNNPACK: weights by channel, tensors between layers by tensor."""

import torch
from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import XNNPACKQuantizer, get_symmetric_quantization_config

from mnv2bench.artifacts.formats import Format
from mnv2bench.artifacts.job import Job, batch, quantised
from mnv2bench.artifacts.lowering import lower

FORMAT = Format(
    suffix=".int8.pte",
    converters=("torch", "executorch", "torchao"),
    sources=("artifacts/lowering.py",),
    calibrated=True,
)


def export(job: Job) -> None:
    config = get_symmetric_quantization_config(is_per_channel=True)  # by default it is one scale for all channels
    quantizer = XNNPACKQuantizer().set_global(config)
    lower(torch.export.export(quantised(job, quantizer), (batch(job, 1),)), job.target)
