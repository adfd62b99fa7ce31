"""Every private API of a dependency that this project uses, and a use of each that fails with the dependency's name."""

import ast
import importlib.util
import inspect
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PACKAGES = ("mnv2bench", "suites")
OWN = ("self", "cls")
STANDARD = {"os._exit"}  # documented in spite of its name
OF_NAMED_TUPLES = {"_asdict", "_fields", "_replace"}  # so are these


@dataclass(frozen=True)
class PrivateApi:
    """A private name of a dependency, the file that uses it, and what shows that it still is what that file expects."""

    dependency: str  # the distribution's name
    name: str
    file: str
    use: Callable[[], object]

    @property
    def id(self) -> str:
        return f"{self.dependency}: {self.name} in {self.file}"


def resolved(module: str, path: str) -> object:
    """What a dotted path names inside a module."""
    found: object = import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found


def has(module: str, *paths: str) -> Callable[[], object]:
    return lambda: [resolved(module, path) for path in paths]


def exported_modules_check_sizes_in_hooks():
    import torch

    program = torch.export.export(torch.nn.ReLU(), (torch.zeros(1, 3),))
    assert "_check_input_constraints" in str(program.module(check_guards=False)._forward_pre_hooks)


def operators_have_a_schema():
    import torch

    assert [argument.name for argument in torch.ops.aten.relu.default._schema.arguments] == ["self"]


def kineto_event_has_what_the_profiler_reads():
    import torch

    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        torch.zeros(8).add(1)
    events = profile.profiler.kineto_results.events()
    assert any(event.name() == "aten::add" for event in events)
    for event in events:
        for number in ("start_ns", "end_ns", "duration_ns", "correlation_id", "linked_correlation_id", "nbytes"):
            assert isinstance(getattr(event, number)(), int), number
        assert isinstance(event.overload_name(), str)
        event.device_type()


def experimental_config_captures_overloads():
    resolved("torch._C._profiler", "_ExperimentalConfig")(capture_overload_names=True)


def compiled_graph_says_where_its_kernels_come_from():
    from dataclasses import fields

    from torch._inductor.output_code import CompiledFxGraph

    assert "inductor_provenance_mapping_str" in {field.name for field in fields(CompiledFxGraph)}


def litert_reads_a_file_that_its_schema_writes():
    litert = import_module("mnv2bench.profiling.probes.litert")
    kernel = litert.FullyConnected((2, 3, 4), 1)
    kernel.run()
    assert kernel.interpreter.get_tensor(kernel.interpreter.get_output_details()[0]["index"]).shape == (2, 4)


def package_loader_runs_boxed():
    assert callable(resolved("torch", "_C._aoti.AOTIModelPackageLoader").boxed_run)


def executorch_is_bound_as_its_backend_calls_it():
    import torch  # noqa: F401  (the next import needs its libraries)

    bound = import_module("executorch.extension.pybindings._C")
    assert callable(bound._load_program)
    assert callable(bound._unsafe_reset_threadpool)
    assert bound._threadpool_get_thread_count() >= 1
    assert bound.Verification.InternalConsistency is not None


def executorch_brings_flatc_and_its_schemas():
    etdump = import_module("mnv2bench.profiling.readers.etdump")
    assert (etdump.BIN / "flatc").exists()
    assert etdump.PROFILES.exists()
    assert etdump.PROGRAMS.exists()


def litert_has_the_functions_that_are_declared_for_it():
    litert = import_module("mnv2bench.backends.shared.litert_api")
    assert metadata.version("ai-edge-litert") == litert.DECLARED_FOR
    package = import_module("ai_edge_litert")
    litert.Api(Path(package.__path__[0]) / "libLiteRt.so")


def benchmark_session_is_saved_as_the_suite_saves_it():
    session = resolved("pytest_benchmark.session", "BenchmarkSession")
    assert callable(session.get_machine_info)
    code = inspect.getsource(session)
    for attribute in ("save", "autosave", "benchmarks", "disabled", "storage"):
        assert f"self.{attribute} = " in code, attribute
    assert "config._benchmarksession" in inspect.getsource(import_module("pytest_benchmark.plugin"))
    assert callable(resolved("pytest_benchmark.storage.file", "FileStorage.save"))


def terminal_reporter_writes_to_a_file():
    from _pytest._io import TerminalWriter
    from _pytest.terminal import TerminalReporter

    assert re.search(r"self\._tw = .*create_terminal_writer", inspect.getsource(TerminalReporter))
    assert "_file" in vars(TerminalWriter())


def plotext_takes_colours_out():
    uncolorize = resolved("plotext", "uncolorize")
    assert uncolorize("\x1b[31mred\x1b[0m") == "red"
    assert resolved("plotext", "figure")


