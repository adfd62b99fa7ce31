"""The ONNX files of users: what is read of them, what is refused in one line, and on which runtimes they run."""

import json
import re

import numpy as np
import onnx
import own_models
import pytest
from onnx import TensorProto, helper, numpy_helper

import mnv2bench as mb
from mnv2bench.artifacts.models import onnx_file
from mnv2bench.networks import ImageShape, layers


@pytest.fixture
def hand(tmp_path):
    """A small file, of any batch and sides."""
    return own_models.by_hand(tmp_path / "hand.onnx")


def altered(path, change):
    """The file after a change of its model."""
    model = onnx.load(path)
    change(model)
    path.write_bytes(model.SerializeToString())
    return path


def test_a_file_of_any_sides_is_read_for_those_that_are_named_and_for_224_else(hand):
    usual, small = onnx_file.read(hand, None), onnx_file.read(hand, (64, 32))
    assert (usual.image, usual.classes, usual.batch) == (ImageShape(3, 224, 224), 16 + 16 * 56 * 56, 0)
    assert (small.image, small.classes) == (ImageShape(3, 64, 32), 16 + 16 * 16 * 8)
    assert sum(layer.madds for layer in small.layers) == 32 * 16 * 8 * 27 + 16 * 8 * 16 * 72
    assert (usual.precision, usual.pixels, usual.kind) == ("fp32", "", "onnx")
    assert usual.network == small.network == f"hand.onnx-{usual.content[:8]}"


def test_a_file_of_one_batch_and_of_other_sides_than_the_named_ones_says_so(tmp_path):
    path = own_models.by_hand(tmp_path / "one.onnx", sides=(64, 64), batch=1)
    assert onnx_file.read(path, None).batch == 1
    with pytest.raises(ValueError, match="takes images of 64x64 alone: leave --resolutions out"):
        onnx_file.read(path, (96, 96))


def test_pixels_with_channels_last_are_known_by_their_shape_and_element(tmp_path):
    path = own_models.by_hand(tmp_path / "pixels.onnx", element=TensorProto.UINT8, last=True)
    description = onnx_file.read(path, (32, 48))
    assert (description.image, description.pixels) == (ImageShape(3, 32, 48), "uint8")


def test_a_batch_that_is_fixed_within_the_graph_is_the_only_one(hand):
    def change(model):
        model.graph.initializer.append(numpy_helper.from_array(np.array([1, 16], np.int64), "shape"))
        model.graph.node.append(helper.make_node("Reshape", ["scores", "shape"], ["flat"]))
        del model.graph.output[:]
        model.graph.output.append(helper.make_tensor_value_info("flat", TensorProto.FLOAT, [None, 16]))

    description = onnx_file.read(altered(hand, change), None)
    assert (description.batch, description.classes) == (1, 16)


def test_weights_in_another_file_are_part_of_the_content(hand):
    external = own_models.with_external_data(hand.with_name("external.onnx"), hand)
    before = onnx_file.read(external, None)
    assert before.classes == onnx_file.read(hand, None).classes
    weights = hand.with_name("weights.bin")
    weights.chmod(0o600)
    content = bytearray(weights.read_bytes())
    content[40] ^= 1
    weights.write_bytes(content)
    assert onnx_file.read(external, None).content != before.content
    with pytest.raises(ValueError, match="changed since it was read"):
        onnx_file.write(external, before.content, hand.with_name("copy.onnx"))


