"""The sentences about a profile: each where it applies, at its limit, and with its figures."""

import pytest

from mnv2bench.case import Case
from mnv2bench.profiling.case_profile import CaseProfile, case_profile
from mnv2bench.profiling.records import Operator, Profile
from mnv2bench.profiling.remarks import remarks
from mnv2bench.records import Machine, Plan, Process, Record, Samples, record, replace
from mnv2bench.records.rounds import Round

CASE = Case(width=0.35, resolution=96)
TWO_CORES = Machine(cores=2)
STEM = Operator("stem", "conv", (100_000,), ("features.0.0",))


def profiled(*operators: Operator, case: Case = CASE, of: Record | None = None) -> CaseProfile:
    """`operators` in one call, else a convolution of 0.1 ms."""
    told = operators or (STEM,)
    calls = (sum(operator.durations_ns[0] for operator in told),)
    return case_profile([Profile(case, 0, "ok", "", 1.0, operators=told, calls_ns=calls)], of)


def timed(ms: float, cpu: float = 1.0, case: Case = CASE, **said: object) -> Record:
    ns = round(ms * 1e6)
    busy = Round((ns,) * 10, wall_ns=10 * ns, cpu_ns=round(cpu * 10 * ns))
    return record(case, Plan(), Machine(), [Process(case, 0, 0, 0, "ok", "", 1.0, Samples(rounds=(busy,) * 4, **said))])


def of(measured: Record, *operators: Operator) -> tuple[str, ...]:
    return remarks(profiled(*operators, case=measured.case, of=measured), measured, TWO_CORES)


def test_there_is_nothing_to_say_of_a_profile_as_it_should_be():
    assert of(timed(0.1, first_s=0.0009)) == ()
    assert remarks(profiled(), None, Machine()) == ()


def test_a_profile_of_which_not_all_layers_ran_in_its_precision_says_so():
    int8 = replace(CASE, precision="int8")
    assert of(timed(0.1, case=int8, layers={"int8": 36, "fp32": 17})) == ("layers: 36 of 53 int8, 17 fp32",)
    assert of(timed(0.1, case=int8, layers={"int8": 53})) == ()


def test_what_converts_numbers_of_int8_is_not_called_a_layout_that_a_model_could_keep():
    quantise = Operator("quantise", "layout", (20_000,))
    in_fp32, in_int8 = (of(timed(0.12, case=replace(CASE, precision=p)), STEM, quantise) for p in ("fp32", "int8"))
    assert in_fp32 == (
        "layout conversions take 16.7% of the operators' time: they compute nothing, and a model kept in the runtime's "
        "own layout would save them",
    )
    assert in_int8 == (
        "conversions of layout and of number format take 16.7% of the operators' time: they compute nothing, and "
        "images and logits in the runtime's own format would save some",
    )


def test_nothing_is_concluded_from_a_noisy_median():
    ns = 1_000_000
    contended = Round((ns,) * 10, wall_ns=10 * ns, cpu_ns=10 * ns, run_queue_ns=5 * ns)
    noisy = record(CASE, Plan(), Machine(), [Process(CASE, 0, 0, 0, "ok", "", 1.0, Samples(rounds=(contended,) * 4))])
    assert of(timed(1.0)) == (
        "dispatch-bound: the operators take 10% of the undisturbed median, the other 0.90 ms of a "
        "call pass between them: faster kernels would not shorten that",
    )
    assert of(noisy) == (
        "noisy: its undisturbed median is hardly one, so the time of a call outside of its operators is unknown",
    )


@pytest.mark.parametrize(
    ("threads", "machine", "said"),
    [
        (2, Machine(cores=2), ()),
        (
            4,
            Machine(cores=2),
            ("oversubscribed: 4 threads share 2 usable cores and wait for each other: ask for 2 at most",),
        ),
        (
            2,
            Machine(cores=8, cpu_quota_cores=1.5),
            ("oversubscribed: 2 threads share 1.5 cores of its cgroup and wait for each other: ask for 1 at most",),
        ),
    ],
)
def test_more_threads_than_cores_or_quota_are_oversubscribed(threads, machine, said):
    assert remarks(profiled(case=replace(CASE, threads=threads)), None, machine) == said


