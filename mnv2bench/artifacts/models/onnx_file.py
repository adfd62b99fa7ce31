"""ONNX files of users: read and checked without running them, and fixed to the batch and the images of a case."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, external_data_helper, helper, numpy_helper

from mnv2bench.artifacts.models import onnx_layers
from mnv2bench.artifacts.models.own_file import file_bytes, file_description, require_unchanged
from mnv2bench.backends.shared.arrays import arranged, joined
from mnv2bench.case import Case
from mnv2bench.networks import Description, ImageShape, Sides
from mnv2bench.precisions import FP32, named
from mnv2bench.refusals import Unsupported
from mnv2bench.texts import one_line

MAX_BYTES = 1 << 30  # of a file with its external data
MAX_ELEMENTS = 1 << 29  # of one tensor
MAX_NODES = 100_000
USUAL_SIDES = (224, 224)  # of a network that takes images of any
USUAL_CHANNELS = (1, 3, 4)  # by which the channels of an image are known from its sides
DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")  # operators that onnxruntime itself has
CONTROL_FLOW = ("If", "Loop", "Scan", "SequenceMap")
ELEMENTS = {
    TensorProto.FLOAT: "float32",
    TensorProto.FLOAT16: "float16",
    TensorProto.UINT8: "uint8",
    TensorProto.INT8: "int8",
}
PIXELS: dict[int, Literal["", "uint8", "int8"]] = {TensorProto.UINT8: "uint8", TensorProto.INT8: "int8"}
QUANTISING = ("QuantizeLinear", "QLinearConv", "ConvInteger", "QLinearMatMul", "MatMulInteger", "DynamicQuantizeLinear")
WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
FIRST_IR_WITH_CONSTANTS = 4  # before it every initialiser was also an input


def read(path: Path, sides: Sides | None) -> Description:
    """What an ONNX file holds, for images of these sides where it takes any. ValueError, in one line, for no model."""
    model, content = loaded(path)
    image, batch = _image(model, sides), _fixed_batch(model)
    try:
        inferred = fixed(model, image, batch or 1)
    except ValueError:
        if batch:
            raise
        inferred, batch = fixed(model, image, 1), 1
    if not batch and not _takes_batches(model, image):
        batch = 1  # it says any, and has the number 1 in a shape
    classes = sum(_elements(output) // (batch or 1) for output in inferred.graph.output)
    return file_description(
        path,
        content,
        "onnx",
        image=image,
        classes=classes,
        layers=onnx_layers.layers(inferred),
        precision=_precision(model),
        batch=batch,
        pixels=PIXELS.get(_input(model).type.tensor_type.elem_type, ""),
    )


def write(path: Path, content: str, target: Path) -> None:
    """Write the file as one, with its external data. ValueError where it is not what was read of it."""
    model, now = loaded(path)
    require_unchanged(path, content, now)
    target.write_bytes(model.SerializeToString())


def forward(case: Case, path: Path) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """The network in float32 by onnxruntime without any optimisation of the graph: what all outputs are held against.

    `path` is the file as `write` writes it.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    model = widened(case_model(case, path))
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    (taken,) = model.graph.input
    shape, element = tuple(map(_size, taken.type.tensor_type.shape.dim)), ELEMENTS[taken.type.tensor_type.elem_type]

    def run(images: NDArray[np.float32]) -> NDArray[np.float32]:
        return joined(session.run(None, {taken.name: arranged(images, shape, element)}), case.batch)

    return run


def typed_model(case: Case, path: Path) -> ModelProto:
    """The same in the number format of the case's files: in float32 the weights of float16 are widened."""
    model = case_model(case, path)
    return widened(model) if named(case.precision).files == FP32.name else model


def case_model(case: Case, path: Path) -> ModelProto:
    """The model of a file as `write` writes it, for the batch and the images of a case."""
    return fixed(_parsed(path.read_bytes()), case.image, case.batch)