@pytest.mark.parametrize(
    ("location", "line"),
    [
        ("../weights.bin", "outside its folder: '../weights.bin'"),
        ("/etc/passwd", "outside its folder: '/etc/passwd'"),
        ("link.bin", "'link.bin' is a link"),
        ("gone.bin", "'gone.bin' is missing"),
        ("short.bin", "'short.bin' does not have the"),
    ],
)
def test_external_data_that_is_not_in_the_folder_is_refused(hand, location, line):
    external = own_models.with_external_data(hand.with_name("external.onnx"), hand)
    hand.with_name("link.bin").symlink_to(hand.with_name("weights.bin"))
    hand.with_name("short.bin").write_bytes(b"1234")
    model = onnx.load(external, load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = location
    external.write_bytes(model.SerializeToString())
    with pytest.raises(ValueError, match=line):
        onnx_file.read(external, None)


def loop(model):
    body = helper.make_graph([], "body", [], [])
    model.graph.node.append(helper.make_node("Loop", [], ["looped"], body=body))


def cycle(model):
    model.graph.node[0].input[0] = model.graph.node[-1].output[0]


def absurd_shape(model):
    del model.graph.initializer[0].dims[:]
    model.graph.initializer[0].dims.extend([2**40, 2**40])


def absurd_pads(model):
    for attribute in model.graph.node[0].attribute:
        if attribute.name == "pads":
            attribute.ints[:] = [2**30] * 4


def second_input(model):
    model.graph.input.append(helper.make_tensor_value_info("other", TensorProto.FLOAT, [1, 3]))


def flat_input(model):
    del model.graph.input[0].type.tensor_type.shape.dim[2:]


def custom_operator(model):
    model.graph.node[1].domain = "my.company"
    model.opset_import.append(helper.make_opsetid("my.company", 1))


def missing_bytes(model):
    model.graph.initializer[0].raw_data = model.graph.initializer[0].raw_data[:-4]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (loop, "has the operator Loop, whose time depends on the data"),
        (cycle, "is no valid ONNX model"),
        (absurd_shape, r"tensor 'first' has the shape '\[1099511627776, 1099511627776\]'"),
        (absurd_pads, "tensor 'a' would have 9.2e.18 numbers, and 536870912 are the most"),
        (second_input, r"takes 2 inputs \('pictures', 'other'\)"),
        (flat_input, "takes an input of 2 dimensions, where a batch of images has 4"),
        (custom_operator, "has the operator 'Relu' of 'my.company', which is a library's own"),
        (missing_bytes, "tensor 'first' has 860 bytes of 864"),
    ],
)
def test_a_file_that_cannot_be_measured_is_refused_with_the_reason(hand, change, line):
    with pytest.raises(ValueError, match=line) as error:
        onnx_file.read(altered(hand, change), None)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("length", [0, 1, 100, 5000])
def test_a_file_that_is_cut_off_is_refused(hand, length):
    hand.write_bytes(hand.read_bytes()[:length])
    with pytest.raises(ValueError, match=r"is no ONNX file|is no valid ONNX model"):
        onnx_file.read(hand, None)


def test_float16_is_widened_to_float32_without_a_change(hand):
    half = own_models.halved(hand.with_name("half.onnx"), hand)
    assert onnx_file.read(half, None).precision == "fp16"
    model, _ = onnx_file.loaded(half)
    before = numpy_helper.to_array(model.graph.initializer[0])
    after = numpy_helper.to_array(onnx_file.widened(model).graph.initializer[0])
    assert (before.dtype, after.dtype) == (np.float16, np.float32)
    assert (before == after).all()


def test_an_export_of_ours_has_the_multiply_adds_of_its_family(tmp_path):
    description = onnx_file.read(own_models.of_dynamo(tmp_path / "net.onnx"), None)
    own = layers("mobilenet_v2", 0.35, own_models.SIDE, own_models.CLASSES)
    assert sum(layer.madds for layer in description.layers) == sum(layer.madds for layer in own)


def test_python_chooses_the_cases_of_a_file_as_the_option_does(hand):
    (case,) = mb.cases(models=hand, backends="onnxruntime", threads=1)
    assert re.fullmatch(r"hand\.onnx-[0-9a-f]{8}_1\.0_224_\d+outputs-b1-onnxruntime-cpu-fp32-t1", case.id)
    with pytest.raises(ValueError, match=r"^--model .*/missing\.onnx: No such file or directory$"):
        mb.cases(models=[hand.with_name("missing.onnx")])


@pytest.mark.slow
def test_five_files_of_different_makers_run_where_they_can_and_say_why_else(tmp_path, verb, monkeypatch):
    monkeypatch.setattr(own_models, "SIDE", 224)  # calls that are long enough for their times to be checked
    script = own_models.of_torch_script(tmp_path / "script.onnx")
    dynamo = own_models.of_dynamo(tmp_path / "dynamo.onnx")
    files = [
        dynamo,
        script,
        own_models.by_hand(tmp_path / "hand.onnx", sides=(224, 224)),
        own_models.quantised(tmp_path / "qdq.onnx", script),
        own_models.halved(tmp_path / "half.onnx", script),
    ]
    models = [word for file in files for word in ("--model", str(file))]
    plan = ["--suites", "latency", "--threads", "1", "--processes", "1", "--rounds", "1", "--no-wait", "--no-accuracy"]
    out = tmp_path / "out.jsonl"
    verb("run", *models, "--backends", "onnxruntime,openvino,ncnn,executorch", *plan, "--out", str(out))
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    statuses = {line["case"]: line["status"] for line in lines if "status" in line and "case" in line}
    ran = {
        case.split("-b1-")[0].split(".")[0] + " " + case.split("-b1-")[1] for case in statuses if statuses[case] == "ok"
    }
    for name in ("dynamo", "script", "hand", "half"):
        assert {f"{name} {backend}-cpu-fp32-t1" for backend in ("onnxruntime", "openvino", "ncnn")} <= ran
    assert "qdq onnxruntime-cpu-int8-t1" in ran
    assert not any("executorch" in case for case in ran)
