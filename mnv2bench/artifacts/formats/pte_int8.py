"""An ExecuTorch program in int8, lowered to XNNPACK: weights by channel, tensors between layers by tensor."""

import torch
from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import XNNPACKQuantizer, get_symmetric_quantization_config
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

from mnv2bench.artifacts.formats import Format
from mnv2bench.artifacts.job import Job, batch, calibration_images
from mnv2bench.artifacts.lowering import lower
from mnv2bench.backends.shared.torch_session import network

FORMAT = Format(
    suffix=".int8.pte",
    converters=("torch", "executorch", "torchao"),
    sources=("artifacts/lowering.py",),
    calibrated=True,
    quantises_files=("pt2",),
)


def export(job: Job) -> None:
    """Images are calibrated on one by one, whatever the case's batch, so that all batches have the same scales."""
    config = get_symmetric_quantization_config(is_per_channel=True)  # by default it is one scale for all channels
    images = torch.from_numpy(calibration_images(job))
    of_any_batch = ({0: torch.export.Dim("batch")},)
    exported = torch.export.export(network(job.case, job.source), (images[:2],), dynamic_shapes=of_any_batch)
    observed = prepare_pt2e(exported.module(), XNNPACKQuantizer().set_global(config))
    for image in images:
        observed(image[None])
    lower(torch.export.export(convert_pt2e(observed), (batch(job, 1),)), job.target)
