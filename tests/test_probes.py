"""The machine's limits by the kernels of real libraries: what each of them computes, moves and says of its work."""

import sys

import numpy as np
import pytest
import torch

from mnv2bench.profiling import probe_worker as peaks
from mnv2bench.profiling import probes
from mnv2bench.profiling.jobs import ProbeJob
from mnv2bench.profiling.probes import onnxruntime as of_onnxruntime
from mnv2bench.profiling.probes import torch as of_torch
from mnv2bench.records import Plan

pytestmark = pytest.mark.slow

MIB = 1 << 20
CACHES = {"L1": 32 << 10, "L2": MIB // 2, "L3": 32 * MIB}
SHORT = Plan(rounds=1, round_s=0.001, warmup_s=0.0, warmup_runs=1, warmup_cap_rounds=1)


@pytest.fixture(scope="module", autouse=True)
def _threads_as_before():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def told():
    """One process's worth of probes by the loop, with a plan that keeps them short."""
    return probed()


def probed():
    return peaks.main(ProbeJob(1, SHORT)).result


def test_a_product_has_the_same_work_for_each_thread():
    assert [probes.side(threads) for threads in (1, 2, 4, 8, 64)] == [1024, 1280, 1664, 2048, 4096]
    assert 2 * probes.side(8) ** 3 == 8 * 2 * probes.side(1) ** 3


def test_copies_fill_half_of_a_cache_and_several_times_the_last_one():
    assert of_torch.buffers(1, CACHES) == {"L2": MIB // 4, "L3": 16 * MIB, "memory": 256 * MIB}
    assert of_torch.buffers(1, CACHES | {"L3": 96 * MIB}) == {"L2": MIB // 4, "L3": 48 * MIB, "memory": 384 * MIB}


def test_each_thread_has_its_own_l2_and_all_of_them_the_same_l3():
    assert of_torch.buffers(4, CACHES) == {"L2": MIB, "L3": 16 * MIB, "memory": 256 * MIB}


def test_l3_is_left_out_where_the_cores_own_caches_hold_half_of_it():
    assert of_torch.buffers(32, CACHES) == {"L2": 8 * MIB, "memory": 256 * MIB}
    assert of_torch.buffers(31, CACHES)["L3"] == 16 * MIB


def test_only_levels_that_the_system_tells_are_copied_in():
    assert of_torch.buffers(1, {}) == {"memory": 256 * MIB}
    assert of_torch.buffers(1, {"L3": 8 * MIB}) == {"L3": 4 * MIB, "memory": 256 * MIB}


def test_torch_multiplies_what_it_says_and_copies_where_it_says():
    seen = []
    for ready in probes.probes("torch", 1, {"L2": MIB // 2}):
        call, probe = ready.kernel.call, ready.probe
        call.keywords.get("out", torch.empty(0)).fill_(-1)
        ready.kernel.run()
        seen.append((probe.name, probe.library, probe.unit, probe.work, probe.bytes, probe.level))
        if probe.unit == "flop":
            left, right = call.args
            assert torch.equal(call.keywords["out"], left @ right)
        else:
            (target, *_), (source, *_) = call.args
            assert torch.equal(target, source)
            assert target.data_ptr() != source.data_ptr()
    n = 1024 if torch.ops.mkldnn._is_mkldnn_bf16_supported() else 256
    assert seen == [
        ("fp32 matmul", "torch", "flop", 2_147_483_648, 12_582_912, ""),
        ("bf16 matmul", "torch", "flop", 2 * n**3, 6 * n**2, ""),
        ("copy in L2", "torch", "byte", 4 * MIB, MIB // 4, "L2"),  # 16 copies
        ("copy in memory", "torch", "byte", 256 * MIB, 256 * MIB, "memory"),
    ]
    assert torch.get_num_threads() == 1


def test_onnxruntime_multiplies_what_it_says_on_its_own_threads():
    (ready,) = probes.probes("onnxruntime", 2, CACHES)
    n, probe = 1280, ready.probe
    assert (probe.name, probe.library, probe.unit, probe.level) == ("fp32 matmul", "onnxruntime", "flop", "")
    assert (probe.work, probe.bytes) == (2 * n**3, 12 * n**2)
    assert ready.kernel.session.get_session_options().intra_op_num_threads == 2
    ready.kernel.run()
    (product,) = ready.kernel.binding.copy_outputs_to_cpu()
    left, right = np.random.default_rng(0).random((2, n, n), dtype=np.float32)
    np.testing.assert_allclose(product, left @ right, rtol=1e-4)


def test_a_probe_takes_no_images_and_has_no_outputs():
    kernel = of_onnxruntime.MatMul(16, 1)
    with pytest.raises(NotImplementedError, match="a probe takes no images"):
        kernel.put(np.zeros((1, 3, 32, 32), np.float32))
    with pytest.raises(NotImplementedError, match="a probe has no outputs"):
        kernel.get()


def test_the_loop_times_every_probe_and_says_how_large_the_caches_are(told):
    names = [(probe.library, probe.name) for probe in told.probes]
    assert names[:2] == [("torch", "fp32 matmul"), ("torch", "bf16 matmul")]
    assert names[-2:] == [("torch", "copy in memory"), ("onnxruntime", "fp32 matmul")]
    assert [probe.name for probe in told.probes if probe.level] == [
        f"copy in {level}" for level in of_torch.buffers(1, told.caches)
    ]
    assert told.caches == peaks.caches()
    assert told.notes == ()
    assert all(probe.rounds and min(probe.rounds[0].durations_ns) > 0 for probe in told.probes)


def test_a_library_that_is_not_installed_has_no_probes_and_is_named(monkeypatch):
    monkeypatch.setattr(of_torch, "probes", lambda threads, caches: iter(()))
    monkeypatch.delitem(sys.modules, "mnv2bench.profiling.probes.onnxruntime")
    monkeypatch.setitem(sys.modules, "onnx", None)
    found = probed()
    assert found.notes == ("onnx is not installed: its probes are missing",)
    assert found.probes == ()
