"""TensorFlow Lite's format, by litert-torch, or the user's own file."""

import os
import shutil

from mnv2bench.artifacts.formats import Format
from mnv2bench.artifacts.job import Job, batch
from mnv2bench.backends.shared.torch_session import network
from mnv2bench.networks.described import file_kind

FORMAT = Format(
    suffix=".tflite",
    converters=("torch", "litert-torch", "litert-converter"),
    per_precision=False,  # LiteRT computes in fp16 from the file with fp32 weights
    from_files=("pt2", "tflite"),
)


def export(job: Job) -> None:
    if file_kind(job.case.network) == "tflite":
        shutil.copyfile(job.source, job.target)
        return
    os.environ["HF_HUB_OFFLINE"] = "1"  # language models' libraries come with the converter: nothing is to be fetched
    import litert_torch  # it reads the variable when it is imported

    litert_torch.convert(network(job.case, job.source), (batch(job, 1),)).export(str(job.target))
