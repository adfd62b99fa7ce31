"""What the numbers of a Record are, from durations written down by hand."""

import math
import statistics
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnv2bench.case import Case
from mnv2bench.flags import flags
from mnv2bench.networks import count
from mnv2bench.records import Artifact, Machine, Memory, Plan, Process, Record, Samples, record, replace
from mnv2bench.records.rounds import Round
from mnv2bench.statistics.campaigns import campaigns
from mnv2bench.statistics.doubts import drift
from mnv2bench.statistics.fit import Point, fit, latency_fit, prediction_sentence, published_fit
from mnv2bench.statistics.intervals import (
    allowed_above,
    bootstrap_interval,
    percentile_bound,
    standard_deviation,
    t_interval,
)
from mnv2bench.statistics.latency import Speedups, detection, gmadds_per_s, latency, speedups
from mnv2bench.statistics.layers import layers_ran, multiplying_layers
from mnv2bench.statistics.processes import cold_path, memory, output_error
from mnv2bench.statistics.rounds import record_undisturbed_share, threads_used, throughput, used_rounds

MS = 1_000_000
PLAN = Plan(processes=3, rounds=4)
LARGE = Case()


def ran(*durations_ms: float, cpu: float = 1.0, gap_ms: float = 0.0, **seen: int) -> Round:
    """A round of these durations, `gap_ms` of wall time between them all, in which `cpu` threads were busy."""
    durations_ns = tuple(round(d * MS) for d in durations_ms)
    wall_ns = sum(durations_ns) + round(gap_ms * MS)
    return Round(durations_ns, wall_ns=wall_ns, cpu_ns=round(cpu * wall_ns), **seen)


def recorded(*processes: Samples, case: Case = LARGE, status: str = "ok", **rest: object) -> Record:
    ended = [Process(case, n, n, n, status, "", 1.0, samples) for n, samples in enumerate(processes)]
    return replace(record(case, PLAN, Machine(fingerprint="here"), ended), **rest)


def steadily(*medians_ms: float, **rest: object) -> Record:
    """One process for each number, of four equal rounds of ten equal durations."""
    return recorded(*(Samples(rounds=(ran(*[ms] * 10),) * 4) for ms in medians_ms), **rest)


def test_rounds_in_which_something_contended_are_not_used():
    quiet = (ran(10), ran(11))
    samples = Samples(rounds=(quiet[0], ran(40, cpu=0.5), quiet[1], ran(40, steal_ns=MS), ran(9)))
    assert used_rounds(samples, threads=1) == (*quiet, ran(9))
    assert record_undisturbed_share(recorded(samples)) == 0.6
    assert latency(recorded(samples)).process_medians == (0.010,)


def test_exactly_half_of_the_rounds_is_enough():
    samples = Samples(rounds=(ran(10), ran(40, cpu=0.5)))
    assert used_rounds(samples, threads=1) == (ran(10),)


def test_a_process_with_under_half_of_its_rounds_kept_uses_all_and_is_noisy():
    noisy = Samples(rounds=(ran(10), ran(20, cpu=0.5), ran(30, cpu=0.5)))
    quiet = Samples(rounds=(ran(10), ran(10), ran(10)))
    assert used_rounds(noisy, threads=1) == noisy.rounds
    assert latency(recorded(noisy)).median_s == 0.020
    assert flags(recorded(noisy, quiet, quiet)) == (
        "noisy: 1 of 3 processes had under half of their rounds undisturbed, the worst 33%",
    )


def test_what_counts_is_what_the_machine_did_and_never_how_long_a_round_took():
    samples = Samples(rounds=(ran(10), ran(10), ran(1000)))
    assert len(used_rounds(samples, threads=1)) == 3


def test_the_latency_is_the_median_over_processes_of_each_ones_median_over_pooled_iterations():
    first = Samples(rounds=(ran(1, 2, 3), ran(9)))  # pooled 2.5; the median of round medians would be 5.5
    second = Samples(rounds=(ran(4, 4),))
    third = Samples(rounds=(ran(8),))
    times = latency(recorded(first, second, third))
    assert times.process_medians == (0.0025, 0.004, 0.008)
    assert (times.median_s, times.min_s, times.iterations) == (0.004, 0.001, 7)


