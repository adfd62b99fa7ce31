"""ONNX in int8, by onnxruntime's static quantisation, or the user's own file where that is quantised."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from mnv2bench.artifacts.formats import Format
from mnv2bench.artifacts.job import Job, calibration_batches
from mnv2bench.networks import is_file
from mnv2bench.precisions import INT8

FORMAT = Format(
    suffix=".int8.onnx",
    converters=("onnxruntime", "onnxruntime-gpu", "onnx"),
    made_from="onnx",
    calibrated=True,
    from_files=("onnx",),
    quantises_files=("onnx", "pt2"),
)


class Reader(CalibrationDataReader):  # type: ignore[misc]
    """Gives the quantiser one batch after the other, under the name of the network's input."""

    def __init__(self, name: str, batches: NDArray[np.float32]) -> None:
        self.feeds = iter([{name: batch} for batch in batches])

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        return next(self.feeds, None)


def export(job: Job) -> None:
    """Unsigned tensors and signed weights, each output channel with a scale of its own.

    With signed tensors, which are the default, a third of the convolutions stays in float. With one scale for a whole
    weight, the default too, a trained MobileNetV2 answers anything.
    """
    if is_file(job.case.network) and job.case.description.precision == INT8.name:
        shutil.copyfile(job.source, job.target)
        return
    with tempfile.TemporaryDirectory(prefix="mnv2bench-") as folder:
        folded = Path(folder, "folded.onnx")
        quant_pre_process(str(job.source), str(folded))
        name = onnx.load(folded).graph.input[0].name
        quantize_static(
            str(folded),
            str(job.target),
            Reader(name, calibration_batches(job)),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=False,  # 7 bits are for processors whose products of 8 bits overflow: such ones are refused
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
