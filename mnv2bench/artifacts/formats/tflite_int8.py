"""TensorFlow Lite's format in int8, or the user's own file where that is quantised.

Weights are quantised by channel, tensors between layers by tensor; images and logits are float32.
"""

import shutil

from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import quantizer, recipe
from ai_edge_quantizer.algorithm_manager import AlgorithmName
from ai_edge_quantizer.calibrator import Calibrator
from ai_edge_quantizer.qtyping import TFLOperationName
from ai_edge_quantizer.recipe_manager import RecipeManager
from ai_edge_quantizer.utils.qsv_utils import min_max_update

from mnv2bench.artifacts.formats import Format
from mnv2bench.artifacts.job import Job, calibration_batches
from mnv2bench.backends.shared.arrays import arranged
from mnv2bench.networks import is_file
from mnv2bench.precisions import INT8
from mnv2bench.refusals import Unsupported

FORMAT = Format(
    suffix=".int8.tflite",
    converters=("torch", "litert-torch", "litert-converter", "ai-edge-quantizer", "ai-edge-litert"),
    made_from="tflite",
    calibrated=True,
    from_files=("tflite",),
    quantises_files=("pt2", "tflite"),
)
ENDS = (TFLOperationName.INPUT, TFLOperationName.OUTPUT)


def export(job: Job) -> None:
    """A tensor's range is from its least to its largest value on all images.

    The quantizer's own choice is a moving average of each image's range. On digits its outputs were five times as far
    from eager fp32 as these, and they depended on the order of the images and on the batch.
    """
    if is_file(job.case.network) and job.case.description.precision == INT8.name:
        shutil.copyfile(job.source, job.target)
        return
    source = str(job.source)
    file = quantizer.Quantizer(source, recipe.static_wi8_ai8())
    for end in ENDS:  # so that the runtime converts images and logits, within the timed call
        file.update_quantization_recipe(".*", end, algorithm_key=AlgorithmName.NO_QUANTIZE)
    rules = RecipeManager()
    rules.load_quantization_recipe(file.get_quantization_recipe())
    interpreter = Interpreter(source)
    (taken,) = interpreter.get_input_details()
    shape = tuple(map(int, taken["shape"]))
    signatures = interpreter.get_signature_list()
    if len(signatures) != 1:
        raise Unsupported(f"the file has {len(signatures)} signatures, and the quantiser needs one: convert it anew")
    ((signature, names),) = signatures.items()
    (images,) = names["inputs"]
    calibrator = Calibrator(source, num_threads=1, qsv_update_func=min_max_update)
    batches = [{images: arranged(batch, shape, "float32")} for batch in calibration_batches(job)]
    calibrator.calibrate({signature: batches}, rules)
    quantised = file.quantize(calibrator.get_model_qsvs(), enable_progress_report=False).quantized_model
    job.target.write_bytes(quantised)