def test_warm_up_is_no_part_of_the_latency():
    samples = Samples(warmup=(ran(500),), rounds=(ran(10), ran(10)))
    assert latency(recorded(samples)).median_s == 0.010


def test_one_process_has_no_interval():
    times = latency(steadily(10))
    assert (times.low_s, times.high_s) == (None, None)


def test_the_t_interval_of_1_e_and_e_squared():
    # Logs 0, 1, 2: mean 1, standard deviation 1; t(0.975, 2 df) = 4.302653; half-width 4.302653 / sqrt(3) = 2.484138.
    low, high = t_interval((1.0, math.e, math.e**2))
    assert math.log(low) == pytest.approx(1 - 2.484138, abs=1e-6)
    assert math.log(high) == pytest.approx(1 + 2.484138, abs=1e-6)


def test_the_interval_of_five_processes():
    times = latency(steadily(9.8, 9.9, 10.0, 10.1, 10.3))
    assert times.median_s == 0.010
    # Logs: mean 2.304436, standard deviation 0.019136; t(0.975, 4 df) = 2.776445.
    assert (times.low_s, times.high_s) == (pytest.approx(0.0097833, abs=1e-7), pytest.approx(0.0102594, abs=1e-7))


def test_the_interval_holds_the_median_even_of_two_clusters_of_processes():
    times = latency(steadily(*[10.0] * 7, *[20.0] * 6))
    assert times.low_s == times.median_s == 0.010


def test_the_bootstrap_takes_over_at_15_processes_and_comes_out_the_same_each_time():
    fourteen, fifteen = [10 + n / 10 for n in range(14)], [10 + n / 10 for n in range(15)]
    assert latency(steadily(*fourteen)).low_s == pytest.approx(t_interval(fourteen)[0] / 1e3)
    times = latency(steadily(*fifteen))
    assert times.median_s == 0.0107
    assert (times.low_s, times.high_s) == (0.0103, 0.0111)  # the 4th and the 12th of 15, as the binomial has it
    assert latency(steadily(*fifteen)) == times


def test_the_bootstrap_resamples_rounds_too():
    alike = [Samples(rounds=(ran(10), ran(10), ran(13), ran(13), ran(13)))] * 15
    low, high = bootstrap_interval([samples.rounds for samples in alike])
    assert 0.010 <= low < 0.013 <= high


@pytest.mark.parametrize(("percentile", "needed"), [(0.90, 64), (0.99, 662), (0.999, 6636)])
def test_a_percentile_needs_as_many_iterations_as_mlperf_says(percentile, needed):
    assert (allowed_above(needed - 1, percentile), allowed_above(needed, percentile)) == (0, 1)


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=8))
def test_the_standard_deviation_is_that_of_the_standard_library_to_the_last_bit(values):
    assert standard_deviation(values) == statistics.stdev(values)


@pytest.mark.parametrize(("iterations", "above"), [(64, 1), (81, 2), (97, 3), (113, 4), (1000, 78)])
def test_how_many_iterations_lie_above_the_bound_of_p90(iterations, above):
    def at_most(t: int) -> float:
        return sum(math.comb(iterations, i) * 0.1**i * 0.9 ** (iterations - i) for i in range(t + 1))

    assert at_most(above) <= 0.01 < at_most(above + 1)
    assert allowed_above(iterations, 0.90) == above


def test_the_bound_of_p90_of_64_iterations_is_the_second_slowest():
    times = latency(recorded(Samples(rounds=(ran(*range(1, 65)),))))
    assert (times.p90_s, times.p99_s, times.p99_9_s) == (0.063, None, None)


def test_63_iterations_support_no_p90():
    assert latency(recorded(Samples(rounds=(ran(*range(1, 64)),)))).p90_s is None


def test_iterations_of_all_processes_support_a_percentile_together():
    half = Samples(rounds=(ran(*[1] * 331),))
    assert latency(recorded(half, half)).p99_s == 0.001


def test_the_99_9th_percentile_is_bounded_by_the_slowest_but_one_of_6636_iterations():
    few, enough = ([n / 1e6 for n in range(1, count + 1)] for count in (6635, 6636))
    assert latency(recorded(Samples(rounds=(ran(*few),)))).p99_9_s is None
    assert latency(recorded(Samples(rounds=(ran(*enough),)))).p99_9_s == pytest.approx(6635e-9)