TORCH_COMPILE = "mnv2bench/profiling/profilers/torch_compile.py"
EVENTS = "mnv2bench/profiling/readers/torch_events.py"
PROBES = "mnv2bench/profiling/probes/litert.py"
PRIVATE_APIS = (
    PrivateApi("torch", "_C._autograd.DeviceType", EVENTS, has("torch._C._autograd", "DeviceType.CPU")),
    PrivateApi("torch", "_C._profiler._ExperimentalConfig", EVENTS, experimental_config_captures_overloads),
    PrivateApi("torch", "profile.profiler.kineto_results", EVENTS, kineto_event_has_what_the_profiler_reads),
    PrivateApi(
        "torch",
        "_inductor.config.cpp.enable_kernel_profile",
        "mnv2bench/profiling/readers/inductor.py",
        has("torch._inductor.config", "cpp.enable_kernel_profile"),
    ),
    PrivateApi(
        "torch",
        "_inductor.config.trace.provenance_tracking_level",
        TORCH_COMPILE,
        has("torch._inductor.config", "trace.provenance_tracking_level"),
    ),
    PrivateApi(
        "torch",
        "_functorch.config.enable_autograd_cache",
        TORCH_COMPILE,
        has("torch._functorch.config", "enable_autograd_cache"),
    ),
    PrivateApi(
        "torch",
        "_inductor.compile_fx",
        TORCH_COMPILE,
        has("torch._inductor.compile_fx", "compile_fx", "compile_fx_inner"),
    ),
    PrivateApi(
        "torch",
        "_inductor: CompiledFxGraph.inductor_provenance_mapping_str",
        TORCH_COMPILE,
        compiled_graph_says_where_its_kernels_come_from,
    ),
    PrivateApi("ai_edge_litert", "schema_py_generated", PROBES, litert_reads_a_file_that_its_schema_writes),
    PrivateApi(
        "torch", "_C._aoti.AOTIModelPackageLoader", "mnv2bench/backends/torch_aoti.py", package_loader_runs_boxed
    ),
    PrivateApi(
        "torch",
        "_dynamo.utils.counters",
        "mnv2bench/backends/torch_compile_cudagraphs.py",
        has("torch._dynamo.utils", "counters"),
    ),
    PrivateApi(
        "torch",
        "_inductor.cudagraph_trees",
        "mnv2bench/backends/torch_compile_cudagraphs.py",
        has("torch._inductor.cudagraph_trees", "get_manager"),
    ),
    PrivateApi(
        "torch",
        "_inductor.config.freezing",
        "mnv2bench/backends/torch_compile_freezing.py",
        has("torch._inductor.config", "freezing"),
    ),
    PrivateApi(
        "torch",
        "ao.quantization.fx._decomposed",
        "mnv2bench/backends/shared/torch_session.py",
        has("torch.ao.quantization.fx._decomposed", "quantize_per_tensor"),
    ),
    PrivateApi(
        "torch",
        "utils._python_dispatch",
        "mnv2bench/backends/shared/torch_layers.py",
        has(
            "torch.utils._python_dispatch",
            "TorchDispatchMode.ignore_compile_internals",
            "TorchDispatchMode._should_skip_dynamo",
        ),
    ),
    PrivateApi(
        "torch",
        "_inductor.aoti_compile_and_package",
        "mnv2bench/artifacts/job.py",
        has("torch._inductor", "aoti_compile_and_package"),
    ),
    PrivateApi(
        "executorch",
        "extension.pybindings._C: _load_program, _unsafe_reset_threadpool, _threadpool_get_thread_count",
        "mnv2bench/backends/executorch.py",
        executorch_is_bound_as_its_backend_calls_it,
    ),
    PrivateApi(
        "executorch",
        "extension.pybindings._C: _load_program",
        "mnv2bench/profiling/profilers/executorch.py",
        executorch_is_bound_as_its_backend_calls_it,
    ),
    PrivateApi(
        "executorch",
        "data.bin: flatc, etdump and program schemas",
        "mnv2bench/profiling/readers/etdump.py",
        executorch_brings_flatc_and_its_schemas,
    ),
    PrivateApi(
        "torch",
        "_ops.OpOverload",
        "mnv2bench/artifacts/models/pt2_archive.py",
        has("torch._ops", "OpOverload"),
    ),
    PrivateApi(
        "torch",
        "_ops.OpOverload._schema",
        "mnv2bench/artifacts/models/pt2_layers.py",
        operators_have_a_schema,
    ),
    PrivateApi(
        "torch",
        "utils._pytree",
        "mnv2bench/backends/shared/exported_network.py",
        has("torch.utils._pytree", "tree_leaves"),
    ),
    PrivateApi(
        "torch",
        "export: Module._forward_pre_hooks",
        "mnv2bench/backends/shared/exported_network.py",
        exported_modules_check_sizes_in_hooks,
    ),
    PrivateApi(
        "ai-edge-litert",
        "Interpreter._get_ops_details",
        "mnv2bench/artifacts/models/tflite_file.py",
        has("ai_edge_litert.interpreter", "Interpreter._get_ops_details"),
    ),
    PrivateApi(
        "ai-edge-litert",
        "Interpreter._get_ops_details",
        "mnv2bench/backends/litert.py",
        has("ai_edge_litert.interpreter", "Interpreter._get_ops_details"),
    ),
    PrivateApi(
        "ai-edge-litert",
        "libLiteRt.so: functions and structures declared by hand",
        "mnv2bench/backends/shared/litert_api.py",
        litert_has_the_functions_that_are_declared_for_it,
    ),
    PrivateApi(
        "pytest-benchmark",
        "config._benchmarksession",
        "suites/conftest.py",
        benchmark_session_is_saved_as_the_suite_saves_it,
    ),
    PrivateApi("pytest", "terminalreporter._tw._file", "suites/conftest.py", terminal_reporter_writes_to_a_file),
    PrivateApi("plotext", "uncolorize, figure", "mnv2bench/regression/pages/history.py", plotext_takes_colours_out),
)


