"""LiteRT's files of users: read by LiteRT's own interpreter, which verifies them, without running them."""

import hashlib
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from mnv2bench.artifacts.models import tflite_layers
from mnv2bench.artifacts.models.own_file import file_bytes, file_description, require_unchanged
from mnv2bench.artifacts.weights import MAX_BYTES
from mnv2bench.backends.shared.arrays import arranged, joined
from mnv2bench.case import Case
from mnv2bench.networks import Description, ImageShape, Sides
from mnv2bench.texts import one_line

MAX_VALUES = 1 << 30  # of all tensors together
MARK = b"TFL3"  # at byte 4 of every file
USUAL_CHANNELS = (1, 3, 4)  # by which the channels of an image are known from its sides
IMAGES = ("float32", "float16", "uint8", "int8")  # the elements of images
QUANTISED = ("int8", "uint8", "int16")  # the elements of what a quantised layer takes
WITH_WEIGHTS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
CONTROL_FLOW = ("WHILE", "IF", "CALL", "CALL_ONCE")


def read(path: Path, sides: Sides | None) -> Description:
    """What a file is. ValueError, in one line, for no such file, and for `sides` that are not those of its images."""
    content = _content(path)
    interpreter = _interpreter(content)
    image, batch = _image(interpreter)
    if sides and image.sides != sides:
        raise ValueError(f"takes images of {image.height}x{image.width} alone: leave --resolutions out")
    numbers = [int(np.prod(details["shape"])) for details in interpreter.get_output_details()]
    classes, rest = divmod(sum(numbers), batch)
    if rest or not classes:
        raise ValueError(f"gives {sum(numbers)} numbers for {batch} images: not as many for each")
    digest = hashlib.sha256(content).hexdigest()
    return file_description(
        path,
        digest,
        "tflite",
        image=image,
        classes=classes,
        layers=tflite_layers.layers(content),
        precision=_precision(interpreter),
        batch=batch,
    )


def write(path: Path, content: str, target: Path) -> None:
    """Write the file. ValueError where it is not what was read of it."""
    own = _content(path)
    require_unchanged(path, content, hashlib.sha256(own).hexdigest())
    target.write_bytes(own)


def forward(case: Case, path: Path) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """The network by LiteRT's own kernels without a delegate: what all outputs are held against."""
    interpreter = _interpreter(path.read_bytes())
    (taken,) = interpreter.get_input_details()
    outputs = [details["index"] for details in interpreter.get_output_details()]

    def run(images: NDArray[np.float32]) -> NDArray[np.float32]:
        batch = arranged(images, tuple(map(int, taken["shape"])), np.dtype(taken["dtype"]).name)
        interpreter.set_tensor(taken["index"], batch)
        interpreter.invoke()
        return joined([interpreter.get_tensor(index) for index in outputs], case.batch)

    return run


def _content(path: Path) -> bytes:
    """The bytes of a file. ValueError, in one line, for what is no LiteRT file."""
    content = file_bytes(path, MAX_BYTES)
    if content[4:8] != MARK:
        raise ValueError("is no LiteRT file: its bytes 4 to 8 are not TFL3")
    return content


def _interpreter(content: bytes) -> Any:  # ai_edge_litert has no types
    """An interpreter of the file on its own kernels. ValueError, with its reason, where it cannot be opened."""
    try:
        interpreter = _opened(content)
        _require_sizes(interpreter)
        interpreter.allocate_tensors()
    except RuntimeError as error:
        raise ValueError(f"LiteRT does not open it: {one_line(str(error))}") from error
    operators = {operator["op_name"] for operator in interpreter._get_ops_details()}
    if flow := next((name for name in CONTROL_FLOW if name in operators), ""):
        raise ValueError(f"has the operator {flow}, whose time depends on the data: convert it without")
    return interpreter


def _opened(content: bytes) -> Any:
    try:
        return Interpreter(
            model_content=content,
            num_threads=1,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
    except ValueError as error:  # of a file that its verifier refuses
        raise ValueError(f"LiteRT does not open it: {one_line(str(error))}") from error


def _require_sizes(interpreter: Any) -> None:
    """ValueError for tensors that need more memory than any network here."""
    values = sum(prod(map(int, tensor["shape"])) for tensor in interpreter.get_tensor_details())
    if values > MAX_VALUES:
        raise ValueError(f"has tensors of {values:.1e} numbers together: no network here needs so much memory")


def _image(interpreter: Any) -> tuple[ImageShape, int]:
    """The images that a file takes, and how many at once: of any number that is 1. ValueError for no images."""
    inputs = interpreter.get_input_details()
    if len(inputs) != 1:
        raise ValueError(f"takes {len(inputs)} inputs: a network with one input, of images, can be measured")
    (taken,) = inputs
    element, shape = np.dtype(taken["dtype"]).name, tuple(map(int, taken["shape"]))
    if element not in IMAGES:
        raise ValueError(f"takes {element}, where images are {', '.join(IMAGES)}")
    if len(shape) != 4:
        raise ValueError(f"takes an input of {len(shape)} dimensions, where a batch of images has 4")
    if any(size < 0 for size in taken["shape_signature"][1:]):
        raise ValueError("takes images of any sides: convert it for the sides that you use")
    batch, first, middle, last = shape
    if first in USUAL_CHANNELS and last not in USUAL_CHANNELS:
        return ImageShape(first, middle, last), batch
    return ImageShape(last, first, middle), batch


def _precision(interpreter: Any) -> str:
    """The number format that most layers compute in, by what they take: fp32 with weights of fp16 is fp32."""
    elements = {tensor["index"]: np.dtype(tensor["dtype"]).name for tensor in interpreter.get_tensor_details()}
    taken = [
        elements[int(operator["inputs"][0])]
        for operator in interpreter._get_ops_details()
        if operator["op_name"] in WITH_WEIGHTS
    ]
    quantised = sum(element in QUANTISED for element in taken)
    if 0 < quantised < len(taken):
        raise ValueError(
            f"computes {quantised} of its {len(taken)} layers in int8 and the rest in float: quantise it whole"
        )
    return "int8" if quantised else "fp32"