def require_float_images(case: Case, model: ModelProto, runtime: str) -> None:
    """Raise Unsupported for a model whose images are no float32 with the channels first."""
    (taken,) = model.graph.input
    tensor = taken.type.tensor_type
    if tensor.elem_type != TensorProto.FLOAT or tuple(map(_size, tensor.shape.dim)) != case.input_shape:
        order = "first" if tuple(map(_size, tensor.shape.dim)) == case.input_shape else "last"
        element = ELEMENTS[tensor.elem_type]
        raise Unsupported(f"{runtime} takes images of float32 with channels first, the file {element}, {order}")


def loaded(path: Path) -> tuple[ModelProto, str]:
    """The model with its external data, checked, and a digest of all its bytes. ValueError, in one line, for none."""
    data = file_bytes(path, MAX_BYTES)
    model = _parsed(data)
    digest, total = hashlib.sha256(data), len(data)
    for tensor in _tensors(model):
        if tensor.data_location == TensorProto.EXTERNAL:
            total += _inline(tensor, path.parent, MAX_BYTES - total)
            digest.update(tensor.raw_data)
    _require_plain(model)
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, RuntimeError) as error:
        raise ValueError(f"is no valid ONNX model: {one_line(str(error))}") from error
    return model, digest.hexdigest()


def fixed(model: ModelProto, image: ImageShape, batch: int) -> ModelProto:
    """The model for one batch of images, each node with a name, and each tensor with its shape where it can be known.

    ValueError, in one line, where it takes no such images.
    """
    result = ModelProto()
    result.CopyFrom(model)
    graph = result.graph
    taken = _input(result)
    shape = (batch, *image.sides, image.channels) if _has_channels_last(taken) else (batch, *image)
    element = taken.type.tensor_type.elem_type
    onnx_layers.name_nodes(result)
    sized_input = helper.make_tensor_value_info(taken.name, element, shape)
    del graph.input[:], graph.value_info[:]
    graph.input.append(sized_input)
    result.ir_version = max(result.ir_version, FIRST_IR_WITH_CONSTANTS)
    for output in graph.output:
        output.type.tensor_type.ClearField("shape")
    try:
        inferred = onnx.shape_inference.infer_shapes(result, check_type=True, strict_mode=True, data_prop=True)
    except (onnx.shape_inference.InferenceError, RuntimeError) as error:
        raise ValueError(f"takes no batch of {batch} of {_shape_text(image)}: {one_line(str(error))}") from error
    for value in (*inferred.graph.value_info, *inferred.graph.output):
        _elements(value)
    for output in inferred.graph.output:
        if not output.type.HasField("tensor_type") or not _is_known(output):
            raise ValueError(f"output {_quoted(output.name)} has no shape that onnx's shape inference knows")
        if batch > 1 and (
            not output.type.tensor_type.shape.dim or _size(output.type.tensor_type.shape.dim[0]) != batch
        ):
            raise ValueError(f"output {_quoted(output.name)} is not one for each of {batch} images")
    return inferred


def widened(model: ModelProto) -> ModelProto:
    """The same network with float32 in place of float16 everywhere, which changes no weight."""
    result = ModelProto()
    result.CopyFrom(model)
    for tensor in _tensors(result):
        if tensor.data_type == TensorProto.FLOAT16:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))
    for value in (*result.graph.input, *result.graph.output, *result.graph.value_info):
        if value.type.tensor_type.elem_type == TensorProto.FLOAT16:
            value.type.tensor_type.elem_type = TensorProto.FLOAT
    for attribute in (attribute for node in result.graph.node for attribute in node.attribute):
        if attribute.name in ("to", "dtype", "output_dtype") and attribute.i == TensorProto.FLOAT16:
            attribute.i = TensorProto.FLOAT
    return result


def _parsed(data: bytes) -> ModelProto:
    try:
        model: ModelProto = onnx.load_model_from_string(data)
    except DecodeError as error:
        raise ValueError("is no ONNX file, or is cut off") from error
    if not model.graph.node:
        raise ValueError("is no ONNX file, or holds no network")
    return model


