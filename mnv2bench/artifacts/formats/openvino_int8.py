"""OpenVINO's two files in int8 in one uncompressed zip, by NNCF or from the user's own quantised file."""

import tempfile
import zipfile
from pathlib import Path

import torch

from mnv2bench.artifacts.formats import Format
from mnv2bench.artifacts.job import Job, calibration_images
from mnv2bench.backends.shared.openvino_without_telemetry import openvino
from mnv2bench.backends.shared.torch_session import network
from mnv2bench.networks.described import file_kind

FORMAT = Format(
    suffix=".openvino",
    converters=("torch", "openvino", "nncf"),
    per_precision=False,
    calibrated=True,
    from_files=("onnx",),
    quantises_files=("pt2",),
)


def export(job: Job) -> None:
    quantised = _own(job) if file_kind(job.case.network) == "onnx" else _quantised(job)
    with tempfile.TemporaryDirectory(prefix="mnv2bench-") as folder:
        openvino.save_model(quantised, Path(folder, "net.xml"), compress_to_fp16=False)
        with zipfile.ZipFile(job.target, "w") as both:
            for name in ("net.xml", "net.bin"):
                both.write(Path(folder, name), name)


def _own(job: Job) -> openvino.Model:
    """The model of the user's ONNX file, whose scales it keeps."""
    from mnv2bench.artifacts.models import onnx_file

    return openvino.Core().read_model(onnx_file.case_model(job.case, job.source).SerializeToString())


def _quantised(job: Job) -> openvino.Model:
    """From the torch module: in the ONNX file NNCF would leave every depthwise convolution in float.

    It is calibrated image by image, whatever the batch, so that every batch has the same scales.
    """
    import nncf  # after OpenVINO, whose telemetry it would start too

    module, shape = network(job.case, job.source), (1, *job.case.image)
    model = openvino.convert_model(module, example_input=torch.zeros(shape), input=[shape])
    images = nncf.Dataset([image[None] for image in calibration_images(job)])
    quantised = nncf.quantize(model, images, preset=nncf.QuantizationPreset.MIXED, subset_size=images.get_length())
    quantised.reshape((job.case.batch, *shape[1:]))
    return quantised
