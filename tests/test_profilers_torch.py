"""torch's profilers: real profiles of a small variant in processes of their own, made-up events, damaged lines."""

import json
import math
import os
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from torch._C._autograd import DeviceType

from mnv2bench import Case
from mnv2bench.backends.shared.torch_layers import printed_to
from mnv2bench.campaign import Campaign, run
from mnv2bench.networks import layers
from mnv2bench.profiling.case_profile import case_profile
from mnv2bench.profiling.extras import Profiling
from mnv2bench.profiling.lines import profiles
from mnv2bench.profiling.mapping import layers_of
from mnv2bench.profiling.profilers.torch_script import joined
from mnv2bench.profiling.readers import inductor
from mnv2bench.profiling.readers.onednn import Primitive, primitives
from mnv2bench.profiling.readers.torch_events import Call, Span, calls, operator_type, operators, peak_bytes
from mnv2bench.profiling.records import Operator
from mnv2bench.records import Plan
from mnv2bench.records.journal import Journal

pytestmark = pytest.mark.slow

BACKENDS = ("torch_eager", "torch_script", "torch_compile", "torch_compile_freezing", "torch_aoti")
PLAN = Plan(processes=1, rounds=1, round_s=0.01, warmup_s=0.0, warmup_runs=2, warmup_cap_rounds=1)
ORDER = [layer.name for layer in layers("mobilenet_v2", 0.35, 96)]
LAYERS = set(ORDER)
RECORDED = Path(__file__).parent / "profiles"
CONVOLUTION = (
    "onednn_verbose,v1,1795555353488.310059,primitive,exec,cpu,convolution,jit:avx2,forward_training,"
    "src:f32:a:blocked:abcd::f0 wei:f32:a:blocked:Acdb8a::f0 bia:f32:a:blocked:a::f0 dst:f32:a:blocked:aBcd8b::f0,"
    "attr-scratchpad:user,alg:convolution_direct,mb1_ic3oc16_ih96oh48kh3sh2dh0ph1_iw96ow48kw3sw2dw0pw1,0.0539551"
)
REORDER = (
    "onednn_verbose,v1,1795555353488.289062,primitive,exec,cpu,reorder,jit:uni,undef,"
    "src:f32::blocked:Acdb16a::f0 dst:f32::blocked:Acdb8a::f0,attr-scratchpad:user,,16x3x3x3,0.00195312"
)
DEPTHWISE = CONVOLUTION.replace("mb1_ic3oc16_", "g16mb1_ic16oc16_")


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A profile of each backend on the CPU, in a process of its own, and eager's trace."""
    folder = tmp_path_factory.mktemp("torch")
    extras = tuple(
        Profiling(Case(width=0.35, resolution=96, backend=name), str(folder / f"{name}.json")) for name in BACKENDS
    )
    run(Campaign((), Journal(folder / "torch.jsonl"), PLAN, extras=extras))
    found, _ = profiles(folder / "torch.jsonl")
    return {profile.case.backend: profile for profile in found} | {"folder": folder}


def ok(told, name):
    profile = told[name]
    assert (profile.status, profile.reason) == ("ok", "")
    return profile


@pytest.mark.parametrize("name", BACKENDS)
def test_every_layer_is_computed_by_some_operator_and_only_layout_computes_none(told, name):
    profile = ok(told, name)
    assert 20 <= len(profile.calls_ns) <= 100
    found = layers_of(profile)
    assert {layer for mapped in found for layer in mapped} == LAYERS
    without = {o.type for o, mapped in zip(profile.operators, found, strict=True) if not mapped}
    assert without == {"layout"}


@pytest.mark.parametrize("name", BACKENDS)
def test_no_time_is_counted_twice(told, name):
    profile = ok(told, name)
    for place, whole_ns in enumerate(profile.calls_ns):
        assert 0 < sum(o.durations_ns[place] for o in profile.operators) <= whole_ns


@pytest.mark.parametrize("name", BACKENDS)
def test_the_profiled_network_computes_what_eager_computes(told, name):
    assert ok(told, name).error <= 1e-4


PARTS = {  # of all operators that compute; what is fused with what, and how often numbers move, differs by processor
    "torch_eager": {"conv": 52, "norm": 52, "activation": 35, "add": 10, "pool": 1, "linear": 1, "other": 1},
    "torch_script": {"conv": 35, "depthwise": 17, "activation": 35, "add": 11, "pool": 1, "matmul": 1},
    "torch_compile": {"conv": 52, "norm": 52, "activation": 35, "add": 10, "pool": 1, "linear": 1},
    "torch_compile_freezing": {"conv": 52, "add": 11, "pool": 1, "linear": 1},
    "torch_aoti": {"conv": 52, "add": 10, "pool": 1, "linear": 1},
}