def _tensors(model: ModelProto) -> Iterator[TensorProto]:
    """Every tensor of a model: initialisers, and those in attributes of nodes. Control flow is refused elsewhere."""
    yield from model.graph.initializer
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


def _inline(tensor: TensorProto, folder: Path, most: int) -> int:
    """Put external data of a tensor into it, and return how many bytes these are. ValueError for data elsewhere."""
    try:
        info = external_data_helper.ExternalDataInfo(tensor)
    except ValueError as error:
        raise ValueError(f"its external data is damaged: {one_line(str(error))}") from error
    path = folder / info.location
    parts = Path(info.location).parts
    if not info.location or Path(info.location).is_absolute() or ".." in parts:
        raise ValueError(f"its external data is outside its folder: {_quoted(info.location)}")
    if any((folder / Path(*parts[: length + 1])).is_symlink() for length in range(len(parts))):
        raise ValueError(f"its external data {_quoted(info.location)} is a link: put the file itself there")
    if not path.is_file():
        raise ValueError(f"its external data {_quoted(info.location)} is missing: put it beside the file")
    size = path.stat().st_size
    length = size - (info.offset or 0) if info.length is None else info.length
    expected = _bytes_of(tensor)
    if length != expected or (info.offset or 0) + length > size:
        raise ValueError(f"its external data {_quoted(info.location)} does not have the {expected} bytes of a tensor")
    if length > most:
        raise ValueError(f"is larger than {MAX_BYTES >> 20} MiB together with its external data, which is the most")
    with path.open("rb") as file:
        file.seek(info.offset or 0)
        tensor.raw_data = file.read(length)
    del tensor.external_data[:]
    tensor.data_location = TensorProto.DEFAULT
    return int(length)


def _bytes_of(tensor: TensorProto) -> int:
    """How many bytes the data of a tensor must have. ValueError for a shape or an element that is none."""
    elements = 1
    for size in tensor.dims:
        elements *= size
        if size < 0 or elements > MAX_ELEMENTS:
            raise ValueError(f"tensor {_quoted(tensor.name)} has the shape {_quoted(str([*tensor.dims][:8]))}")
    try:
        item = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    except KeyError as error:
        raise ValueError(
            f"tensor {_quoted(tensor.name)} has elements of the unknown type {tensor.data_type}"
        ) from error
    bits = 4 if tensor.data_type in (TensorProto.INT4, TensorProto.UINT4) else 8 * item.itemsize
    return (elements * bits + 7) // 8


def _require_plain(model: ModelProto) -> None:
    """ValueError, in one line, for a model that is more than operators of onnxruntime in a row."""
    if len(model.graph.node) > MAX_NODES:
        raise ValueError(f"has {len(model.graph.node)} nodes, and {MAX_NODES} are the most")
    if model.functions:
        raise ValueError("has functions of its own: inline them with onnx.inliner.inline_local_functions")
    for node in model.graph.node:
        if node.op_type in CONTROL_FLOW:
            raise ValueError(f"has the operator {node.op_type}, whose time depends on the data: export it without")
        if node.domain not in DOMAINS:
            raise ValueError(
                f"has the operator {_quoted(node.op_type)} of {_quoted(node.domain)}, which is a library's own"
            )
        if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
            raise ValueError(f"has a graph inside of the operator {_quoted(node.op_type)}: export it without")
    if model.graph.sparse_initializer:
        raise ValueError("has sparse weights, which few runtimes read: save them as ordinary ones")
    for tensor in _tensors(model):
        expected = _bytes_of(tensor)
        if tensor.HasField("raw_data") and len(tensor.raw_data) != expected:
            raise ValueError(f"tensor {_quoted(tensor.name)} has {len(tensor.raw_data)} bytes of {expected}")


