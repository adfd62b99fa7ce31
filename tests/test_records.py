"""Records: which rounds count, how processes fold into a Record, and what stands on disk."""

import json

import pytest

from mnv2bench.case import Case
from mnv2bench.machine import fingerprint
from mnv2bench.records import Artifact, Gpu, GpuMemory, Machine, Memory, Plan, Process, Samples, record, replace
from mnv2bench.records.encoding import dumps, process_from_json, process_to_json
from mnv2bench.records.machine import machine_from_json, machine_to_json
from mnv2bench.records.rounds import GpuRound, GpuState, Round, undisturbed_rounds

# 100 ms of ten inferences on one core that nobody else wanted
QUIET = Round((10_000_000,) * 10, wall_ns=100_000_000, cpu_ns=100_000_000, run_queue_ns=0, steal_ns=0, throttled_ns=0)
BUSY = Process(
    Case(backend="onnxruntime", device="cuda-0"),
    number=2,
    position=7,
    seed=123456789,
    status="ok",
    reason="",
    wall_s=9_007_200.1 + 0.2,
    samples=Samples(
        warmup=(Round((9_007_199_254_740_993,), wall_ns=9_007_199_254_741_000, cpu_ns=1),),
        rounds=(QUIET, replace(QUIET, durations_ns=(1, 22, 333), involuntary_switches=4, major_faults=5)),
        import_s=1 / 3,
        open_s=2.5e-07,
        cold_open_s=2.5e-07,
        cold=True,
        first_s=0.5,
        memory=Memory(1, 2, 3, 5, first=4),
        error=1.2345678901234567e-06,
        separation=0.25,
        settings={"threads": "1", "provider": 'é " \n'},
    ),
)


def test_a_slow_round_counts_and_a_fast_one_that_shared_its_core_does_not():
    slow = replace(QUIET, durations_ns=(100_000_000,))
    fast = replace(QUIET, durations_ns=(1_000_000,) * 100, cpu_ns=50_000_000)
    assert undisturbed_rounds([QUIET, slow, fast], threads=1) == (QUIET, slow)


@pytest.mark.parametrize(
    ("seen", "signs"),
    [
        ({"cpu_ns": 97_000_000}, ()),
        ({"cpu_ns": 96_999_999}, ("cpu",)),
        ({"run_queue_ns": 1_000_000}, ()),
        ({"run_queue_ns": 1_000_001}, ("run queue",)),
        ({"steal_ns": 1_000_000}, ()),
        ({"steal_ns": 1_000_001}, ("steal",)),
        ({"throttled_ns": 1}, ("throttled",)),
        ({"major_faults": 1}, ("major faults",)),
        ({"involuntary_switches": 1000}, ()),
        ({"run_queue_ns": None, "steal_ns": None, "throttled_ns": None}, ()),
        ({"cpu_ns": 0, "run_queue_ns": 100_000_000, "steal_ns": 100_000_000}, ("cpu", "run queue", "steal")),
    ],
)
def test_a_round_is_contended_by_what_the_machine_did(seen, signs):
    round = replace(QUIET, **seen)
    assert round.contention(threads=1, usual_cpu_share=0.5) == signs
    assert undisturbed_rounds([QUIET, round], threads=1) == ((QUIET,) if signs else (QUIET, round))


def test_one_thread_is_held_to_its_whole_core_even_where_it_never_had_it():
    rounds = [replace(QUIET, cpu_ns=90_000_000)] * 5
    assert undisturbed_rounds(rounds, threads=1) == ()


def test_several_threads_are_held_to_what_they_usually_get():
    usual = replace(QUIET, cpu_ns=180_000_000)
    nearly, below = replace(QUIET, cpu_ns=171_000_000), replace(QUIET, cpu_ns=170_999_999)
    assert undisturbed_rounds([usual, nearly, usual, below, usual], threads=2) == (usual, nearly, usual, usual)


def test_no_rounds_keep_none():
    assert undisturbed_rounds([], threads=1) == undisturbed_rounds([], threads=2) == ()


def test_a_round_without_wall_time_used_no_thread():
    assert replace(QUIET, wall_ns=0).cpu_share == 0.0
    assert replace(QUIET, cpu_ns=150_000_000).cpu_share == 1.5


