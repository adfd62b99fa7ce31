"""The worker: whether a compile cache was warm."""

import subprocess
import sys
import time

import numpy as np
import pytest

from mnv2bench import Case
from mnv2bench.backends import Session
from mnv2bench.campaign.processes import Turn, process_of
from mnv2bench.records import Plan, Samples
from mnv2bench.records.rounds import Round
from mnv2bench.workers.jobs import Measured
from mnv2bench.workers.opening import time_session
from mnv2bench.workers.programs import Outcome
from mnv2bench.workers.rotation import Rotation
from mnv2bench.workers.worker import CompileCache


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "compiled" / "abc"


def compile_into(folder, cache, seconds):
    """An open that compiles: it fills the folder, then says how long it took."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kernel.so").write_text("code")
    return cache.opened(seconds)


def test_a_compile_cache_is_cold_once_and_then_warm_with_the_cold_time_kept(folder):
    cold = CompileCache(folder)
    assert not cold.warm
    assert compile_into(folder, cold, 12.5) == 12.5
    warm = CompileCache(folder)
    assert warm.warm
    assert compile_into(folder, warm, 0.25) == 12.5
    assert (folder / "kernel.so").exists()


def test_a_compile_cache_that_no_open_has_ended_in_is_wiped_and_cold(folder):
    folder.mkdir(parents=True)
    (folder / "half a kernel.so").write_text("co")
    cache = CompileCache(folder)
    assert not cache.warm
    assert not folder.exists()
    assert compile_into(folder, cache, 11.0) == 11.0
    assert CompileCache(folder).warm


def test_a_compile_cache_whose_time_was_cut_off_by_a_full_disk_is_wiped_and_cold(folder):
    compile_into(folder, CompileCache(folder), 12.5)
    (folder / "complete").write_text("")
    cache = CompileCache(folder)
    assert not cache.warm
    assert compile_into(folder, cache, 11.0) == 11.0


def test_a_runtime_that_keeps_no_compile_cache_has_no_cold_time(folder):
    assert CompileCache(folder).opened(0.5) is None
    assert not CompileCache(folder).warm


def test_a_result_that_contradicts_itself_is_a_failed_process_and_never_a_line_that_does_not_read():
    longer_calls = Samples(rounds=(Round(durations_ns=(700, 700), wall_ns=1000, cpu_ns=1000),))
    outcome = Outcome("ok", "", Measured(samples=longer_calls), wall_s=2.5)
    process = process_of(Case(), Turn(number=0, position=3, seed=7), outcome)
    assert (process.status, process.samples, process.wall_s) == ("failed", Samples(), 2.5)
    assert process.reason.startswith("the process reported a round longer than its wall time")
    sound = Samples(rounds=(Round(durations_ns=(400, 400), wall_ns=1000, cpu_ns=1000),))
    kept = process_of(Case(), Turn(0, 0, 0), Outcome("ok", "", Measured(samples=sound)))
    assert (kept.status, kept.samples) == ("ok", sound)


def test_what_a_backend_says_of_itself_is_kept_as_text_so_that_its_line_reads_again():
    class Numbers(Session):
        def put(self, images):
            pass

        def run(self):
            pass

        def get(self):
            return np.zeros((1, 1000), np.float32)

        def settings(self):
            return {"threads": 1, "fused": True}

    assert timed(Numbers()).settings == {"threads": "1", "fused": "True"}


def test_a_session_whose_clock_is_four_times_too_slow_is_timed_by_the_machines_clock():
    class Slow(Session):
        def clock_ns(self):
            return time.perf_counter_ns() // 4

        def put(self, images):
            pass

        def run(self):
            time.sleep(0.01)

        def get(self):
            return np.zeros((1, 1000), np.float32)

    assert min(timed(Slow()).rounds[0].durations_ns) >= 10_000_000


def timed(session):
    brief = Plan(processes=1, rounds=1, round_s=0.0001, warmup_s=0.0, warmup_runs=1, warmup_cap_rounds=1)
    rotation = Rotation(session, lambda number: np.zeros((1, 3, 4, 4), np.float32), 6)
    return time_session(session, brief, 1, rotation)


MEMORY_OF_LAYERS = """
import numpy as np
from mnv2bench.backends import Session
from mnv2bench.workers.noise import resident_bytes
from mnv2bench.workers.opening import open_check_measure

class Telling(Session):
    def put(self, images): pass
    def run(self): pass
    def get(self): return np.zeros((1, 10), np.float32)
    def layers(self):
        np.ones(25_000_000)
        return {"int8": 53}

opening = open_check_measure(lambda: Telling, lambda number: None, len, lambda session: None, interpreter_bytes=1)
print(opening.layers, resident_bytes("VmHWM") - opening.memory.peak > 190_000_000)
"""


def test_the_memory_that_a_runtime_needs_to_say_what_ran_is_not_in_the_peak():
    ran = subprocess.run([sys.executable, "-c", MEMORY_OF_LAYERS], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "{'int8': 53} True"
