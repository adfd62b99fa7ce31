"""What the profiles of a case say together, from operators' times written down by hand."""

import pytest

from mnv2bench import networks
from mnv2bench.case import Case
from mnv2bench.profiling.case_profile import case_profile
from mnv2bench.profiling.records import Operator, Profile
from mnv2bench.records import Machine, Plan, Process, Record, Samples, record, replace
from mnv2bench.records.rounds import Round

CASE = Case(width=0.35, resolution=96)
US = 1_000
STEM = ("features.0.0",)
CLASSIFIER = ("classifier.1",)


def told(*operators: tuple[str, str, tuple[str, ...], list[int]], case: Case = CASE, **rest: object) -> Profile:
    """Operators of a name, a kind, origins and microseconds of each call; a call takes 10 us more than they do."""
    found = tuple(
        Operator(name, kind, tuple(us * US for us in calls), origins) for name, kind, origins, calls in operators
    )
    calls = tuple(sum(column) + 10 * US for column in zip(*(o.durations_ns for o in found), strict=True))
    return replace(Profile(case, 0, "ok", "", 1.0, operators=found, calls_ns=calls, profiler="told"), **rest)


def timed(ms: float, status: str = "ok") -> Record:
    ns = round(ms * 1e6)
    samples = Samples(rounds=(Round((ns,) * 10, wall_ns=10 * ns, cpu_ns=10 * ns),) * 4)
    return record(CASE, Plan(), Machine(), [Process(CASE, 0, 0, 0, status, "", 1.0, samples)])


def whole_network(case: Case) -> Profile:
    """Every layer by an operator of its own, nothing named."""
    kinds = {"conv": "conv", "depthwise": "depthwise", "add": "add", "pool": "pool", "linear": "linear"}
    layers = networks.layers(case.network, case.width, case.resolution)
    return told(*((layer.name, kinds[layer.type], (), [5, 5]) for layer in layers), case=case)


def test_a_rows_time_is_the_median_over_processes_of_each_ones_interquartile_mean():
    first = told(("stem", "conv", STEM, [2, 2, 2, 3, 2, 3, 2, 3, 0, 900]))  # 14 us in the 6 calls in the middle
    second = told(("stem", "conv", STEM, [4] * 10))
    third = told(("stem", "conv", STEM, [9] * 10))
    assert case_profile([first], None).operators[0].time.median_s == pytest.approx(14e-6 / 6)
    assert case_profile([first, second, third], None).operators[0].time.median_s == pytest.approx(4e-6)


def test_quartiles_are_over_all_calls_and_hold_the_median():
    spread = case_profile([told(("stem", "conv", STEM, [1, 2, 3, 4])), told(("stem", "conv", STEM, [5]))], None)
    assert (spread.operators[0].time.low_s, spread.operators[0].time.high_s) == (2e-6, 4e-6)
    clusters = [told(("stem", "conv", STEM, [1] * 9)), told(("stem", "conv", STEM, [7]))]
    spread = case_profile(clusters, None).operators[0].time
    assert (spread.low_s, spread.median_s, spread.high_s) == pytest.approx((1e-6, 4e-6, 4e-6))


def test_a_fifth_of_interrupted_calls_does_not_move_a_rows_time():
    calls = [5] * 8 + [400, 900]
    assert case_profile([told(("stem", "conv", STEM, calls))], None).operators[0].time.median_s == pytest.approx(5e-6)


def test_times_of_a_layer_are_summed_call_by_call_and_not_as_medians():
    conv = ("conv", "conv", STEM, [1, 9, 1, 9])
    norm = ("norm", "norm", ("features.0.1",), [9, 1, 9, 1])
    (row,) = case_profile([told(conv, norm)], None).layers
    assert (row.name, row.type, row.layers) == ("stem", "stem", ("stem",))
    assert (row.time.low_s, row.time.median_s, row.time.high_s) == (1e-5, 1e-5, 1e-5)


