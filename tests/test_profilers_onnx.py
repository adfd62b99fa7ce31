"""What onnxruntime, OpenVINO and TensorRT say of their operators, and which modules of the ONNX file those are."""

import json
from collections import Counter
from pathlib import Path

import onnx
import pytest

from mnv2bench import Case, Plan
from mnv2bench.campaign import Campaign, run
from mnv2bench.profiling.case_profile import case_profile
from mnv2bench.profiling.extras import Profiling
from mnv2bench.profiling.lines import profiles
from mnv2bench.profiling.mapping import layers_of, network
from mnv2bench.profiling.profilers import onnxruntime as profiler
from mnv2bench.profiling.profilers import openvino
from mnv2bench.profiling.readers import onnx_nodes
from mnv2bench.profiling.readers import onnxruntime as reader
from mnv2bench.profiling.readers.tensorrt import operator_type
from mnv2bench.profiling.records import Operator, Profile
from mnv2bench.records import replace
from mnv2bench.records.journal import Journal
from mnv2bench.refusals import Unsupported
from mnv2bench.selfcheck.profiles import parse_counters

pytestmark = pytest.mark.slow

SMALL = Case(width=0.35, resolution=96)
BRIEF = Plan(processes=1, rounds=1, round_s=0.02, warmup_s=0.0, warmup_runs=1, warmup_cap_rounds=1)
RECORDED = Path(__file__).parent / "profiles"


@pytest.fixture(scope="module")
def profiled(tmp_path_factory):
    """Real profiles by backend, and the file of onnxruntime's trace."""
    folder = tmp_path_factory.mktemp("profiled")
    trace = folder / "trace.json"
    cases = [replace(SMALL, backend=name) for name in ("onnxruntime", "openvino")]
    extras = tuple(Profiling(c, str(trace) if c.backend == "onnxruntime" else "") for c in cases)
    run(Campaign((), Journal(folder / "j.jsonl"), BRIEF, extras=extras))
    told, _ = profiles(folder / "j.jsonl")
    return {profile.case.backend: profile for profile in told}, trace


@pytest.fixture(params=["onnxruntime", "openvino"])
def profile(request, profiled):
    return profiled[0][request.param]


def test_every_operator_that_computes_names_modules_of_the_network(profile):
    assert (profile.status, profile.reason) == ("ok", "")
    assert {o.type for o in profile.operators if not o.origins} <= {"layout"}
    assert profile.error < 1e-4


def test_the_operators_are_the_networks_layers_each_once(profile):
    found = [name for layers in layers_of(profile) for name in layers]
    assert sorted(found) == sorted(layer.name for layer in network(profile.case))


RESIDUALS = (3, 5, 6, 8, 9, 10, 12, 13, 15, 16)  # modules of "features" that add their input to their result


def assert_every_layer_once_and_in_order(operators):
    """What holds of a graph whatever processor it was made for: what is fused with what differs, the layers do not."""
    computing = [o for o in operators if o.type != "layout"]
    assert Counter(part for o in computing for part in o.type.split("+")) == {
        "conv": 35, "depthwise": 17, "activation": 35, "add": 10, "pool": 1, "linear": 1,
    }  # fmt: skip
    assert [o.type for o in computing][-2:] == ["pool", "linear"]
    mapped = layers_of(Profile(SMALL, 0, "ok", "", 1.0, operators=tuple(operators), calls_ns=(1,)))
    assert [name for layers in mapped for name in layers] == [layer.name for layer in network(SMALL)]
    assert not any(layers for o, layers in zip(operators, mapped, strict=True) if o.type == "layout")


def assert_residuals_are_both_modules(operators):
    """An addition is an operator of its own, or is fused with the projection before it."""
    adding = [o for o in operators if "add" in o.type.split("+")]
    assert [o.origins[-1] for o in adding] == [f"features.{module}" for module in RESIDUALS]
    for operator, module in zip(adding, RESIDUALS, strict=True):
        alone, fused = (f"features.{module}",), (f"features.{module}.conv.2", f"features.{module}")
        assert operator.origins == (alone if operator.type == "add" else fused)
        assert operator.type in ("add", "conv+add")


def test_the_layers_run_in_the_order_of_the_network_whatever_is_fused(profile):
    assert_every_layer_once_and_in_order(profile.operators)


def test_a_convolution_that_adds_the_residual_is_both_modules(profile):
    assert_residuals_are_both_modules(profile.operators)


