"""NVML as a double of it tells, in real processes: by UUID, in words, and None where it does not tell."""

import json
import os
import subprocess
import sys

import gpu_double
import pytest

from mnv2bench.gpu.nvml import REASONS, reasons
from mnv2bench.records.rounds import SLOWED

BEGIN = """
import json, os
from msgspec import structs, to_builtins
from mnv2bench.gpu import driver, nvml
"""
LAST_OF_TWO = "nvml.Watch(driver.require(1).uuid)"
ALL = f"""
watch = {LAST_OF_TWO}
state = structs.asdict(watch.state())
print(json.dumps([state, watch.energy_mj(), watch.process_bytes(), watch.used_bytes(), watch.facts()]))
"""
FACTS = {
    "name": "NVIDIA Double 1", "uuid": gpu_double.UUID.format(1), "driver": "580.65.06", "cuda": "13.0",
    "compute_capability": "9.0", "memory_mb": 85899, "power_limit_w": 700.0, "sm_mhz_max": 1980,
    "memory_mhz_max": 2619, "mig": "off", "ecc": "on", "persistence": "on", "compute_mode": "default",
    "graphics_processes": 0,
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return gpu_double.build(tmp_path_factory.mktemp("double"))


@pytest.fixture
def told(folder):
    """What a process prints as JSON that finds these doubles."""

    def run(script, place=folder, **told):
        variables = gpu_double.variables(place, **{"GPUS": 2, **told})
        ended = subprocess.run(
            [sys.executable, "-c", BEGIN + script], env={**os.environ, **variables}, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    return run


def test_every_gpu_is_listed_in_nvmls_own_order(told):
    last, first = told("print(json.dumps(to_builtins(nvml.gpus())))")
    assert last == FACTS
    assert first == FACTS | {"name": "NVIDIA Double 0", "uuid": gpu_double.UUID.format(0)}


def test_a_gpu_is_found_by_the_uuid_that_cuda_gives_it_and_by_no_number(told):
    state, energy_mj, process_bytes, used_bytes, facts = told(ALL, REASONS=0)
    assert state == {"sm_mhz": 1979, "memory_mhz": 2619, "temperature_c": 45, "reasons": [], "others": 0}
    assert energy_mj > 0
    assert process_bytes == 300 << 20
    assert used_bytes == 1 << 30
    assert facts == {name: str(value) for name, value in FACTS.items()}


def test_what_nvml_does_not_support_is_none_and_never_0(told):
    script = f"""
watch = {LAST_OF_TWO}
found = []
for silent in ("ClockInfo", "Temperature", "EventReasons Throttle", "ComputeRunning", "Energy", "MemoryInfo", "MPS"):
    os.environ["MNV2BENCH_DOUBLE_SILENT"] = silent + ","
    state = watch.state()
    found.append([state.sm_mhz, state.temperature_c and state.memory_mhz, state.reasons, state.others,
                  watch.energy_mj() and 1, watch.process_bytes() and 1, watch.used_bytes() and 1])
print(json.dumps(found))
"""
    no_clocks, no_celsius, no_reasons, no_processes, no_energy, no_memory, no_mps = told(script)
    assert no_clocks == [None, None, [], 0, 1, 1, 1]
    assert no_celsius == [1979, 2619, [], 0, 1, 1, 1]  # told by its older name
    assert no_reasons == [1979, 2619, None, 0, 1, 1, 1]
    assert no_processes == [1979, 2619, [], None, 1, None, 1]
    assert no_energy == [1979, 2619, [], 0, None, 1, 1]
    assert no_memory == [1979, 2619, [], 0, 1, 1, None]
    assert no_mps == [1979, 2619, [], 0, 1, 1, 1]


def test_facts_that_nvml_does_not_support_are_none_in_a_list_and_left_out_of_a_record(told):
    told_facts, listed = told(
        f"print(json.dumps([{LAST_OF_TWO}.facts(), to_builtins(nvml.gpus())[0]]))",
        SILENT="Mig PowerLimit Ecc Graphics ComputeMode Capability MaxClock Persistence CudaDriver MemoryInfo",
    )
    assert told_facts == {"name": FACTS["name"], "uuid": FACTS["uuid"], "driver": "580.65.06"}
    assert listed == dict.fromkeys(FACTS) | told_facts


def test_what_an_older_driver_calls_by_an_older_name_is_told_all_the_same(told):
    script = f"state = {LAST_OF_TWO}.state(); print(json.dumps([state.reasons, state.temperature_c]))"
    assert told(script, SILENT="EventReasons TemperatureV", REASONS=0x24) == [
        ["sw power cap", "sw thermal slowdown"],
        45,
    ]


def test_every_bit_of_a_reason_has_its_word_and_an_unknown_one_its_number():
    assert reasons(0) == ()
    assert reasons(0x1FF) == tuple(REASONS.values())
    assert reasons(0x801) == ("idle", "reason 0x800")
    assert set(SLOWED) < set(REASONS.values())


@pytest.mark.parametrize(
    ("processes", "others", "process_bytes"),
    [("self:5", 0, 5), ("self:5,77:9", 1, 5), ("self,77,78:1", 2, None), ("", 0, None), ("77:9", 1, None)],
)
def test_others_are_the_processes_that_hold_memory_without_this_one(told, processes, others, process_bytes):
    script = f"watch = {LAST_OF_TWO}; print(json.dumps([watch.state().others, watch.process_bytes()]))"
    assert told(script, PROCESSES=processes or ",") == [others, process_bytes]


@pytest.mark.parametrize(
    ("before", "after", "others", "process_bytes"),
    [
        ("77:9", "77:9,self:5", 1, 5),
        ("77:9", "77:9,4321:5", 1, 5),  # a container: this process under the number that its host gave it
        (",", "4321:5", 0, 5),
        (",", ",", None, None),  # nothing is listed, not even this process: nobody can say who else is there
        ("77:9", "77:9", 1, None),
        ("77:9", "77:9,4321:5,4322:6", 2, None),  # which of two came by opening a model is anybody's guess
    ],
)
def test_a_process_that_nvml_lists_under_another_number_is_the_one_that_came(
    told, before, after, others, process_bytes
):
    script = f"""
watch = {LAST_OF_TWO}
os.environ["MNV2BENCH_DOUBLE_PROCESSES"] = "{after}"
watch.opened()
print(json.dumps([watch.state().others, watch.process_bytes()]))
"""
    assert told(script, PROCESSES=before) == [others, process_bytes]


SILENT = [
    dict.fromkeys(("sm_mhz", "memory_mhz", "temperature_c", "reasons", "others")), None, None, None
]  # fmt: skip


def test_without_nvml_beside_a_driver_nothing_is_told_and_why(told, tmp_path):
    place = gpu_double.build(tmp_path, gpu_double.DRIVER)
    *nothing, facts = told(ALL, place)
    assert nothing == SILENT
    assert facts == {"nvml": "NVML does not start (NVML Shared Library Not Found): check nvidia-smi"}
    assert told("print(json.dumps(to_builtins(nvml.gpus())))", place) == []


def test_an_nvml_that_does_not_start_or_does_not_know_the_gpu_tells_nothing_and_why(told):
    *nothing, facts = told(ALL, NVML=18)
    assert nothing == SILENT
    assert facts["nvml"].startswith("NVML does not start (")
    script = ALL.replace(LAST_OF_TWO, 'nvml.Watch("GPU-00000000-0000-0000-0000-000000000009")')
    *nothing, facts = told(script)
    assert nothing == SILENT
    assert facts == {"nvml": "it does not know the GPU that CUDA runs on"}


def test_energy_moves_with_time(told):
    script = f"""
import time
watch = {LAST_OF_TWO}
begin, energy_mj = time.perf_counter(), watch.energy_mj()
time.sleep(0.1)
print(json.dumps((watch.energy_mj() - energy_mj) / 1000 / (time.perf_counter() - begin)))
"""
    assert told(script) == pytest.approx(300, rel=0.1)
