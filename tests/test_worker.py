"""The worker: whether outputs are right, and whether a compile cache was warm."""

import numpy as np
import pytest

from mnv2bench.measure.outputs import compare
from mnv2bench.measure.worker import CompileCache

# (two batches of images, images, classes): the largest logit is 8, and the two differ by 4 of it
REFERENCE = np.array([[[1, -8, 2], [0, 1, 2]], [[1, -4, 2], [0, 1, 3]]], np.float32)


def outputs(factor=1.0):
    return [batch * np.float32(factor) for batch in REFERENCE]


def test_equal_outputs_are_right():
    assert compare(outputs(), REFERENCE) == (0.0, 0.5, "")


def test_errors_are_over_the_largest_logit_and_below_the_tolerance_they_are_right():
    near = outputs()
    near[1][0, 2] += 0.0007
    error, separation, wrong = compare(near, REFERENCE)
    assert error == pytest.approx(0.0007 / 8, rel=1e-3)
    assert (separation, wrong) == (0.5, "")


def test_an_error_above_the_tolerance_is_wrong_in_either_batch():
    for batch in (0, 1):
        far = outputs()
        far[batch][1, 0] += 0.0009
        error, _, wrong = compare(far, REFERENCE)
        assert error == pytest.approx(0.0009 / 8, rel=1e-3)
        assert wrong == "outputs differ from eager fp32 by 1.1e-04 of the largest logit"


def test_outputs_one_percent_too_large_are_wrong():
    error, _, wrong = compare(outputs(1.01), REFERENCE)
    assert error == pytest.approx(0.01, rel=1e-3)
    assert wrong == "outputs differ from eager fp32 by 1.0e-02 of the largest logit"


def test_outputs_of_the_other_images_are_wrong():
    error, _, wrong = compare(outputs()[::-1], REFERENCE)
    assert error == 0.5
    assert wrong


def test_the_same_outputs_for_both_images_are_wrong():
    error, _, wrong = compare([REFERENCE[0], REFERENCE[0]], REFERENCE)
    assert error == 0.5
    assert wrong


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("batch", [0, 1])
def test_outputs_that_are_not_finite_are_wrong_and_have_no_error(value, batch):
    broken = outputs()
    broken[batch][0, 0] = value
    assert compare(broken, REFERENCE) == (None, 0.5, "outputs are not finite")


@pytest.mark.parametrize("batch", [0, 1])
@pytest.mark.parametrize("shape", [(6,), (3, 2), (1, 3), (2, 4)])
def test_outputs_of_another_shape_are_wrong_and_have_no_error(batch, shape):
    broken = outputs()
    broken[batch] = np.zeros(shape, np.float32)
    assert compare(broken, REFERENCE) == (None, 0.5, f"outputs have shape {shape}, the reference has (2, 3)")


def test_a_reference_that_cannot_tell_two_images_apart_proves_nothing():
    same = np.stack([REFERENCE[0], REFERENCE[0] * np.float32(0.991)])
    error, separation, wrong = compare(list(same), same)
    assert error is None
    assert separation == pytest.approx(0.009, rel=1e-3)
    assert wrong == "the reference tells two images apart by 9.0e-03 only: nothing can be checked"


def test_a_reference_of_zeros_proves_nothing():
    zeros = np.zeros((2, 1, 3), np.float32)
    assert compare(list(zeros), zeros)[:2] == (None, 0.0)
    assert compare(list(zeros), zeros)[2]


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
