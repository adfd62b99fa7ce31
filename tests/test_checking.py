"""Backends that are right twice and then do not do the work: each is wrong, with its reason, on each sort of device."""

import json
import os
import subprocess
import sys
from pathlib import Path

import gpu_double
import numpy as np
import pytest

from mnv2bench.artifacts import Weights, batch_seeds
from mnv2bench.backends import Session
from mnv2bench.campaign.preparation import Preparation, prepare
from mnv2bench.campaign.processes import run_process
from mnv2bench.case import Case
from mnv2bench.networks import ImageShape, images
from mnv2bench.precisions import named
from mnv2bench.records import Checks, Plan, Process, Samples, WeightsKind, replace
from mnv2bench.records.encoding import process_from_json, process_to_json
from mnv2bench.records.rounds import GpuRound, Round
from mnv2bench.records.target import Cluster
from mnv2bench.remote.devices.peak import peak_madds_per_s
from mnv2bench.remote.runners import answer, native
from mnv2bench.workers import plausibility
from mnv2bench.workers.checking import after_counting, after_rounds, madds_of
from mnv2bench.workers.outputs import Reference
from mnv2bench.workers.peak import UNKNOWN, Peak, product_peak
from mnv2bench.workers.rotation import Rotation, kept, new_calls, repeated_calls
from mnv2bench.workers.rotation import checks as checks_beside

SEEDED = WeightsKind.SEEDED
CASE = Case(width=0.35, resolution=96, backend="fake")
BRIEF = Plan(processes=1, rounds=2, round_s=0.02, warmup_s=0.02, warmup_cap_s=0.1, timeout_s=60.0)
BEFORE = "calls return before their work is done"
STALE = "; they are those of other images: it stopped computing, or returns the result of another call"
RIGHT_BEFORE = "outputs were right before anything was timed, and not while it was: outputs differ from eager fp32 by "

FAULTS = {
    "stops": STALE,
    "lags": STALE,
    "reads late": STALE,
    "computes in get": ": the work is done in `get`",
    "computes in put": ": the work is done in `put`",
    "caches": ": results are kept by their images",
    "repeats": ": results are kept by their images",
    "takes no time": f": {BEFORE}",
}
SOURCES = Path(native.__file__).parent


@pytest.fixture(scope="module")
def made():
    preparation = prepare(CASE, Weights())
    assert isinstance(preparation, Preparation), preparation
    return preparation


def measured(made, monkeypatch, mode="", case=CASE):
    """How a real process of the case ends whose backend has this fault."""
    monkeypatch.setenv("MNV2BENCH_FAKE", f"{case.variant}={mode}")
    return run_process(case, made, BRIEF, seed=5)


def test_a_backend_that_computes_every_call_is_ok_and_its_record_says_what_was_checked(made, monkeypatch):
    outcome = measured(made, monkeypatch)
    assert (outcome.status, outcome.reason) == ("ok", "")
    samples = outcome.result.samples
    checks = samples.checks
    assert checks.batches == 2 + 1 + len(samples.rounds) + 2
    assert checks.error == 0.0
    assert checks.new_ns >= 200_000
    assert checks.get_ns < 200_000
    assert checks.madds_per_s <= 1e9 * madds_of(CASE) / 200_000
    assert checks.peak_madds_per_s > 1e9
    assert checks.peak == "numpy's fp32 matrix product"
    process = Process(CASE, 0, 0, 0, "ok", "", 1.0, samples)
    assert process_from_json(json.loads(json.dumps(process_to_json(process)))) == process


@pytest.mark.parametrize("mode", FAULTS)
def test_a_backend_that_does_not_do_the_work_in_its_call_is_wrong_here(made, monkeypatch, mode):
    outcome = measured(made, monkeypatch, mode)
    assert outcome.status == "wrong"
    assert outcome.reason.endswith(FAULTS[mode])
    assert outcome.reason.startswith(RIGHT_BEFORE) == (FAULTS[mode] == STALE)
    assert outcome.result.samples.rounds
    assert outcome.result.samples.error == 0.0
    assert (outcome.result.samples.checks.error > 0.1) == (FAULTS[mode] == STALE)


@pytest.fixture(scope="module")
def gpu(tmp_path_factory):
    return gpu_double.build(tmp_path_factory.mktemp("double"))