def test_a_process_comes_back_from_disk_exactly_as_it_was():
    text = dumps(process_to_json(BUSY))
    assert "\n" not in text
    assert process_from_json(json.loads(text)) == BUSY


def test_a_process_that_measured_nothing_comes_back_too():
    crashed = Process(Case(), 0, 0, 1, "failed", "worker ended by SIGSEGV", 0.5, Samples())
    assert process_from_json(json.loads(dumps(process_to_json(crashed)))) == crashed


def test_durations_stand_on_disk_as_one_string_a_round():
    on_disk = process_to_json(BUSY)
    assert [round["durations_ns"] for round in on_disk["samples"]["warmup"]] == ["9007199254740993"]
    assert on_disk["samples"]["rounds"][1]["durations_ns"] == "1 22 333"
    assert on_disk["case"] == "mobilenet_v2_1.0_224-b1-onnxruntime-cuda-0-fp32-t1"


PASSES = GpuRound(
    (100, 101), (20, 21), (160, 161), 8, 820, 246, 1300, 0, 0, None, GpuState(1980, 2619, 45, ("idle", "sync boost"), 0)
)
ON_GPU = replace(
    BUSY,
    case=Case(backend="fake", device="cuda:1", precision="fp16"),
    samples=replace(
        BUSY.samples,
        rounds=(replace(QUIET, gpu=PASSES), replace(QUIET, gpu=replace(PASSES, energy_mj=None, state=None))),
        gpu=Gpu(
            {"name": "NVIDIA Double 1"},
            GpuState(),
            GpuState(210, 405, 31, (), 2),
            GpuMemory(engine_weights=7, process=5, device_delta=-1),
        ),
    ),
)


def test_a_process_on_a_gpu_comes_back_exactly_as_it_was_and_its_passes_are_one_string_each():
    text = dumps(process_to_json(ON_GPU))
    assert process_from_json(json.loads(text)) == ON_GPU
    assert '"gpu_ns":"100 101","enqueue_ns":"20 21","end_to_end_ns":"160 161"' in text
    assert "gpu" not in json.loads(dumps(process_to_json(BUSY)))["samples"]


@pytest.mark.parametrize(
    ("place", "damage", "says"),
    [
        ("round", {"gpu_ns": "100 0"}, "`int` >= 1 - at .*gpu_ns"),
        ("round", {"gpu_ns": ""}, "`array` of length >= 1 - at .*gpu_ns"),
        ("round", {"enqueue_ns": "20 -1"}, "`int` >= 1 - at .*enqueue_ns"),
        ("round", {"end_to_end_ns": "fast"}, "Expected `array`, got `str` - at .*end_to_end_ns"),
        ("round", {"in_flight_calls": 0}, "`int` >= 1 - at .*in_flight_calls"),
        ("round", {"in_flight_ns": -5}, "`int` >= 1 - at .*in_flight_ns"),
        ("round", {"in_flight_ns": "820"}, "got `str` - at .*in_flight_ns"),
        ("round", {"energy_mj": "246"}, "got `str` - at .*energy_mj"),
        ("round", {"wall_ns": 1181}, "longer than their wall time"),
        ("state", {"sm_mhz": "1980 MHz"}, "got `str` - at .*sm_mhz"),
        ("state", {"others": [77]}, "got `array` - at .*others"),
        ("state", {"reasons": "idle"}, "got `str` - at .*reasons"),
        ("gpu", {"before": {"temperature_c": "hot"}}, "got `str` - at .*temperature_c"),
        ("memory", {"process": "5 MB"}, "got `str` - at .*memory.process"),
        ("memory", {"process": -5}, "`int` >= 0 - at .*memory.process"),
    ],
)
def test_what_is_damaged_of_a_gpu_is_refused(place, damage, says):
    on_disk = json.loads(dumps(process_to_json(ON_GPU)))
    first = on_disk["samples"]["rounds"][0]["gpu"]
    gpu = on_disk["samples"]["gpu"]
    {"round": first, "state": first["state"], "gpu": gpu, "memory": gpu["memory"]}[place].update(damage)
    with pytest.raises(ValueError, match=says):
        process_from_json(on_disk)