def test_shares_are_of_the_sum_of_operators_and_add_up_to_one_on_every_level():
    first = told(
        ("reorder", "layout", (), [10]),
        ("stem", "conv", STEM, [60]),
        ("what", "other", (), [5]),
        ("classifier", "linear", CLASSIFIER, [25]),
    )
    second = told(
        ("reorder", "layout", (), [200]),
        ("stem", "conv", STEM, [400]),
        ("what", "other", (), [100]),
        ("classifier", "linear", CLASSIFIER, [300]),
    )  # ten times as slow, and it weighs no more
    found = case_profile([first, second], None)
    assert [row.share for row in found.operators] == pytest.approx([0.5, 0.275, 0.15, 0.075])
    for level in (found.operators, found.layers, found.blocks, found.roles):
        assert sum(row.share for row in level) == pytest.approx(1.0, abs=1e-12)
    assert (found.mapped_share, found.layout_share, found.unmapped_share) == pytest.approx((0.775, 0.15, 0.075))


def test_rows_are_in_the_order_of_the_network_with_layout_and_unmapped_last():
    profile = told(
        ("a", "other", (), [1]), ("b", "layout", STEM, [1]), ("c", "linear", CLASSIFIER, [1]), ("d", "conv", STEM, [1])
    )
    found = case_profile([profile], None)
    assert [row.name for row in found.operators] == ["d", "c", "b", "a"]
    for level in (found.layers, found.blocks, found.roles):
        assert [(row.name, row.type) for row in level][-2:] == [("layout", "layout"), ("unmapped", "unmapped")]
        assert [row.name for row in level][:2] == ["stem", "classifier"]


def test_layers_that_any_operator_fuses_are_one_row_and_each_layer_is_in_one_row():
    profile = told(
        ("conv", "conv", ("features.3.conv.2",), [30]),
        ("norm and add", "norm+add", ("features.3.conv.3", "features.3"), [10]),
        ("project of block 1", "conv", ("features.2.conv.2",), [20]),
        ("head", "conv+activation", ("features.18.0",), [20]),
        ("pool", "activation+pool", ("features.18.2", ""), [20]),
    )
    found = case_profile([profile], None)
    assert [(row.name, row.type) for row in found.layers] == [
        ("block1.project", "project"),
        ("block2.project+add", "project+add"),
        ("head+pool", "head+pool"),
    ]
    assert [row.name for row in found.blocks] == ["block1", "block2", "head+pool"]
    assert [row.name for row in found.roles] == ["project", "project+add", "head+pool"]
    assert [row.share for row in found.roles] == pytest.approx([0.2, 0.4, 0.4])


@pytest.mark.parametrize("case", [CASE, replace(CASE, batch=4), Case(network="mobilenet_v2_article", width=0.5)])
def test_multiply_adds_of_all_rows_are_the_networks(case):
    found, count = case_profile([whole_network(case)], None), networks.count(case.network, case.width, case.resolution)
    for level in (found.operators, found.layers, found.blocks, found.roles):
        assert sum(row.madds for row in level) == case.batch * count.madds
    assert found.mapped_share == pytest.approx(1.0)
    assert len(found.blocks) == 21


def test_bytes_are_inputs_results_and_weights_with_a_bias_for_each_channel():
    found = {row.name: row for row in case_profile([whole_network(CASE)], None).layers}
    # 3x96x96 in, 16x48x48 out, 3x16x3x3 weights and 16 biases
    assert found["stem"].bytes == 4 * (27_648 + 36_864 + 432 + 16)
    # two inputs and a result of 8x24x24
    assert found["block2.add"].bytes == 4 * 3 * 4_608
    assert found["pool"].bytes == 4 * (1280 * 9 + 1280)
    assert found["classifier"].bytes == 4 * (1280 + 1000 + 1_280_000 + 1000)


def test_bytes_of_a_batch_are_not_those_of_its_weights_and_half_as_many_in_half_precision():
    case = replace(CASE, batch=4, precision="fp16")
    found = {row.name: row for row in case_profile([whole_network(case)], None).layers}
    assert found["stem"].bytes == 2 * (4 * (27_648 + 36_864) + 432 + 16)


def test_bytes_of_fused_layers_leave_out_what_lies_between_them_but_not_what_is_added():
    profile = told(("fused", "conv+add", ("features.3.conv.2", "features.3"), [1]))
    (row,) = case_profile([profile], None).layers
    # 48x24x24 in, 8x24x24 added, 8x24x24 out, 48x8 weights and 8 biases
    assert row.bytes == 4 * (27_648 + 4_608 + 4_608 + 384 + 8)


