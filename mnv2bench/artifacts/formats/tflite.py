"""TensorFlow Lite's format, by litert-torch."""

import os

from mnv2bench.artifacts.formats import Format
from mnv2bench.artifacts.job import Job, batch
from mnv2bench.backends.shared.torch_session import network

FORMAT = Format(
    suffix=".tflite",
    converters=("torch", "litert-torch", "litert-converter"),
    per_precision=False,  # LiteRT computes in fp16 from the file with fp32 weights
)


def export(job: Job) -> None:
    os.environ["HF_HUB_OFFLINE"] = "1"  # language models' libraries come with the converter: nothing is to be fetched
    import litert_torch  # it reads the variable when it is imported

    litert_torch.convert(network(job.case, job.source), (batch(job, 1),)).export(str(job.target))