@pytest.fixture(scope="module")
def on_gpu(gpu):
    """Run a real process of a case on a simulated H100 whose backend has this fault."""

    def run(monkeypatch, case, mode):
        for name, value in gpu_double.variables(gpu).items():
            monkeypatch.setenv(name, value)
        return measured(prepare(replace(case, device="cpu"), Weights()), monkeypatch, mode, case)

    return run


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["", *sorted(FAULTS.keys() - {"computes in put", "takes no time"})])
def test_a_backend_that_does_not_do_the_work_in_its_call_is_wrong_on_a_simulated_gpu(on_gpu, monkeypatch, mode):
    outcome = on_gpu(monkeypatch, replace(CASE, device="cuda", precision="fp16"), mode)
    assert outcome.status == ("wrong" if mode else "ok"), outcome.reason
    assert outcome.reason.endswith(FAULTS.get(mode, ""))
    checks = outcome.result.samples.checks
    assert checks.peak_madds_per_s == 132 * 128 * 1980e6
    assert checks.peak == "its number of multiprocessors at their highest clock"


@pytest.mark.slow
def test_more_than_a_simulated_gpu_can_do_is_wrong(on_gpu, monkeypatch):
    outcome = on_gpu(monkeypatch, replace(CASE, device="cuda", batch=32), "takes no time")
    assert outcome.status == "wrong"
    assert outcome.reason.endswith(
        "and its number of multiprocessors at their highest clock does 33,454 in fp32: " + BEFORE
    )


# runners


PRELUDE = r"""
#include "runner.h"
static float logits[2], put[2], pending[2], seen[64][2];
static int calls, keys;
static void spend(void) { for (int64_t end = now_ns() + 300000; now_ns() < end;) {} }
static void model_open(const Job *job) { (void)job; }
static const float *result(size_t *values) { *values = 2; return logits; }
static void model_settings(void) {}
static void model_layers(void) {}
static int is_seen(void) {
    for (int i = 0; i < keys; i++) if (seen[i][0] == put[0]) return 1;
    seen[keys++][0] = put[0];
    return 0;
}
static void model_put(const float *images, size_t values) { put[0] = images[0]; put[1] = images[values - 1]; PUT }
static void model_run(void) { calls++; RUN }
static const float *model_get(size_t *values) { GET return result(values); }
int main(int argc, char **argv) { (void)is_seen; (void)pending; (void)spend; return serve(argc, argv, "double"); }
"""
COMPUTE = "spend(); memcpy(logits, put, sizeof logits);"
LAGGING = (
    "spend(); if (calls > 2) memcpy(logits, pending, sizeof logits); memcpy(pending, put, sizeof put);"
    "if (calls <= 2) memcpy(logits, put, sizeof put);"
)
C_FAULTS = {
    "": ("", COMPUTE, ""),
    "stops": ("", f"if (calls <= 2) {{ {COMPUTE} }}", ""),
    "lags": (
        "",
        f"spend(); {LAGGING} memcpy(pending, put, sizeof put); if (calls <= 2) memcpy(logits, put, sizeof put);",
        "",
    ),
    "reads late": ("", "", COMPUTE),
    "computes in get": ("", "memcpy(pending, put, sizeof put);", "spend(); memcpy(logits, pending, sizeof logits);"),
    "computes in put": ("spend(); memcpy(pending, put, sizeof put);", "memcpy(logits, pending, sizeof logits);", ""),
    "caches": ("", "if (!is_seen()) spend(); memcpy(logits, put, sizeof logits);", ""),
}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory, c_compiler):
    folder = tmp_path_factory.mktemp("double")

    def make(mode):
        put, run, get = C_FAULTS[mode]
        source = folder / f"{mode.replace(' ', '_')}.c"
        source.write_text(
            PRELUDE.replace(" PUT ", f" {put} ").replace(" RUN ", f" {run} ").replace(" GET ", f" {get} ")
        )
        program = source.with_suffix(".out")
        subprocess.run([c_compiler, *native.WARNINGS, "-Werror", "-I", SOURCES, "-o", program, source], check=True)
        return program

    return make


