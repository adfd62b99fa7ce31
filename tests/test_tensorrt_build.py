"""TensorRT's parser and builder, without a GPU: on TensorRT-RTX 1.7, a stand-in for TensorRT 11 by the same interface.

Nothing here ran on TensorRT itself, and no plan ran at all. The stand-in keeps no timing cache, and says so.
"""

import importlib.util
import json
import subprocess
import sys

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not importlib.util.find_spec("tensorrt_rtx"), reason="needs the stand-in TensorRT-RTX: make test-tensorrt"
    ),
]
EXPORTED = """
import json, sys, warnings
from pathlib import Path
warnings.simplefilter("ignore")
import torch
from mnv2bench import Case
from mnv2bench.records import Weights
from mnv2bench.artifacts.formats import onnx, state_dict
from mnv2bench.artifacts.job import Job

torch.set_num_threads(1)
torch.set_grad_enabled(False)
folder = Path(sys.argv[1])
for name, width, resolution, batch, precision in json.loads(sys.argv[2]):
    case = Case(width=width, resolution=resolution, batch=batch, backend="tensorrt", device="cuda", precision=precision)
    weights = folder / f"{width}.pt"
    if not weights.exists():
        state_dict.export(Job(case, weights, weights, Weights(), {}))
    onnx.export(Job(case, weights, folder / name, Weights(), {}))
"""
PLANNED = """
import importlib, json, sys
from pathlib import Path
sys.modules["tensorrt"] = importlib.import_module("tensorrt_rtx")
import torch
from mnv2bench import Case, artifacts
from mnv2bench.artifacts import Weights, export
from mnv2bench.artifacts.formats import plan
from mnv2bench.backends.shared import tensorrt_plan

done, build = [], tensorrt_plan.build
plan.prepare = lambda case: done.append(f"prepared {case.device}")
torch.cuda.set_device = lambda number: done.append(f"device {number}")

def watched(onnx, options, timings):
    done.append(f"timings of {len(timings)} bytes, {options['tf32']}")
    return build(onnx, options, timings)

tensorrt_plan.build = watched
case = Case(width=0.75, resolution=128, batch=2, backend="tensorrt", device="cuda:1", precision="fp16")
options = {"tf32": "off", "optimization level": "3"}
for _ in range(2):
    made = export.export(case, "plan", "0123", Path(sys.argv[1], "pairs.fp16.onnx"), options, Weights())
written = artifacts.path("plan", "0123")
files = {file.name: file.stat().st_size for file in written.parent.iterdir() if "0123" in file.name}
Path(sys.argv[1], "planned.json").write_text(json.dumps({"done": done, "files": files, "bytes": made.bytes}))
"""
BUILT = """
import importlib, json, sys, warnings
from pathlib import Path
sys.modules["tensorrt"] = trt = importlib.import_module("tensorrt_rtx")
from mnv2bench.backends.shared import tensorrt_plan

class Watched(trt.Builder):
    def create_builder_config(self):
        self.asked.append(super().create_builder_config())
        return self.asked[-1]

trt.Builder, Watched.asked = Watched, []
seen = {}
for name, options in json.loads(sys.argv[1]).items():
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            plan, cache = tensorrt_plan.build(Path(sys.argv[2], name), options)
            config = Watched.asked[-1]
            said = {"bytes": len(plan), "cache": len(cache), "tf32": config.get_flag(trt.BuilderFlag.TF32)}
            said["level"] = config.builder_optimization_level
            said["timings"] = config.avg_timing_iterations
            said["workspace"] = config.get_memory_pool_limit(trt.MemoryPoolType.WORKSPACE)
            said["verbosity"] = config.profiling_verbosity.name
        except (RuntimeError, ValueError) as error:
            said = {"refused": f"{type(error).__name__}: {error}"}
    seen[name] = said | {"warned": " ".join(sorted({str(w.message) for w in warned}))}
Path(sys.argv[2], "built.json").write_text(json.dumps(seen))
"""
CASES = (  # file, width, resolution, batch, precision
    ("small.fp32.onnx", 0.35, 96, 1, "fp32"),
    ("small.fp16.onnx", 0.35, 96, 1, "fp16"),
    ("small.bf16.onnx", 0.35, 96, 1, "bf16"),
    ("pairs.fp32.onnx", 0.75, 128, 2, "fp32"),
    ("pairs.fp16.onnx", 0.75, 128, 2, "fp16"),
    ("large.fp32.onnx", 1.0, 224, 1, "fp32"),
    ("large.fp16.onnx", 1.0, 224, 1, "fp16"),
)
OPTIONS = {  # what a case's GPU and plan ask of the builder; small.fp32.onnx as tf32
    name: {"tf32": "on" if name == "small.fp32.onnx" else "off", "optimization level": "3"} for name, *_ in CASES
}
BROKEN = ("missing.onnx", "garbage.onnx", "empty.onnx", "dynamic.onnx", "mixed.onnx", "two.onnx")
WEIGHTS = {0.35: 1_677_000, 0.75: 2_636_000, 1.0: 3_505_000}  # parameters, batch norm folded, rounded


