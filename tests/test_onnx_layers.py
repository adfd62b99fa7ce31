"""What an ONNX graph computes as layers: multiply-adds, parameters, names, and what belongs to which layer."""

import warnings

import numpy as np
import onnx
import pytest
import torch

from mnv2bench import networks
from mnv2bench.artifacts.models.onnx_layers import layers, name_nodes
from mnv2bench.networks.counts import activations, count
from mnv2bench.networks.layer import IMAGE, blocks


def parsed(nodes, weights="", image="float[1,3,8,8] x", result="float[1,n] y", opset=20):
    """A model in ONNX's own text form; weights without a value are zeros."""
    head = f'<ir_version: 10, opset_import: ["" : {opset}]>\n'
    model = onnx.parser.parse_model(f"{head}g ({image}) => ({result})\n<{weights}>\n{{{nodes}}}")
    for weight in model.graph.value_info:
        tensor = weight.type.tensor_type
        zeros = np.zeros(
            [dim.dim_value for dim in tensor.shape.dim], onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        )
        model.graph.initializer.append(onnx.numpy_helper.from_array(zeros, weight.name))
    del model.graph.value_info[:]
    return model


def lines(model):
    return [(layer.type, layer.operator, layer.madds, layer.params) for layer in layers(model)]


def test_a_convolution_has_its_bias_and_its_activation():
    model = parsed(
        "c = Conv <pads = [1,1,1,1], strides = [2,2]> (x, w, b)\n y = Relu (c)",
        "float[4,3,3,3] w, float[4] b",
        result="float[1,4,4,4] y",
    )
    (conv,) = layers(model)
    assert (conv.type, conv.activation, conv.inputs) == ("conv", "relu", (IMAGE,))
    assert (conv.in_size, conv.out_size, conv.kernel, conv.stride) == ((8, 8), (4, 4), (3, 3), (2, 2))
    assert conv.pads == ((1, 1), (1, 1))
    assert conv.madds == 4 * 3 * 9 * 16
    assert conv.params == 4 * 3 * 9 + 4


def test_a_batch_norm_belongs_to_the_convolution_before_it_and_else_has_parameters_of_its_own():
    folded = parsed(
        "c = Conv (x, w)\n y = BatchNormalization (c, s, o, m, v)",
        "float[4,3,1,1] w, float[4] s, float[4] o, float[4] m, float[4] v",
        result="float[1,4,8,8] y",
    )
    (conv,) = layers(folded)
    assert (conv.norm, conv.params, conv.bn_params, conv.has_bias) == (True, 12, 8, False)
    ahead = parsed(
        "n = BatchNormalization (x, s, o, m, v)\n y = Conv (n, w)",
        "float[4,3,1,1] w, float[3] s, float[3] o, float[3] m, float[3] v",
        result="float[1,4,8,8] y",
    )
    assert lines(ahead) == [("other", "BatchNormalization", 0, 6), ("conv", "Conv", 768, 12)]


def test_an_activation_of_a_tensor_that_is_read_twice_is_a_layer_of_its_own():
    model = parsed("c = Conv (x, w)\n r = Relu (c)\n y = Add (c, r)", "float[3,3,1,1] w", result="float[1,3,8,8] y")
    assert [(layer.type, layer.inputs) for layer in layers(model)] == [
        ("conv", (IMAGE,)),
        ("activation", ("Conv",)),
        ("add", ("Conv", "Relu")),
    ]


def test_a_tensor_times_its_own_gate_is_one_activation_and_times_another_gate_is_not():
    swish = parsed("c = Conv (x, w)\n s = Sigmoid (c)\n y = Mul (c, s)", "float[3,3,1,1] w", result="float[1,3,8,8] y")
    assert [(layer.type, layer.activation) for layer in layers(swish)] == [("conv", "silu")]
    excite = parsed(
        "c = Conv (x, w)\n p = GlobalAveragePool (c)\n s = Sigmoid (p)\n y = Mul (c, s)",
        "float[3,3,1,1] w",
        result="float[1,3,8,8] y",
    )
    assert [(layer.type, layer.operator, layer.activation) for layer in layers(excite)] == [
        ("conv", "Conv", ""),
        ("pool", "GlobalAveragePool", "sigmoid"),
        ("other", "Mul", ""),
    ]