def told_by_runner(program, folder, unknown=8):
    """The checks of a runner's answer and why it is wrong, as the host decides it; a network of two logits."""
    seeds = batch_seeds(5, unknown)
    pictures = [np.full((1, 3, 4, 4), float(seed), np.float32) for seed in seeds]
    for picture, seed in zip(pictures, seeds, strict=True):
        picture[0, 2, 3, 3] = -seed
    (folder / "inputs").write_bytes(b"".join(picture.tobytes() for picture in pictures))
    words = answer.arguments(CASE, BRIEF, mode="time", limit_s=60, model="m", inputs="inputs", outputs="outputs")
    words[words.index("--shape") + 1] = "1,3,4,4"
    ran = subprocess.run([program, *words], cwd=folder, capture_output=True, text=True, check=True, timeout=60)
    samples = answer.parse(ran.stdout).samples
    outputs = np.fromfile(folder / "outputs", np.float32).reshape(-1, 1, 2)
    reference = Reference.__new__(Reference)
    reference.logits = {seed: np.array([[seed, -seed]], np.float32) for seed in seeds}
    assert outputs[:2].tolist() == reference.of(seeds[:2]).tolist()
    return after_rounds(
        CASE, SEEDED, samples.rounds, list(outputs[2:]), seeds, samples.checks, reference, lambda seconds: UNKNOWN
    )


@pytest.mark.slow
@pytest.mark.parametrize("unknown", [8, 4])
@pytest.mark.parametrize("mode", C_FAULTS)
def test_a_runner_in_c_that_does_not_do_the_work_in_its_call_is_wrong(compiled, tmp_path, mode, unknown):
    checks, wrong = told_by_runner(compiled(mode), tmp_path, unknown)
    assert wrong.endswith(FAULTS.get(mode, ""))
    assert bool(wrong) == bool(mode)
    assert (checks.madds_per_s > 0, checks.peak_madds_per_s, checks.peak) == (True, None, "")


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["", *FAULTS])
def test_the_runner_in_python_of_such_a_backend_is_wrong(made, tmp_path, mode):
    seeds, reference = batch_seeds(5, 4), Reference(Path(made.reference))
    (tmp_path / "inputs").write_bytes(b"".join(images(seed, 1, ImageShape(3, 96, 96)).tobytes() for seed in seeds))
    words = answer.arguments(CASE, BRIEF, mode="time", limit_s=60, model=made.path, inputs="inputs", outputs="outputs")
    start = [sys.executable, "-m", "mnv2bench.remote.runners.session", "--backend", "fake"]
    variables = {**os.environ, "MNV2BENCH_FAKE": f"mobilenet_v2_1.0_96={mode}"}  # a runner is not told the width
    ran = subprocess.run([*start, *words], cwd=tmp_path, env=variables, capture_output=True, text=True, check=True)
    samples = answer.parse(ran.stdout).samples
    outputs = np.fromfile(tmp_path / "outputs", np.float32).reshape(-1, 1, 1000)
    limit = Peak(samples.checks.peak_madds_per_s, samples.checks.peak)
    _, wrong = after_rounds(
        CASE, SEEDED, samples.rounds, list(outputs[2:]), seeds, samples.checks, reference, lambda seconds: limit
    )
    assert wrong.endswith(FAULTS.get(mode, ""))
    assert bool(wrong) == bool(mode)


# which batches


class Echo(Session):
    """A session on a clock of its own: `run` takes 10 us, `put` 2 us, `get` 1 us; its logits are its images."""

    def __init__(self):
        self.now_ns, self.done = 0, []

    def clock_ns(self):
        return self.now_ns

    def put(self, images):
        self.now_ns += 2000
        self.images = images
        self.done.append(f"put {images:g}")

    def run(self):
        self.now_ns += 10_000
        self.logits = self.images
        self.done.append("run")

    def get(self):
        self.now_ns += 1000
        self.done.append(f"get {self.logits:g}")
        return self.logits


def test_each_round_has_other_images_than_the_round_before_and_the_last_two_batches_come_after_all_rounds():
    session = Echo()
    session.put(2.0)
    rotation = Rotation(session, float, batches=7)
    for _ in range(4):
        session.run()
        rotation.next()
    session.run()
    rotation.end()
    assert " ".join(session.done) == (
        "put 2 run get 2 put 3 run get 3 put 4 run get 4 put 2 run get 2 put 3 run get 3 "
        "put 5 run put 6 get 5 run get 6 run run run"
    )
    assert rotation.logits == [2.0, 3.0, 4.0, 2.0, 3.0, 5.0, 6.0]
    assert kept(4, 7) == (2, 3, 4, 2, 3, 5, 6)
    rounds = [Round((9000, 11_000), 20_000, 0), Round((9500, 12_000), 21_500, 0), Round((500, 13_000), 13_500, 0)]
    assert checks_beside([rotation], rounds) == Checks(put_ns=2000, get_ns=1000, new_ns=9000, rested_ns=10_000)
    assert new_calls(rounds, 7) == [9000, 9500]
    assert repeated_calls(rounds, 7) == [11_000, 12_000, 500, 13_000]


