"""TensorRT's parser and builder, without a GPU: on TensorRT-RTX 1.7, a stand-in for TensorRT 11 by the same interface.

Nothing here ran on TensorRT itself. The stand-in keeps no timing cache and says so; and it has no TF32 to switch.
"""

import importlib.util
import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    not importlib.util.find_spec("tensorrt_rtx"), reason="needs the stand-in TensorRT-RTX: make test-tensorrt"
)
EXPORTED = """
import json, sys, warnings
from pathlib import Path
warnings.simplefilter("ignore")
import torch
from mnv2bench import Case
from mnv2bench.artifacts import Weights
from mnv2bench.artifacts.export import EXPORTERS, Job

torch.set_num_threads(1)
torch.set_grad_enabled(False)
folder = Path(sys.argv[1])
for name, width, resolution, batch, precision in json.loads(sys.argv[2]):
    case = Case(width=width, resolution=resolution, batch=batch, backend="tensorrt", device="cuda", precision=precision)
    weights = folder / f"{width}.pt"
    if not weights.exists():
        EXPORTERS["state_dict"](Job(case, weights, weights, Weights(), {}))
    EXPORTERS["onnx"](Job(case, weights, folder / name, Weights(), {}))
"""
BUILT = """
import contextlib, importlib, json, sys, warnings
from pathlib import Path
sys.modules["tensorrt"] = importlib.import_module("tensorrt_rtx")
from mnv2bench.backends import _tensorrt

options = {"tf32": "off", "optimization level": "0"} | json.loads(sys.argv[1])
seen = {}
for name in sys.argv[2:]:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            plan, cache = _tensorrt.build(Path(name), options)
            said = {"bytes": len(plan), "head": plan[:4].decode(), "cache": len(cache)}
        except (RuntimeError, ValueError) as error:
            said = {"refused": f"{type(error).__name__}: {error}"}
    seen[Path(name).name] = said | {"warned": sorted({str(w.message) for w in warned})}
Path(sys.argv[0]).with_suffix(".json").write_text(json.dumps(seen))
"""
CASES = (  # file, width, resolution, batch, precision
    ("small.fp32.onnx", 0.35, 96, 1, "fp32"),
    ("small.fp16.onnx", 0.35, 96, 1, "fp16"),
    ("small.bf16.onnx", 0.35, 96, 1, "bf16"),
    ("pairs.fp16.onnx", 0.75, 128, 2, "fp16"),
    ("large.fp32.onnx", 1.0, 224, 1, "fp32"),
)
WEIGHTS = {0.35: 1_677_000, 0.75: 2_636_000, 1.0: 3_505_000}  # parameters, batch norm folded, rounded
NO_CACHE = "Use Deprecated in TensorRT-RTX 1.2. Timing cache operations are no-ops in TensorRT-RTX. instead."


def ran(folder, script, *words):
    """What a script printed in a process of its own; a crash there is a failure here."""
    file = folder / "script.py"
    file.write_text(script)
    return subprocess.run([sys.executable, file, *words], capture_output=True, text=True, check=True, timeout=300)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("onnx")
    ran(folder, EXPORTED, folder, json.dumps(CASES))
    return folder


@pytest.fixture
def build(tmp_path):
    """Build files by the stand-in: {name: what became of it}."""

    def run(*files, **options):
        built = ran(tmp_path, BUILT, json.dumps(options), *files)
        assert built.stdout == ""  # where TensorRT's own logger would print
        return json.loads((tmp_path / "script.json").read_text())

    return run


def changed(exported, target, change):
    """A copy of an ONNX file with one thing changed."""
    onnx = pytest.importorskip("onnx", reason="needs pip install 'mnv2bench[onnxruntime]'")
    model = onnx.load(exported / "small.fp32.onnx")
    change(model.graph, onnx)
    onnx.save(model, target)
    return target


@pytest.fixture(scope="module")
def built(exported, tmp_path_factory):
    folder = tmp_path_factory.mktemp("built")
    files = [exported / name for name, *_ in CASES]
    assert ran(folder, BUILT, '{"optimization level": "3"}', *files).stdout == ""
    return json.loads((folder / "script.json").read_text())


@pytest.mark.parametrize(("name", "width", "resolution", "batch", "precision"), CASES, ids=[c[0] for c in CASES])
def test_a_plan_holds_the_weights_in_the_precision_of_the_case(built, name, width, resolution, batch, precision):
    said = built[name]
    assert said.get("head") == "ftrt", said
    per_weight = 4 if precision == "fp32" else 2
    assert 1.0 < said["bytes"] / (per_weight * WEIGHTS[width]) < 1.15


def test_the_timing_cache_is_asked_for_and_the_stand_in_says_that_it_keeps_none(built):
    assert {tuple(said["warned"]) for said in built.values()} == {(NO_CACHE,)}
    assert all(said["cache"] > 0 for said in built.values())


def test_a_file_that_is_not_there_is_refused(build, tmp_path):
    refused = build(tmp_path / "missing.onnx")["missing.onnx"]["refused"]
    assert refused.startswith("RuntimeError: TensorRT 1.7.")
    assert "does not parse missing.onnx" in refused
    assert "Input file cannot be found" in refused


def test_a_file_that_is_no_onnx_is_refused(build, tmp_path):
    (tmp_path / "garbage.onnx").write_bytes(b"\x00garbage" * 100)
    refused = build(tmp_path / "garbage.onnx")["garbage.onnx"]["refused"]
    assert "does not parse garbage.onnx" in refused
    assert "Failed to parse the ONNX model" in refused


def test_a_dynamic_batch_is_refused_with_the_shape_and_what_to_do(build, exported, tmp_path):
    def open_the_batch(graph, _):
        graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"

    file = changed(exported, tmp_path / "dynamic.onnx", open_the_batch)
    assert build(file)["dynamic.onnx"]["refused"] == (
        "ValueError: input images has the dynamic shape (?, 3, 96, 96): export it with its batch in the file"
    )


def test_numbers_of_two_formats_in_one_convolution_are_refused_by_the_name_of_the_node(build, exported, tmp_path):
    def halve_a_bias(graph, onnx):
        conv = next(node for node in graph.node if node.op_type == "Conv" and len(node.input) == 3)
        bias = next(tensor for tensor in graph.initializer if tensor.name == conv.input[2])
        half = onnx.numpy_helper.to_array(bias).astype("float16")
        bias.CopyFrom(onnx.numpy_helper.from_array(half, bias.name))

    file = changed(exported, tmp_path / "mixed.onnx", halve_a_bias)
    refused = build(file)["mixed.onnx"]["refused"]
    assert "must be of same type" in refused
    assert "Half" in refused
    assert "Conv" in refused


def test_a_network_of_two_outputs_is_refused(build, exported, tmp_path):
    def tell_of_an_inner_tensor(graph, onnx):
        inner = graph.node[0].output[0]
        graph.output.append(onnx.helper.make_tensor_value_info(inner, onnx.TensorProto.FLOAT, None))

    file = changed(exported, tmp_path / "two.onnx", tell_of_an_inner_tensor)
    assert build(file)["two.onnx"]["refused"] == "ValueError: the ONNX file has 1 inputs and 2 outputs, not 1 and 1"