def test_clip_between_0_and_6_is_relu6_and_any_other_is_not():
    six = "lo = Constant <value = float {0.0}> ()\n hi = Constant <value = float {6.0}> ()\n"
    one = six.replace("6.0", "1.0")
    rest = "c = Conv (x, w)\n y = Clip (c, lo, hi)"
    known = [layers(parsed(clip + rest, "float[3,3,1,1] w", result="float[1,3,8,8] y")) for clip in (six, one)]
    assert [conv.activation for (conv,) in known] == ["relu6", "clip"]


def test_groups_transposed_convolutions_and_dilations_are_counted():
    depthwise = parsed("y = Conv <group = 3> (x, w)", "float[3,1,3,3] w", result="float[1,3,6,6] y")
    assert lines(depthwise) == [("depthwise", "Conv", 3 * 9 * 36, 27)]
    grouped = parsed("y = Conv <group = 3> (x, w)", "float[6,1,3,3] w", result="float[1,6,6,6] y")
    assert lines(grouped) == [("conv", "Conv", 6 * 9 * 36, 54)]
    transposed = parsed("y = ConvTranspose <strides = [2,2]> (x, w)", "float[3,5,2,2] w", result="float[1,5,16,16] y")
    assert lines(transposed) == [("transposed", "ConvTranspose", 3 * 5 * 4 * 64, 60)]
    dilated = parsed(
        'y = Conv <dilations = [2,2], auto_pad = "SAME_UPPER"> (x, w)', "float[3,3,3,3] w", result="float[1,3,8,8] y"
    )
    (conv,) = layers(dilated)
    assert (conv.pads, conv.madds) == (((2, 2), (2, 2)), 9 * 9 * 64)


def test_products_with_a_constant_are_linear_and_of_two_images_are_not():
    linear = parsed(
        "f = Flatten (x)\n m = MatMul (f, w)\n y = Add (m, b)", "float[192,10] w, float[10] b", result="float[1,10] y"
    )
    assert lines(linear) == [("linear", "MatMul", 1920, 1930)]
    tokens = parsed("y = MatMul (x, w)", "float[8,5] w", result="float[1,3,8,5] y")
    (layer,) = layers(tokens)
    assert (layer.type, layer.madds, layer.params) == ("linear", 3 * 8 * 8 * 5, 40)
    attention = parsed(
        "t = Transpose <perm = [0,1,3,2]> (x)\n y = MatMul (x, t)", image="float[1,3,8,4] x", result="float[1,3,8,8] y"
    )
    assert lines(attention) == [("shuffle", "Transpose", 0, 0), ("matmul", "MatMul", 3 * 8 * 8 * 4, 0)]
    gemm = parsed(
        "f = Flatten (x)\n y = Gemm <transB = 1> (f, w, b)", "float[7,192] w, float[7] b", result="float[1,7] y"
    )
    assert lines(gemm) == [("linear", "Gemm", 192 * 7, 192 * 7 + 7)]


def test_quantised_graphs_have_the_layers_of_their_networks():
    qdq = parsed(
        """a = QuantizeLinear (x, s, z)
        b = DequantizeLinear (a, s, z)
        k = DequantizeLinear (w, s, z)
        y = Conv (b, k)""",
        "float s = {0.1}, int8 z = {0}, int8[4,3,1,1] w",
        result="float[1,4,8,8] y",
    )
    assert lines(qdq) == [("conv", "Conv", 768, 12)]
    operators = parsed(
        """a = QuantizeLinear (x, s, z)
        c = QLinearConv (a, s, z, w, s, z, s, z, b)
        y = DequantizeLinear (c, s, z)""",
        "float s = {0.1}, int8 z = {0}, int8[4,3,1,1] w, int32[4] b",
        result="float[1,4,8,8] y",
    )
    assert lines(operators) == [("conv", "QLinearConv", 768, 16)]


def test_zeros_around_an_image_belong_to_the_convolution_that_reads_them():
    model = parsed(
        "p = Pad (x, zeros)\n y = Conv (p, w)",
        "int64[8] zeros = {0,0,0,1,0,0,1,2}, float[3,3,2,2] w",
        result="float[1,3,8,10] y",
    )
    (conv,) = layers(model)
    assert (conv.pads, conv.in_size, conv.out_size) == (((0, 1), (1, 2)), (8, 8), (8, 10))