def test_depthwise_convolutions_and_activations_name_the_module_before_them(profile):
    depthwise = [o.origins[0] for o in profile.operators if "depthwise" in o.type.split("+")]
    assert depthwise == ["features.1.conv.0.0", *(f"features.{n}.conv.1.0" for n in range(2, 18))]
    activated = [o.origins[0] for o in profile.operators if "activation" in o.type.split("+")]
    expanded = [f"features.{n}.conv.0.0" for n in range(2, 18)]  # block 0 has none
    assert sorted(activated) == sorted(["features.0.0", *depthwise, *expanded, "features.18.0"])


def test_a_layout_change_stands_alone(profiled):
    by_backend, _ = profiled
    moved = {name: [o for o in p.operators if "layout" in o.type] for name, p in by_backend.items()}
    assert {o.type for operators in moved.values() for o in operators} <= {"layout"}
    assert moved["onnxruntime"][-1].name == "node_view"


RECORDED_GRAPHS = ("avx2", "avx512", "unblocked")


@pytest.fixture(params=RECORDED_GRAPHS)
def recorded_parts(request):
    """What each node of a recorded graph computes, in its order, as operators of one nanosecond."""
    exported = onnx_nodes.Exported(RECORDED / "onnx_exported.textproto")
    parts = reader.parts(RECORDED / request.param / "onnxruntime_optimised.textproto", exported)
    return [Operator(name, part.type, (1,), part.origins) for name, part in parts.items()]


def test_of_a_graph_for_any_processor_each_layer_is_found_once_and_in_order(recorded_parts):
    assert_every_layer_once_and_in_order(recorded_parts)


def test_of_a_graph_for_any_processor_the_residuals_are_found(recorded_parts):
    assert_residuals_are_both_modules(recorded_parts)


def test_the_recorded_graphs_differ_in_how_they_store_channels():
    """AVX-512 stores them in blocks of 16, AVX2 in blocks of 8, others in none: blocks that do not fit are padded."""
    reorders = {}
    for name in RECORDED_GRAPHS:
        graph = onnx.load(RECORDED / name / "onnxruntime_optimised.textproto").graph
        reorders[name] = sum(node.op_type == "ReorderOutput" for node in graph.node)
    assert reorders == {"avx2": 1, "avx512": 4, "unblocked": 0}


def test_a_recorded_trace_of_avx512_names_the_nodes_of_its_graph_and_all_its_time_is_mapped():
    exported = onnx_nodes.Exported(RECORDED / "onnx_exported.textproto")
    parts = reader.parts(RECORDED / "avx512" / "onnxruntime_optimised.textproto", exported)
    first, last = reader.last_calls(RECORDED / "avx512" / "onnxruntime_trace.json", 2)
    assert set(first) == set(last) == set(parts)
    mapped_ns = sum(reader.nanoseconds(event) for name, event in last.items() if parts[name].type != "other")
    assert mapped_ns == sum(map(reader.nanoseconds, last.values()))
    assert {name for name, part in parts.items() if not part.origins} == {
        "ReorderOutput", "ReorderOutput_token_113", "ReorderOutput_token_114", "ReorderOutput_token_115",
    }  # fmt: skip


def test_of_a_recorded_profile_of_avx512_nothing_is_unmapped_and_only_reorders_are_layout():
    exported = onnx_nodes.Exported(RECORDED / "onnx_exported.textproto")
    parts = reader.parts(RECORDED / "avx512" / "onnxruntime_optimised.textproto", exported)
    calls = reader.last_calls(RECORDED / "avx512" / "onnxruntime_trace.json", 2)
    operators = tuple(
        Operator(name, parts[name].type, tuple(reader.nanoseconds(nodes[name]) for nodes in calls), parts[name].origins)
        for name in calls[0]
    )
    case = replace(SMALL, backend="onnxruntime")
    of_case = case_profile([Profile(case, 0, "ok", "", 1.0, operators=operators, calls_ns=(600_000, 600_000))], None)
    assert of_case.unmapped_share == 0.0
    assert of_case.mapped_share + of_case.layout_share == pytest.approx(1.0)
    assert of_case.layout_share < 0.05
    covered = {name for row in of_case.layers for name in row.layers}
    assert covered == {layer.name for layer in network(case)}


def saved(path, *nodes):
    graph = onnx.helper.make_graph(list(nodes), "graph", [], [])
    onnx.save(onnx.helper.make_model(graph), path)
    return path


