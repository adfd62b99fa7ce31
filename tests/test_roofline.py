"""What the machine can do, what a layer could take at best, and what blocks lose to it: by numbers written down."""

import pytest

from mnv2bench.case import Case
from mnv2bench.networks import layers
from mnv2bench.profiling.case_profile import LAYOUT, UNMAPPED, CaseProfile, ProfileRow, Spread
from mnv2bench.profiling.records import Probe, Probes
from mnv2bench.profiling.roofline import (
    Roof,
    attainable,
    case_limit_doubt,
    ceilings,
    limit_doubt,
    losses,
    per_s,
    roof,
    roofline_share,
)
from mnv2bench.records import Machine, Plan, Process, Record, Samples, record, replace
from mnv2bench.records.rounds import Round

MS = 1_000_000
CACHES = {"L1": 32 << 10, "L2": 512 << 10, "L3": 32 << 20}
ROOF = Roof(1, {"fp32": 1e11}, {"L2": 5e10, "L3": 2e10, "memory": 1e10}, CACHES)
ALL = tuple(layer.name for layer in layers("mobilenet_v2", 1.0, 224))


def ran(*durations_ms: float, cpu: float = 1.0) -> Round:
    durations_ns = tuple(round(d * MS) for d in durations_ms)
    return Round(durations_ns, wall_ns=sum(durations_ns), cpu_ns=round(cpu * sum(durations_ns)))


def product(*rounds: Round, library: str = "torch", work: int = 2_000_000_000) -> Probe:
    return Probe("fp32 matmul", library, "flop", work, 12_000_000, "", rounds)


def copy(level: str, *rounds: Round) -> Probe:
    return Probe(f"copy in {level}", "torch", "byte", 100_000_000, 100_000_000, level, rounds)


def process(*found: Probe, threads: int = 1, status: str = "ok") -> Probes:
    return Probes(threads, 0, status, "", 1.0, found, CACHES)


def test_a_ceiling_is_the_median_over_processes_of_the_work_over_the_median_call():
    probes = [process(product(ran(20, 20, 40), ran(20))), process(product(ran(25))), process(product(ran(10)))]
    (found,) = ceilings(probes, threads=1)
    assert (found.name, found.library, found.unit, found.level) == ("fp32 matmul", "torch", "flop", "")
    assert (found.per_s, found.processes, found.bytes, found.doubts) == (100e9, 3, 12_000_000, ())
    assert (round(found.low / 1e9, 2), round(found.high / 1e9, 2)) == (35.69, 383.29)  # by scipy.stats, on the logs


def test_one_process_has_no_interval_but_its_own_number():
    (found,) = ceilings([process(product(ran(20)))], threads=1)
    assert (found.low, found.per_s, found.high) == (100e9, 100e9, 100e9)


def test_rounds_in_which_something_contended_do_not_count():
    (found,) = ceilings([process(product(ran(20), ran(80, cpu=0.5), ran(20)))], threads=1)
    assert (found.per_s, found.doubts) == (100e9, ())


def test_a_probe_with_under_half_of_its_rounds_undisturbed_uses_all_and_is_noisy():
    noisy = product(ran(10), ran(20, cpu=0.5), ran(40, cpu=0.5))
    (found,) = ceilings([process(noisy), process(product(ran(20)))], threads=1)
    assert found.per_s == 100e9
    assert found.doubts == ("noisy: 1 of 2 processes had under half of their rounds undisturbed, the worst 33%",)


def test_a_probe_that_still_moves_is_unsteady():
    (found,) = ceilings([process(product(ran(20), ran(20), ran(22), ran(22)))], threads=1)
    assert found.doubts == ("unsteady: 1 of 1 processes still drifted, by up to +10.0%",)


def test_processes_of_other_threads_those_that_failed_and_probes_without_rounds_are_left_out():
    other, failed = process(product(ran(1)), threads=2), process(product(ran(1)), status="failed")
    assert ceilings([other, failed, process(product())], threads=1) == ()
    assert [c.per_s for c in ceilings([other, process(product(ran(20)))], threads=1)] == [100e9]