def test_the_bound_of_p90_of_102_iterations_leaves_three_stalls_above_it_and_not_a_fourth():
    stall = 10**9
    assert percentile_bound([*range(99), stall, stall, stall], 0.90) == 98
    assert percentile_bound([*range(98), stall, stall, stall, stall], 0.90) == stall


def test_the_detection_statistic_is_the_low_quantile_of_low_quantiles():
    tens = [[10 * r + d for d in range(11)] for r in (1, 2, 3, 4, 5)]  # p10 of each round: 11, 21, 31, 41, 51
    samples = Samples(rounds=tuple(ran(*durations) for durations in tens))
    assert detection(samples, threads=1) == pytest.approx(math.log(0.021))


def test_the_detection_statistic_does_not_see_a_longer_tail():
    without = Samples(rounds=(ran(*[10] * 10),) * 4)
    tail = Samples(rounds=(ran(*[10] * 8, 90, 90),) * 4)
    assert detection(tail, 1) == detection(without, 1) == pytest.approx(math.log(0.010))


def test_throughput_is_images_over_wall_time_and_not_one_over_the_median():
    slow_tail = Samples(rounds=(ran(10, 10, 10, 10, gap_ms=60),))
    assert throughput(recorded(slow_tail, case=Case(batch=8))) == pytest.approx(320.0)


def test_throughput_is_the_median_over_processes():
    assert throughput(steadily(10, 20, 50)) == pytest.approx(50.0)


def test_gmadds_a_second_count_the_whole_batch():
    at = steadily(10, case=Case(batch=2))
    assert count("mobilenet_v2", 1.0, 224).madds == 300_774_272
    assert gmadds_per_s(at) == pytest.approx(2 * 0.300774272 / 0.010)


def test_nothing_measured_is_an_error_that_names_the_case_and_its_status():
    with pytest.raises(ValueError, match=r"mobilenet_v2_1\.0_224-b1-torch_eager-cpu-fp32-t1 was not measured \(failed"):
        latency(recorded())


def test_a_crashed_process_counts_in_nothing():
    case = Case()
    ok = Process(case, 0, 0, 0, "ok", "", 1.0, Samples(rounds=(ran(10),)))
    crashed = Process(case, 1, 1, 1, "failed", "worker ended by SIGSEGV", 1.0, Samples(rounds=(ran(99),)))
    both = record(case, PLAN, Machine(), [ok, crashed])
    assert both.status == "failed"
    assert latency(both).process_medians == (0.010,)


def test_a_wrong_process_has_numbers_for_a_table_to_strike_out():
    assert latency(steadily(10, status="wrong")).median_s == 0.010


def test_more_or_fewer_threads_than_asked_are_flagged():
    one_of_two = recorded(Samples(rounds=(ran(10),) * 4), case=Case(threads=2))
    two_of_one = recorded(Samples(rounds=(ran(10, cpu=1.96),) * 4))
    assert threads_used(one_of_two) == 1.0
    assert flags(one_of_two) == ("threads: used 1.0 of 2",)
    assert flags(two_of_one) == ("threads: used 2.0 of 1",)


@pytest.mark.parametrize(
    ("case", "machine", "flag"),
    [
        (Case(threads=2), Machine(cores=2, cpu_quota_cores=2.5), ()),
        (Case(threads=1), Machine(cores=2, cpu_quota_cores=0.5), ()),
        (
            Case(threads=3),
            Machine(cores=12, cpu_quota_cores=2.5),
            ("oversubscribed: 3 threads share 2.5 cores of its cgroup and wait for each other: ask for 2 at most",),
        ),
        (
            Case(threads=4),
            Machine(cores=2),
            ("oversubscribed: 4 threads share 2 usable cores and wait for each other: ask for 2 at most",),
        ),
        (Case(threads=4, device="ssh:board"), Machine(cores=2), ()),
        (Case(threads=4, device="cuda"), Machine(cores=2), ()),
    ],
)
def test_more_threads_than_cores_or_quota_allow_are_flagged_on_this_machines_processor(case, machine, flag):
    busy = tuple(ran(10, cpu=case.threads) for _ in range(4))
    found = flags(recorded(Samples(rounds=busy), case=case, machine=machine))
    assert tuple(each for each in found if each.startswith("oversubscribed")) == flag


