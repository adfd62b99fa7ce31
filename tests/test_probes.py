"""The machine's limits by the kernels of real libraries: what each of them computes, moves and says of its work."""

import sys
import threading

import numpy as np
import pytest
import torch

from mnv2bench.machine import caches
from mnv2bench.precisions import BF16, INT8, named
from mnv2bench.processor import instructions
from mnv2bench.profiling import probe_worker as peaks
from mnv2bench.profiling import probes
from mnv2bench.profiling.jobs import ProbeJob
from mnv2bench.profiling.probes import Setting
from mnv2bench.profiling.probes import numpy as of_numpy
from mnv2bench.profiling.probes import onnxruntime as of_onnxruntime
from mnv2bench.profiling.probes import torch as of_torch
from mnv2bench.records import Plan

pytestmark = pytest.mark.slow

KIB, MIB = 1 << 10, 1 << 20
CACHES = {"L1": 32 * KIB, "L2": MIB // 2, "L3": 32 * MIB}
ONE = Setting(1, CACHES, ())
VNNI = Setting(1, CACHES, ("avx512_vnni",))
SHAPE = (196, 96, 576)
SHORT = Plan(rounds=1, round_s=0.001)


@pytest.fixture(scope="module", autouse=True)
def _threads_as_before():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """Two products and working sets up to 1 MiB: all of them take the memory and the time of a campaign."""
    monkeypatch.setattr(probes, "OF_CONVOLUTIONS", (SHAPE,))
    monkeypatch.setattr(probes, "LARGEST", MIB)
    monkeypatch.setattr(probes, "MOST", MIB)
    monkeypatch.setattr(probes, "side", lambda threads: 64)


def ready(library, setting=ONE):
    return list(probes.probes(library, setting))


def test_a_product_has_the_same_work_for_each_thread(monkeypatch):
    monkeypatch.undo()
    assert [probes.side(threads) for threads in (1, 2, 4, 8, 64)] == [1024, 1280, 1664, 2048, 4096]
    assert 2 * probes.side(8) ** 3 == 8 * 2 * probes.side(1) ** 3


def test_products_are_of_squares_and_of_1x1_convolutions(monkeypatch):
    monkeypatch.undo()
    assert probes.shapes(1) == (
        (256, 256, 256), (1024, 1024, 1024),
        (12544, 32, 96), (3136, 144, 24), (196, 96, 576), (196, 576, 96), (49, 320, 1280),
    )  # fmt: skip


def test_working_sets_are_powers_of_two_from_16_kib_to_beyond_the_last_cache(monkeypatch):
    monkeypatch.undo()
    sizes = probes.working_sets(ONE)
    assert (len(sizes), sizes[0], sizes[1], sizes[-1]) == (15, 16 * KIB, 32 * KIB, 256 * MIB)
    assert probes.working_sets(Setting(1, {}, ())) == sizes


def test_a_virtual_machine_that_reports_the_480_mib_of_its_host_adds_one_size(monkeypatch):
    monkeypatch.undo()
    assert probes.working_sets(Setting(1, {"L3": 480 * MIB}, ()))[-1] == 512 * MIB


@pytest.mark.parametrize(
    ("library", "output"),
    [
        ("numpy", lambda kernel: kernel.call.args[2]),
        ("torch", lambda kernel: kernel.call.keywords["out"].numpy()),
        ("onnxruntime", lambda kernel: kernel.binding.copy_outputs_to_cpu()[0]),
        ("openvino", lambda kernel: kernel.request.get_output_tensor().data),
        ("litert", lambda kernel: kernel.interpreter.get_tensor(kernel.interpreter.get_output_details()[0]["index"])),
    ],
)
def test_each_library_multiplies_what_it_says(library, output):
    products = [each for each in ready(library) if each.probe.unit == "flop"]
    assert [each.probe.name for each in products] == [
        "fp32 matmul 256x256x256", "fp32 matmul 64x64x64", "fp32 matmul 196x96x576",
    ]  # fmt: skip
    probe, kernel = products[-1].probe, products[-1].kernel
    assert (probe.library, probe.work, probe.bytes) == (
        library,
        2 * 196 * 96 * 576,
        4 * (196 * 96 + 96 * 576 + 196 * 576),
    )
    kernel.run()
    result = np.array(output(kernel))
    kernel.close()
    assert result.shape == (196, 576)
    # the sum of 96 products of numbers that are even between 0 and 1
    assert result.mean() == pytest.approx(24, rel=0.05)
    assert result.std() > 1


def test_numpy_and_torch_multiply_the_numbers_that_they_hold():
    for library in ("numpy", "torch"):
        kernel = next(each.kernel for each in ready(library))
        kernel.run()
        left, right = (np.asarray(matrix) for matrix in kernel.call.args[:2])
        out = kernel.call.args[2] if library == "numpy" else kernel.call.keywords["out"].numpy()
        np.testing.assert_allclose(out, left @ right, rtol=1e-4)


def test_onnxruntime_multiplies_on_its_own_threads():
    first = ready("onnxruntime", Setting(2, CACHES, ()))[0]
    assert first.kernel.session.get_session_options().intra_op_num_threads == 2


@pytest.mark.parametrize(
    ("flags", "has_bf16"),
    [
        (("avx512f", "avx512_vnni"), False),  # oneDNN takes bf16 on every processor with AVX-512, and emulates it
        (("avx2", "fma"), False),
        (("avx512f", "avx512_bf16"), True),
        (("amx_bf16", "amx_tile"), True),
        (("asimd", "bf16"), True),
        ((), False),
    ],
)
def test_bf16_is_multiplied_only_where_the_processor_has_instructions_for_it(flags, has_bf16):
    names = {each.probe.name.split()[0] for each in of_torch.probes(Setting(1, CACHES, flags))}
    assert names == ({"fp32", BF16.name} if has_bf16 else {"fp32"})


@pytest.mark.parametrize(
    ("library", "names"),
    [
        ("numpy", {"fp32"}),
        ("torch", {"fp32", "bf16", "fp16"}),
        ("onnxruntime", {"fp32", "int8"}),
        ("openvino", {"fp32", "bf16", "fp16", "int8"}),
        ("litert", {"fp32"}),
    ],
)
def test_a_library_multiplies_in_the_precisions_that_it_has_and_for_which_this_processor_has_instructions(
    library, names
):
    here = Setting(1, CACHES, instructions())
    multiplied = {each.probe.name.split()[0] for each in ready(library, here) if each.probe.unit == "flop"}
    assert multiplied == {name for name in names if here.multiplies(named(name))}


def test_the_sums_of_an_int8_product_are_in_32_bits():
    products = [each for each in ready("onnxruntime", VNNI) if each.probe.name == "int8 matmul 196x96x576"]
    probe, kernel = products[0].probe, products[0].kernel
    assert (probe.work, probe.bytes) == (2 * 196 * 96 * 576, 196 * 96 + 96 * 576 + 4 * 196 * 576)
    kernel.run()
    product = kernel.binding.copy_outputs_to_cpu()[0]
    left, right = of_onnxruntime._matrices(SHAPE, INT8)
    assert product.dtype == np.int32
    np.testing.assert_array_equal(product, left.astype(np.int32) @ right.astype(np.int32))


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_openvino_multiplies_in_what_its_own_graph_calls_the_precision_where_the_processor_has_it(precision):
    here = Setting(1, CACHES, instructions())
    kernels = [e.kernel for e in ready("openvino", here) if e.probe.name == f"{precision} matmul 196x96x576"]
    assert len(kernels) == here.multiplies(named(precision))
    for kernel in kernels:
        operators = [op.get_rt_info() for op in kernel.model.get_runtime_model().get_ordered_ops()]
        (primitive,) = (o["primitiveType"].value for o in operators if o["layerType"].value == "FullyConnected")
        assert primitive.lower().endswith({"bf16": "_bf16", "int8": "_i8"}[precision])
        kernel.run()
        assert kernel.request.get_output_tensor().data.mean() == pytest.approx(24, rel=0.05)  # as in fp32


def moving(access, size, setting=ONE):
    """The probe of a working set and the buffers that its threads move."""
    return next(e for e in ready("numpy", setting) if (e.probe.access, e.probe.bytes) == (access, size))


@pytest.mark.parametrize("size", [16 * KIB, 64 * KIB, 256 * KIB])
def test_a_copy_writes_what_it_reads_as_often_as_it_says(size):
    each = moving("copy", size)
    target, source = each.kernel.call.args
    times = 512 if size == 16 * KIB else max(512, 8 * MIB // size)
    assert each.probe.work == times * size
    assert (target.shape, target.strides, target.itemsize) == ((times,), (0,), size // 2)
    source[:1].view(np.uint8)[:] = 7
    each.kernel.run()
    assert bytes(target[0]) == b"\x07" * (size // 2)
    assert not np.shares_memory(target[:1], source[:1])


@pytest.mark.parametrize("size", [16 * KIB, 64 * KIB, MIB])
def test_a_read_is_a_dot_product_of_all_of_both_halves(size):
    each = moving("read", size)
    first, second = each.kernel.call.args
    assert each.probe.work == 8 * MIB
    assert first[0].nbytes + second[0].nbytes == size
    each.kernel.run()
    assert each.kernel.call.keywords["out"][0].sum() == size // 8  # of ones


def test_a_large_copy_is_one_copy_of_all_of_it():
    each = moving("copy", MIB)
    target, source = each.kernel.call.args
    assert (target.nbytes, source.nbytes, each.probe.work) == (MIB // 2, MIB // 2, MIB)


def test_threads_share_the_working_set_and_run_at_once():
    each = moving("read", MIB, Setting(2, CACHES, ()))
    assert each.probe.work == 2 * 8 * MIB
    assert [call.args[0][0].nbytes for call in each.kernel.calls] == [MIB // 4] * 2
    started = threading.Barrier(2, timeout=10)
    each.kernel.calls = [started.wait, started.wait]  # each waits until the other runs
    each.kernel.run()
    each.kernel.close()


def test_a_probe_takes_no_images_and_has_no_outputs():
    kernel = of_onnxruntime.MatMul((16, 16, 16), 1)
    with pytest.raises(NotImplementedError, match="a probe takes no images"):
        kernel.put(np.zeros((1, 3, 32, 32), np.float32))
    with pytest.raises(NotImplementedError, match="a probe has no outputs"):
        kernel.get()


def test_every_probe_has_a_turn_of_one_round_in_each_pass():
    result = peaks.main(ProbeJob(1, SHORT)).result
    assert (result.passes, result.notes, result.caches) == (5, (), caches())
    assert {len(probe.rounds) for probe in result.probes} == {5}
    assert all(min(r.durations_ns) > 0 for probe in result.probes for r in probe.rounds)
    assert {probe.library for probe in result.probes if probe.unit == "flop"} == {
        "numpy", "torch", "onnxruntime", "openvino", "litert",
    }  # fmt: skip
    sizes = [16 * KIB, 32 * KIB, 64 * KIB, 128 * KIB, 256 * KIB, 512 * KIB, MIB]
    for access in ("copy", "read"):
        assert [probe.bytes for probe in result.probes if probe.access == access] == sizes


@pytest.mark.parametrize(("rounds", "passes"), [(1, 5), (7, 7), (15, 10)])
def test_a_longer_plan_has_more_passes(monkeypatch, rounds, passes):
    monkeypatch.setattr(probes, "LIBRARIES", ())
    assert peaks.main(ProbeJob(1, Plan(rounds=rounds))).result.passes == passes


def test_a_library_that_is_not_installed_has_no_probes_and_is_named(monkeypatch):
    monkeypatch.setattr(of_numpy, "probes", lambda setting: iter(()))
    monkeypatch.setattr(of_torch, "probes", lambda setting: iter(()))
    monkeypatch.setattr(probes, "LIBRARIES", ("numpy", "torch", "onnxruntime"))
    monkeypatch.delitem(sys.modules, "mnv2bench.profiling.probes.onnxruntime")
    monkeypatch.setitem(sys.modules, "onnx", None)
    result = peaks.main(ProbeJob(1, SHORT)).result
    assert result.notes == ("onnx is not installed: its probes are missing",)
    assert result.probes == ()