def test_each_probe_of_each_library_is_a_ceiling_and_the_higher_one_is_the_roof():
    once = process(product(ran(20)), copy("L3", ran(4)), copy("memory", ran(10)), product(ran(16), library="other"))
    found = ceilings([once], threads=1)
    assert [(c.library, c.name, c.per_s) for c in found] == [
        ("torch", "fp32 matmul", 100e9),
        ("torch", "copy in L3", 25e9),
        ("torch", "copy in memory", 10e9),
        ("other", "fp32 matmul", 125e9),
    ]
    assert roof(found, 1, CACHES) == Roof(1, {"fp32": 125e9}, {"L3": 25e9, "memory": 10e9}, CACHES)
    assert roof((), 4, {}) == Roof(4, {}, {}, {})


def test_an_expansion_is_bound_by_compute_and_its_depthwise_by_memory():
    wide, deep = attainable(ROOF, Case(), ["block1.expand"]), attainable(ROOF, Case(), ["block1.depthwise"])
    # 19,267,584 MAdds of 16 x 96 weights; 112 channels of 112 x 112; 13.9 MB of weights in all, which L3 holds
    assert (wide.compute_s, wide.bound) == (pytest.approx(385.35168e-6), "compute")
    assert wide.memory_s == pytest.approx(5_619_712 / 2e10 + 6144 / 2e10)
    assert wide.seconds == wide.compute_s
    # 2,709,504 MAdds of 96 x 9 weights; 96 channels of 112 x 112 and of 56 x 56
    assert (deep.compute_s, deep.bound) == (pytest.approx(54.19008e-6), "memory")
    assert deep.seconds == deep.memory_s == pytest.approx(6_021_120 / 2e10 + 3456 / 2e10)


def test_the_limits_of_layers_that_run_one_after_the_other_add_up():
    both = attainable(ROOF, Case(), ["block1.expand", "block1.depthwise"])
    assert both.seconds == pytest.approx(385.35168e-6 + 6_024_576 / 2e10)
    assert both.compute_s == pytest.approx(439.54176e-6)
    assert both.memory_s == pytest.approx((5_625_856 + 6_024_576) / 2e10)
    assert both.bound == "memory"


def test_an_add_reads_two_tensors_and_computes_nothing_as_a_pool_does():
    add, pool = attainable(ROOF, Case(), ["block2.add"]), attainable(ROOF, Case(), ["pool"])
    assert (add.compute_s, add.seconds) == (0.0, pytest.approx(3 * 24 * 56 * 56 * 4 / 2e10))
    assert (pool.compute_s, pool.seconds) == (0.0, pytest.approx(1280 * 50 * 4 / 5e10))  # 256 kB, which L2 holds


def test_weights_come_from_memory_where_no_cache_holds_all_of_them():
    small = replace(ROOF, caches={"L2": 512 << 10, "L3": 8 << 20})
    assert attainable(ROOF, Case(), ["classifier"]).seconds == pytest.approx(2280 * 4 / 5e10 + 1_281_000 * 4 / 2e10)
    assert attainable(small, Case(), ["classifier"]).seconds == pytest.approx(2280 * 4 / 5e10 + 1_281_000 * 4 / 1e10)


def test_a_level_without_a_bandwidth_falls_to_the_next():
    assert attainable(ROOF, Case(), ["classifier"]).memory_s == pytest.approx(2280 * 4 / 5e10 + 5_124_000 / 2e10)
    flat = replace(ROOF, bandwidth={"memory": 1e10})
    assert attainable(flat, Case(), ["classifier"]).memory_s == pytest.approx((2280 * 4 + 5_124_000) / 1e10)