def test_fewer_than_six_batches_do_not_rotate():
    with pytest.raises(ValueError, match="5 batches are too few to rotate: 6 at least"):
        Rotation(Echo(), float, batches=5)


def test_processes_see_the_same_eight_unknown_batches_in_other_orders():
    orders = {batch_seeds(input_seed) for input_seed in range(20)}
    assert len(orders) == 20
    assert {order[:2] for order in orders} == {(1, 2)}
    assert {tuple(sorted(order)) for order in orders} == {tuple(range(1, 11))}
    assert len(batch_seeds(3, 4)) == 6


# what is plausible


def rounds_of(*calls_ns):
    return [Round(calls, sum(calls), sum(calls)) for calls in calls_ns]


MS_CALLS = rounds_of((1_000_000,) * 10, (1_000_000,) * 10)


def test_half_a_call_and_150_us_may_pass_outside_the_timed_call_and_no_more():
    assert plausibility.work_elsewhere(MS_CALLS, Checks(get_ns=650_000, put_ns=650_000)) == ""
    assert plausibility.work_elsewhere(MS_CALLS, Checks(get_ns=650_001)) == (
        "the timed call takes 1.000 ms, and `get`, which is not timed, 0.650 ms at least: the work is done in `get`"
    )
    assert plausibility.work_elsewhere(MS_CALLS, Checks(put_ns=650_001)).endswith("the work is done in `put`")
    assert plausibility.work_elsewhere(MS_CALLS, Checks()) == ""


def test_on_a_gpu_images_are_copied_in_put_and_nothing_is_said_of_it():
    passes = GpuRound((900_000,), (10_000,), (1_000_000,), in_flight_calls=8, in_flight_ns=7_000_000)
    rounds = [replace(round, gpu=passes) for round in MS_CALLS]
    assert plausibility.work_elsewhere(rounds, Checks(put_ns=9_000_000)) == ""
    assert plausibility.work_elsewhere(rounds, Checks(get_ns=9_000_000)) != ""
    assert plausibility.fast_call_ns(rounds) == 875_000


def test_calls_on_new_images_may_take_three_times_as_long_and_50_us_and_no_more():
    rounds = rounds_of((3_000_000, 1_000_000, 1_000_000), (3_050_001, 1_000_000))
    assert plausibility.cached_results(rounds, 10, Checks(new_ns=3_050_000)) == ""
    assert plausibility.cached_results(rounds, 10, Checks(new_ns=3_050_001)) == (
        "a call on new images takes 3.050 ms at least, and a call on images that it has seen 1.000 ms: "
        "results are kept by their images"
    )
    assert plausibility.cached_results(rounds_of((3_000_000,), (3_000_000,)), 10, Checks(new_ns=3_000_000)) == ""


def test_what_calls_on_seen_images_take_after_a_pause_is_no_sign_of_kept_results():
    rounds = rounds_of((9_000_000, 1_000_000, 1_000_000), (9_000_000, 1_000_000))
    assert plausibility.cached_results(rounds, 10, Checks(new_ns=6_050_000, rested_ns=2_000_000)) == ""
    assert plausibility.cached_results(rounds, 10, Checks(new_ns=6_050_001, rested_ns=2_000_000)) != ""
    assert plausibility.cached_results(rounds, 10, Checks(new_ns=3_050_001, rested_ns=1_000)) != ""


def test_several_threads_that_something_disturbed_are_not_judged_by_what_a_first_call_took():
    checks = Checks(new_ns=3_050_001)
    quiet = rounds_of((9_000_000, 1_000_000, 1_000_000), (9_000_000, 1_000_000))
    waited = [quiet[0], replace(quiet[1], run_queue_ns=200_000)]  # 2 % of its time
    assert plausibility.cached_results(quiet, 10, checks, threads=2) != ""
    assert plausibility.cached_results(waited, 10, checks, threads=2) == ""
    assert plausibility.cached_results(waited, 10, checks, threads=1) != ""


