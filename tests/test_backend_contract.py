"""What every backend does, whichever there are: one campaign over them all, in real processes."""

import ast
import importlib.util
import json
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from mnv2bench import Campaign, Case, Journal, Plan, backends, run
from mnv2bench.artifacts import SUFFIXES
from mnv2bench.campaign import ready

SMALL = Case(width=0.35, resolution=96)
BRIEF = Plan(processes=1, rounds=1, round_s=0.02, warmup_s=0.0, warmup_runs=1, warmup_cap_rounds=1)
MOBILE = {"litert": ("ai_edge_litert", "litert_torch"), "executorch": ("executorch",), "ncnn": ("ncnn", "pnnx")}
ABSENT = {name for name, needed in MOBILE.items() if not all(map(importlib.util.find_spec, needed))}
HERE = [name for name in backends.names() if "cpu" in backends.runtime(name).runs]
ON_GPU = [name for name in backends.names() if "cuda" in backends.runtime(name).runs]
CHEAP = ("onnxruntime", "openvino", "torch_eager", "torch_script", *MOBILE)  # the others compile for each batch
COMPILING = ("torch_compile", "torch_compile_freezing")
MODULES = (*backends.names(), "fake")
OPEN_ON_CUDA = """
import json, sys
from dataclasses import replace
from pathlib import Path
from mnv2bench import Case, backends
said = {}
for name in sys.argv[1:]:
    try:
        backends.backend(name).open(Case(backend=name, device="cuda"), Path("/nowhere"))
    except Exception as error:
        said[name] = [type(error).__name__, str(error)]
print(json.dumps(said))
"""


@cache
def gpu():
    """Why there is no GPU here, else "", as the campaign asks: in a process of its own."""
    return ready.gpu(0, 0, "the contract").reason


def installed(names):
    """The names as parameters; those of runtimes that are not here are skipped with the command that installs them."""
    skips = {n: pytest.mark.skipif(n in ABSENT, reason=f"needs pip install 'mnv2bench[{n}]'") for n in MOBILE}
    return [pytest.param(name, marks=skips.get(name, ())) for name in names]


def alone(name):
    return replace(SMALL, backend=name)


def two_threads(name):
    return replace(SMALL, backend=name, threads=2)


