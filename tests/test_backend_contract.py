"""What every backend does, whichever there are: one campaign over them all, in real processes.

The backends are discovered and none is listed: what is asked of each follows from what it declares.
"""

import ast
import importlib.metadata
import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from mnv2bench import Case, Plan, backends, precisions
from mnv2bench.artifacts import formats
from mnv2bench.backends.interface.registry import missing_instructions
from mnv2bench.campaign import Campaign, run
from mnv2bench.campaign.preparation import gpu_device
from mnv2bench.case import EAGER
from mnv2bench.profiling.profilers import why_not
from mnv2bench.records.journal import Journal
from mnv2bench.refusals import Unsupported

pytestmark = pytest.mark.slow

SMALL = Case(width=0.35, resolution=96)
BRIEF = Plan(processes=1, rounds=1, round_s=0.02, warmup_s=0.0, warmup_runs=1, warmup_cap_rounds=1)
RUNTIMES = {name: backends.runtime(name) for name in backends.names()}
EXTRAS = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def lacks(name):
    """The distributions of a backend's extra that are not here."""
    named = [re.match(r"[\w-]+", requirement)[0] for requirement in EXTRAS.get(RUNTIMES[name].extra, ())]
    here = {distribution.name.lower() for distribution in importlib.metadata.distributions()}
    return [distribution for distribution in named if distribution.lower() not in here]


ABSENT = {name for name in RUNTIMES if lacks(name)}
HERE = [name for name, runtime in RUNTIMES.items() if "cpu" in runtime.runs]
ON_GPU = [name for name, runtime in RUNTIMES.items() if "cuda" in runtime.runs]
COMPILING = [name for name in HERE if RUNTIMES[name].opens != "fast"]
CHEAP = [name for name in HERE if name not in COMPILING and not formats.format(RUNTIMES[name].reads).per_machine]
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
    return gpu_device(0, 0, "the contract").reason


def installed(names):
    """The names as parameters; those of runtimes that are not here are skipped with the command that installs them."""
    reasons = {name: f"needs pip install 'mnv2bench[{RUNTIMES[name].extra}]'" for name in ABSENT}
    return [
        pytest.param(name, marks=[pytest.mark.skip(reason=reasons[name])] if name in reasons else ()) for name in names
    ]


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
    """Every module beside the interface is one, and `fake` is for tests."""
    modules = {file.stem for file in Path(backends.__file__).parent.glob("*.py")}
    assert modules - {"__init__", "fake"} <= set(backends.names())
    assert set(HERE) | set(ON_GPU) == set(backends.names())
    assert "fake" not in backends.names()
    assert backends.is_known("fake")
    assert EAGER in set(HERE) & set(ON_GPU)  # every speed-up is over it
    assert len(CHEAP) >= 4
    assert len(COMPILING) >= 2


@pytest.mark.parametrize("name", installed(HERE))
def test_a_backend_computes_what_eager_fp32_computes(records, name):
    samples = sample(records[alone(name)])
    assert samples.error <= 1e-4
    assert samples.separation > 1e-2


@pytest.mark.parametrize("name", installed(CHEAP))
def test_a_backend_computes_every_image_of_a_batch(records, name):
    assert sample(records[pairs(name)]).error <= 1e-4
    assert sample(records[two_threads(name)]).error <= 1e-4


@pytest.mark.parametrize("name", installed(name for name in HERE if name != EAGER))
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


def threads(record):
    """What a runtime reports under names such as "intra-op threads" and INFERENCE_NUM_THREADS."""
    return [value for setting, value in sample(record).settings.items() if "threads" in setting.lower()]


@pytest.mark.parametrize("name", installed(HERE))
def test_the_runtime_says_that_it_runs_the_threads_of_the_case(records, name):
    assert threads(records[alone(name)]) == ["1"]
    if name in CHEAP:
        assert threads(records[two_threads(name)]) == ["2"]


def test_openvino_runs_fp32_in_one_stream(records):
    settings = sample(records[alone("openvino")]).settings
    assert "float" in settings["INFERENCE_PRECISION_HINT"] or "f32" in settings["INFERENCE_PRECISION_HINT"]
    assert "16" not in settings["INFERENCE_PRECISION_HINT"]
    assert settings["NUM_STREAMS"] == "1"


def test_onnxruntime_runs_on_the_cpu_alone(records):
    assert sample(records[alone("onnxruntime")]).settings["providers"] == "CPUExecutionProvider"


@pytest.mark.parametrize("name", MODULES)
def test_a_backend_is_its_declaration_and_open(name):
    tree = ast.parse(Path(backends.__file__).with_name(f"{name}.py").read_text())
    assert ast.get_docstring(tree).splitlines()[0].endswith((".", ":"))
    declaration = backends.runtime(name)
    assert {declaration.reads, *declaration.reads_other.values()} <= {*formats.names()}
    assert {*declaration.reads_other, *declaration.reads_fp32, *declaration.quick_precisions} <= {
        precision for runs in declaration.runs.values() for precision in runs
    }
    assert declaration.profiled_reads in ("", *formats.names())
    assert declaration.extra in ("", *EXTRAS)
    (opens,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "open"]
    assert [ast.unparse(argument.annotation) for argument in opens.args.args] == ["Case", "Path"]
    assert ast.unparse(opens.returns) == "Session"


