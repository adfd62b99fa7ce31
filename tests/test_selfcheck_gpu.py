"""The self-check of a GPU: what it says of Records written down by hand, and of this machine where it has no GPU."""

import io
import os
import re
import subprocess
import sys

import gpu_double
import pytest
from gpu_records import BLIND, gpu_record, steady
from rich.console import Console
from typer.testing import CliRunner

from mnv2bench.cli import app
from mnv2bench.gpu import driver
from mnv2bench.records import GpuMemory, Weights, replace
from mnv2bench.records.journal import Head, Journal
from mnv2bench.refusals import Unavailable
from mnv2bench.selfcheck.gpu import cases_to_check, check_gpu, faults, figures, report, unreadable

GOOD = steady(100, 101, gpu_us=80, in_flight_us=1600)
ABSENT = gpu_record(backend="onnxruntime", status="unavailable", reason="no CUDA in it: pip install 'mnv2bench[cuda]'")


def printed(*records):
    out = Console(file=io.StringIO(), width=1000)
    return report(records, out), out.file.getvalue().splitlines()


def test_a_good_record_is_shown_with_every_clock():
    passed, lines = printed(GOOD)
    assert passed
    assert lines == [
        "as it should be: mobilenet_v2_1.0_224-b1-tensorrt-cuda-fp16-t1: error 4.0e-02, wall 0.1005 ms, gpu 0.0800, "
        "enqueue 0.0200, end to end 0.1400, events / wall in flight 1.00, 0.10% of a round between calls, 100% of "
        "rounds undisturbed, engine 7.0 MB, built in 12 s, CUDA graph yes, input float16 NCHW"
    ]


@pytest.mark.parametrize(
    ("record", "fault"),
    [
        (steady(100, gpu_us=106, backend="torch_eager", in_flight_us=2100),
         "a call takes 1.06 times as long by events as by the wall (goal <= 1.05)"),
        (steady(100, gpu_us=0.08, backend="torch_eager"), "events say 0.00 of the wall in flight (goal 1 +- 0.25)"),
        (steady(100, in_flight_us=800, backend="torch_eager"),
         "events say 2.00 of the wall in flight (goal 1 +- 0.25)"),
        (steady(1, gpu_us=0.9, in_flight_us=18, backend="torch_eager"),
         "9.1% of a round lies between calls (goal <= 2%)"),
        (steady(100, backend="torch_eager", error=2e-6),
         "precision: an error of 2e-06 is one of fp32: it may not have run in fp16"),
        (gpu_record(backend="onnxruntime", status="wrong", reason="onnxruntime fell back to the CPU: Conv node_1"),
         "wrong: onnxruntime fell back to the CPU: Conv node_1"),
        (steady(100, status="wrong", reason="outputs differ"), "wrong: outputs differ"),
    ],
)  # fmt: skip
def test_what_is_not_as_it_must_be_fails_and_is_named(record, fault):
    assert list(faults(record)) == [fault]
    passed, lines = printed(GOOD, record)
    assert not passed
    assert lines[1].startswith(f"NOT as it should be: {record.case.id}: {fault}")


def test_clocks_are_not_compared_where_the_host_sets_the_pace():
    slower_by_events = steady(100, gpu_us=106, enqueue_us=80, backend="torch_script", in_flight_us=800)
    assert list(faults(slower_by_events)) == []
    assert "the host sets the pace, so its clock and the GPU's are not compared" in figures(slower_by_events)
    assert len(list(faults(steady(100, gpu_us=106, enqueue_us=79, backend="torch_script", in_flight_us=800)))) == 2


def test_a_file_that_was_measured_before_is_judged_as_it_is(tmp_path):
    journal = Journal(tmp_path / "gpu.jsonl")
    journal.begin(Head((GOOD.case, ABSENT.case), GOOD.plan, 0, Weights(), GOOD.machine))
    for position, process in enumerate((*GOOD.processes, *ABSENT.processes)):
        journal.process(replace(process, position=position))
    out = Console(file=io.StringIO(), width=1000)
    assert check_gpu("cuda", out, [tmp_path / "gpu.jsonl"])
    assert [line.partition(":")[0] for line in out.file.getvalue().splitlines()] == ["as it should be", "did not run"]