def test_a_block_in_one_operator_reads_what_it_adds_once():
    origins = ("features.3.conv.0.0", "features.3.conv.1.0", "features.3.conv.2", "features.3")
    (row,) = case_profile([told(("all", "conv+depthwise+conv+add", origins, [1]))], None).layers
    assert row.name == "block2.expand+depthwise+project+add"
    assert row.bytes == 4 * (4_608 + 4_608 + (384 + 48) + (432 + 48) + (384 + 8))


def test_bytes_of_a_block_are_the_sum_of_its_layers():
    found = case_profile([whole_network(CASE)], None)
    block = next(row for row in found.blocks if row.name == "block2")
    assert block.bytes == sum(row.bytes for row in found.layers if row.name.startswith("block2."))
    assert block.layers == ("block2.expand", "block2.depthwise", "block2.project", "block2.add")


def test_an_operator_that_only_follows_a_layer_has_none_of_its_multiply_adds():
    conv, norm = ("conv", "conv", STEM, [1]), ("norm", "norm", ("features.0.1",), [1])
    rows = {row.name: row for row in case_profile([told(conv, norm)], None).operators}
    assert (rows["conv"].madds, rows["norm"].madds) == (995_328, 0)
    assert rows["norm"].bytes == 4 * 2 * 36_864


def test_an_operator_missing_in_one_process_took_no_time_there():
    both, one = ("stem", "conv", STEM, [6, 6]), ("extra", "layout", (), [2, 2])
    rows = {row.name: row for row in case_profile([told(both, one), told(both)], None).operators}
    assert rows["extra"].time.median_s == pytest.approx(1e-6)
    assert rows["extra"].share == pytest.approx(0.125)


def test_sums_and_whole_calls_are_medians_and_the_undisturbed_median_is_the_records():
    found = case_profile([told(("stem", "conv", STEM, [50, 60, 900]))], timed(0.09))
    assert (found.sum_s, found.profiled_s, found.median_s) == pytest.approx((60e-6, 70e-6, 90e-6))
    assert (found.processes, found.calls, found.profiler) == (1, 3, "told")
    assert case_profile([told(("stem", "conv", STEM, [50]))], None).median_s is None
    assert case_profile([told(("stem", "conv", STEM, [50]))], timed(0.09, "wrong")).median_s is None


def test_the_status_is_the_first_bad_processs_and_rows_are_of_those_that_ended_well():
    good = told(("stem", "conv", STEM, [50]))
    wrong = replace(told(("stem", "conv", STEM, [10])), status="wrong", reason="off by 0.3")
    late = Profile(CASE, 2, "timeout", "took over 300 s", 300.0)
    found = case_profile([good, wrong, late], None)
    assert (found.status, found.reason, found.processes) == ("wrong", "off by 0.3", 1)
    assert found.operators[0].time.median_s == pytest.approx(50e-6)
    assert case_profile([wrong], None).operators == ()


def test_a_case_that_was_not_profiled_has_a_reason_and_no_rows():
    found = case_profile([Profile(CASE, 0, "unsupported", "no profiler", 0.0)], timed(1.0))
    assert (found.status, found.reason, found.processes, found.calls) == ("unsupported", "no profiler", 0, 0)
    assert (found.operators, found.layers, found.blocks, found.roles) == ((), (), (), ())
    assert (found.sum_s, found.profiled_s, found.mapped_share, found.median_s) == (0.0, 0.0, 0.0, 0.001)


def test_a_profile_without_calls_is_a_failure_and_one_without_time_has_no_shares():
    empty = case_profile([Profile(CASE, 0, "ok", "", 1.0)], None)
    assert (empty.status, empty.reason) == ("failed", "no call was profiled")
    still = case_profile([told(("stem", "conv", STEM, [0, 0]))], None)
    assert [row.share for row in still.operators] == [0.0]


def test_arena_and_notes_are_what_the_processes_said():
    profile = told(("stem", "conv", STEM, [1]), arena_bytes=4096, arena="planned", notes=("blind", "coarse"))
    found = case_profile([profile, replace(profile, notes=("blind", "late"), arena_bytes=8192)], None)
    assert (found.arena_bytes, found.arena, found.notes) == (4096, "planned", ("blind", "coarse", "late"))