@pytest.mark.parametrize("name", MODULES)
def test_a_backend_has_a_profiler_or_says_why_not(name):
    declaration = backends.runtime(name)
    assert bool(declaration.profiler) != bool(declaration.why_no_profiler)
    if declaration.profiler:
        assert importlib.util.find_spec(f"mnv2bench.profiling.profilers.{declaration.profiler}")
        assert why_not(name) == ""
    else:
        assert why_not(name) == declaration.why_no_profiler


def test_no_declaration_imports_a_runtime():
    code = """
import sys
from mnv2bench import backends
runtimes = [backends.runtime(name) for name in (*backends.names(), "fake")]
print([name for name in sys.modules if name.startswith("mnv2bench.backends.") and name.count(".") == 2])
print([name for name in ("torch", "onnxruntime", "openvino", "ncnn") if name in sys.modules])
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["['mnv2bench.backends.interface']", "[]"]


@pytest.mark.parametrize("name", installed(MODULES[:-1]))
def test_what_is_read_from_the_source_is_what_the_module_declares(name):
    assert RUNTIMES[name] == backends.backend(name).RUNTIME


@pytest.mark.parametrize("name", HERE)
def test_a_backend_refuses_the_precisions_that_it_does_not_declare_and_names_those_that_it_does(name):
    """Or it gives its reason; and it refuses those that it declares where the processor lacks their instructions."""
    runs, reasons = RUNTIMES[name].runs["cpu"], RUNTIMES[name].refuses.get("cpu", {})
    for precision in precisions.NAMES:
        case, missing = replace(alone(name), precision=precision), missing_instructions(name, precision)
        if precision in runs and not missing:
            backends.require_supported(case)
            continue
        with pytest.raises(Unsupported) as refused:
            backends.require_supported(case)
        not_declared = reasons.get(precision, f"{name} runs {', '.join(runs)} on cpu here, not {precision}")
        emulated = f"this processor has {missing}: {precision} would be emulated"
        assert str(refused.value) == (emulated if precision in runs else not_declared)


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
    cases = [replace(alone(name), device="cuda", precision=p) for name in ON_GPU for p in RUNTIMES[name].runs["cuda"]]
    assert ended(cases, tmp_path) == [(case.backend, "unavailable", gpu()) for case in cases]


def refusals_on(*devices):
    """The cases that backends refuse for a reason of their own, and the reasons, by devices as `refuses` names them."""
    return [
        (replace(alone(name), device={"arm64": "qemu:cortex-a76"}.get(device, device), precision=precision), reason)
        for name, runtime in RUNTIMES.items()
        for device in devices
        for precision, reason in runtime.refuses.get(device, {}).items()
    ]


def test_a_precision_that_a_backend_refuses_on_other_devices_is_unsupported_with_its_reason():
    for case, reason in refusals_on("arm64"):
        assert case.precision not in RUNTIMES[case.backend].elsewhere
        with pytest.raises(Unsupported) as refused:
            backends.require_supported(case)
        assert str(refused.value) == reason


def test_a_precision_that_a_backend_refuses_is_unsupported_with_its_reason_whether_there_is_a_gpu_or_not(tmp_path):
    refusals = refusals_on("cpu", "cuda")
    assert refusals
    assert all(case.precision not in RUNTIMES[case.backend].runs[case.device] for case, _ in refusals)
    expected = [(case.backend, "unsupported", reason) for case, reason in refusals]
    assert ended([case for case, _ in refusals], tmp_path) == expected


def test_every_backend_refuses_a_gpu_that_is_not_there_before_it_does_any_work():
    if not gpu():
        pytest.skip("there is a GPU here: what is refused without one is not to be seen")
    here = [name for name in MODULES if name not in ABSENT & set(HERE)]
    command = [sys.executable, "-c", OPEN_ON_CUDA, *here]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    said = json.loads(ran.stdout.splitlines()[-1])
    for name in [name for name, (kind, reason) in said.items() if "is not installed" in reason]:
        assert "cpu" not in RUNTIMES[name].runs
        missing = f"{name} is not installed: pip install 'mnv2bench[{RUNTIMES[name].extra}]'"
        assert said.pop(name) == ["Unavailable", missing]
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


@pytest.mark.parametrize("name", [name for name, runtime in RUNTIMES.items() if runtime.extra])
def test_a_missing_runtime_is_installed_by_its_extra(name):
    assert backends.fix_command(name, f"{name}_internal") == f"pip install 'mnv2bench[{RUNTIMES[name].extra}]'"


def test_a_missing_module_of_a_backend_without_an_extra_is_installed_by_its_own_name():
    assert backends.fix_command("someones_backend", "their_runtime") == "pip install their_runtime"