def installed(dependency: str) -> bool:
    module = {"ai-edge-litert": "ai_edge_litert", "pytest-benchmark": "pytest_benchmark"}.get(dependency, dependency)
    return importlib.util.find_spec(module) is not None


@pytest.mark.parametrize("api", PRIVATE_APIS, ids=lambda api: api.id)
def test_a_private_api_of_a_dependency_is_what_its_user_expects(api):
    if not installed(api.dependency):
        pytest.skip(f"{api.dependency} is not installed")
    try:
        with warnings.catch_warnings(action="ignore"):
            api.use()
    except Exception as error:
        version = metadata.version(api.dependency)
        pytest.fail(f"{api.dependency} {version} changed {api.name}, which {api.file} uses: {error!r}", pytrace=False)


def test_the_failure_names_the_dependency():
    gone = PrivateApi("pytest", "gone._away", "suites/conftest.py", has("pytest", "gone._away"))
    with pytest.raises(pytest.fail.Exception, match=r"^pytest \S+ changed gone\._away, which suites/conftest\.py uses"):
        test_a_private_api_of_a_dependency_is_what_its_user_expects(gone)


def private_parts(path: str) -> set[str]:
    """The parts of a dotted path that begin with one underscore."""
    return {part for part in path.split(".") if part.startswith("_") and not part.startswith("__")}


def private_uses(code: str) -> set[str]:
    """The private names of others that a module uses, by attribute or by import."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Attribute) and private_parts(node.attr):
            path = ast.unparse(node)
            own = isinstance(node.value, ast.Name) and node.value.id in OWN
            if path not in STANDARD and node.attr not in OF_NAMED_TUPLES and not own:
                names.add(node.attr)
        elif isinstance(node, ast.Import):
            imported = [alias.name for alias in node.names]
            names.update(*map(private_parts, imported))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] not in PACKAGES:
            imported = [f"{node.module}.{alias.name}" for alias in node.names]
            names.update(*map(private_parts, imported))
    return names


def test_private_names_are_seen_in_attributes_and_imports_and_our_own_are_not():
    code = (
        "import torch._inductor.config\nfrom torch._C import _x\nfrom mnv2bench.backends import _torch\n"
        "import os\nos._exit(0)\nself._own\na.b._c\n__all__\n"
    )
    assert private_uses(code) == {"_inductor", "_C", "_x", "_c"}


def test_every_private_name_of_a_dependency_that_the_code_uses_is_listed():
    uses = {
        (str(file.relative_to(ROOT)), name)
        for package in PACKAGES
        for file in (ROOT / package).rglob("*.py")
        for name in private_uses(file.read_text())
    }
    unlisted = [
        f"{file} uses {name}: add it to PRIVATE_APIS"
        for file, name in sorted(uses)
        if not any(api.file == file and name in api.name for api in PRIVATE_APIS)
    ]
    assert unlisted == []


def test_nothing_is_listed_that_its_file_no_longer_uses():
    for api in PRIVATE_APIS:
        code = (ROOT / api.file).read_text()
        for name in private_parts(api.name.replace(",", " ").replace(":", " ").replace(" ", ".")):
            assert name in code, f"{api.file} no longer uses {name} of {api.dependency}"