def test_two_branches_from_one_tensor_are_told_apart_by_their_shapes_and_then_by_their_order(tmp_path):
    def conv(name, reads, writes, weight, kernel):
        return onnx.helper.make_node("Conv", [reads, weight], [writes], name, group=1, kernel_shape=[kernel, kernel])

    exported = saved(
        tmp_path / "exported.onnx",
        conv("wide", "x", "w", "a.weight", 3),
        conv("narrow", "x", "n", "b.weight", 1),
        conv("again", "x", "m", "c.weight", 1),
        conv("after", "n", "y", "d.weight", 1),
    )
    optimised = saved(
        tmp_path / "optimised.onnx",
        conv("n1", "x", "token_0", "reorder_0", 1),
        conv("n2", "x", "token_1", "reorder_1", 1),
        conv("n3", "x", "token_2", "reorder_2", 3),
        conv("n4", "token_0", "token_3", "reorder_3", 1),
    )
    parts = reader.parts(optimised, onnx_nodes.Exported(exported))
    assert {name: part.origins for name, part in parts.items()} == {
        "n1": ("b",), "n2": ("c",), "n3": ("a",), "n4": ("d",),
    }  # fmt: skip


def test_a_node_of_which_the_file_has_no_like_is_told_by_its_type_alone(tmp_path):
    exported = saved(tmp_path / "exported.onnx", onnx.helper.make_node("Relu", ["x"], ["y"], "relu"))
    optimised = saved(tmp_path / "optimised.onnx", onnx.helper.make_node("Erf", ["x"], ["y"], "n1"))
    assert reader.parts(optimised, onnx_nodes.Exported(exported)) == {"n1": onnx_nodes.Part("other", ())}


def test_the_operators_of_the_profiled_calls_are_no_longer_than_the_calls_and_most_of_them(profile):
    assert 20 <= len(profile.calls_ns) <= 100
    assert 0.2 < sum(sum(o.durations_ns) for o in profile.operators) / sum(profile.calls_ns) <= 1


def test_openvinos_counters_are_means_since_its_first_call_and_those_before_are_taken_out():
    assert openvino.FIRST == 3
    assert openvino.mean_ns(before=6000, after=204, calls=97) == 24_742  # 18 ms in 3 calls, 20.4 ms in 100
    assert openvino.mean_ns(before=1, after=0, calls=20) == 0  # both are cut off


def test_openvino_tells_one_duration_for_all_calls_and_onnxruntime_each(profiled):
    told, _ = profiled
    assert {len({*o.durations_ns}) for o in told["openvino"].operators} == {1}
    assert max(len({*o.durations_ns}) for o in told["onnxruntime"].operators) > 1
    assert "every call of an operator has the mean of all calls: OpenVINO keeps no other time" in told["openvino"].notes


def test_onnxruntimes_arena_holds_at_least_the_weights_and_openvino_tells_of_none(profiled):
    told, _ = profiled
    assert told["openvino"].arena_bytes is None
    assert 4_000_000 < told["onnxruntime"].arena_bytes < 20_000_000
    assert told["onnxruntime"].arena == "the most bytes in use in its arena, with the weights that are kept there"


def test_the_trace_is_onnxruntimes_file_with_an_event_for_each_operator_and_call(profiled):
    told, trace = profiled
    names = [event["name"] for event in json.loads(trace.read_text())]
    profile = told["onnxruntime"]
    assert names.count("model_run") >= len(profile.calls_ns)
    assert {f"{o.name}_kernel_time" for o in profile.operators} <= set(names)


def test_onnxruntime_on_a_gpu_is_refused_in_words(monkeypatch, tmp_path):
    monkeypatch.setattr(profiler, "require", lambda case: None)
    with pytest.raises(Unsupported, match="what the host queues, not what the GPU computes"):
        profiler.open(replace(SMALL, device="cuda"), tmp_path / "net.onnx", tmp_path)


def test_a_recorded_profile_is_read_from_its_end():
    first, last = reader.last_calls(RECORDED / "onnxruntime_two_calls.json", 2)
    assert [reader.nanoseconds(event) for event in first.values()] == [193_000, 471_000]
    assert {name: reader.nanoseconds(event) for name, event in last.items()} == {
        "hardtanh_nchwc": 84_000,
        "node_Gemm_912": 359_000,
    }
    assert reader.last_calls(RECORDED / "onnxruntime_two_calls.json", 1) == [last]
    assert reader.arena_bytes([last]) == 5_309_248


