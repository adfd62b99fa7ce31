"""What the numbers of a GPU's Record are, from passes written down by hand."""

import pytest
from gpu_records import (
    BLIND,
    BUSY,
    CAPPED,
    IDLE,
    MB,
    SHARED,
    gpu_record,
    gpu_round,
    gpu_samples,
    steady,
)

from mnv2bench.case import Case
from mnv2bench.flags import flags
from mnv2bench.gpu.conditions import StateRange, conditions, cuda_graph, gpu_fact, gpu_memory
from mnv2bench.gpu.times import Energy, clock_agreement, energy, gpu_times, on_gpu
from mnv2bench.gpu.verified import UNVERIFIED, verified_on
from mnv2bench.records import GpuMemory, Machine, Plan, Process, Samples, record, replace
from mnv2bench.records.rounds import Round
from mnv2bench.statistics.intervals import t_interval
from mnv2bench.statistics.latency import latency
from mnv2bench.statistics.rounds import record_undisturbed_share, threads_used, throughput

ON_CPU = Samples(rounds=(Round((9,), 9, 9),))
CPU = record(Case(), Plan(), Machine(), [Process(Case(), 0, 0, 0, "ok", "", 1.0, ON_CPU)])


def three(**rest):
    """Three processes whose GPU times are 80, 82 and 90 us of walls of 100, 104 and 110."""
    gpu_us = (80, 82, 90)
    return gpu_record(
        *(gpu_samples(*(gpu_round(wall, gpu, **rest),) * 4) for wall, gpu in zip((100, 104, 110), gpu_us, strict=True))
    )


def test_each_clock_has_its_own_median_over_processes():
    times = gpu_times(three())
    assert latency(three()).median_s == pytest.approx(104e-6)
    assert times.gpu.process_medians == pytest.approx((80e-6, 82e-6, 90e-6))
    assert (times.gpu.median_s, times.enqueue.median_s, times.end_to_end.median_s) == pytest.approx(
        (82e-6, 20e-6, 140e-6)
    )


def test_the_interval_of_the_gpus_time_is_by_the_rule_of_the_latency():
    times = gpu_times(three())
    assert (times.gpu.low_s, times.gpu.high_s) == pytest.approx(t_interval((80e-6, 82e-6, 90e-6)))
    assert gpu_times(steady(100)).gpu.low_s is None


def test_a_record_of_a_cpu_has_none_of_it():
    assert not on_gpu(CPU)
    assert gpu_times(CPU) is energy(CPU) is conditions(CPU) is gpu_memory(CPU) is None
    assert cuda_graph(CPU) is gpu_fact(CPU, "name") is verified_on(CPU) is None


def test_a_gpu_that_measured_nothing_has_none_of_it_and_says_that_it_is_unverified():
    refused = gpu_record(status="unavailable", reason="no NVIDIA driver")
    assert gpu_times(refused) is energy(refused) is conditions(refused) is None
    assert verified_on(refused) == UNVERIFIED == "unverified on hardware"


def test_a_process_that_failed_after_some_rounds_of_another_kind_spoils_no_other():
    good = steady(100)
    failed = replace(good.processes[0], status="failed", samples=ON_CPU)
    both = replace(good, processes=(*good.processes, failed))
    assert gpu_times(both).gpu.median_s == pytest.approx(80e-6)


def test_throughput_is_of_calls_in_flight_and_not_one_over_any_time():
    # 20 calls in 1600 us: 12500 a second; the wall would say 10000
    assert throughput(steady(100)) == pytest.approx(12_500)
    assert throughput(steady(100, batch=8)) == pytest.approx(100_000)


def test_two_clocks_of_one_thing_are_compared_in_the_quickest_round_of_each():
    assert clock_agreement(steady(100, gpu_us=60)) == pytest.approx(0.75)  # 60 us by events, 80 in flight
    slowed = gpu_round(100, 60, in_flight_us=9000), gpu_round(100, 90), gpu_round(100, 60)
    assert clock_agreement(gpu_record(gpu_samples(*slowed))) == pytest.approx(0.75)


def test_energy_is_over_the_time_and_the_images_in_flight():
    # 30 mJ in 1.6 ms: 18.75 W; over 20 calls of 4 images
    assert energy(steady(100, batch=4)) == Energy(pytest.approx(18.75), pytest.approx(0.375))


def test_energy_is_of_the_rounds_that_count_only():
    kept, dropped = gpu_round(100), gpu_round(100, state=CAPPED, energy_mj=900)
    assert energy(gpu_record(gpu_samples(kept, kept, dropped))).watts == pytest.approx(18.75)


def test_a_counter_that_stood_still_or_is_not_there_is_no_energy():
    assert energy(steady(100, energy_mj=None)) is None
    assert energy(steady(100, energy_mj=0)) is None
    some = gpu_samples(gpu_round(100), gpu_round(100, energy_mj=None), gpu_round(100))
    assert energy(gpu_record(some)) is None


