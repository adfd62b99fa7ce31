"""The page of one network and the list of all: those of families, and those of files, whatever names these have."""

import onnx
import pytest
from test_onnx_layers import parsed

from mnv2bench import networks
from mnv2bench.networks import Variant
from mnv2bench.networks.described import Description, register
from mnv2bench.networks.layer import IMAGE, Layer
from mnv2bench.networks.shapes import ImageShape
from mnv2bench.report.network import list_page, network_page


@pytest.fixture
def file(tmp_path):
    """An ONNX file whose names nobody should print as they are: control characters, markup, and 3,000 letters."""
    model = parsed(
        "c = Conv <pads = [1,1,1,1]> (x, w, b)\n h = HardSwish (c)\n f = Flatten (h)\n y = Gemm <transB = 1> (f, v)",
        "float[4,3,3,3] w, float[4] b, float[10,256] v",
        result="float[1,10] y",
    )
    model.opset_import[0].version = 20
    for node, name in zip(model.graph.node, ["a|<b>\x1b[31m", "`x`", "", "long" * 750], strict=True):
        node.name = name
    path = tmp_path / "my net.onnx"
    onnx.save(model, path)
    return path


@pytest.mark.slow
def test_a_file_is_shown_layer_by_layer_with_its_totals(verb, file):
    ran = verb("network", str(file))
    assert (ran.returncode, ran.err) == (0, "")
    page = ran.out
    assert page.startswith("Layers of my-net.onnx-")
    assert "resolution 8: one fp32 image, 10 outputs." in page
    for words in (
        ("a_b_31m", "conv", "[4, 8, 8]", "112", "--", "6,912"),
        ("MAdds, conv and linear only", "9,472"),
        ("Params", "2,672"),
    ):
        assert any(all(word in line for word in words) for line in page.splitlines()), words
    sentences = " ".join(page.split())
    assert "batch norm and Hardswish folded into the layers before them" in sentences
    assert "It takes batches of 1 alone." in sentences
    assert "\x1b" not in page
    assert "<b>" not in page
    assert "longlo...onglong" in page.replace("\n", "")
    assert max(len(line) for line in page.splitlines()) < 160


@pytest.mark.slow
def test_memory_of_a_file_stands_beside_that_of_families(verb, file):
    ran = verb("memory", "--model", str(file), "--networks", "mobilenet_v2", "--widths", "0.35")
    assert (ran.returncode, ran.err) == (0, "")
    assert "my-net.onnx" in ran.out
    assert "0.35@96" in ran.out


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["missing.onnx"], "--model missing.onnx: No such file or directory"),
        (["a.onnx", "--classes", "10"], "a.onnx has its own classes: leave --classes out"),
        (["a.tflite", "--width", "0.5"], "a.tflite has its own width: leave --width out"),
        (["a.onnx-0f1e2d3c"], "a.onnx-0f1e2d3c is the network of a file: name the file with --model"),
        (
            ["mobilenet_v2", "--resolution", "224y160"],
            "--resolution: '224y160' is no resolution such as 224 or 224x160",
        ),
        (["mobilenet_v2_0.35_7"], "resolution must be a whole number from 32 to 4096"),
    ],
)
def test_what_names_no_network_is_refused_in_one_line(verb, words, reason):
    ran = verb("network", *words)
    assert ran.returncode == 2
    assert reason in ran.err
    assert ran.err.count("\n") == 1


def test_a_network_of_another_shape_is_counted_for_it(verb):
    ran = verb("network", "mobilenet_v2_0.35_64x32_1channel_10classes")
    assert ran.returncode == 0
    assert ran.out.startswith("Layers of mobilenet_v2_0.35_64x32_1channel_10classes\n")
    assert "one fp32 image of 1 channel, 10" in ran.out
    size = ("--width", "0.35", "--resolution", "64x32")
    assert verb("network", "mobilenet_v2", *size, "--channels", "1", "--classes", "10").out == ran.out


@pytest.mark.parametrize(("precision", "megabytes"), [("fp32", "1.84"), ("fp16", "0.92"), ("int8", "0.46")])
def test_bytes_are_those_of_the_precision_that_a_file_computes_in(precision, megabytes):
    layers = (Layer("Conv", "conv", (IMAGE,), 3, 4, (256, 256), (256, 256), operator="Conv"),)
    network, image = f"{precision}.onnx-0f1e2d3c", ImageShape(3, 256, 256)
    register(Description(network, "a.onnx", "counted", image, 10, layers, precision=precision, kind="onnx"))
    page = network_page(Variant(network, 1.0, 256, 10))
    assert f"one {precision} image, 10 outputs." in page
    assert f"| Peak input + output of one op (MB) | {megabytes} |" in " ".join(page.split())


def test_every_network_of_a_family_has_its_line():
    page = " ".join(list_page().split())
    for name in networks.names():
        assert f"| {name} |" in page
    assert "| 22 variants | tensorflow/models research/slim/nets/mobilenet/README.md" in page
    assert "timm:NAME" in page