def test_a_name_that_comes_twice_in_a_call_is_numbered():
    event = {"cat": "Node", "name": "ReorderOutput_kernel_time", "dur": 1}
    over = {"cat": "Session", "name": "model_run"}
    assert [list(nodes) for nodes in reader.by_call([event, event, over])] == [["ReorderOutput", "ReorderOutput #2"]]


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("cut_off", "Unterminated string"),
        ("empty", "Expecting value"),
        ("not_json", "Expecting value"),
        ("no_list", "is no list of events"),
        ("node_missing", "has not the same nodes in each of 2 calls"),
        ("text_for_dur", "hardtanh_nchwc_kernel_time took '84'"),
        ("negative_dur", "hardtanh_nchwc_kernel_time took -84"),
    ],
)
def test_a_damaged_profile_is_a_value_error(damage, says):
    with pytest.raises(ValueError, match=says) as raised:
        for nodes in reader.last_calls(RECORDED / f"onnxruntime_{damage}.json", 2):
            for event in nodes.values():
                reader.nanoseconds(event)
    assert "\n" not in str(raised.value)


def test_a_profile_of_fewer_calls_than_were_made_is_a_value_error():
    with pytest.raises(ValueError, match="in each of 3 calls"):
        reader.last_calls(RECORDED / "onnxruntime_two_calls.json", 3)


def test_a_full_profile_misses_its_last_calls_and_is_a_value_error(monkeypatch):
    monkeypatch.setattr(reader, "MOST_EVENTS", 6)
    with pytest.raises(ValueError, match="full: it has 6 events"):
        reader.last_calls(RECORDED / "onnxruntime_two_calls.json", 1)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("node_Conv_809 + n4", "conv+activation"),
        ("node_Conv_825 + node_add", "conv+add"),
        ("node_Conv_811 + PWN(n4_2)", "conv+activation"),
        ("PWN(n4_35)", "activation"),
        ("node_mean", "pool"),
        ("node_view + node_Gemm_912", "layout+linear"),
        ("Reformatting CopyNode for Input Tensor 0 to node_Conv_809 + n4", "layout"),
        ("(Unnamed Layer* 12) [Shuffle]", "layout"),
        ("__myl_FcAdd_myl0_3", "other"),
        ("node_Conv_813 + node_Conv_815", "conv+conv"),
        ("node_Conv_813 + something", "other"),
        ("address", "other"),
    ],
)
def test_a_layer_of_tensorrt_is_what_the_words_of_its_name_say(name, found):
    assert operator_type(name) == found


def test_benchmark_apps_counters_are_those_of_executed_nodes_and_text_without_any_is_refused():
    said = (
        "node_Conv_911/Wi...  Status.EXECUTED      layerType: Convolution          execType: brgconv_avx2_1x1_f32 "
        "realTime (ms): 0.081      cpuTime (ms): 0.080     \n"
        "n4_35                Status.NOT_RUN       layerType: Clamp                execType: undef                "
        "realTime (ms): 0.000      cpuTime (ms): 0.000     \n"
        "linear               Status.EXECUTED      layerType: FullyConnected       execType: gemm_mlas_f32        "
        "realTime (ms): 1.319      cpuTime (ms): 1.318     \n"
        "Total time:     1.400 milliseconds\n"
    )
    assert parse_counters(said) == (0.081, 1.319)
    with pytest.raises(ValueError, match="printed no counters: 'Total time'"):
        parse_counters("Total time")


def test_operators_of_a_users_file_name_its_own_nodes_and_not_what_leaves_numbers_as_they_are(tmp_path):
    nodes = [
        onnx.helper.make_node("Conv", ["x", "a.weight"], ["c"], "first"),
        onnx.helper.make_node("Relu", ["c"], ["r"], "second"),
        onnx.helper.make_node("Flatten", ["r"], ["f"], "third"),
    ]
    exported = onnx_nodes.Exported(saved(tmp_path / "exported.onnx", *nodes), has_own_names=True)
    known = [exported.part(exported.named[name]) for name in ("first", "second", "third")]
    assert [part.origins for part in known] == [("first",), ("second",), ()]
    optimised = saved(
        tmp_path / "optimised.onnx", onnx.helper.make_node("FusedConv", ["x", "p"], ["r"], "n1", activation="Relu")
    )
    assert reader.parts(optimised, exported) == {"n1": onnx_nodes.Part("conv+activation", ("first", "second"))}