def _input(model: ModelProto) -> onnx.ValueInfoProto:
    """The only input that is no weight. ValueError, in one line, where it is no image."""
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    if len(inputs) != 1:
        names = ", ".join(_quoted(value.name) for value in inputs[:4]) or "none"
        raise ValueError(f"takes {len(inputs)} inputs ({names}): a network with one input, of images, can be measured")
    (taken,) = inputs
    tensor = taken.type.tensor_type
    if tensor.elem_type not in ELEMENTS:
        raise ValueError(f"takes {_type_name(tensor.elem_type)}, where images are {', '.join(ELEMENTS.values())}")
    if not tensor.HasField("shape") or len(tensor.shape.dim) != 4:
        sizes = len(tensor.shape.dim) if tensor.HasField("shape") else "no"
        raise ValueError(f"takes an input of {sizes} dimensions, where a batch of images has 4")
    return taken


def _has_channels_last(taken: onnx.ValueInfoProto) -> bool:
    """Whether the last dimension of the images is a number of channels, and their first one is not."""
    first, last = (_size(taken.type.tensor_type.shape.dim[place]) for place in (1, 3))
    return last in USUAL_CHANNELS and first not in USUAL_CHANNELS


def _image(model: ModelProto, sides: Sides | None) -> ImageShape:
    """The images that a model takes; of these sides, or of the usual ones, where it takes any."""
    taken = _input(model)
    sizes = [_size(size) for size in taken.type.tensor_type.shape.dim]
    _, *rest = sizes
    channels, height, width = (rest[2], *rest[:2]) if _has_channels_last(taken) else rest
    if not channels:
        raise ValueError("does not say how many channels its images have: export it with a number of channels")
    wanted = sides or USUAL_SIDES
    own = (height or wanted[0], width or wanted[1])
    if sides and own != sides:
        raise ValueError(f"takes images of {own[0]}x{own[1]} alone: leave --resolutions out")
    return ImageShape(channels, *own)


def _fixed_batch(model: ModelProto) -> int:
    """The only batch that the input takes, 0 where it takes any."""
    return _size(_input(model).type.tensor_type.shape.dim[0])


def _takes_batches(model: ModelProto, image: ImageShape) -> bool:
    """Whether the shapes of a model agree with a batch of 2 too."""
    try:
        fixed(model, image, 2)
    except ValueError:
        return False
    return True


def _precision(model: ModelProto) -> str:
    """The number format that a model computes in: int8 where its tensors are quantised, else that of its weights."""
    if any(node.op_type in QUANTISING for node in model.graph.node):
        return "int8"
    types = [tensor.data_type for tensor in _tensors(model) if len(tensor.dims) > 1]
    if types and types.count(TensorProto.FLOAT16) > len(types) / 2:
        return "fp16"
    if types and types.count(TensorProto.BFLOAT16) > len(types) / 2:
        raise ValueError("computes in bf16, which no runtime here reads from ONNX: save it in fp32")
    return "fp32"


def _size(dimension: onnx.TensorShapeProto.Dimension) -> int:
    """A dimension's number, 0 where it is any."""
    return max(0, dimension.dim_value) if dimension.HasField("dim_value") else 0


def _is_known(value: onnx.ValueInfoProto) -> bool:
    tensor = value.type.tensor_type
    return tensor.HasField("shape") and all(_size(size) for size in tensor.shape.dim)


def _elements(value: onnx.ValueInfoProto) -> int:
    """How many numbers a tensor has. ValueError for more than fit."""
    elements = 1
    for size in value.type.tensor_type.shape.dim:
        elements *= max(1, _size(size))
    if elements > MAX_ELEMENTS:
        raise ValueError(
            f"tensor {_quoted(value.name)} would have {elements:.1e} numbers, and {MAX_ELEMENTS} are the most"
        )
    return elements


def _type_name(element: int) -> str:
    return TensorProto.DataType.Name(element).lower() if element in TensorProto.DataType.values() else str(element)


def _shape_text(image: ImageShape) -> str:
    return f"{image.channels}x{image.height}x{image.width}"


def _quoted(name: str) -> str:
    """A name from the file, short and on one line."""
    return repr(name if len(name) <= 60 else f"{name[:40]}...{name[-15:]}")