def in_the_kernel(*shares: float, rounds: int = 15, **rest: object) -> Record:
    """A process of rounds of 150 ms for each share of CPU time that the kernel had, ten calls a round."""
    processes = (
        Samples(rounds=(ran(*[15] * 10, system_ns=round(share * 150 * MS), minor_faults=26_000),) * rounds)
        for share in shares
    )
    return recorded(*processes, **rest)


def test_rows_whose_rounds_spend_over_2_percent_in_the_kernel_are_flagged():
    assert flags(in_the_kernel(0.02, 0.019)) == ()
    assert flags(in_the_kernel(0.0, 0.0, 0.2)) == (
        "kernel: 7% of the CPU time was the kernel's, in the worst process 20%, with 2,600 page faults a call",
    )
    waiting = flags(in_the_kernel(0.6, case=Case(device="cuda")))  # the driver's calls are the kernel's
    assert not any(flag.startswith("kernel") for flag in waiting)


def test_a_few_ticks_of_the_kernels_clock_are_no_flag_and_older_files_have_none():
    assert flags(in_the_kernel(0.06, rounds=4)) == ()  # 36 ms of 600
    assert len(flags(in_the_kernel(0.07, rounds=4))) == 1
    assert flags(steadily(10, 10)) == ()


def test_a_little_less_than_all_threads_is_no_flag():
    assert flags(recorded(Samples(rounds=(ran(10, cpu=1.6),) * 4), case=Case(threads=2))) == ()


def test_halves_that_differ_by_over_2_percent_are_unsteady():
    assert drift([ran(d) for d in (10, 10, 10, 10.19, 10.19, 10.19)]) is None
    assert drift([ran(d) for d in (10, 10, 10, 10.3, 10.3, 10.3)]) == pytest.approx(0.03)


def test_a_steady_climb_of_over_half_a_percent_a_round_is_unsteady():
    assert drift([ran(100 + 0.4 * n) for n in range(4)]) is None
    assert drift([ran(100 + 0.6 * n) for n in range(4)]) == pytest.approx(0.012, abs=1e-4)


def test_three_rounds_say_nothing_about_a_trend():
    assert drift([ran(10), ran(20), ran(30)]) is None


def test_an_unsteady_process_is_told_with_its_drift():
    falling = Samples(rounds=tuple(ran(d) for d in (12, 12, 9, 9)))
    level = Samples(rounds=(ran(10),) * 4)
    assert flags(recorded(level, falling, level)) == ("unsteady: 1 of 3 processes still drifted, by up to -25.0%",)


def test_a_warm_up_that_reached_its_cap_is_told():
    capped = Samples(warmup=(ran(3000),), rounds=(ran(10),) * 4)
    steady = Samples(warmup=(ran(2999),), rounds=(ran(10),) * 4)
    assert flags(recorded(capped, steady)) == ("warm-up: 1 of 2 processes warmed up to the cap",)


def test_what_did_not_run_has_no_flags():
    assert flags(recorded()) == ()


def test_a_cold_open_is_told_apart_from_warm_ones():
    opens = [(28.0, True), (6.0, False), (7.0, False)]
    processes = [
        Samples(rounds=(ran(10),), import_s=i, open_s=s, cold_open_s=28.0, cold=cold, first_s=0.1 * i)
        for i, (s, cold) in enumerate(opens, 1)
    ]
    cold = cold_path(recorded(*processes, artifact=Artifact("onnx", "abc", 14_000_000, 3.5)))
    assert (cold.export_s, cold.import_s, cold.cold_open_s, cold.open_s, cold.first_s) == (3.5, 2, 28.0, 6.5, 0.2)


def test_a_backend_without_a_compile_cache_has_no_cold_open():
    cold = cold_path(recorded(Samples(rounds=(ran(10),), open_s=0.4)))
    assert (cold.cold_open_s, cold.open_s, cold.export_s) == (None, 0.4, None)


def test_memory_is_the_median_of_each_field():
    processes = [Samples(rounds=(ran(10),), memory=Memory(1, 10, loaded, 100)) for loaded in (20, 60, 30)]
    assert memory(recorded(*processes)) == Memory(1, 10, 30, 100)
    assert memory(steadily(10)) is None


def test_the_output_error_is_the_worst_of_all_processes():
    processes = [Samples(rounds=(ran(10),), error=error) for error in (1e-6, 3e-5, None)]
    assert output_error(recorded(*processes)) == 3e-5
    assert output_error(steadily(10)) is None