def open_the_batch(graph, _):
    graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"


def halve_a_bias(graph, onnx):
    conv = next(node for node in graph.node if node.op_type == "Conv" and len(node.input) == 3)
    bias = next(tensor for tensor in graph.initializer if tensor.name == conv.input[2])
    bias.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(bias).astype("float16"), bias.name))


def tell_of_an_inner_tensor(graph, onnx):
    inner = graph.node[0].output[0]
    graph.output.append(onnx.helper.make_tensor_value_info(inner, onnx.TensorProto.FLOAT, None))


def damage(folder):
    """The files of BROKEN but the missing one, each the smallest network with one thing wrong."""
    import onnx

    (folder / "garbage.onnx").write_bytes(b"garbage" * 100)
    (folder / "empty.onnx").write_bytes(b"")
    changes = {"dynamic": open_the_batch, "mixed": halve_a_bias, "two": tell_of_an_inner_tensor}
    for name, change in changes.items():
        model = onnx.load(folder / "small.fp32.onnx")
        change(model.graph, onnx)
        onnx.save(model, folder / f"{name}.onnx")


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A folder with the ONNX files, whole and broken."""
    folder = tmp_path_factory.mktemp("onnx")
    subprocess.run([sys.executable, "-c", EXPORTED, folder, json.dumps(CASES)], check=True, capture_output=True)
    damage(folder)
    return folder


@pytest.fixture(scope="module")
def built(exported):
    """What became of each file, built by the stand-in in a process of its own."""
    asked = OPTIONS | {name: {"tf32": "off", "optimization level": "0"} for name in BROKEN}
    command = [sys.executable, "-c", BUILT, json.dumps(asked), exported]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    return {"stdout": ran.stdout, "stderr": ran.stderr} | json.loads((exported / "built.json").read_text())


@pytest.mark.parametrize(("name", "width", "resolution", "batch", "precision"), CASES, ids=[c[0] for c in CASES])
def test_a_plan_holds_the_weights_in_the_precision_of_the_case(built, name, width, resolution, batch, precision):
    said = built[name]
    assert "refused" not in said, said["refused"]
    per_weight = 4 if precision == "fp32" else 2
    assert 1.0 < said["bytes"] / (per_weight * WEIGHTS[width]) < 1.15


def test_only_a_tf32_case_is_built_with_tf32_which_is_on_by_default(built):
    with_tf32 = {name: built[name].get("tf32") for name, *_ in CASES}
    assert with_tf32.pop("small.fp32.onnx") is True
    assert set(with_tf32.values()) == {False}


def test_the_builder_is_asked_for_what_the_documentation_says(built):
    said = built["large.fp32.onnx"]
    asked = {name: said[name] for name in ("level", "timings", "workspace", "verbosity")}
    assert asked == {"level": 3, "timings": 8, "workspace": 1_073_741_824, "verbosity": "LAYER_NAMES_ONLY"}


def test_the_timing_cache_is_saved_and_the_stand_in_says_that_it_keeps_none(built):
    assert built["large.fp32.onnx"]["cache"] > 0
    assert "Timing cache operations are no-ops in TensorRT-RTX" in built["large.fp32.onnx"]["warned"]


def test_building_and_refusing_print_nothing(built):
    assert (built["stdout"], built["stderr"]) == ("", "")  # TensorRT's own logger prints errors to stdout


def test_a_plan_is_made_for_the_gpu_of_its_case_and_made_again_from_the_timings_beside_it(exported):
    subprocess.run([sys.executable, "-c", PLANNED, exported], check=True, capture_output=True)
    said = json.loads((exported / "planned.json").read_text())
    first, again = said["done"][:3], said["done"][3:]
    assert first == ["prepared cuda:1", "device 1", "timings of 0 bytes, off"]
    assert again == ["prepared cuda:1", "device 1", "timings of 172 bytes, off"]
    assert said["files"].keys() == {"plan-0123.plan", "plan-0123.timings", "plan-0123.json"}
    assert said["files"]["plan-0123.timings"] == 172  # an empty cache of the stand-in's
    assert said["files"]["plan-0123.plan"] == said["bytes"] > 2 * WEIGHTS[0.75]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing.onnx", ("TensorRT 1.7.", "does not parse missing.onnx: ", "Input file cannot be found")),
        ("garbage.onnx", ("TensorRT 1.7.", "does not parse garbage.onnx: ", "Failed to parse the ONNX model")),
        ("mixed.onnx", ("does not parse mixed.onnx: Conv ", "must be of same type", "is of type Half")),
        ("empty.onnx", ("the ONNX file has 0 inputs and 0 outputs, not 1 and 1",)),
        ("two.onnx", ("the ONNX file has 1 inputs and 2 outputs, not 1 and 1",)),
        ("dynamic.onnx", ("the dynamic shape (?, 3, 96, 96): export it with its batch in the file",)),
    ],
)
def test_what_cannot_be_built_is_refused_in_the_parsers_words_or_with_what_to_do(built, name, words):
    assert [word for word in words if word not in built[name].get("refused", "it was built")] == []