def test_a_record_without_the_gpus_clock_is_no_pass():
    (samples, _) = GOOD.samples
    bare = replace(samples, rounds=tuple(replace(r, gpu=None) for r in samples.rounds))
    assert list(faults(gpu_record(bare))) == ["the GPU's own clock is missing from its rounds"]


def test_a_backend_that_is_not_installed_is_no_failure_where_another_ran():
    passed, lines = printed(GOOD, ABSENT)
    assert passed
    assert lines[1] == (
        "did not run: mobilenet_v2_1.0_224-b1-onnxruntime-cuda-fp16-t1: unavailable: no CUDA in it: "
        "pip install 'mnv2bench[cuda]'"
    )


def test_nothing_that_ran_is_no_pass():
    passed, lines = printed(ABSENT)
    assert not passed
    assert lines[-1] == "nothing ran: the reasons above end in what to do"


def test_what_nvml_never_told_is_named():
    blind = steady(100, state=BLIND, energy_mj=None, memory=GpuMemory())
    assert unreadable([blind]) == [
        "temperature", "reasons for lower clocks", "other processes", "energy", "memory of this process",
    ]  # fmt: skip
    assert unreadable([blind, GOOD]) == unreadable([ABSENT]) == []
    assert "unreadable: energy: NVML does not report it here" in printed(blind)[1]


def test_every_backend_of_gpus_is_checked_on_the_smallest_variant():
    found = cases_to_check("cuda:1")
    assert {"torch_eager", "onnxruntime", "tensorrt", "torch_compile_cudagraphs"} <= {case.backend for case in found}
    assert {(case.width, case.resolution, case.device) for case in found} == {(0.35, 96, "cuda:1")}
    assert {case.precision for case in found} == {"fp32", "fp16"}


def test_a_machine_without_a_gpu_says_why_for_each_case_and_exits_1():
    try:
        pytest.skip(f"this machine has a GPU: {driver.require(0).name}")
    except Unavailable as none:
        reason = str(none)
    ran = CliRunner().invoke(app, ["selfcheck", "--device", "cuda"], env={"COLUMNS": "1000"})
    lines = [line for line in ran.output.splitlines() if line.startswith("did not run: ")]
    assert ran.exit_code == 1
    assert len(lines) == len(cases_to_check("cuda"))
    assert all(f"unavailable: {reason}" in line for line in lines)
    assert "nothing ran: the reasons above end in what to do" in ran.output


CHECK = """
import sys
from mnv2bench.case import cases, of_network
from mnv2bench.records import Plan
from mnv2bench.selfcheck import gpu
from rich.console import Console

gpu.PLAN = Plan(processes=1, rounds=2, round_s=0.02, warmup_s=0.02)
gpu.MAX_BETWEEN = gpu.MAX_GPU_OVER_WALL = gpu.MAX_DISAGREEMENT = 1e9  # a busy machine plays a slow GPU
SMALLEST = of_network([(0.35, 96)])
gpu.cases_to_check = lambda device: cases(SMALLEST, backends=("fake",), devices=(device,), precisions=("fp16",))
sys.exit(not gpu.check_gpu("cuda", Console(width=2000)))
"""


@pytest.mark.parametrize(
    ("fake", "told", "code", "line"),
    [
        ("", {}, 0, r"as it should be: .*: error \d\.\de-04, wall .* CUDA graph yes"),
        ("", {"SILENT": "TotalEnergy"}, 0, r"unreadable: energy: NVML does not report it here"),
        ("fallback", {}, 1, r"NOT as it should be: .*: wrong: fake is told that it fell back to the CPU: Conv node_1"),
    ],
)
def test_a_played_gpu_goes_through_the_whole_check_in_real_processes(tmp_path, fake, told, code, line):
    variables = gpu_double.variables(gpu_double.build(tmp_path), **told)
    plays = {"MNV2BENCH_FAKE": f"mobilenet_v2_0.35_96={fake}"} if fake else {}
    command = [sys.executable, "-c", CHECK]
    ran = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **variables, **plays})
    assert re.search(line, ran.stdout), ran.stdout + ran.stderr
    assert ran.returncode == code


def test_a_wrong_record_shows_no_numbers():
    assert figures(steady(100, status="wrong", reason="outputs differ")) == figures(ABSENT) == ""