def test_elements_are_those_of_one_image_whatever_the_batch():
    one, four = (
        layers(parsed("y = Conv (x, w)", "float[4,3,1,1] w", f"float[{batch},3,8,8] x", f"float[{batch},4,8,8] y"))
        for batch in (1, 4)
    )
    assert one == four


def test_learned_numbers_of_anything_else_are_parameters_too():
    model = parsed(
        "c = Conv (x, w)\n r = PRelu (c, a)\n y = LayerNormalization (r, g, o)",
        "float[3,3,1,1] w, float[3,1,1] a, float[8] g, float[8] o",
        result="float[1,3,8,8] y",
    )
    assert lines(model) == [("conv", "Conv", 576, 9 + 3), ("other", "LayerNormalization", 0, 16)]


def test_every_node_has_a_plain_name_of_its_own():
    model = parsed("a = Relu (x)\n b = Relu (a)\n y = Conv (b, w)", "float[3,3,1,1] w", result="float[1,3,8,8] y")
    names = ["a|b\x1b[31m<script>", "a|b\x1b[31m<script>", "/block/block.0/" + "long" * 100 + "/Conv"]
    for node, name in zip(model.graph.node, names, strict=True):
        node.name = name
    name_nodes(model)
    known = [node.name for node in model.graph.node]
    assert known[:2] == ["a_b_31m_script", "a_b_31m_script_2"]
    assert known[2].startswith("block.0.longlong")
    assert len(known[2]) == 80
    name_nodes(model)
    assert [node.name for node in model.graph.node] == known


@pytest.mark.parametrize(
    ("nodes", "weights", "image", "reason"),
    [
        ("y = Conv (x, w)", "float[4,5,1,1] w", "float[1,3,8,8] x", "weights for other numbers of channels"),
        ("y = MatMul (x, w)", "float[5,4] w", "float[1,3,8,8] x", "shapes contradict each other"),
        ("y = Conv (x, w)", "float[4,3,1,1] w", "float[N,3,8,8] x", "no image of a fixed shape"),
        ("y = Conv (x, w)", "float[4,3,1,1,1] w", "float[1,3,8,8,8] x", "a convolution of 3 dimensions"),
        ("a, y = LSTM <hidden_size = 4> (x, w, r)", "float[1,16,8] w, float[1,16,4] r", "float[8,1,8] x", "LSTM"),
        ("y = Abs (x)", "float[1] w", "float[1,3,8,8] x", "computes nothing that is counted"),
    ],
)
def test_what_cannot_be_counted_is_refused_in_one_line(nodes, weights, image, reason):
    with pytest.raises(ValueError, match=reason) as refused:
        layers(parsed(nodes, weights, image, "float[n] y" if "LSTM" not in nodes else "float[1,1,4] y"))
    assert "\n" not in str(refused.value)


@pytest.mark.slow
@pytest.mark.parametrize("dynamo", [True, False])
@pytest.mark.parametrize(("network", "width", "resolution"), [("mobilenet_v2", 0.35, 96), ("mobilenet_v1", 0.25, 128)])
def test_our_own_exports_are_counted_as_their_families_are(network, width, resolution, dynamo, tmp_path):
    """Exporters fold batch norms into convolutions, which have a bias for them then."""
    declared = networks.layers(network, width, resolution)
    net = networks.build(network, width, resolution)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter += 0.01  # an exporter leaves out a bias of zeros
    path = tmp_path / "net.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(net, (torch.rand(1, 3, resolution, resolution),), path, dynamo=dynamo, verbose=False)
    walked = layers(onnx.load(path))
    folded_biases = sum(layer.bn_params // 2 for layer in declared)
    assert count(walked).madds == count(declared).madds
    assert count(walked).params == count(declared).params_without_bn + folded_biases
    assert [live.live for live in activations(walked)] == [live.live for live in activations(declared)]
    assert [layer.type for layer in walked] == [layer.type for layer in declared]
    paths = [layer.modules[1 if layer.dropout else 0] for layer in declared if layer.weights]
    assert [layer.name for layer in walked if layer.weights] == paths
    assert len(blocks(walked)) == len(blocks(declared))