def test_l2_is_one_core_s_so_that_more_threads_have_more_of_it():
    pool = attainable(replace(ROOF, caches=CACHES | {"L2": 128 << 10}), Case(), ["pool"])
    assert pool.seconds == pytest.approx(256_000 / 2e10)
    two = attainable(replace(ROOF, threads=2, caches=CACHES | {"L2": 128 << 10}), Case(threads=2), ["pool"])
    assert two.seconds == pytest.approx(256_000 / 5e10)


def test_a_batch_has_its_images_activations_and_weights_once():
    found = attainable(ROOF, Case(batch=8), ["block1.expand"])
    assert found.compute_s == pytest.approx(8 * 385.35168e-6)
    assert found.memory_s == pytest.approx(8 * 5_619_712 / 1e10 + 6144 / 2e10)  # 45 MB, which no cache holds


def test_tf32_is_held_to_fp32_and_fp16_to_nothing_that_was_not_measured():
    gpu = Case(device="cuda")
    assert attainable(ROOF, replace(gpu, precision="tf32"), ALL) == attainable(ROOF, Case(), ALL)
    assert attainable(ROOF, replace(gpu, precision="fp16"), ALL) is None
    assert attainable(ROOF, Case(precision="int8"), ALL) is None  # its weights are stored as fp32's, and that is all
    both = replace(ROOF, flops={"fp32": 1e11, "bf16": 2e11})
    half = attainable(both, replace(gpu, precision="bf16"), ["block1.expand"])
    assert (half.compute_s, half.memory_s) == (pytest.approx(192.67584e-6), pytest.approx(5_625_856 / 2 / 2e10))
    quarter = attainable(replace(ROOF, flops={"fp32": 1e11, "int8": 4e11}), Case(precision="int8"), ["block1.expand"])
    assert (quarter.compute_s, quarter.memory_s) == (pytest.approx(96.33792e-6), pytest.approx(5_625_856 / 4 / 2e10))


def test_a_roof_without_a_product_or_without_memory_says_nothing():
    assert attainable(replace(ROOF, flops={}), Case(), ALL) is None
    assert attainable(replace(ROOF, bandwidth={"L2": 5e10}), Case(), ALL) is None


def row(name: str, seconds: float, *layers: str) -> ProfileRow:
    return ProfileRow(name, name, layers, Spread(seconds, seconds, seconds), 0.0, 0, 0)


def profile(*blocks: ProfileRow, median_s: float | None = None, case: Case = Case()) -> CaseProfile:  # noqa: B008
    total = sum(block.time.median_s for block in blocks)
    rows = ((), (), blocks, ())
    return CaseProfile(case, "ok", "", "", 1, 20, *rows, total, median_s, total, 1.0, 0.0, 0.0, None, "", ())


def test_the_block_that_loses_most_comes_first_and_layout_loses_all_of_its_time():
    blocks = (
        row("block1", 1e-3, "block1.expand", "block1.depthwise"),
        row("pool", 10.24e-6, "pool"),
        row(LAYOUT, 200e-6),
        row(UNMAPPED, 400e-6),
    )
    found = losses(ROOF, profile(*blocks))
    assert [loss.block for loss in found] == [UNMAPPED, "block1", LAYOUT, "pool"]
    assert [round(loss.lost_s * 1e6, 2) for loss in found] == [400.0, 313.42, 200.0, 5.12]
    assert [round(loss.share, 4) for loss in found] == [0.0, 0.6866, 0.0, 0.5]


def test_a_block_that_took_no_time_has_no_share():
    (found,) = losses(ROOF, profile(row("pool", 0.0, "pool")))
    assert (found.share, found.taken_s) == (0.0, 0.0)


def test_losses_of_a_precision_that_was_not_measured_are_none_at_all():
    assert losses(ROOF, profile(row("pool", 1e-3, "pool"), case=Case(device="cuda", precision="fp16"))) == ()