def parts(profile):
    return Counter(part for o in profile.operators for part in o.type.split("+") if part != "layout")


def test_each_backend_computes_every_layer_once_whatever_it_fuses(told):
    assert {name: parts(ok(told, name)) for name in BACKENDS} == PARTS
    assert all(any(o.type == "layout" for o in ok(told, name).operators) for name in BACKENDS)


def test_eager_fuses_nothing(told):
    kinds = Counter(o.type for o in ok(told, "torch_eager").operators)
    assert kinds == PARTS["torch_eager"] | {"layout": 1}


def test_a_fused_kernel_adds_or_normalises_what_was_convolved(told):
    fused = {name: {o.type for o in ok(told, name).operators if "+" in o.type} for name in BACKENDS}
    assert fused == {
        "torch_eager": set(),
        "torch_script": set(),
        "torch_compile": {"norm+activation", "norm+add", "norm+activation+pool"},
        "torch_compile_freezing": {"conv+add"},
        "torch_aoti": {"conv+add"},
    }


def test_eager_says_which_module_calls_each_operator(told):
    found = [(o.name, o.type, o.origins) for o in ok(told, "torch_eager").operators]
    assert found[:4] == [
        ("aten::conv2d #1", "conv", ("features.0.0",)),
        ("aten::batch_norm #1", "norm", ("features.0.1",)),
        ("aten::hardtanh_ #1", "activation", ("features.0.2",)),
        ("aten::conv2d #2", "conv", ("features.1.conv.0.0",)),
    ]
    assert ("aten::add #1", "add", ("features.3",)) in found
    assert found[-4:] == [
        ("aten::adaptive_avg_pool2d #1", "pool", ("",)),
        ("aten::flatten #1", "layout", ("",)),
        ("aten::dropout #1", "other", ("classifier.0",)),
        ("aten::linear #1", "linear", ("classifier.1",)),
    ]


def test_a_kernel_that_inductor_fused_has_the_modules_that_it_comes_from(told):
    found = {o.type: o.origins for o in reversed(ok(told, "torch_compile").operators)}  # the first of each kind
    assert found == {
        "layout": ("features.0.0",),
        "conv": ("features.0.0",),
        "norm+activation": ("features.0.1", "features.0.2"),
        "norm": ("features.1.conv.2",),
        "norm+add": ("features.3.conv.3", "features.3"),
        "norm+activation+pool": ("features.18.1", "features.18.2", ""),
        "linear": ("classifier.1",),
    }


def test_what_torchscript_converts_and_convolves_is_told_by_onednn(told):
    profile = ok(told, "torch_script")
    assert profile.profiler.endswith(" and oneDNN's verbose lines")
    names = [o.name.partition(" #")[0] for o in profile.operators]
    assert names[0] == "aten::to_mkldnn"
    assert names[-5:] == ["aten::adaptive_avg_pool2d", "aten::to_dense", "aten::flatten", "aten::matmul", "aten::add"]
    assert_weights_are_reordered_before_their_convolutions(names)
    assert "aten::empty" not in names


def assert_weights_are_reordered_before_their_convolutions(names):
    """At each call, the weights of each convolution, of most or of none: some kernels take them as they are."""
    primitives = [name.split()[1] for name in names if name.startswith("oneDNN ")]
    assert primitives.count("convolution") == 52
    assert primitives[-1] == "convolution"
    pairs = list(pairwise(primitives))
    assert all(after == "convolution" for before, after in pairs if before == "reorder")


@pytest.mark.parametrize(("processor", "reorders"), [("avx512", 51), ("avx2", 52), ("sse41", 0)])
def test_recorded_profiles_of_torchscript_name_each_layer_once_on_every_kind_of_processor(processor, reorders):
    (profile,), _ = profiles(RECORDED / processor / "torch_script.jsonl")
    assert parts(profile) == PARTS["torch_script"]
    assert list(dict.fromkeys(layer for mapped in layers_of(profile) for layer in mapped)) == ORDER
    names = [o.name.partition(" #")[0] for o in profile.operators]
    assert_weights_are_reordered_before_their_convolutions(names)
    assert sum(name.startswith("oneDNN reorder") for name in names) == reorders
    case = case_profile([profile], None)
    assert case.unmapped_share == 0
    assert math.isclose(case.mapped_share + case.layout_share, 1)