def test_a_round_in_which_the_gpu_throttled_or_was_shared_is_not_used():
    rounds = (gpu_round(100), gpu_round(300, 290, state=CAPPED), gpu_round(100), gpu_round(300, 290, state=SHARED))
    seen = gpu_record(gpu_samples(*rounds, rounds[0]))
    assert record_undisturbed_share(seen) == 0.6
    assert gpu_times(seen).gpu.median_s == pytest.approx(80e-6)
    assert flags(seen) == (
        "throttled: the GPU slowed itself down in 1 of 5 rounds (sw power cap)",
        "shared: other processes held memory on the GPU in 1 of 5 rounds",
    )


def test_a_quiet_gpu_has_no_flags():
    assert flags(three()) == ()


def test_the_threads_of_a_host_that_waits_are_no_flag():
    assert threads_used(steady(100)) < 0.5
    assert flags(steady(100)) == ()


def test_what_nvml_did_not_tell_is_told():
    assert flags(steady(100, state=BLIND)) == (
        "unwatched: whether it throttled or was shared is not known of 4 of 4 rounds",
    )
    assert flags(steady(100, state=None)) == flags(steady(100, state=BLIND))


@pytest.mark.parametrize(
    ("enqueue_us", "flag"),
    [(63.9, ()), (64.1, ("enqueue-bound: the host's part of a call is 80% of the GPU's",)),
     (96, ("enqueue-bound: the host's part of a call is 120% of the GPU's",))],
)  # fmt: skip
def test_a_host_that_takes_four_fifths_of_the_gpus_time_sets_the_pace(enqueue_us, flag):
    assert flags(steady(100, enqueue_us=enqueue_us)) == flag


def test_times_of_the_gpu_that_vary_by_over_two_and_a_half_percent_are_told():
    def alternating(low_us, high_us):
        gpu = replace(gpu_round(100).gpu, gpu_ns=(1000 * low_us, 1000 * high_us) * 5)
        return gpu_record(gpu_samples(*(replace(gpu_round(100), gpu=gpu),) * 4))

    assert flags(alternating(98, 102)) == ()  # 2 %
    assert flags(alternating(97, 103)) == ("unsteady gpu: its times of a call vary by 3.0%",)


@pytest.mark.parametrize(("precision", "flagged"), [("fp32", False), ("tf32", True), ("fp16", True), ("bf16", True)])
def test_an_error_too_small_for_the_precision_is_doubted(precision, flagged):
    doubts = flags(steady(100, precision=precision, error=2e-6))
    said = (f"precision: an error of 2e-06 is one of fp32: it may not have run in {precision}",)
    assert doubts == (said if flagged else ())
    assert flags(steady(100, precision=precision, error=1e-4)) == ()


def test_conditions_are_over_all_processes_and_rounds_even_dropped_ones():
    first = gpu_samples(gpu_round(100), gpu_round(100, state=CAPPED), gpu_round(100), after=CAPPED)
    seen = conditions(gpu_record(first, gpu_samples(gpu_round(100))))
    assert seen.before == StateRange((210, 210), (405, 405), (31, 31), ("idle",), 0)
    assert seen.during == StateRange((1410, 1980), (2619, 2619), (55, 71), ("sw power cap",), 0)
    assert seen.after == StateRange((1410, 1980), (2619, 2619), (55, 71), ("sw power cap",), 0)


def test_what_nvml_never_told_is_none_and_not_zero():
    seen = conditions(steady(100, state=BLIND, before=None, after=None))
    assert seen.before == seen.after == StateRange(None, None, None, None, None)
    assert seen.during == StateRange((1980, 1980), None, None, None, None)


def test_each_kind_of_memory_is_a_median_by_itself():
    processes = [
        gpu_samples(gpu_round(100), memory=GpuMemory(torch_allocated=mb * MB, process=process))
        for mb, process in ((10, None), (30, 600 * MB), (20, 500 * MB))
    ]
    assert gpu_memory(gpu_record(*processes)) == GpuMemory(torch_allocated=20 * MB, process=550 * MB)


def test_processes_that_differ_in_what_they_say_are_both_told():
    yes, no = ({"CUDA graph": said} for said in ("yes", "no: capture failed"))
    two = gpu_record(gpu_samples(gpu_round(100), settings=yes), gpu_samples(gpu_round(100), settings=no))
    assert cuda_graph(two) == "yes / no: capture failed"
    assert cuda_graph(steady(100, 101)) == "yes"
    assert gpu_fact(steady(100), "uuid") == "GPU-0011"


def test_states_before_and_after_are_no_round_and_drop_none():
    assert record_undisturbed_share(steady(100, before=CAPPED, after=SHARED)) == 1.0
    assert {IDLE.noise, BUSY.noise} == {()}
