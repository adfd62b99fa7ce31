"""ONNX files as users bring them, made by different exporters and opsets, and files that are none."""

import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from mnv2bench import networks

SIDE, CLASSES = 96, 10


def network(seed=0):
    """A small MobileNetV2 with seeded weights."""
    return networks.build("mobilenet_v2", 0.35, SIDE, CLASSES, seed=seed)


def of_dynamo(path, batch=None):
    """By torch's present exporter: opset 20, any batch unless one is named."""
    images = torch.zeros(batch or 2, 3, SIDE, SIDE)
    shapes = None if batch else ({0: torch.export.Dim("batch")},)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network(), (images,), dynamo=True, dynamic_shapes=shapes, verbose=False).save(str(path))
    return path


def of_torch_script(path, opset=13):
    """By torch's former exporter, of batch 1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        images = torch.zeros(1, 3, SIDE, SIDE)
        torch.onnx.export(network(), (images,), str(path), dynamo=False, opset_version=opset)
    return path


def by_hand(path, opset=11, sides=("height", "width"), batch="batch", element=TensorProto.FLOAT, last=False, ops=()):
    """Two convolutions and two outputs of other shapes, written node by node; any batch and sides.

    `element` is that of the input, and `last` says that its channels are its last dimension.
    """
    rng = np.random.default_rng(0)
    weights = {
        "first": rng.standard_normal((8, 3, 3, 3)).astype(np.float32) / 5,
        "second": rng.standard_normal((16, 8, 3, 3)).astype(np.float32) / 8,
        "bias": rng.standard_normal(16).astype(np.float32),
    }
    nodes, source = [], "pictures"
    if last:
        nodes.append(helper.make_node("Transpose", [source], ["first_channels"], perm=[0, 3, 1, 2]))
        source = "first_channels"
    if element != TensorProto.FLOAT:
        nodes.append(helper.make_node("Cast", [source], ["floats"], to=TensorProto.FLOAT))
        nodes.append(helper.make_node("Mul", ["floats", "scale"], ["scaled"]))
        weights["scale"], source = np.float32(1 / 64), "scaled"
    nodes += [
        helper.make_node("Conv", [source, "first"], ["a"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "second", "bias"], ["map"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("GlobalAveragePool", ["map"], ["scores"]),
        *ops,
    ]
    shape = [batch, *sides, 3] if last else [batch, 3, *sides]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("pictures", element, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 4) for name in ("scores", "map")],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=6), path)
    return path


def quantised(path, source):
    """By onnxruntime's static quantiser, in QDQ."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self):
            shape = networks.ImageShape(3, SIDE, SIDE)
            self.feeds = iter({"input": networks.images(seed, 1, shape)} for seed in range(8))

        def get_next(self):
            return next(self.feeds, None)

    model = onnx.load(source)
    (taken,) = model.graph.input
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            if name == taken.name:
                node.input[place] = "input"
    taken.name = "input"
    renamed = Path(path).with_name("renamed.onnx")
    onnx.save(model, renamed)
    quantize_static(
        renamed,
        path,
        Reader(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    return path


def halved(path, source):
    """Another ONNX file in float16, its input and outputs too."""
    model = onnx.load(source)
    constants = (attribute.t for node in model.graph.node for attribute in node.attribute if attribute.HasField("t"))
    for tensor in (*model.graph.initializer, *constants):
        if tensor.data_type == TensorProto.FLOAT:
            array = numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    del model.graph.value_info[:]
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = TensorProto.FLOAT16
    onnx.save(model, path)
    return path


def with_external_data(path, source, location="weights.bin"):
    """Another ONNX file with its weights in a file beside it."""
    onnx.save(onnx.load(source), path, save_as_external_data=True, location=location, size_threshold=0)
    return path
