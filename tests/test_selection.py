"""Which cases the words choose, on the CPU and on a GPU."""

import pytest

from mnv2bench.case import Case
from mnv2bench.selection import select, suite_cases

ON_GPU = ("torch_eager", "onnxruntime", "tensorrt", "torch_compile", "torch_compile_cudagraphs", "torch_script")


def chosen(suite, **asked):
    return suite_cases(suite, select(asked))


def values(cases, name):
    return tuple(dict.fromkeys(getattr(case, name) for case in cases))


def test_the_quick_grid_on_a_gpu_is_two_corners_in_fp32_and_fp16():
    cases = chosen("latency", devices="cuda")
    assert values(cases, "backend") == ON_GPU
    assert values(cases, "precision") == ("fp32", "fp16")
    assert (values(cases, "device"), values(cases, "batch"), values(cases, "threads")) == (("cuda",), (1,), (1,))
    assert len(cases) == 2 * 6 * 2
    assert values(chosen("throughput", devices="cuda"), "batch") == (32,)


def test_another_grid_on_a_gpu_has_every_precision_and_batches_to_256():
    assert values(chosen("latency", devices="cuda:1", grid="published"), "precision") == (
        "fp32",
        "tf32",
        "fp16",
        "bf16",
    )
    throughput = chosen("throughput", devices="cuda:1", grid="published")
    assert values(throughput, "batch") == (8, 32, 128, 256)
    assert values(throughput, "device") == ("cuda:1",)


def test_a_gpu_does_not_change_what_is_measured_beside_it_on_the_cpu():
    here, both = chosen("latency"), chosen("latency", devices="cpu,cuda")
    assert both[: len(here)] == here
    assert {(c.backend, c.precision) for c in here if c.precision != "fp32"} == {
        ("openvino", "bf16"),
        ("onnxruntime", "int8"),
    }
    assert {"tensorrt", "torch_compile_cudagraphs"}.isdisjoint(values(here, "backend"))


def test_what_is_named_is_asked_for_wherever_it_runs():
    asked = {"devices": "cuda", "backends": "openvino,tensorrt", "precisions": "bf16", "batches": "1,2"}
    cases = chosen("latency", **asked)
    assert (values(cases, "backend"), values(cases, "precision")) == (("openvino", "tensorrt"), ("bf16",))
    assert values(cases, "batch") == (1,)
    assert values(chosen("throughput", **asked), "batch") == (2,)


def test_the_conditions_of_a_gpu_are_part_of_the_plan():
    plan = select({"cold-l2": "yes", "trt-level": "5"}).plan
    assert (plan.cold_l2, plan.trt_level, plan.in_flight) == (True, 5, 8)
    assert (select({}).plan.cold_l2, select({}).plan.trt_level) == (False, 3)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"precisions": "fp32,int4"}, "precision 'int4' is not one of fp32, tf32, fp16, bf16, int8"),
        ({"trt-level": "6"}, "trt_level is TensorRT's builder optimisation level, 0 to 5, not 6"),
        ({"trt-level": "high"}, "--trt-level takes numbers separated by commas, not 'high'"),
        ({"devices": "cuda:"}, "device 'cuda:' is not one of cpu, cuda, cuda:1, adb:SERIAL, ssh:HOST, qemu:CPU: "),
        ({"devices": "cuda:x"}, "device 'cuda:x' is not one of cpu, cuda, cuda:1, adb:SERIAL, ssh:HOST, qemu:CPU: "),
    ],
)
def test_what_no_gpu_has_is_refused_in_one_line(asked, said):
    with pytest.raises(ValueError) as refused:
        select(asked)
    assert str(refused.value).startswith(said)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "name"), [("", "digits"), ("seeded", "seed 0"), ("own.pt", "own.pt")], ids=["default", "seeded", "a file"]
)
def test_weights_are_those_of_digits_unless_a_file_or_the_word_seeded_is_named(text, name):
    weights = select({"weights": text}).weights if text else select({}).weights
    assert weights.name_of(Case(width=0.35, resolution=96)) == name
    assert weights.name_of(Case(network="mobilenet_v2_article", width=0.35, resolution=96)) == name.replace(
        "digits", "seed 0"
    )


@pytest.mark.parametrize(("option", "text"), [("widths", "0.5"), ("classes", "10"), ("channels", "1")])
def test_an_option_of_families_is_refused_where_only_files_are_measured(option, text):
    with pytest.raises(ValueError, match=f"^--{option} is for networks of families, and a file has its own: leave it"):
        select({option: text}, models=["my-net.onnx"])