def test_the_share_of_the_roofline_is_of_the_undisturbed_median_else_of_the_sum():
    least = attainable(ROOF, Case(), ALL).seconds
    assert round(least * 1e3, 3) == 7.104
    block = row("block1", 10e-3, "block1.expand")
    assert roofline_share(ROOF, profile(block, median_s=20e-3)) == least / 20e-3
    assert roofline_share(ROOF, profile(block)) == least / 10e-3
    assert roofline_share(ROOF, profile()) is None
    assert roofline_share(replace(ROOF, flops={}), profile(block)) is None


# since schema 5: a curve of bandwidth, and the best of several shapes and libraries

KIB, MIB = 1 << 10, 1 << 20
CURVED = Roof(1, {"fp32": 1e11}, {}, {}, ((16 * KIB, 2e11), (256 * KIB, 1e11), (4 * MIB, 5e10), (64 * MIB, 1e10)))


def moving(access: str, size: int, *rounds: Round) -> Probe:
    return Probe(f"{access} of {size}", "numpy", "byte", 100_000_000, size, "", rounds, access)


def in_passes(*measured: Probe, number: int = 0) -> Probes:
    return replace(process(*measured), number=number, passes=2)


def shaped(shape: str, *rounds: Round, library: str = "torch") -> Probe:
    return replace(product(*rounds, library=library), name=f"fp32 matmul {shape}")


def test_the_limit_is_the_best_round_of_any_process_whatever_slowed_the_others():
    slow, fast = shaped("256x256x256", ran(40), ran(40)), shaped("256x256x256", ran(40), ran(20, 20, 80))
    (ceiling,) = ceilings([in_passes(slow), in_passes(fast, number=1)], threads=1)
    assert (ceiling.per_s, ceiling.low, ceiling.high, ceiling.processes) == (100e9, 50e9, 100e9, 2)
    assert (ceiling.doubts, ceiling.is_best) == ((), True)


def test_the_limit_of_compute_is_the_best_of_all_shapes_and_libraries():
    measured = [
        shaped("256x256x256", ran(20)),
        shaped("196x96x576", ran(16), library="litert"),
        shaped("49x320x1280", ran(40)),
    ]
    assert roof(ceilings([in_passes(*measured)], 1), 1, {}).flops == {"fp32": 125e9}


def test_the_curve_is_the_faster_of_copy_and_read_and_no_working_set_is_slower_than_a_larger_one():
    measured = (
        moving("copy", 16 * KIB, ran(1)), moving("read", 16 * KIB, ran(2)),
        moving("copy", 256 * KIB, ran(8)), moving("read", 256 * KIB, ran(5)),  # 20 GB/s, slower than the next
        moving("copy", 4 * MIB, ran(4)), moving("read", 4 * MIB, ran(2)),
        moving("copy", 64 * MIB, ran(10)),
    )  # fmt: skip
    assert roof(ceilings([in_passes(*measured)], 1), 1, {}).curve == (
        (16 * KIB, 100e9), (256 * KIB, 50e9), (4 * MIB, 50e9), (64 * MIB, 10e9),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("working_set", "speed"),
    [
        (1, 2e11),
        (16 * KIB, 2e11),
        (256 * KIB - 1, 2e11),
        (256 * KIB, 1e11),
        (5 * MIB, 5e10),
        (64 * MIB, 1e10),
        (1 << 40, 1e10),
    ],
)
def test_between_two_measured_sizes_the_smaller_ones_speed_is_the_limit(working_set, speed):
    assert per_s(CURVED.curve, working_set) == speed


def test_a_layers_own_weights_inputs_and_outputs_are_taken_on_the_curve():
    # 96 channels of 112 x 112 and of 56 x 56; weights of 96 x 9, and 96 biases: 6.02 MB, which 4 MiB holds but not 64
    deep = attainable(CURVED, Case(), ["block1.depthwise"])
    assert deep.memory_s == pytest.approx((6_021_120 + 3456 + 384) / 5e10)
    # 1280 channels of 7 x 7, and of 1 x 1: 256 kB, less than 256 KiB
    assert attainable(CURVED, Case(), ["pool"]).memory_s == pytest.approx(256_000 / 2e11)
    # 5.1 MB of weights are in no cache of 4 MiB, whatever the rest of the network has
    assert attainable(CURVED, Case(), ["classifier"]).memory_s == pytest.approx((2280 * 4 + 5_124_000) / 5e10)


