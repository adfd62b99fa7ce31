"""What the machine can do, what a layer could take at best, and what blocks lose to it: by numbers written down."""

import pytest

from mnv2bench.cases import Case
from mnv2bench.networks import layers
from mnv2bench.profiling.case_profile import LAYOUT, UNMAPPED, CaseProfile, ProfileRow, Spread
from mnv2bench.profiling.records import Probe, Probes
from mnv2bench.profiling.roofline import Roof, attainable, ceilings, losses, roof, roofline_share
from mnv2bench.records import replace
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
    both = replace(ROOF, flops={"fp32": 1e11, "bf16": 2e11})
    half = attainable(both, replace(gpu, precision="bf16"), ["block1.expand"])
    assert (half.compute_s, half.memory_s) == (pytest.approx(192.67584e-6), pytest.approx(5_625_856 / 2 / 2e10))


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
