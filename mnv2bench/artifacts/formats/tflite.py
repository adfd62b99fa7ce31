"""TensorFlow Lite's format, by litert-torch."""

import os

from mnv2bench.artifacts.formats import Format
from mnv2bench.artifacts.job import Job, example, typed_network

FORMAT = Format(suffix=".tflite", converters=("torch", "litert-torch", "litert-converter"))


def export(job: Job) -> None:
    os.environ["HF_HUB_OFFLINE"] = "1"  # language models' libraries come with the converter: nothing is to be fetched
    import litert_torch  # it reads the variable when it is imported

    litert_torch.convert(typed_network(job), (example(job),)).export(str(job.target))
