"""run.py as `mnv2bench ship` makes it of every backend's template: its length, its imports, its settings."""

import ast
import re

import pytest

from mnv2bench import backends
from mnv2bench.case import Case
from mnv2bench.records import Machine, Plan, Process, Samples, Weights, record
from mnv2bench.refusals import Unsupported
from mnv2bench.shipping.program import imported_modules, left_out, program
from mnv2bench.shipping.requirements import requirements, requirements_text
from mnv2bench.workers.environment import ALLOCATOR_TEXT

NAMES = (*backends.names(), "fake")
GLIBC = Machine(allocator=ALLOCATOR_TEXT, libraries={"numpy": "2.4.6", "torch": "2.13.0+cpu", "executorch": "1.5.1"})
MODULES = {
    "executorch": ("numpy", "torch", "executorch"),
    "litert": ("numpy", "ai_edge_litert"),
    "ncnn": ("numpy", "ncnn"),
    "onnxruntime": ("numpy", "onnxruntime"),
    "openvino": ("numpy", "openvino"),
    "tensorrt": ("numpy", "tensorrt", "torch"),
    "torch_aoti": ("numpy", "torch"),
    "torch_script": ("numpy", "torch"),
}
COMPILES = "cannot be shipped: torch.compile compiles in every process: ship "
AHEAD = ", which is compiled ahead of time"
SHIPPED = [
    Case(backend=name, device=device, precision=precision, batch=2, threads=4)
    for name in NAMES
    for device in ("cpu", "cuda")
    for precision in backends.runtime(name).runs.get(device, ())
    if backends.runtime(name).program(device, precision)
]


def of(case, machine=GLIBC, environment=(), weights=Weights(), **samples):  # noqa: B008  it is frozen
    """A record of a case with one process."""
    process = Process(case, 0, 0, 0, "ok", "", 1.0, Samples(**samples))
    return record(case, Plan(environment=environment), machine, [process], weights=weights)


def text_of(case, file="net.onnx", median_s=0.002, **rest):
    return program(of(case, **rest), file, median_s)


def test_every_backend_has_a_program_or_says_why_not_and_what_to_ship_instead():
    assert {case.backend for case in SHIPPED} == MODULES.keys()
    for name in NAMES:
        declaration = backends.runtime(name)
        assert bool(declaration.programs) != bool(declaration.why_no_program), name
    assert len(SHIPPED) == 2 + 3 + 4 + 3 + 3 + 2 + 3 + 3 + 4


@pytest.mark.parametrize("case", SHIPPED, ids=lambda case: case.id)
def test_a_program_has_30_lines_at_most_and_imports_its_runtime_and_numpy_alone(case):
    for settings in ({}, {"CUDA graph": "yes"}):
        text = text_of(case, settings=settings, environment=("OMP_WAIT_POLICY=passive",))
        assert len(text.splitlines()) <= 30
        assert imported_modules(text) == MODULES[case.backend]
        assert "mnv2bench" not in text.partition('"""\n')[2]
        assert text.startswith(f'"""{case.id}, ')
        assert "{{" not in text


def test_the_settings_are_those_of_the_case_as_literals():
    text = text_of(Case(backend="onnxruntime", threads=4))
    assert "options.intra_op_num_threads, options.inter_op_num_threads = 4, 1\n" in text
    assert "dict.fromkeys(('OMP_NUM_THREADS', 'MKL_NUM_THREADS', 'OPENBLAS_NUM_THREADS'), '4')\n" in text
    assert "'MALLOC_MMAP_MAX_': '0', 'MALLOC_TRIM_THRESHOLD_': '17179869184', 'MALLOC_TOP_PAD_': '67108864'}\n" in text

    text = text_of(Case(backend="openvino", precision="bf16"))
    assert 'precision = "bf16"' in text
    assert '"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1' in text
    assert 'precision = "f32"' in text_of(Case(backend="openvino", precision="int8"), file="net.xml")
    assert "use_bf16_storage = True\n" in text_of(Case(backend="ncnn", precision="bf16"))
    assert "use_bf16_storage = False\n" in text_of(Case(backend="ncnn"))
    assert 'Interpreter(f"{here}/net.tflite", num_threads=1)' in text_of(Case(backend="litert"), file="net.tflite")
    assert "xnnpack_flags=4" in text_of(Case(backend="litert", precision="fp16"))
    assert "network(batch.to(torch.bfloat16)).float()" in text_of(Case(backend="torch_script", precision="bf16"))
    assert "network(batch)\n" in text_of(Case(backend="torch_script"))
    assert '"use_tf32": "0"' in text_of(Case(backend="onnxruntime", device="cuda"))
    assert '"use_tf32": "1"' in text_of(Case(backend="onnxruntime", device="cuda:1", precision="tf32"))
    assert "graph.replay()" in text_of(Case(backend="tensorrt", device="cuda"), settings={"CUDA graph": "yes"})
    assert "graph" not in text_of(Case(backend="tensorrt", device="cuda"), settings={"CUDA graph": "no: refused"})


def test_it_calls_for_about_four_seconds_and_leaves_out_the_first_quarter():
    for median_s, repeats in ((0.002, 2000), (1.0, 100), (1e-6, 20_000)):
        text = text_of(Case(backend="ncnn"), median_s=median_s)
        assert f"repeat={repeats})[{repeats // 4}:]  # the first quarter warms up" in text