IN_A_ROUND, IN_SAMPLES, IN_MEMORY, IN_THE_LINE = ("samples", "rounds", 0), ("samples",), ("samples", "memory"), ()


@pytest.mark.parametrize(
    ("place", "damage", "says"),
    [
        (IN_A_ROUND, {"weather": "fine"}, "unknown field `weather` - at .*rounds"),
        (IN_A_ROUND, {"cpu_ns": -1_000_000_000}, "`int` >= 0 - at .*cpu_ns"),
        (IN_A_ROUND, {"cpu_ns": True}, "Expected `int`, got `bool` - at .*cpu_ns"),
        (IN_A_ROUND, {"wall_ns": "100"}, "Expected `int`, got `str` - at .*wall_ns"),
        (IN_A_ROUND, {"wall_ns": 1}, "longer than its wall time"),
        (IN_A_ROUND, {"durations_ns": "10000000 two"}, "got `str` - at .*durations_ns"),
        (IN_A_ROUND, {"durations_ns": [10_000_000]}, "durations_ns is a list, not one text"),
        (IN_SAMPLES, {"open_s": -5}, "`float` >= 0.0 - at .*open_s"),
        (IN_SAMPLES, {"settings": ["threads"]}, "Expected `object`, got `array` - at .*settings"),
        (IN_SAMPLES, {"weather": "fine"}, "unknown field `weather` - at .*samples"),
        (IN_MEMORY, {"peak": "5 MB"}, "Expected `int`, got `str` - at .*memory.peak"),
        (IN_THE_LINE, {"weather": "fine"}, "unknown field `weather`"),
        (IN_THE_LINE, {"number": -1}, "`int` >= 0 - at .*number"),
        (IN_THE_LINE, {"kind": "emulated-count"}, "is host-measured, and the line says emulated-count"),
        (IN_THE_LINE, {"counts": {"instructions": [41], "empty": 41}}, "no more instructions than its marks"),
    ],
)
def test_a_field_that_is_unknown_of_another_type_or_out_of_range_is_refused_by_name(place, damage, says):
    on_disk = json.loads(dumps(process_to_json(BUSY)))
    damaged = on_disk
    for step in place:
        damaged = damaged[step]
    damaged.update(damage)
    with pytest.raises(ValueError, match=says):
        process_from_json(on_disk)


def test_a_text_that_looks_like_durations_stays_a_text():
    looks_alike = '","durations_ns":"1 2","gpu_ns":['
    process = replace(
        BUSY, status="wrong", reason=looks_alike, samples=replace(BUSY.samples, settings={looks_alike: looks_alike})
    )
    assert process_from_json(json.loads(dumps(process_to_json(process)))) == process


def test_layers_that_older_files_have_of_a_gpu_are_left_out():
    on_disk = json.loads(dumps(process_to_json(ON_GPU)))
    on_disk["samples"]["gpu"]["layers"] = {"conv": [9000]}
    assert process_from_json(on_disk) == ON_GPU


@pytest.mark.parametrize(
    ("seen", "signs"),
    [
        ({}, ()),
        ({"run_queue_ns": 14}, ("run queue",)),
        ({"steal_ns": 14}, ("steal",)),
        ({"throttled_ns": 1}, ("throttled",)),
        ({"state": GpuState(reasons=("idle", "hw power brake"))}, ("hw power brake",)),
        ({"state": GpuState(reasons=("sw power cap",), others=1)}, ("sw power cap", "shared gpu")),
        ({"state": GpuState(reasons=None, others=None)}, ()),
    ],
)
def test_a_round_on_a_gpu_is_contended_by_what_was_seen_in_its_passes_too(seen, signs):
    round = replace(QUIET, gpu=replace(PASSES, **seen))
    assert round.contention(threads=1, usual_cpu_share=1.0) == signs


def test_a_host_that_sleeps_while_its_gpu_works_is_no_sign_of_contention():
    sleeping = replace(QUIET, cpu_ns=1_000_000)
    assert sleeping.contention(threads=1, usual_cpu_share=1.0) == ("cpu",)
    assert replace(sleeping, gpu=PASSES).contention(threads=1, usual_cpu_share=1.0) == ()


