"""Whole campaigns on cuda in real processes: the driver's and NVML's doubles, and the backend `fake` as the device."""

import gpu_double
import pytest
from msgspec.structs import replace

from mnv2bench import Case
from mnv2bench.flags import flags
from mnv2bench.gpu.times import energy, gpu_times
from mnv2bench.machine import differences, fingerprint, this_machine
from mnv2bench.records.journal import lines, load
from mnv2bench.records.machine import machine_from_json, machine_to_json
from mnv2bench.statistics.rounds import throughput

pytestmark = pytest.mark.slow

SMALL = ("--widths", "0.35", "--resolutions", "96", "--suites", "latency", "--processes", "1", "--rounds", "2")
FP16 = Case(width=0.35, resolution=96, backend="fake", device="cuda", precision="fp16")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return gpu_double.build(tmp_path_factory.mktemp("double"))


@pytest.fixture(scope="module")
def measured(folder, tmp_path_factory, command):
    """Run `mnv2bench run` on the doubles: what it wrote, by case, and how it ended."""

    def run(*words, fake="", place=folder, **told):
        out = tmp_path_factory.mktemp("campaign") / "night.jsonl"
        ended = command(
            "mnv2bench", "run", *SMALL, "--backends", "fake", "--devices", "cuda", "--out", str(out), *words,
            MNV2BENCH_FAKE=fake, **gpu_double.variables(place, **told),
        )  # fmt: skip
        return ended, {record.case: record for record in load(out)}, lines(out)

    return run


@pytest.fixture(scope="module")
def quiet(measured):
    ended, records, journal = measured("--precisions", "fp32,fp16", "--cold-l2", REASONS=1)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return records, journal


def test_a_case_on_a_gpu_is_measured_by_every_clock_and_comes_back_from_disk(quiet):
    record = quiet[0][FP16]
    assert (record.status, record.reason, len(record.samples)) == ("ok", "", 1)
    for samples in record.samples:
        assert len(samples.rounds) >= 2
        assert samples.warmup[-1].gpu
        for round in samples.rounds:
            assert min(round.durations_ns) >= 220_000
            assert min(round.gpu.gpu_ns) >= 200_000
            assert min(round.gpu.enqueue_ns) >= 20_000
            assert min(round.gpu.end_to_end_ns) >= 220_000
            assert round.gpu.in_flight_ns >= 200_000 * round.gpu.in_flight_calls
            assert round.gpu.state.reasons == ("idle",)
    times = gpu_times(record)
    assert times.enqueue.median_s < times.gpu.median_s < times.end_to_end.median_s
    assert 0 < throughput(record) <= 5000
    assert energy(record).watts == pytest.approx(300, rel=0.05)


def test_a_process_tells_of_its_gpu_and_its_memory(quiet):
    for samples in quiet[0][FP16].samples:
        gpu = samples.gpu
        assert gpu.facts["name"] == "NVIDIA Double 0"
        assert gpu.facts["uuid"] == gpu_double.UUID.format(0)
        assert (gpu.facts["driver"], gpu.facts["cuda"], gpu.facts["compute_capability"]) == ("580.65.06", "13.0", "9.0")
        assert (gpu.before.sm_mhz, gpu.before.others, gpu.after.temperature_c) == (1980, 0, 45)
        memory = gpu.memory
        assert (memory.torch_allocated, memory.torch_reserved) == (None, None)
        assert (memory.engine_weights, memory.engine_activations) == (6_000_000, 2_000_000)
        assert (memory.process, memory.device_delta) == (300 << 20, 1 << 20)
        assert samples.settings == {"input": "float16 NCHW", "CUDA graph": "yes"}


def test_a_number_format_shows_in_the_error_of_the_outputs(quiet):
    records, _ = quiet
    assert {samples.error for samples in records[Case(**{**FP16.to_json(), "precision": "fp32"})].samples} == {0.0}
    assert all(1e-4 < samples.error < 1e-3 for samples in records[FP16].samples)


def test_the_campaign_says_which_gpus_the_machine_has_and_how_they_were_measured(quiet):
    records, journal = quiet
    machine = records[FP16].machine
    assert machine.gpu == "NVIDIA Double 0"
    assert [gpu.uuid for gpu in machine.gpus] == [gpu_double.UUID.format(0)]
    assert "nvidia-ml-py" in machine.libraries
    assert machine.libraries["NVIDIA driver"] == "580.65.06"
    assert (records[FP16].plan.cold_l2, records[FP16].plan.in_flight) == (True, 8)
    assert sum(line["line"] == "process" for line in journal) == 2


def test_no_round_counts_on_a_gpu_that_is_throttled_and_shared_and_the_row_says_so(measured):
    _, records, _ = measured("--precisions", "fp16", REASONS=5, PROCESSES="self:1,77:5")
    (samples,) = records[FP16].samples
    assert len(samples.rounds) == 4
    assert all(round.contention(1, 1.0)[-2:] == ("sw power cap", "shared gpu") for round in samples.rounds)
    assert {"throttled", "shared"} <= {flag.split()[0].strip(":,") for flag in flags(records[FP16])}


FAILING = {
    32: ("fallback", "wrong", "fake is told that it fell back to the CPU: Conv node_1"),
    40: ("wrong", "wrong", "outputs differ from eager fp32 by 1.0e-02 of the largest logit"),
}


def test_a_case_that_goes_wrong_on_a_gpu_is_a_row_that_says_why(measured):
    fake = ",".join(f"mobilenet_v2_0.35_{resolution}={mode}" for resolution, (mode, *_) in FAILING.items())
    words = ("--resolutions", "32,40", "--precisions", "fp32")
    ended, records, _ = measured(*words, fake=fake)
    assert ended.returncode == 1
    for record in records.values():
        _, status, reason = FAILING[record.case.resolution]
        assert record.status == status
        assert record.reason.startswith(reason)
        assert record.samples == ()


def test_a_machine_without_a_gpu_has_a_row_that_says_so_and_makes_no_file_for_it(measured):
    ended, records, _ = measured("--precisions", "fp32,fp16", GPUS=0)
    assert ended.returncode == 1  # it was requested by name: docs/exit-codes.md
    assert {(record.status, record.reason.partition(":")[0], record.artifact) for record in records.values()} == {
        ("unavailable", "the NVIDIA driver sees no GPU", None)
    }


def test_without_nvml_a_case_is_measured_and_nothing_is_made_up(measured, tmp_path):
    place = gpu_double.build(tmp_path, gpu_double.DRIVER)
    _, records, _ = measured("--precisions", "fp16", place=place)
    (samples,) = records[FP16].samples
    assert records[FP16].machine.gpu is None
    assert samples.gpu.facts["nvml"].startswith("NVML does not start")
    assert (samples.gpu.before.sm_mhz, samples.gpu.before.others, samples.gpu.memory.process) == (None, None, None)
    assert {round.gpu.energy_mj for round in samples.rounds} == {None}
    assert energy(records[FP16]) is None


def test_a_machine_without_a_gpu_keeps_the_name_it_had_before_gpus_were_told_of():
    facts = machine_to_json(this_machine())
    old = machine_from_json({name: fact for name, fact in facts.items() if name not in ("gpu", "gpus")})
    without, given = replace(old, gpu=None), replace(old, gpu="NVIDIA Double 0")
    assert fingerprint(old) == fingerprint(without) != fingerprint(given)
    assert differences(old, without) == []
    assert differences(without, given) == ["gpu: None here, NVIDIA Double 0 there"]