def test_a_thread_that_was_disturbed_in_every_round_is_not_judged_by_what_a_first_call_took():
    rounds = rounds_of((9_000_000, 1_000_000, 1_000_000), (9_000_000, 1_000_000))
    disturbed = [replace(round, run_queue_ns=200_000) for round in rounds]
    assert plausibility.cached_results(disturbed, 10, Checks(new_ns=3_050_001)) == ""


def test_a_fast_call_is_the_tenth_percentile_of_all_so_that_one_odd_reading_decides_nothing():
    assert plausibility.fast_call_ns(rounds_of((1, *[1000] * 10), (1000,) * 10)) == 1000
    assert plausibility.fast_call_ns(rounds_of((1,) * 3 + (1000,) * 17)) == 1


@pytest.mark.parametrize(("precision", "times"), [("fp32", 4), ("tf32", 32), ("fp16", 64), ("bf16", 64)])
def test_more_than_four_times_the_peak_of_its_precision_is_impossible(precision, times):
    peak = {"peak_madds_per_s": 50e9, "peak": "a double"}
    assert plausibility.beyond_peak(Checks(madds_per_s=times * 50e9, **peak), named(precision)) == ""
    assert plausibility.beyond_peak(Checks(madds_per_s=times * 51e9, **peak), named(precision)) == (
        f"{times * 51:,} G multiply-adds a second, and a double does 50 in fp32: {BEFORE}"
    )
    assert plausibility.beyond_peak(Checks(madds_per_s=1e20), named(precision)) == ""


def logits_of(made, numbers, seeds):
    reference = Reference(Path(made.reference))
    return reference, list(reference.of([seeds[number] for number in numbers]))


def test_what_seems_beyond_the_peak_is_held_against_a_longer_measurement_first(made):
    seeds, rounds = batch_seeds(1), rounds_of((100_000,) * 9)
    reference, logits = logits_of(made, kept(1, 10), seeds)
    asked = []

    def peak(seconds):
        asked.append(seconds)
        return Peak(20e9 if seconds is None else 60e9, "a double")

    checks, wrong = after_rounds(CASE, SEEDED, rounds, logits, seeds, Checks(), reference, peak)
    assert (asked, wrong, checks.peak_madds_per_s) == ([None, 0.5], "", 60e9)
    checks, wrong = after_rounds(
        CASE, SEEDED, rounds, logits, seeds, Checks(), reference, lambda seconds: Peak(20e9, "a double")
    )
    assert wrong.endswith(f"a double does 20 in fp32: {BEFORE}")


def test_a_count_of_too_few_instructions_or_of_other_logits_is_wrong(made):
    seeds = batch_seeds(1)
    reference, logits = logits_of(made, kept(0, 10), seeds)
    madds = madds_of(CASE)
    assert after_counting(CASE, SEEDED, logits, seeds, reference, madds // 4) == (Checks(batches=5, error=0.0), "")
    _, wrong = after_counting(CASE, SEEDED, logits, seeds, reference, madds // 17)
    assert wrong == f"an inference of {madds // 17:,} instructions has {madds:,} multiply-adds: it computes too little"
    assert after_counting(CASE, SEEDED, logits[::-1], seeds, reference, madds)[1].endswith(STALE)


def test_a_matrix_product_is_measured_for_as_long_as_asked_and_has_a_rate():
    peak = product_peak(1, 0.01)
    assert peak.madds_per_s > 1e8
    assert peak.source == "numpy's fp32 matrix product"


def test_the_peak_of_a_device_is_that_of_as_many_of_its_fastest_cores_as_there_are_threads():
    clusters = [
        Cluster("little", (0, 1, 2, 3), "f", 1_800_000),
        Cluster("big", (4, 5), "30", 2_800_000),
    ]
    assert peak_madds_per_s(clusters, "", 1) == 32 * 2.8e9
    assert peak_madds_per_s(clusters, "", 3) == 32 * (2.8e9 + 2.8e9 + 1.8e9)
    assert peak_madds_per_s(clusters, "f", 1) == 32 * 1.8e9
    assert peak_madds_per_s([Cluster("", (0, 1))], "", 1) is None
    assert peak_madds_per_s([], "", 1) is None


def test_samples_from_before_schema_5_have_no_checks():
    assert Samples().checks is None