def over_eager(records):
    """The speed-ups over torch_eager in the same precision, of the cases that have one."""
    of_case = {case: ratios.over_eager for case, ratios in speedups(records).items()}
    return {case: ratio for case, ratio in of_case.items() if ratio}


def test_a_speed_up_is_over_eager_in_the_same_setting():
    eager, fast = steadily(30), steadily(10, case=Case(backend="onnxruntime"))
    two_threads = steadily(5, case=Case(backend="onnxruntime", threads=2))
    assert over_eager([eager, fast, two_threads]) == {eager.case: 1.0, fast.case: pytest.approx(3.0)}


def test_a_wrong_result_is_no_speed_up_and_a_wrong_eager_gives_none():
    eager, fast = steadily(30), steadily(10, case=Case(backend="onnxruntime"))
    wrong = replace(fast, status="wrong")
    assert over_eager([eager, wrong]) == {eager.case: 1.0}
    assert over_eager([replace(eager, status="wrong"), fast]) == {}


def test_a_speed_up_over_fp32_is_over_the_same_backend_and_over_eager_in_fp32():
    eager, fast = steadily(30), steadily(10, case=Case(backend="onnxruntime"))
    int8 = steadily(5, case=Case(backend="onnxruntime", precision="int8"))
    bf16 = steadily(6, case=Case(backend="openvino", precision="bf16"))
    of_case = speedups([eager, fast, int8, bf16])
    assert of_case[int8.case] == Speedups(None, pytest.approx(2.0), pytest.approx(6.0))
    assert of_case[bf16.case] == Speedups(None, None, pytest.approx(5.0))
    assert of_case[fast.case] == Speedups(pytest.approx(3.0), 1.0, pytest.approx(3.0))
    wrong = replace(fast, status="wrong")
    assert speedups([eager, wrong, int8])[int8.case] == Speedups(None, None, pytest.approx(6.0))
    assert int8.case not in speedups([eager, fast, replace(int8, status="wrong")])


def with_layers(precision, *layers):
    """A record of a process for each dict of layers."""
    processes = [Samples(rounds=(ran(10),) * 4, error=2e-2, layers=of_process) for of_process in layers]
    return recorded(*processes, case=Case(backend="onnxruntime", precision=precision))


def test_the_layers_of_a_record_are_those_of_the_process_with_the_fewest_in_its_precision():
    ran_of_two = layers_ran(with_layers("int8", {"int8": 53}, {"fp32": 17, "int8": 36}))
    assert (ran_of_two.requested, ran_of_two.total, ran_of_two.others) == (36, 53, {"fp32": 17})
    assert ran_of_two.text == "36 of 53 int8, 17 fp32"
    assert layers_ran(with_layers("bf16", {"bf16": 53})).text == "53 of 53 bf16"
    assert layers_ran(with_layers("bf16", {"fp32": 53})).text == "0 of 53 bf16, 53 fp32"
    assert layers_ran(with_layers("bf16", {})) is None


def test_the_articles_network_has_a_layer_more():
    assert multiplying_layers(Case()) == 53
    assert multiplying_layers(Case(network="mobilenet_v2_article")) == 54


def test_fewer_layers_than_all_in_the_precision_are_a_flag_and_all_of_them_are_none():
    assert flags(with_layers("int8", {"int8": 53}, {"int8": 36, "fp32": 17})) == ("layers: 36 of 53 int8, 17 fp32",)
    assert flags(with_layers("int8", {"int8": 99}, {"int8": 99})) == ("layers: 99 of 53 int8",)
    assert flags(with_layers("int8", {"int8": 53})) == ()
    assert flags(with_layers("fp32", {"fp32": 52, "bf16": 1})) == ("layers: 52 of 53 fp32, 1 bf16",)
    assert flags(with_layers("int8", {})) == ()


@pytest.mark.parametrize("other", [{"machine": Machine(fingerprint="there")}, {"seed": 1}, {"plan": Plan()}])
def test_records_of_different_campaigns_are_kept_apart_and_never_divided(other):
    eager, fast = steadily(30), steadily(10, case=Case(backend="onnxruntime"), **other)
    assert campaigns([eager, fast]) == ((eager,), (fast,))
    with pytest.raises(ValueError, match="within one campaign"):
        speedups([eager, fast])


