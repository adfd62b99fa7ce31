"""An ExecuTorch program, lowered to XNNPACK: images and logits are float32, whatever is computed in between."""

import torch

from mnv2bench.artifacts.formats import Format
from mnv2bench.artifacts.job import Job, batch, typed_network
from mnv2bench.artifacts.lowering import lower
from mnv2bench.backends.shared.cuda_session import dtype

FORMAT = Format(
    suffix=".pte",
    converters=("torch", "executorch", "torchao"),
    sources=("artifacts/lowering.py",),
    from_files=("pt2",),
)


class Converting(torch.nn.Module):
    """A network in another number format, which converts its images and its logits itself."""

    def __init__(self, network: torch.nn.Module, number_format: torch.dtype) -> None:
        super().__init__()
        self.network, self.number_format = network, number_format

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(images.to(self.number_format))
        return logits.to(torch.float32)


def export(job: Job) -> None:
    network, number_format = typed_network(job), dtype(job.case)
    if number_format is not torch.float32:
        network = Converting(network, number_format)
    lower(torch.export.export(network, (batch(job, 1),)), job.target)