def test_the_allocators_peak_holds_the_largest_input_and_outputs(told):
    profile = ok(told, "torch_eager")
    assert profile.arena == "peak of live bytes of torch's allocator in one call"
    expand_in, expand_out = 4 * 8 * 48 * 48, 4 * 48 * 48 * 48
    assert expand_in + 2 * expand_out == 958_464  # batch norm's input and output, beside what the block was given
    assert 958_464 <= profile.arena_bytes < 1_500_000
    assert ok(told, "torch_compile").arena_bytes < 958_464  # batch norm where its input is


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("torch_eager", "aten::conv2d"),
        ("torch_script", "aten::to_mkldnn"),
        ("torch_compile", "graph_0_cpp_fused_convolution_0"),
        ("torch_compile_freezing", "mkldnn::_convolution_pointwise"),
        ("torch_aoti", "aoti_torch_cpu_mkldnn__convolution_pointwise"),
    ],
)
def test_the_trace_has_the_operators(told, name, event):
    ok(told, name)
    trace = json.loads((told["folder"] / f"{name}.json").read_text())
    assert event in {e.get("name") for e in trace["traceEvents"]}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("aten::conv2d", "conv"),
        ("aten::hardtanh_", "activation"),
        ("aten::add_.Tensor", "add"),
        ("mkldnn::_convolution_pointwise", "conv"),
        ("mkldnn::_convolution_pointwise_.binary", "conv+add"),
        ("mkldnn::_linear_pointwise", "linear"),
        ("mkl::_mkl_linear", "linear"),
        ("aoti_torch_cpu_mkldnn__convolution_pointwise", "conv"),
        ("aoti_torch_cpu_mkldnn__convolution_pointwise_binary_", "conv+add"),
        ("aoti_torch_cpu__linear_pointwise", "linear"),
        ("onednn::qconv_pointwise.tensor", "conv"),
        ("onednn::qconv2d_pointwise.binary_tensor", "conv+add"),
        ("onednn::qlinear_pointwise.tensor", "linear"),
        ("aoti_torch_cpu__qconv_pointwise_tensor", "conv"),
        ("aoti_torch_cpu__qconv2d_pointwise_binary_tensor", "conv+add"),
        ("aoti_torch_cpu__qlinear_pointwise_tensor", "linear"),
        ("aten::something_new", "other"),
        ("graph_0_cpp_fused_convolution_0", "layout"),
        ("graph_0_cpp_fused_1", "layout"),
        ("graph_0_cpp_fused__native_batch_norm_legit_no_training_hardtanh_12", "norm+activation"),
        ("graph_0_cpp_fused__native_batch_norm_legit_no_training_add_9", "norm+add"),
        ("graph_0_cpp_fused__native_batch_norm_legit_no_training_2", "norm"),
        ("graph_0_cpp_fused_mean_4", "pool"),
        ("graph_0_cpp_fused_addmm_mean_view_5", "add"),
        ("triton_poi_fused__native_batch_norm_legit_no_training_add_3", "norm+add"),
    ],
)
def test_an_operator_type_is_read_from_the_runtimes_name(name, expected):
    assert inductor.operator_type(name) == expected
    if "_fused" not in name:
        assert operator_type(name) == expected


@dataclass
class Event:
    """One of kineto's, on a time line of nanoseconds."""

    named: str
    start: int
    end: int
    correlation: int = 0
    launched_by: int = 0
    overload: str = ""
    bytes: int = 0

    def name(self):
        return self.named

    def overload_name(self):
        return self.overload

    def start_ns(self):
        return self.start

    def end_ns(self):
        return self.end

    def duration_ns(self):
        return self.end - self.start

    def device_type(self):
        return DeviceType.CUDA if self.launched_by else DeviceType.CPU

    def correlation_id(self):
        return self.correlation

    def linked_correlation_id(self):
        return self.launched_by

    def nbytes(self):
        return self.bytes


ONE_CALL = [
    Event("aten::zeros", 0, 50),  # before any call
    Event("mnv2bench call", 100, 1000),
    Event("mnv2bench:", 110, 990),
    Event("mnv2bench:features.3", 120, 500),
    Event("mnv2bench:features.3.conv.2", 130, 300),
    Event("aten::conv2d", 140, 240, correlation=1),
    Event("aten::convolution", 150, 230, correlation=2),
    Event("aten::add", 310, 330, correlation=3, overload="Tensor"),
    Event("aten::flatten", 600, 604, correlation=4),
]


def test_of_a_call_the_outermost_operators_count_for_the_innermost_module():
    (call,) = calls(reversed(ONE_CALL))
    assert (call.start_ns, call.end_ns) == (100, 1000)
    assert call.spans == [
        Span("aten::conv2d", "conv", 140, 240, 100, ("features.3.conv.2",)),
        Span("aten::add", "add", 310, 330, 20, ("features.3",)),
        Span("aten::flatten", "layout", 600, 604, 4, ("",)),
    ]


def test_on_a_gpu_an_operator_took_what_its_kernels_took():
    kernels = [Event("sgemm", 900, 1700, launched_by=2), Event("relayout", 1700, 1750, launched_by=2)]
    (call,) = calls(ONE_CALL + kernels)
    assert [span.duration_ns for span in call.spans] == [850, 0, 0]


