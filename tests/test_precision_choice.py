"""Which precisions a campaign has: those that are named, or those that backend and processor have; and the refusals."""

import json

import pytest

from mnv2bench import backends, processor
from mnv2bench.backends.interface import registry
from mnv2bench.campaign import all_backends
from mnv2bench.case import Case
from mnv2bench.precisions import BF16, FP16, FP32, INT8, PRECISIONS
from mnv2bench.refusals import Unsupported
from mnv2bench.selection import select, suite_cases

SMALL = {"widths": "0.35", "resolutions": "96", "threads": "1"}
SAPPHIRE_RAPIDS = ("amx_bf16", "amx_int8", "avx2", "avx512_bf16", "avx512_fp16", "avx512_vnni")
HASWELL = ("avx2", "fma")
CORTEX_A76 = ("asimd", "asimddp", "asimdhp")


def precisions_of(backend: str, **texts: str) -> list[str]:
    cases = suite_cases("latency", select(SMALL | {"backends": backend} | texts))
    return [case.precision for case in cases]


@pytest.mark.parametrize(
    ("instructions", "names"),
    [
        (SAPPHIRE_RAPIDS, ["fp32", "tf32", "fp16", "bf16", "int8"]),
        (HASWELL, ["fp32", "tf32"]),
        (CORTEX_A76, ["fp32", "tf32", "fp16", "int8"]),
        ((), ["fp32", "tf32", "fp16", "bf16", "int8"]),  # a system that names none
    ],
)
def test_a_processor_has_the_precisions_that_it_has_instructions_for(instructions, names):
    assert [p.name for p in PRECISIONS if not p.missing_instructions(instructions)] == names


def test_what_a_processor_lacks_is_named():
    assert BF16.missing_instructions(HASWELL) == "none of avx512_bf16, amx_bf16, bf16"
    assert INT8.missing_instructions(HASWELL) == "none of avx512_vnni, avx_vnni, amx_int8, asimddp"
    assert FP16.missing_instructions(HASWELL) == "none of avx512_fp16, asimdhp"
    assert FP32.missing_instructions(HASWELL) == ""


@pytest.fixture
def old_processor(tmp_path, monkeypatch):
    """A processor without AVX-512: its /proc/cpuinfo."""
    file = tmp_path / "cpuinfo"
    file.write_text("processor : 0\nflags : fpu avx2 fma\n\nprocessor : 1\nflags : fpu avx2 fma\n")
    monkeypatch.setattr(processor, "CPUINFO", file)
    processor.facts.cache_clear()
    yield
    processor.facts.cache_clear()


def test_a_case_without_instructions_is_unsupported_before_anything_is_exported(old_processor, monkeypatch):
    runtime = backends.runtime("torch_eager")
    monkeypatch.setattr(
        registry, "runtime", lambda name: type(runtime)(reads="state_dict", runs={"cpu": ("fp32", "bf16")})
    )
    with pytest.raises(
        Unsupported, match=r"^this processor has none of avx512_bf16, amx_bf16, bf16: bf16 would be emul"
    ):
        registry.require_supported(Case(precision="bf16"))
    registry.require_supported(Case(precision="fp32"))


def test_a_precision_that_a_backend_computes_anywhere_needs_no_instructions(old_processor):
    backends.require_supported(Case(backend="fake", precision="bf16"))
    assert backends.missing_instructions("fake", "bf16") == ""


def test_a_campaign_is_in_fp32_where_no_precision_is_named():
    assert precisions_of("fake") == ["fp32"]


def test_named_precisions_are_measured_or_refused_each_in_a_row_of_its_own():
    assert precisions_of("fake", precisions="bf16,tf32") == ["bf16", "tf32"]


def test_auto_is_what_the_backend_runs():
    assert precisions_of("fake", precisions="auto") == ["fp32", "fp16", "bf16", "int8"]


def test_auto_is_fp32_alone_for_a_backend_that_is_slow_to_open():
    assert precisions_of("torch_compile_freezing", precisions="auto") == ["fp32"]
    assert precisions_of("torch_compile", precisions="auto") == ["fp32"]


def test_auto_stands_alone():
    with pytest.raises(
        ValueError, match=r"^--precisions auto,bf16: auto stands alone; name precisions, or leave them to it$"
    ):
        select({"precisions": "auto,bf16"})


def test_auto_on_a_gpu_is_all_that_the_backend_runs_there():
    assert precisions_of("onnxruntime", precisions="auto", devices="cuda") == ["fp32", "tf32", "fp16"]


def test_the_quick_grid_has_the_quick_precisions_of_each_backend_beside_its_fp32():
    cases = suite_cases("latency", select({}))
    expected = [
        ("mobilenet_v2_0.35_96", name, precision)
        for name in all_backends()
        if "cpu" in backends.runtime(name).runs
        for precision in ("fp32", *backends.runtime(name).quick_precisions)
    ]
    assert [(c.variant, c.backend, c.precision) for c in cases if c.width == 0.35] == expected


QUICK = ("0.35@96", "0.5@128", "0.5@192", "1.0@160", "1.0@224", "1.4@224")


def variants_of(backend, suite="latency", **options):
    """The variants of a backend in fp32, where no backend is named."""
    cases = suite_cases(suite, select(options))
    return tuple(case.short_variant for case in cases if case.backend == backend and case.precision == "fp32")


@pytest.mark.parametrize("backend", ["torch_eager", "torch_script", "onnxruntime", "openvino", "ncnn"])
def test_the_quick_grid_has_six_variants_of_a_backend_whose_files_are_made_in_seconds(backend):
    assert variants_of(backend) == QUICK


@pytest.mark.parametrize("backend", ["litert", "executorch", "torch_aoti", "torch_compile", "torch_compile_freezing"])
def test_the_quick_grid_has_two_variants_of_a_backend_that_exports_or_compiles_for_longer(backend):
    assert variants_of(backend) == ("0.35@96", "1.0@224")
    named = {"widths": "0.5,1.4", "resolutions": "128,224"}  # named variants are measured with every backend
    assert variants_of(backend, **named) == ("0.5@128", "0.5@224", "1.4@128", "1.4@224")


def test_the_quick_grid_measures_the_throughput_of_two_variants():
    assert variants_of("openvino", "throughput") == ("0.35@96", "1.0@224")
    assert variants_of("litert", "throughput") == ()


def test_env_says_which_precisions_the_processor_has(old_processor, capsys):
    from mnv2bench.cli.backends import env

    env()
    assert json.loads(capsys.readouterr().out)["precisions"] == {
        "fp32": "yes",
        "fp16": "no: none of avx512_fp16, asimdhp",
        "bf16": "no: none of avx512_bf16, amx_bf16, bf16",
        "int8": "no: none of avx512_vnni, avx_vnni, amx_int8, asimddp",
    }
