"""Precisions on remote devices: what a backend declares, what a device's processor has, and what really ran there."""

import shutil
import sys

import adb_double
import pytest
import ssh_double

from mnv2bench import Case, Plan
from mnv2bench.backends import require_supported
from mnv2bench.campaign import Campaign, run
from mnv2bench.precisions import FP16, INT8
from mnv2bench.processor import instructions
from mnv2bench.records import replace
from mnv2bench.records.journal import Journal, load
from mnv2bench.refusals import Unsupported
from mnv2bench.remote.accuracy_worker import batches_there
from mnv2bench.remote.prepare import require_instructions, transport_to
from mnv2bench.remote.transports import transport

SMALL = Case(width=0.35, resolution=96, backend="litert")
BRIEF = Plan(processes=1, rounds=2, round_s=0.02, warmup_s=0.0, warmup_runs=1, warmup_cap_rounds=1)
NO_QEMU = "" if shutil.which("qemu-aarch64") else "qemu is not installed: apt-get install qemu-user"
NO_CROSS = "" if shutil.which("aarch64-linux-gnu-g++") else "no arm64 compiler: apt-get install g++-aarch64-linux-gnu"
arm64 = pytest.mark.skipif(bool(NO_QEMU or NO_CROSS), reason=NO_QEMU or NO_CROSS)
phones = pytest.mark.skipif(bool(adb_double.why_not()), reason=adb_double.why_not())
boards = pytest.mark.skipif(bool(ssh_double.why_not()), reason=ssh_double.why_not())


def measured(tmp_path, runner="", accuracy=False, **changes):
    """The record of a small case, as a reader of its journal finds it."""
    tmp_path.mkdir(exist_ok=True)
    journal = Journal(tmp_path / "remote.jsonl")
    run(Campaign((replace(SMALL, **changes),), journal, BRIEF, runner=runner, accuracy=accuracy))
    (record,) = load(journal.path)
    return record


def refusal(**changes):
    with pytest.raises(Unsupported) as refused:
        transport_to(replace(SMALL, **changes), "")
    return str(refused.value)


def test_a_backend_runs_on_remote_devices_in_the_precisions_that_it_declares_for_them_and_else_in_fp32():
    assert refusal(device="qemu:cortex-a76", precision="tf32").startswith("litert runs fp32, ")
    assert refusal(device="ssh:board", precision="tf32", backend="torch_script") == (
        "torch_script runs fp32 on other devices, not tf32"
    )
    require_supported(replace(SMALL, device="ssh:board", backend="torch_script"))


@pytest.mark.parametrize(
    ("device", "precision", "missing"),
    [
        ("qemu:cortex-a53", "fp16", "none of avx512_fp16, asimdhp: fp16"),
        ("qemu:cortex-a72", "int8", "none of avx512_vnni, avx_vnni, amx_int8, asimddp: int8"),
        ("qemu:cortex-a76", "bf16", "none of avx512_bf16, amx_bf16, bf16: bf16"),
    ],
)
def test_a_processor_without_the_instructions_of_a_precision_is_refused_by_their_names(device, precision, missing):
    case = Case(backend="torch_eager", device=device, precision=precision)
    with pytest.raises(Unsupported) as refused:
        require_instructions(transport(device), case)
    assert str(refused.value) == f"{device} has {missing} would be emulated"


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_an_emulated_cortex_a76_has_the_instructions_of_fp16_and_int8(precision):
    case = Case(backend="torch_eager", device="qemu:cortex-a76", precision=precision)
    require_instructions(transport(case.device), case)


@phones
def test_a_phone_has_the_instructions_that_all_its_cores_have(tmp_path):
    cores = "processor\t: 0\nFeatures\t: fp asimd asimdhp\n\nprocessor\t: 1\nFeatures\t: fp asimd asimdhp asimddp\n"
    with (
        adb_double.adb_server(tmp_path),
        adb_double.phone(tmp_path / "phone", serves={"proc.cpuinfo": cores}) as serial,
        transport(f"adb:{serial}") as phone,
    ):
        assert phone.instructions() == ("asimd", "asimdhp", "fp")


@boards
def test_a_board_says_its_own_instructions(tmp_path):
    with ssh_double.board(tmp_path / "board"), transport("ssh:board") as board:
        assert {"fp", "asimd"} & {*board.instructions()} or {"fpu", "sse2"} <= {*board.instructions()}


@arm64
@pytest.mark.slow
@pytest.mark.parametrize(("backend", "least", "most"), [("litert", 4.9e6, 5.2e6), ("executorch", 4.5e6, 4.8e6)])
def test_a_count_in_fp16_proves_that_all_layers_ran_so(tmp_path, backend, least, most):
    record = measured(tmp_path, device="qemu:cortex-a76", backend=backend, precision="fp16")
    assert (record.status, record.reason) == ("ok", "")
    (counts,) = record.counts
    assert counts.layers == {"fp16": 53}
    assert least < min(counts.net) < most  # 6.3 and 6.5 million in fp32
    assert 1.6e6 < counts.classes["fma"] < 1.9e6  # eight multiply-adds each, of 11.9 M
    assert counts.error > 1e-4


@arm64
@pytest.mark.slow
@pytest.mark.parametrize(("backend", "least", "most"), [("litert", 3.4e6, 3.8e6), ("executorch", 3.6e6, 4.0e6)])
def test_a_count_in_int8_has_dot_products_in_place_of_fp32(tmp_path, backend, least, most):
    record = measured(tmp_path, device="qemu:cortex-a76", backend=backend, precision="int8", accuracy=True)
    assert (record.status, record.reason) == ("ok", "")
    (counts,) = record.counts
    assert counts.layers == {"int8": 53}
    assert least < min(counts.net) < most
    assert counts.classes["dot"] > 700_000  # 16 multiply-adds each, of 11.9 M
    assert counts.classes["fma"] < 10_000
    assert record.accuracy.images == 335
    assert record.accuracy.right > 320