def span(name, ns, origins=()):
    return Span(name, "add", 0, ns, ns, origins)


def test_operators_are_the_calls_side_by_side_with_names_of_their_own():
    found = operators([Call(0, 99, [span("aten::add", 5), span("aten::add", 6)]) for _ in range(2)])
    assert found == [Operator("aten::add #1", "add", (5, 5)), Operator("aten::add #2", "add", (6, 6))]


def test_calls_that_are_not_alike_are_no_profile():
    with pytest.raises(ValueError, match="differ from call to call"):
        operators([Call(0, 99, [span("aten::add", 5)]), Call(100, 199, [])])
    with pytest.raises(ValueError, match="differ from call to call"):
        operators([Call(0, 9, [span("aten::add", 5, ("a",))]), Call(10, 19, [span("aten::add", 5, ("b",))])])
    for nothing in ([], [Call(0, 99, [])]):
        with pytest.raises(ValueError, match="saw no operator"):
            operators(nothing)


def test_the_peak_is_what_was_alive_at_once():
    memory = [
        ("[memory]", 1, 100),
        ("[memory]", 3, -100),
        ("[memory]", 2, 70),
        ("[memory]", 4, 90),
        ("aten::add", 2, 999),
    ]
    assert peak_bytes([Event(name, at, at, bytes=size) for name, at, size in memory]) == 170


def test_kernels_in_another_order_name_no_modules():
    spans = [span("graph_0_cpp_fused_add_0", 1), span("aten::convolution", 2)]
    kernels = [("cpp_fused_add_0", ("features.3",)), ("extern_kernels.convolution", ("features.4.conv.0.0",))]
    assert [s.origins for s in inductor.with_modules(spans, kernels)] == [("features.3",), ("features.4.conv.0.0",)]
    for others in (kernels[::-1], kernels[:1], []):
        assert inductor.with_modules(spans, others) == spans


def test_a_line_of_onednn_is_a_primitive_and_its_time():
    found = list(
        primitives(f"onednn_verbose,v1,info,cpu,isa:Intel AVX2\nhello\n{REORDER}\n{CONVOLUTION}\n{DEPTHWISE}\n")
    )
    assert [(p.type, p.duration_ns) for p in found] == [("layout", 1_953), ("conv", 53_955), ("depthwise", 53_955)]
    assert found[0].name == "oneDNN reorder jit:uni 16x3x3x3"
    assert abs(found[1].start_ns - 1_795_555_353_488_310_059) < 1_000
    assert list(primitives("")) == []


@pytest.mark.parametrize(
    "damaged",
    [
        CONVOLUTION[:120],
        CONVOLUTION[: CONVOLUTION.rindex(",")],
        CONVOLUTION[: CONVOLUTION.rindex(",") + 1],
        CONVOLUTION.replace("0.0539551", "soon"),
        CONVOLUTION.replace("0.0539551", "nan"),
        CONVOLUTION.replace("0.0539551", "-0.05"),
    ],
)
def test_a_line_of_onednn_that_is_cut_off_or_has_no_time_is_named(damaged):
    with pytest.raises(ValueError, match=r"^line 2 of oneDNN's is not a primitive and its time: 'onednn_verbose"):
        list(primitives(f"{REORDER}\n{damaged}\n"))


def test_a_primitive_inside_an_operator_is_not_counted_again_and_memory_belongs_to_what_it_is_for():
    call = Call(
        1000,
        9000,
        [
            Span("aten::to_mkldnn", "layout", 1000, 2000, 1000),
            Span("aten::empty", "other", 2100, 2110, 10),
            Span("aten::clamp", "activation", 6000, 6300, 300),
        ],
    )
    executed = [
        Primitive("of a call before", "conv", 500, 100),
        Primitive("reorder of images", "layout", 1500, 200),
        Primitive("reorder of weights", "layout", 2200, 50),
        Primitive("convolution", "conv", 2300, 3000),
        Primitive("of a call after", "conv", 9500, 100),
    ]
    (found,) = joined([call], executed)
    assert [(s.name, s.duration_ns) for s in found.spans] == [
        ("aten::to_mkldnn", 1000),
        ("reorder of weights", 50),
        ("convolution", 3010),
        ("aten::clamp", 300),
    ]


def test_what_is_printed_meanwhile_goes_to_the_file_and_nothing_after_it(tmp_path, capfd):
    with printed_to(tmp_path / "lines.txt"):
        os.write(1, b"meanwhile\n")
    os.write(1, b"after\n")
    assert (tmp_path / "lines.txt").read_text() == "meanwhile\n"
    assert capfd.readouterr().out == "after\n"