def test_a_first_run_over_ten_medians_compiled_something():
    assert of(timed(0.1, first_s=0.001)) == ()
    assert of(timed(0.1, first_s=0.0025)) == (
        "the first run compiled or prepared something: it took 2.5 ms, 25 times the median: run once before serving",
    )


def test_a_backend_that_keeps_what_it_compiles_is_said_to():
    assert of(timed(0.1, cold_open_s=42.0, open_s=3.0)) == (
        "opening compiled: it took 42.0 s at first and 3.0 s later: keep the compile cache",
    )
    assert of(timed(0.1, cold_open_s=42.0, open_s=42.0, cold=True)) == (
        "opening compiled: it took 42.0 s at first: keep the compile cache",
    )


def test_operators_under_80_percent_of_the_median_are_dispatch():
    assert of(timed(0.125)) == ()
    assert of(timed(0.2)) == (
        "dispatch-bound: the operators take 50% of the undisturbed median, the other 0.10 ms of a call pass between "
        "them: faster kernels would not shorten that",
    )


def test_operators_over_115_percent_of_the_median_are_slowed_by_their_profiler():
    assert of(timed(0.09)) == ()
    assert of(timed(0.08)) == (
        "the profiler costs: the operators take 125% of the undisturbed median: "
        "shares are of the slowed run, and short operators look longer than they are",
    )


def test_calls_that_were_mostly_interrupted_are_not_blamed_on_the_profiler():
    # each operator is slow in 1 call of 5 and usually takes 100 us; 4 calls of 5 have a slow one
    slow = {1: "a", 2: "b", 3: "c", 4: "d"}
    operators = tuple(
        Operator(name, "conv", tuple(900_000 if slow.get(call) == name else 100_000 for call in range(5)), (origin,))
        for name, origin in zip("abcd", ("features.0.0", "features.18.0", "", "classifier.1"), strict=True)
    )
    calls = tuple(sum(o.durations_ns[call] for o in operators) for call in range(5))
    measured = timed(0.4)
    found = case_profile([Profile(CASE, 0, "ok", "", 1.0, operators=operators, calls_ns=calls)], measured)
    assert remarks(found, measured, TWO_CORES) == (
        "disturbed: the operators of a profiled call take 1.20 ms, their usual times add up to 0.40 ms: "
        "something interrupted most calls: profile again on a quiet machine",
    )


def test_half_a_thread_less_than_asked_is_said():
    four = replace(CASE, threads=2)
    assert of(timed(0.1, cpu=1.6, case=four)) == ()
    assert of(timed(0.1, cpu=1.1, case=four)) == (
        "fewer threads used than requested: 1.1 of 2: it cannot use more, or the machine was busy",
    )


def test_layout_changes_over_5_percent_are_said():
    assert remarks(profiled(STEM, Operator("reorder", "layout", (5_000,))), None, Machine()) == ()
    assert remarks(profiled(STEM, Operator("reorder", "layout", (25_000,))), None, Machine()) == (
        "layout conversions take 20.0% of the operators' time: they compute nothing, "
        "and a model kept in the runtime's own layout would save them",
    )


def test_unmapped_operators_over_5_percent_are_said():
    assert remarks(profiled(STEM, Operator("what", "other", (5_000,))), None, Machine()) == ()
    assert remarks(profiled(STEM, Operator("what", "other", (25_000,))), None, Machine()) == (
        "unmapped: 20.0% of the operators' time belongs to no layer that is known: the layers' times are too low by it",
    )


def test_batch_norm_beside_its_convolution_is_unfused_and_within_it_is_not():
    fused = replace(STEM, type="conv+norm+activation")
    assert remarks(profiled(fused), None, Machine()) == ()
    norm = Operator("norm", "norm+activation", (25_000,), ("features.0.1",))
    assert remarks(profiled(STEM, norm), None, Machine()) == (
        "unfused batch norm: 1 of 2 operators apply it by itself and take 20.0% of the operators' time: "
        "fold it into the weights",
    )


def test_a_wrong_record_and_a_case_that_was_not_profiled_say_nothing_of_times():
    wrong = replace(timed(0.2, first_s=9.0), status="wrong")
    assert of(wrong) == ()
    failed = case_profile([Profile(CASE, 0, "unsupported", "no profiler", 0.0)], timed(0.2))
    assert remarks(failed, timed(0.2), TWO_CORES) == ()