@boards
@pytest.mark.slow
def test_a_board_runs_int8_by_both_runners(tmp_path):
    with ssh_double.board(tmp_path / "board"):
        if missing := INT8.missing_instructions(instructions()):
            whole = measured(tmp_path, device="ssh:board", precision="int8", runner=sys.executable)
            assert (whole.status, whole.reason) == ("unsupported", f"ssh:board has {missing}: int8 would be emulated")
            return
        compiled = measured(tmp_path, device="ssh:board", precision="int8")
        hosted = measured(tmp_path / "hosted", device="ssh:board", precision="int8", runner=sys.executable)
    for record in (compiled, hosted):
        assert (record.status, record.reason) == ("ok", "")
        assert record.samples[0].layers == {"int8": 53}
        assert record.samples[0].error > 1e-4


@boards
@pytest.mark.slow
def test_a_python_on_a_board_runs_fp16_where_the_board_has_its_instructions(tmp_path):
    with ssh_double.board(tmp_path / "board"):
        record = measured(tmp_path, device="ssh:board", precision="fp16", runner=sys.executable)
    if missing := FP16.missing_instructions(instructions()):
        assert (record.status, record.reason) == ("unsupported", f"ssh:board has {missing}: fp16 would be emulated")
        return
    assert (record.status, record.reason) == ("ok", "")
    assert record.samples[0].layers == {"fp16": 53}


@arm64
@pytest.mark.slow
def test_a_processor_that_lacks_the_instructions_is_a_row_that_says_so_and_nothing_is_exported(tmp_path, monkeypatch):
    monkeypatch.setenv("MNV2BENCH_CACHE", str(tmp_path / "cache"))
    record = measured(tmp_path, device="qemu:cortex-a72", precision="fp16")
    assert (record.status, record.artifact) == ("unsupported", None)
    assert record.reason == "qemu:cortex-a72 has none of avx512_fp16, asimdhp: fp16 would be emulated"
    assert not (tmp_path / "cache" / "artifacts").exists()


# accuracy


@pytest.mark.parametrize(
    ("device", "changes", "batches"),
    [
        ("ssh:board", {"resolution": 96}, 597),
        ("ssh:board", {"resolution": 96, "batch": 8}, 75),  # the last one is filled up
        ("adb:x", {"resolution": 224}, 111),  # 64 MiB of images
        ("adb:x", {"resolution": 224, "batch": 8}, 13),  # whole batches of them
        ("qemu:cortex-a76", {"width": 0.35, "resolution": 96}, 335),
        ("qemu:cortex-a76", {"width": 1.0, "resolution": 224}, 13),
        ("qemu:cortex-a76", {"width": 1.0, "resolution": 224, "batch": 64}, 1),
        ("qemu:cortex-a76", {"width": 0.35, "resolution": 96, "precision": "int8"}, 335),
        ("qemu:cortex-a76", {"width": 0.35, "resolution": 96, "precision": "fp16"}, 41),
    ],
)
def test_as_many_labelled_images_are_tested_as_fit_on_the_device_and_in_its_time(device, changes, batches):
    assert batches_there(Case(device=device, **changes), labelled=597) == batches


def test_an_emulator_that_would_run_a_few_images_only_tests_none():
    with pytest.raises(Unsupported, match="an emulator runs 1 images in fp16 in a minute: too few to test"):
        batches_there(Case(device="qemu:cortex-a76", precision="fp16"), labelled=597)


@arm64
@pytest.mark.slow
def test_the_accuracy_of_an_emulated_device_is_that_of_this_machine(tmp_path):
    record = measured(tmp_path, device="qemu:cortex-a76", accuracy=True)
    accuracy = record.accuracy
    assert (accuracy.status, accuracy.reason) == ("ok", "")
    assert (accuracy.image_set, accuracy.labelled, accuracy.images) == ("digits", 597, 335)
    assert accuracy.right == accuracy.reference_right > 320
    assert accuracy.agreeing == 335


@boards
@pytest.mark.slow
def test_the_accuracy_of_a_board_is_the_same_by_both_runners(tmp_path):
    with ssh_double.board(tmp_path / "board"):
        compiled = measured(tmp_path, device="ssh:board", accuracy=True).accuracy
        hosted = measured(tmp_path / "hosted", device="ssh:board", accuracy=True, runner=sys.executable).accuracy
    assert (compiled.status, compiled.images, compiled.agreeing) == ("ok", 597, 597)
    assert hosted.right == compiled.right > 570


@boards
def test_a_tool_of_other_people_gives_no_logits_to_test(tmp_path):
    text = "count=50 first=8003 curr=7990 min=7900 max=8900 avg=8000.5 std=39\n"
    tool = tmp_path / "benchmark_model"
    tool.write_text(f"#!/bin/sh\ncat <<'END'\ncount=1 curr=12000\n{text}END\n")
    tool.chmod(0o755)
    with ssh_double.board(tmp_path / "board"):
        record = measured(tmp_path, device="ssh:board", accuracy=True, runner=str(tool))
    assert (record.status, record.accuracy.status) == ("ok", "unsupported")
    assert record.accuracy.reason == "benchmark_model gives no logits to test: leave --runner out"