def pairs(name):
    return replace(SMALL, backend=name, batch=2)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Of every backend at batch 1, and of the cheap ones also at two threads and at batch 2."""
    cases = [alone(name) for name in HERE if name not in ABSENT]
    cases += [make(name) for name in CHEAP if name not in ABSENT for make in (two_threads, pairs)]
    journal = Journal(tmp_path_factory.mktemp("contract") / "contract.jsonl")
    return {record.case: record for record in run(Campaign(tuple(cases), journal, BRIEF))}


def sample(record):
    assert (record.status, record.reason) == ("ok", "")
    (samples,) = record.samples
    return samples


def test_the_backends_of_the_project_are_there():
    asked = {"onnxruntime", "openvino", "torch_aoti", "torch_compile", "torch_compile_freezing", "torch_eager"}
    assert asked | {"torch_script", *MOBILE} == set(HERE)
    assert set(ON_GPU) == {
        "onnxruntime", "tensorrt", "torch_compile", "torch_compile_cudagraphs", "torch_eager", "torch_script",
    }  # fmt: skip
    assert set(HERE) | set(ON_GPU) == set(backends.names())
    assert "fake" not in backends.names()


@pytest.mark.parametrize("name", installed(HERE))
def test_a_backend_computes_what_eager_fp32_computes(records, name):
    samples = sample(records[alone(name)])
    assert samples.error <= 1e-4
    assert samples.separation > 1e-2


@pytest.mark.parametrize("name", installed(CHEAP))
def test_a_backend_computes_every_image_of_a_batch(records, name):
    assert sample(records[pairs(name)]).error <= 1e-4
    assert sample(records[two_threads(name)]).error <= 1e-4


@pytest.mark.parametrize("name", installed(name for name in HERE if name != "torch_eager"))
def test_a_backend_really_is_another_one_than_eager(records, name):
    assert sample(records[alone(name)]).error > 0


@pytest.mark.parametrize("name", installed(HERE))
def test_a_process_says_what_it_took_and_what_it_held(records, name):
    record = records[alone(name)]
    samples = sample(record)
    assert samples.rounds
    assert all(duration > 0 for round in samples.rounds for duration in round.durations_ns)
    assert min(samples.import_s, samples.open_s, samples.first_s) > 0
    assert samples.memory.interpreter < samples.memory.floor < samples.memory.loaded <= samples.memory.peak
    assert samples.memory.peak > 10_000_000
    assert record.artifact.format == backends.runtime(name).reads
    assert record.artifact.bytes > 3_000_000  # 1.7 million weights in fp32, or the code and weights packed
    assert record.artifact.export_s > 0


@pytest.mark.parametrize("name", installed(HERE))
def test_only_what_compiles_in_its_own_process_has_a_cold_open(records, name):
    assert (sample(records[alone(name)]).cold_open_s is not None) == (name in COMPILING)


THREADS = {"onnxruntime": "intra-op threads", "openvino": "INFERENCE_NUM_THREADS", **dict.fromkeys(MOBILE, "threads")}


@pytest.mark.parametrize("name", installed(HERE))
def test_the_runtime_says_that_it_runs_the_threads_of_the_case(records, name):
    setting = THREADS.get(name, "torch threads")
    assert sample(records[alone(name)]).settings[setting] == "1"
    if name in CHEAP:
        assert sample(records[two_threads(name)]).settings[setting] == "2"


def test_openvino_runs_fp32_in_one_stream(records):
    settings = sample(records[alone("openvino")]).settings
    assert "float" in settings["INFERENCE_PRECISION_HINT"] or "f32" in settings["INFERENCE_PRECISION_HINT"]
    assert "16" not in settings["INFERENCE_PRECISION_HINT"]
    assert settings["NUM_STREAMS"] == "1"


def test_onnxruntime_runs_on_the_cpu_alone(records):
    assert sample(records[alone("onnxruntime")]).settings["providers"] == "CPUExecutionProvider"


@pytest.mark.parametrize("name", MODULES)
def test_a_backend_is_one_line_what_it_reads_and_open(name):
    tree = ast.parse(Path(backends.__file__).with_name(f"{name}.py").read_text())
    assert ast.get_docstring(tree).splitlines()[0].endswith((".", ":"))
    assert backends.runtime(name).reads in SUFFIXES
    (opens,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "open"]
    assert [ast.unparse(argument.annotation) for argument in opens.args.args] == ["Case", "Path"]
    assert ast.unparse(opens.returns) == "Session"


def ended(cases, folder):
    """How each case ended, for those of which nothing is measured."""
    found = run(Campaign(tuple(cases), Journal(folder / "ended.jsonl"), BRIEF))
    assert not any(record.samples for record in found)
    return [(record.case.backend, record.status, record.reason) for record in found]


def test_a_backend_of_gpus_alone_is_unsupported_on_the_cpu(tmp_path):
    only = [name for name in ON_GPU if name not in HERE]
    assert ended(map(alone, only), tmp_path) == [
        (name, "unsupported", f"{name} runs on cuda here, not on cpu") for name in only
    ]


def test_a_backend_of_the_cpu_alone_is_unsupported_on_a_gpu(tmp_path):
    only = [name for name in HERE if name not in ON_GPU]
    assert ended([replace(alone(name), device="cuda") for name in only], tmp_path) == [
        (name, "unsupported", f"{name} runs on cpu here, not on cuda") for name in only
    ]


def test_without_a_gpu_every_backend_of_gpus_says_what_is_missing_at_every_precision(tmp_path):
    if not gpu():
        pytest.skip("there is a GPU here: what is said without one is not to be seen")
    cases = [replace(alone(name), device="cuda", precision=p) for name in ON_GPU for p in ("fp32", "bf16")]
    assert ended(cases, tmp_path) == [(case.backend, "unavailable", gpu()) for case in cases]


def test_every_backend_refuses_a_gpu_that_is_not_there_before_it_does_any_work():
    if not gpu():
        pytest.skip("there is a GPU here: what is refused without one is not to be seen")
    here = [name for name in MODULES if name not in ABSENT]
    command = [sys.executable, "-c", OPEN_ON_CUDA, *here]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    said = json.loads(ran.stdout.splitlines()[-1])
    if importlib.util.find_spec("tensorrt") is None:
        missing = "tensorrt is not installed: pip install 'mnv2bench[tensorrt]'"
        assert said.pop("tensorrt") == ["Unavailable", missing]
    refused = {name: ["Unsupported", f"{name} runs on cpu here, not on cuda"] for name in here}
    unavailable = {name: ["Unavailable", gpu()] for name in (*ON_GPU, "fake")}
    assert said == {name: (refused | unavailable)[name] for name in said}
    assert len(said) >= len(here) - 1


@pytest.fixture(scope="module")
def on_gpu(tmp_path_factory):
    """Of every backend of GPUs in fp32 and fp16, on the first one."""
    if why := gpu():
        pytest.skip(f"needs a GPU: {why}")
    cases = [replace(alone(name), device="cuda", precision=p) for name in ON_GPU for p in ("fp32", "fp16")]
    journal = Journal(tmp_path_factory.mktemp("gpu") / "contract.jsonl")
    return {
        (record.case.backend, record.case.precision): record for record in run(Campaign(tuple(cases), journal, BRIEF))
    }


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("name", ON_GPU)
def test_a_backend_on_a_gpu_computes_what_eager_fp32_computes(on_gpu, name, precision):
    record = on_gpu[name, precision]
    if record.status == "unavailable":
        pytest.skip(record.reason)
    samples = sample(record)
    assert (samples.error <= 1e-4) == (precision == "fp32")
    assert all(round.gpu and min(round.gpu.gpu_ns) > 0 for round in samples.rounds)
    assert samples.settings["CUDA graph"]


@pytest.mark.parametrize("ask", [backends.runtime, backends.backend])
@pytest.mark.parametrize("name", ["tensorflow", "shared", "interface", "__init__", "", "torch_eager.nothing"])
def test_an_unknown_backend_is_refused_with_the_known_ones(ask, name):
    with pytest.raises(ValueError) as refused:
        ask(name)
    assert str(refused.value) == f"backend {name!r} is not one of {', '.join(backends.names())}"


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_a_missing_runtime_is_mended_by_its_extra(name):
    assert backends.fix_command(name, f"{name}_internal") == f"pip install 'mnv2bench[{name}]'"


def test_a_missing_module_of_a_backend_without_an_extra_is_installed_by_its_own_name():
    assert backends.fix_command("someones_backend", "their_runtime") == "pip install their_runtime"
