"""What onnxruntime, OpenVINO and TensorRT say of their operators, and which modules of the ONNX file those are."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mnv2bench import Campaign, Case, Journal, Plan, run
from mnv2bench.profiling.extras import Profiling
from mnv2bench.profiling.lines import profiles
from mnv2bench.profiling.mapping import layers_of, network
from mnv2bench.profiling.profilers import onnxruntime as ours
from mnv2bench.profiling.profilers import openvino
from mnv2bench.profiling.readers.tensorrt import kind
from mnv2bench.refusals import Unsupported
from mnv2bench.selfcheck.profiles import parse_counters

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
    assert {o.kind for o in profile.operators if not o.origins} <= {"layout"}
    assert profile.error < 1e-4


def test_the_operators_are_the_networks_layers_each_once(profile):
    found = [name for layers in layers_of(profile) for name in layers]
    assert sorted(found) == sorted(layer.name for layer in network(profile.case))


def test_a_convolution_that_adds_the_residual_is_both_modules(profile):
    adding = [o.origins for o in profile.operators if o.kind == "conv+add"]
    assert adding[0] == ("features.3.conv.2", "features.3")
    assert len(adding) == 10


def test_depthwise_convolutions_and_fused_activations_are_told(profile):
    kinds = [o.kind for o in profile.operators if o.kind != "layout"]
    assert kinds.count("depthwise+activation") == 17
    assert kinds.count("conv+activation") == 18  # stem, head and the expansions of 16 blocks
    assert kinds[-2:] == ["pool", "linear"]


def test_a_layout_change_stands_alone(profiled):
    told, _ = profiled
    moved = {name: [o.name for o in p.operators if o.kind == "layout"] for name, p in told.items()}
    assert moved["openvino"] == ["inputs_abcd_acdb_node_Conv_809/WithoutBiases"]
    assert moved["onnxruntime"][-1] == "node_view"


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
    assert "every call of an operator is told as their mean: OpenVINO keeps no other" in told["openvino"].notes


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
    monkeypatch.setattr(ours, "require", lambda case: None)
    with pytest.raises(Unsupported, match="what the host queues, not what the GPU computes"):
        ours.open(replace(SMALL, device="cuda"), tmp_path / "net.onnx", tmp_path)


def test_a_recorded_profile_is_read_from_its_end():
    first, last = ours.last_calls(RECORDED / "onnxruntime_two_calls.json", 2)
    assert [ours.nanoseconds(event) for event in first.values()] == [193_000, 471_000]
    assert {name: ours.nanoseconds(event) for name, event in last.items()} == {
        "hardtanh_nchwc": 84_000,
        "node_Gemm_912": 359_000,
    }
    assert ours.last_calls(RECORDED / "onnxruntime_two_calls.json", 1) == [last]
    assert ours.arena_bytes([last]) == 5_309_248


def test_a_name_that_comes_twice_in_a_call_is_numbered():
    event = {"cat": "Node", "name": "ReorderOutput_kernel_time", "dur": 1}
    over = {"cat": "Session", "name": "model_run"}
    assert [list(nodes) for nodes in ours.by_call([event, event, over])] == [["ReorderOutput", "ReorderOutput #2"]]


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
        for nodes in ours.last_calls(RECORDED / f"onnxruntime_{damage}.json", 2):
            for event in nodes.values():
                ours.nanoseconds(event)
    assert "\n" not in str(raised.value)


def test_a_profile_of_fewer_calls_than_were_made_is_a_value_error():
    with pytest.raises(ValueError, match="in each of 3 calls"):
        ours.last_calls(RECORDED / "onnxruntime_two_calls.json", 3)


def test_a_full_profile_misses_its_last_calls_and_is_a_value_error(monkeypatch):
    monkeypatch.setattr(ours, "MOST_EVENTS", 6)
    with pytest.raises(ValueError, match="full: it has 6 events"):
        ours.last_calls(RECORDED / "onnxruntime_two_calls.json", 1)


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
    assert kind(name) == found


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