def test_multiply_adds_with_the_zeros_around_an_image_need_not_be_computed():
    # 960 channels of 7 x 7 by 3 x 3: of 21 x 21 places 19 x 19 are inside
    last = attainable(CURVED, Case(), ["block16.depthwise"])
    assert last.compute_s == pytest.approx(2 * 960 * 19 * 19 / 1e11)
    assert attainable(CURVED, Case(), ["block1.expand"]).compute_s == pytest.approx(385.35168e-6)


def test_an_addition_only_reads_its_other_input():
    add = attainable(CURVED, Case(), ["block2.add"])
    assert add.memory_s == pytest.approx(24 * 56 * 56 * 4 / 1e11)  # of 903,168 bytes in all
    assert add.compute_s == 0


def test_a_batch_may_be_computed_image_by_image_so_its_working_set_is_that_of_one():
    one, eight = (attainable(CURVED, Case(batch=batch), ["block1.depthwise"]) for batch in (1, 8))
    assert eight.memory_s == pytest.approx((8 * 6_021_120 + 3456 + 384) / 5e10)
    assert eight.compute_s == 8 * one.compute_s


def test_a_roof_without_a_curve_or_a_product_says_nothing():
    assert attainable(replace(CURVED, flops={}), Case(), ALL) is None
    assert attainable(replace(CURVED, curve=()), Case(), ALL) is None


def measured_record(*medians_ms: float, status: str = "ok") -> Record:
    rounds = [(ran(*[ms] * 20),) * 4 for ms in medians_ms]
    processes = [Process(Case(), n, n, 0, status, "", 1.0, Samples(rounds=r)) for n, r in enumerate(rounds)]
    return record(Case(), Plan(processes=len(processes)), Machine(), processes)


def test_a_case_that_is_faster_than_the_limit_beyond_its_interval_says_that_the_probe_is_too_low():
    least_ms = 1e3 * attainable(CURVED, Case(), ALL).seconds
    assert round(least_ms, 3) == 6.151
    of_case = profile(row("block1", 5e-3, "block1.expand"))
    faster = measured_record(5.0, 5.01, 5.02)
    # the slower end of its interval is 5.035 ms
    assert case_limit_doubt(CURVED, of_case, faster) == "probe too low: 122% of the limit at least"
    assert case_limit_doubt(CURVED, of_case, measured_record(5.0)) == "probe too low: 123% of the limit at least"
    assert case_limit_doubt(CURVED, of_case, measured_record(7.0, 7.1, 7.2)) == ""
    assert case_limit_doubt(CURVED, of_case, measured_record(5.0, 6.1, 7.2)) == ""  # 3.84 to 9.38 ms
    assert case_limit_doubt(ROOF, of_case, faster) == "probe too low: 141% of the limit at least"  # an older file, too


def test_a_wrong_case_and_one_without_a_record_are_held_to_no_limit():
    of_case = profile(row("block1", 5e-3, "block1.expand"))
    assert case_limit_doubt(CURVED, of_case, measured_record(1.0, status="wrong")) == ""
    assert case_limit_doubt(CURVED, of_case, None) == ""
    assert case_limit_doubt(replace(CURVED, flops={}), of_case, measured_record(1.0)) == ""


def test_a_profiler_that_cuts_off_parts_of_a_microsecond_breaks_no_limit():
    assert limit_doubt(2.9e-6, 2e-6, layers=1) == ""
    assert limit_doubt(4.9e-6, 3e-6, layers=2) == ""
    assert limit_doubt(6.0e-6, 3e-6, layers=2) == "probe too low: 120% of the limit at least"
