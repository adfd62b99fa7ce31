"""ONNX Runtime in each precision on a CPU: what runs by its own profile, and what it refuses in its own words."""

from dataclasses import replace

import numpy as np
import pytest

from mnv2bench import Case, Plan, artifacts
from mnv2bench.campaign import Campaign, run
from mnv2bench.profiling.extras import Profiling
from mnv2bench.profiling.lines import profiles
from mnv2bench.profiling.mapping import layers_of, network
from mnv2bench.records.journal import Journal

pytestmark = pytest.mark.slow
pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")

BRIEF = Plan(processes=1, rounds=1, round_s=0.02, warmup_s=0.0, warmup_runs=1, warmup_cap_rounds=1)
SMALL = Case(width=0.35, resolution=96, backend="onnxruntime")
INT8 = replace(SMALL, precision="int8")
PAIRS = replace(INT8, batch=2, threads=2)
REFUSED = {
    "fp16": "onnxruntime runs no fp16 on a CPU: it casts an fp16 network to float32, and then runs all 53 convolution "
    "and linear layers of MobileNetV2 in float32",
    "bf16": "onnxruntime runs no bf16 on a CPU: 'NOT_IMPLEMENTED: Could not find an implementation for Conv(22)', it "
    "says of a bf16 network",
}


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The records of one campaign by case, and the profile of int8 from it."""
    journal = Journal(tmp_path_factory.mktemp("onnxruntime") / "onnxruntime.jsonl")
    cases = (SMALL, INT8, PAIRS, *(replace(SMALL, precision=precision) for precision in REFUSED))
    records = run(Campaign(cases, journal, BRIEF, extras=(Profiling(INT8),)))
    (profile,), _ = profiles(journal.path)
    return {record.case: record for record in records}, profile


@pytest.fixture(scope="module")
def records(measured):
    return measured[0]


def samples(record):
    """What an int8 case measured; the test ends where this processor lacks the instructions, and the row says so."""
    if record.status == "unsupported":
        assert "avx512_vnni" in record.reason
        pytest.skip(f"asserted: {record.reason}")
    assert (record.status, record.reason) == ("ok", "")
    return record.samples[0]


def test_every_layer_of_fp32_runs_in_fp32(records):
    assert records[SMALL].samples[0].layers == {"fp32": 53}


@pytest.mark.parametrize("case", [INT8, PAIRS], ids=["batch 1", "batch 2 with two threads"])
def test_every_convolution_and_the_classifier_run_in_int8(records, case):
    assert samples(records[case]).layers == {"int8": 53}
    assert samples(records[case]).error > 1e-4


def test_the_file_of_int8_is_less_than_a_third_of_that_of_fp32(records):
    samples(records[INT8])
    fp32, int8 = records[SMALL].artifact, records[INT8].artifact
    assert (fp32.format, int8.format) == ("onnx", "onnx_int8")
    assert int8.bytes < fp32.bytes / 3


def test_each_output_channel_has_a_scale_of_its_own_also_of_a_row_whose_weights_are_all_zero(records):
    """The classifier has 990 such rows, which are no digits."""
    samples(records[INT8])
    artifact = records[INT8].artifact
    graph = onnx.load(artifacts.path(artifact.format, artifact.key)).graph
    tensors = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    weights = [name for name in tensors if name.endswith(".weight_quantized")]
    assert len(weights) == 53
    assert {tensors[name].dtype for name in weights} == {np.dtype("int8")}
    for name in weights:
        scales = tensors[name.replace("_quantized", "_scale")]
        assert scales.shape in (tensors[name].shape[:1], tensors[name].shape[1:])
        assert np.isfinite(scales).all()
        assert scales.min() > 0


@pytest.mark.parametrize("precision", REFUSED)
def test_a_precision_that_runs_in_no_layer_is_unsupported_and_says_what_would_run(records, precision):
    record = records[replace(SMALL, precision=precision)]
    assert (record.status, record.reason) == ("unsupported", REFUSED[precision])


def test_a_profile_of_int8_names_every_layer_once(records, measured):
    samples(records[INT8])
    profile = measured[1]
    assert (profile.status, profile.reason) == ("ok", "")
    found = [name for layers in layers_of(profile) for name in layers]
    assert sorted(found) == sorted(layer.name for layer in network(INT8))
    assert {operator.type for operator in profile.operators} == {"conv", "depthwise", "add", "pool", "linear", "layout"}


def test_of_a_file_with_one_layer_in_float_each_layer_is_counted_in_the_precision_that_it_ran_in(tmp_path):
    """The count is of what ran, and not of what was requested."""
    from onnx import TensorProto, helper
    from onnxruntime.quantization import QuantType, quantize_static

    from mnv2bench.artifacts.formats.onnx_int8 import Reader
    from mnv2bench.backends.onnxruntime import OnnxRuntimeSession

    weight = helper.make_tensor("w", TensorProto.FLOAT, (3, 3, 1, 1), np.eye(3).ravel())
    nodes = [
        helper.make_node("Conv", [reads, "w"], [writes], name, kernel_shape=[1, 1])
        for reads, writes, name in (("x", "a", "first"), ("a", "y", "second"))
    ]
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, 3, 96, 96)) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "two", tensors[:1], tensors[1:], [weight])
    opsets = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), tmp_path / "two.onnx")
    images = np.random.default_rng(0).random((4, 1, 3, 96, 96), np.float32)
    options = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8, "nodes_to_exclude": ["second"]}
    quantize_static(str(tmp_path / "two.onnx"), str(tmp_path / "mixed.onnx"), Reader("x", images), **options)
    assert OnnxRuntimeSession(SMALL, tmp_path / "two.onnx").layers() == {"fp32": 2}
    assert OnnxRuntimeSession(SMALL, tmp_path / "mixed.onnx").layers() == {"int8": 1, "fp32": 1}
