"""What a file of LiteRT computes as layers: multiply-adds, parameters, and what belongs to which layer."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from lite_writer import Writer

from mnv2bench.artifacts.models.tflite_layers import layers
from mnv2bench.networks.counts import count
from mnv2bench.networks.layer import IMAGE

CONV_NAME = "my.Net/torch.nn.modules.container.Sequential_features/torch.nn.modules.conv.Conv2d_0;1"
RELU6, NO_ACTIVATION = 3, 0


@pytest.fixture(scope="module")
def content():
    """A file for a batch of 2, with zeros around the image that another operator adds."""
    file = Writer()
    image = file.tensor("x", (2, 8, 8, 3))
    zeros = file.tensor("pads", (4, 2), [[0, 0], [1, 1], [1, 1], [0, 0]], np.int32)
    padded = file.operator("PAD", (image, zeros), file.tensor("padded", (2, 10, 10, 3)), "PadOptions")
    conv = file.operator(
        "CONV_2D",
        (padded, file.weights(4, 3, 3, 3), file.weights(4)),
        file.tensor(CONV_NAME, (2, 4, 4, 4)),
        "Conv2DOptions",
        padding=schema.Padding.VALID,
        strideH=2,
        strideW=2,
        fusedActivationFunction=RELU6,
    )
    depthwise = file.operator(
        "DEPTHWISE_CONV_2D",
        (conv, file.weights(1, 3, 3, 4), file.weights(4)),
        file.tensor("block/depthwise", (2, 4, 4, 4)),
        "DepthwiseConv2DOptions",
        padding=schema.Padding.SAME,
        strideH=1,
        strideW=1,
        depthMultiplier=1,
        fusedActivationFunction=NO_ACTIVATION,
    )
    added = file.operator("ADD", (conv, depthwise), file.tensor("block/add", (2, 4, 4, 4)), "AddOptions")
    axes = file.tensor("axes", (2,), [1, 2], np.int32)
    mean = file.operator("MEAN", (added, axes), file.tensor("mean", (2, 4)), "ReducerOptions", keepDims=False)
    linear = file.operator(
        "FULLY_CONNECTED",
        (mean, file.weights(10, 4), file.weights(10)),
        file.tensor("classifier", (2, 10)),
        "FullyConnectedOptions",
    )
    return file.content(image, linear)


def test_the_layers_are_those_that_litert_computes(content):
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    interpreter.invoke()
    listed = layers(content)
    assert [(layer.name, layer.type, layer.inputs, layer.madds, layer.params) for layer in listed] == [
        ("features.0", "conv", (IMAGE,), 4 * 27 * 16, 4 * 27 + 4),
        ("block.depthwise", "depthwise", ("features.0",), 4 * 9 * 16, 40),
        ("block.add", "add", ("features.0", "block.depthwise"), 0, 0),
        ("mean", "pool", ("block.add",), 0, 0),
        ("classifier", "linear", ("mean",), 40, 50),
    ]
    conv, depthwise, *_ = listed
    assert (conv.activation, conv.pads, conv.in_size, conv.out_size) == ("relu6", ((1, 1), (1, 1)), (8, 8), (4, 4))
    assert depthwise.pads == ((1, 1), (1, 1))
    assert count(listed).madds == 1728 + 576 + 40


def test_an_operator_that_nobody_counts_is_refused_by_its_name():
    file = Writer()
    image, result = file.tensor("x", (1, 8, 8, 3)), file.tensor("y", (1, 8, 8, 3))
    file.operator("SVDF", (image,), result)
    with pytest.raises(ValueError, match="the multiply-adds of the operator SVDF are not counted: y"):
        layers(file.content(image, result))