def test_a_number_that_json_cannot_hold_is_never_written():
    with pytest.raises(ValueError):
        dumps({"error": float("nan")})


def test_an_unknown_status_is_refused():
    on_disk = process_to_json(BUSY) | {"status": "great"}
    with pytest.raises(ValueError, match=r"^status 'great' is not one of ok, wrong, failed, timeout, unavailable"):
        process_from_json(on_disk)


def test_a_record_is_ok_where_every_process_is():
    second = replace(BUSY, number=1)
    folded = record(BUSY.case, Plan(), Machine(cores=2), [BUSY, second], Artifact("onnx", "k", 10, 1.0), seed=5)
    assert (folded.status, folded.reason) == ("ok", "")
    assert folded.processes == (BUSY, second)
    assert folded.samples == (BUSY.samples, BUSY.samples)
    assert (folded.artifact.bytes, folded.seed, folded.machine) == (10, 5, Machine(cores=2))


@pytest.mark.parametrize("status", ["wrong", "failed", "timeout", "unavailable", "unsupported"])
def test_one_process_that_did_not_end_well_gives_the_record_its_status_and_reason(status):
    bad = replace(BUSY, number=1, status=status, reason="why")
    worse = replace(BUSY, number=2, status="failed", reason="too late")
    folded = record(BUSY.case, Plan(), Machine(), [BUSY, bad, worse])
    assert (folded.status, folded.reason) == (status, "why")
    assert folded.samples == (BUSY.samples,)


def test_a_case_that_no_process_measured_is_a_failed_record():
    folded = record(Case(), Plan(), Machine(), [])
    assert folded.status == "failed"
    assert folded.reason.startswith("not measured")
    assert "--resume" in folded.reason


@pytest.mark.parametrize(
    "field", [{"processes": 0}, {"processes": -1}, {"rounds": 0}, {"timeout_s": 0.0}, {"timeout_s": float("nan")}]
)
def test_a_plan_that_measures_nothing_is_refused_in_one_line(field):
    with pytest.raises(ValueError, match=next(iter(field))) as refused:
        Plan(**field)
    assert "\n" not in str(refused.value)


# The environment of results/intel-r-xeon-r-processor-2c-752de294/Linux-CPython-3.11-64bit/0001_published.json
FLAGS = ["avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "avx512_fp16"]
STORED = {
    "cpu_model": "Intel(R) Xeon(R) Processor", "cpu_family": "6/207", "cpu_stepping": "2", "cpu_flags": FLAGS,
    "cpu_flags_hash": "9e8fdfa210cc", "cores": 2, "cores_physical": 2, "smt": "notsupported", "cpu_quota_cores": None,
    "isolated_cores": None, "governor": None, "memory_class_gb": 32, "memory_gb": 25.3, "machine": "x86_64",
    "system": "linux", "kernel": "6.18.44-fc-v657", "kernel_major": "6", "os": "debian 12", "python": "3.11",
    "aslr": "2", "hypervisor": True, "libraries": {"torch": "2.13.0+cpu"},
    "fingerprint": "intel-r-xeon-r-processor-2c-752de294",
}  # fmt: skip


def test_a_machine_keeps_the_fingerprint_that_it_was_saved_under():
    assert fingerprint(machine_from_json(STORED)) == "intel-r-xeon-r-processor-2c-752de294"


def test_a_machine_comes_back_from_disk_and_what_an_old_file_lacks_is_unknown():
    machine = machine_from_json(STORED)
    assert (machine.cores, machine.cpu_flags[:2], machine.gpu, machine.gpus, machine.commit) == (
        2, ("avx2", "fma"), None, (), None,
    )  # fmt: skip
    on_disk = machine_to_json(machine)
    assert {name: on_disk[name] for name in STORED} == STORED
    assert machine_from_json(json.loads(dumps(on_disk))) == machine


def test_a_fact_of_another_type_is_unknown_and_the_others_stay():
    machine = machine_from_json(STORED | {"libraries": 3, "cores": "two", "weather": "fine"})
    assert (machine.libraries, machine.cores, machine.cpu_family) == ({}, None, "6/207")