def test_the_pixel_1_law_is_the_one_in_the_notes():
    law = published_fit("mobilenet_v2")
    assert f"{law.factor_ms:.3f} * MMAdds^{law.exponent:.3f}, R2 {law.power_r2:.3f}" == "0.507 * MMAdds^0.877, R2 0.997"
    assert law.variants == 22


def test_an_exact_power_law_and_an_exact_line_are_recovered():
    at = (10.0, 40.0, 160.0, 300.0)
    law = fit([Point(str(x), x, 0.5 * x**0.8) for x in at])
    line = fit([Point(str(x), x, 2 + 0.1 * x) for x in at])
    assert (law.factor_ms, law.exponent, law.power_r2) == (pytest.approx(0.5), pytest.approx(0.8), pytest.approx(1))
    assert (line.intercept_ms, line.slope_ms, line.linear_r2) == (
        pytest.approx(2),
        pytest.approx(0.1),
        pytest.approx(1),
    )
    assert line.power_r2 < 0.999


def test_two_variants_are_no_fit():
    same = [Point(name, 10.0, 1.0) for name in "abc"]
    assert fit(same) is None
    assert fit([Point("a", 10, 1), Point("b", 20, 2)]) is None


def test_a_fit_of_records_takes_only_ok_ones_and_counts_the_batch():
    def at(width: float, ms: float, **rest: object) -> Record:
        return steadily(ms, case=Case(width=width, batch=2), **rest)

    right = [at(0.35, 2.0), at(0.5, 3.0), at(1.0, 8.0)]
    fitted = latency_fit([*right, at(1.4, 1000.0, status="wrong")])
    points = [
        Point(f"mobilenet_v2_{w}_224", 2 * count("mobilenet_v2", w, 224).madds / 1e6, ms)
        for w, ms in ((0.35, 2.0), (0.5, 3.0), (1.0, 8.0))
    ]
    assert fitted == fit(points)
    assert latency_fit(right[:2]) is None


@pytest.mark.parametrize(
    ("latencies_ms", "sentence"),
    [
        (
            (1.0, 2.0, 4.0),
            "MAdds predict it well (R² 1.000, exponent 1.00): latency is nearly in proportion (half the MAdds take 50% "
            "of the time); farthest off is ",
        ),
        (
            (1.0, 1.5, 2.25),
            "MAdds predict it well (R² 1.000, exponent 0.58): small variants cost more than their MAdds say (half the "
            "MAdds take 67% of the time); farthest off is ",
        ),
        (
            (1.0, 3.0, 9.0),
            "MAdds predict it well (R² 1.000, exponent 1.58): large variants cost more than their MAdds say (half the "
            "MAdds take 33% of the time); farthest off is ",
        ),
        (
            (1.0, 1.6, 4.0),
            "MAdds predict it roughly (R² 0.967, exponent 1.00): latency is nearly in proportion (half the MAdds take "
            "50% of the time); farthest off is b, 14% faster than the law.",
        ),
        (
            (1.0, 4.0, 1.5),
            "MAdds do not predict it (R² 0.081, exponent 0.29): farthest off is b, 120% slower than the law.",
        ),
    ],
)
def test_one_sentence_says_whether_madds_predict_a_backend(latencies_ms, sentence):
    points = [Point(name, x, y) for name, x, y in zip("abc", (10, 20, 40), latencies_ms, strict=True)]
    fitted = fit(points)
    assert fitted is not None
    assert prediction_sentence(fitted).startswith(sentence)


def test_a_fixed_cost_that_hides_the_madds_of_small_variants_is_told_apart_from_no_law_at_all():
    fitted = fit([Point(str(x), x, 2 + 0.02 * x) for x in (1, 10, 100, 600)])
    assert fitted is not None
    assert prediction_sentence(fitted) == (
        "MAdds alone do not predict it (R² 0.817, exponent 0.29), a fixed cost and MAdds do (R² of the line 1.000): "
        "2 ms, and 0.02 ms a million; below 100 M the fixed cost is the larger part."
    )


def test_statistics_need_no_torch_and_importing_them_no_scipy():
    modules = "mnv2bench.flags, mnv2bench.remote.counts, mnv2bench.statistics.fit"
    code = f"import sys, {modules}; sys.exit(bool({{'torch', 'scipy', 'pandas'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