def test_without_glibc_no_variable_of_its_allocator_is_set():
    assert "MALLOC_" not in text_of(Case(backend="ncnn"), machine=Machine(allocator="not glibc: no setting"))
    assert "MALLOC_" not in text_of(Case(backend="ncnn"), machine=Machine(allocator="glibc: MALLOC_MMAP_MAX_=7"))


def test_a_variable_of_env_goes_along_but_for_those_that_load_other_code():
    environment = ("DYLD_INSERT_LIBRARIES=x", "LD_PRELOAD=/tmp/evil.so", "OMP_WAIT_POLICY=pas'sive", "PYTHONSTARTUP=x")
    case = Case(backend="ncnn")
    text = text_of(case, environment=environment)
    assert "'OMP_WAIT_POLICY': \"pas'sive\"" in text
    assert "evil" not in text
    assert [*left_out(of(case, environment=environment))] == ["DYLD_INSERT_LIBRARIES", "LD_PRELOAD", "PYTHONSTARTUP"]


def test_texts_of_a_file_are_literals_in_the_program_and_run_nothing():
    hostile = ('A_B=\'); import os; os.system("true") #', 'C="""', "D;E=1", "F=line\nbreak")
    text = text_of(Case(backend="ncnn"), environment=hostile)
    tree = ast.parse(text)
    imports = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Import)]
    assert imports == ["import os, sys, timeit", "import numpy as np", "import ncnn"]
    assert [*left_out(of(Case(backend="ncnn"), environment=hostile))] == ["D;E", "F"]


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (
            Case(backend="torch_compile"),
            f"torch_compile {COMPILES}torch_aoti{AHEAD}",
        ),
        (
            Case(backend="torch_compile_freezing"),
            f"torch_compile_freezing {COMPILES}torch_aoti{AHEAD}",
        ),
        (
            Case(backend="torch_compile_cudagraphs", device="cuda"),
            f"torch_compile_cudagraphs {COMPILES}tensorrt{AHEAD}",
        ),
        (
            Case(backend="torch_eager"),
            "torch_eager cannot be shipped: its file holds weights alone: ship torch_script, whose file holds the same "
            "network and its weights",
        ),
        (
            Case(backend="torch_script", device="cuda", precision="fp16"),
            "torch_script cannot be shipped: it has no program for cuda: ship onnxruntime or tensorrt",
        ),
        (
            Case(backend="litert", device="adb:SERIAL"),
            "mobilenet_v2_1.0_224-b1-litert-adb:SERIAL-fp32-t1 was measured on another device by a program of its own: "
            "docs/mobile.md says how that is built",
        ),
    ],
    ids=lambda value: value.id if isinstance(value, Case) else "",
)
def test_what_cannot_be_shipped_says_what_to_ship_instead(case, reason):
    with pytest.raises(Unsupported) as refused:
        text_of(case)
    assert str(refused.value) == reason


def lines(case, machine=GLIBC, **samples):
    measured = of(case, machine, **samples)
    return requirements_text(requirements(measured, imported_modules(program(measured, "net", 0.01)))).splitlines()


def test_requirements_are_the_versions_that_the_processes_imported():
    measured = {"libraries": {"onnxruntime": "1.32.0"}}
    assert lines(Case(backend="onnxruntime"), **measured) == ["numpy==2.4.6", "onnxruntime==1.32.0"]
    assert lines(Case(backend="executorch"), libraries={"executorch": "1.5.1"}) == [
        "--extra-index-url https://download.pytorch.org/whl/cpu",
        "executorch==1.5.1",
        "numpy==2.4.6",
        "torch==2.13.0+cpu",
    ]
    imported = {"torch": "2.13.0", "torchao": "0.18.0"}
    assert lines(Case(backend="torch_aoti"), libraries=imported) == ["numpy==2.4.6", "torch==2.13.0", "torchao==0.18.0"]


def test_files_that_do_not_say_what_was_imported_have_the_versions_of_their_machine():
    installed = Machine(libraries={"onnxruntime": "1.30.0", "numpy": "2.3.0", "openvino": "2026.1"})
    assert lines(Case(backend="onnxruntime"), installed) == ["numpy==2.3.0", "onnxruntime==1.30.0"]


def test_a_version_that_is_unknown_or_none_is_not_invented():
    assert lines(Case(backend="ncnn"), Machine()) == [
        "ncnn  # its version was not recorded",
        "numpy  # its version was not recorded",
    ]
    hostile = {"ncnn": "1.0\n--index-url https://example.org", "numpy": "-r /etc/passwd"}
    assert lines(Case(backend="ncnn"), Machine(libraries=hostile)) == lines(Case(backend="ncnn"), Machine())


@pytest.mark.parametrize("programs", [{"cpu int4": "x"}, {"arm64": "x"}, {"": "x"}])
def test_a_declaration_names_programs_by_device_and_precision(programs):
    with pytest.raises(ValueError, match=re.escape("programs are by device, of cpu, cuda, not by")):
        backends.Runtime(reads="onnx", runs={"cpu": ("fp32",)}, programs=programs)
