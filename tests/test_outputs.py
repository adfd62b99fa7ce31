"""Whether outputs are right: the tolerance of each number format, held against real rounding and real faults."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from mnv2bench.networks import build, images
from mnv2bench.records import WeightsKind
from mnv2bench.workers.outputs import compare

SEEDED = WeightsKind.SEEDED
# (two batches of images, images, classes): the largest logit is 8, and the two differ by 4 of it
REFERENCE = np.array([[[1, -8, 2], [0, 1, 2]], [[1, -4, 2], [0, 1, 3]]], np.float32)


def outputs(factor=1.0):
    return [batch * np.float32(factor) for batch in REFERENCE]


def test_equal_outputs_are_right():
    assert compare(outputs(), REFERENCE, "fp32", SEEDED) == (0.0, 0.5, "")


def test_errors_are_over_the_largest_logit_and_below_the_tolerance_they_are_right():
    near = outputs()
    near[1][0, 2] += 0.0007
    error, separation, wrong = compare(near, REFERENCE, "fp32", SEEDED)
    assert error == pytest.approx(0.0007 / 8, rel=1e-3)
    assert (separation, wrong) == (0.5, "")


def test_an_error_above_the_tolerance_is_wrong_in_either_batch():
    for batch in (0, 1):
        far = outputs()
        far[batch][1, 0] += 0.0009
        error, _, wrong = compare(far, REFERENCE, "fp32", SEEDED)
        assert error == pytest.approx(0.0009 / 8, rel=1e-3)
        assert wrong == "outputs differ from eager fp32 by 1.1e-04 of the largest logit"


def test_outputs_one_percent_too_large_are_wrong():
    error, _, wrong = compare(outputs(1.01), REFERENCE, "fp32", SEEDED)
    assert error == pytest.approx(0.01, rel=1e-3)
    assert wrong == "outputs differ from eager fp32 by 1.0e-02 of the largest logit"


def test_outputs_of_the_other_images_are_wrong():
    error, _, wrong = compare(outputs()[::-1], REFERENCE, "fp32", SEEDED)
    assert error == 0.5
    assert wrong


def test_the_same_outputs_for_both_images_are_wrong():
    error, _, wrong = compare([REFERENCE[0], REFERENCE[0]], REFERENCE, "fp32", SEEDED)
    assert error == 0.5
    assert wrong


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("batch", [0, 1])
def test_outputs_that_are_not_finite_are_wrong_and_have_no_error(value, batch):
    broken = outputs()
    broken[batch][0, 0] = value
    assert compare(broken, REFERENCE, "fp32", SEEDED) == (None, 0.5, "outputs are not finite")


@pytest.mark.parametrize("batch", [0, 1])
@pytest.mark.parametrize("shape", [(6,), (3, 2), (1, 3), (2, 4)])
def test_outputs_of_another_shape_are_wrong_and_have_no_error(batch, shape):
    broken = outputs()
    broken[batch] = np.zeros(shape, np.float32)
    assert compare(broken, REFERENCE, "fp32", SEEDED) == (
        None,
        0.5,
        f"outputs have shape {shape}, the reference has (2, 3)",
    )


def test_a_reference_that_cannot_tell_two_images_apart_proves_nothing():
    same = np.stack([REFERENCE[0], REFERENCE[0] * np.float32(0.991)])
    error, separation, wrong = compare(list(same), same, "fp32", SEEDED)
    assert error is None
    assert separation == pytest.approx(0.009, rel=1e-3)
    assert wrong == "the reference tells two images apart by 9.0e-03 only: nothing can be checked"


def test_a_reference_of_zeros_proves_nothing():
    zeros = np.zeros((2, 1, 3), np.float32)
    assert compare(list(zeros), zeros, "fp32", SEEDED)[:2] == (None, 0.0)
    assert compare(list(zeros), zeros, "fp32", SEEDED)[2]


RESOLUTION = 96
TF32_DROPS = 13  # of float32's 23 bits of mantissa


def network():
    return build("mobilenet_v2", width=0.35)


def logits(net, number=torch.float32, seen=lambda image: image):
    """Of the two images of the reference, each a batch of one, as a worker reads them."""
    with torch.no_grad():
        return [net(seen(torch.from_numpy(images(s, 1, RESOLUTION))).to(number)).float().numpy() for s in (1, 2)]


@pytest.fixture(scope="module")
def reference():
    return np.stack(logits(network()))


def tf32(tensor):
    """Rounded to the nearest number of 10 bits of mantissa, ties to even, as tensor cores read float32."""
    bits = tensor.contiguous().view(torch.int32)
    odd = (bits >> TF32_DROPS) & 1
    return ((bits + (1 << TF32_DROPS - 1) - 1 + odd) & -(1 << TF32_DROPS)).view(torch.float32)


class InTf32(torch.nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer, self.weight = layer, tf32(layer.weight.data)

    def forward(self, inputs):
        if isinstance(self.layer, torch.nn.Linear):
            return functional.linear(tf32(inputs), self.weight, self.layer.bias)
        return self.layer._conv_forward(tf32(inputs), self.weight, self.layer.bias)


def in_tf32(net):
    for module in list(net.modules()):
        for name, layer in list(module.named_children()):
            if isinstance(layer, (torch.nn.Conv2d, torch.nn.Linear)):
                setattr(module, name, InTf32(layer))
    return net


def test_ten_bits_of_mantissa_are_rounded_to_the_nearest():
    given = torch.tensor([1.0, 1 + 2**-11, 1 + 3 * 2**-11, 1 + 2**-10, -1 - 2**-12])
    assert tf32(given).tolist() == [1.0, 1.0, 1 + 2**-9, 1 + 2**-10, -1.0]


@pytest.fixture(scope="module")
def rounded():
    """The outputs of each number format; torch's depthwise convolutions in half of a float take their time."""
    return {
        "tf32": logits(in_tf32(network())),
        "fp16": logits(network().half(), torch.float16),
        "bf16": logits(network().bfloat16(), torch.bfloat16),
    }


def test_rounding_to_a_number_format_is_right_in_that_format(reference, rounded):
    errors = {}
    for precision, outputs in rounded.items():
        errors[precision], separation, wrong = compare(outputs, reference, precision, SEEDED)
        assert (precision, wrong) == (precision, "")
        assert separation > 0.1
    assert 0.0005 < errors["tf32"] < 0.005
    assert 0.0005 < errors["fp16"] < 0.005
    assert 0.005 < errors["bf16"] < 0.05


@pytest.mark.parametrize("precision", ["tf32", "fp16", "bf16"])
def test_rounding_to_fewer_bits_is_wrong_in_a_row_that_says_fp32(reference, rounded, precision):
    """Of tf32 above all: it is what torch, onnxruntime and TensorRT each do unless they are told not to."""
    error, _, wrong = compare(rounded[precision], reference, "fp32", SEEDED)
    assert error > 5 * 1e-4
    assert wrong == f"outputs differ from eager fp32 by {error:.1e} of the largest logit"


def test_bf16_is_wrong_in_a_row_that_says_fp16(reference, rounded):
    assert compare(rounded["bf16"], reference, "fp16", SEEDED)[2].endswith(": more than rounding to fp16 does")


def without_an_addition(which):
    """The network whose first or last addition passes on the block's own result, without the block's input."""
    net = network()
    additions = [
        (module, step)
        for module in net.modules()
        for step, (_, function, _, others) in enumerate(getattr(module, "steps", ()))
        if function is not None and len(others) == 1
    ]
    module, step = additions[which]
    child, _, first, others = module.steps[step]
    module.steps[step] = (child, lambda block_input, result: result, first, others)
    return net


def without_a_convolution():
    net = network()
    [module for module in net.modules() if isinstance(module, torch.nn.Conv2d)][25].weight.data.zero_()
    return net


FAULTS = {
    "the other image": lambda reference: list(reference[::-1]),
    "one image for both": lambda reference: [reference[0], reference[0]],
    "red and blue swapped": lambda reference: logits(network(), seen=lambda image: image.flip(1)),
    "the first addition lost": lambda reference: logits(without_an_addition(0)),
    "the last addition lost": lambda reference: logits(without_an_addition(-1)),
    "a convolution lost": lambda reference: logits(without_a_convolution()),
    "weights of another seed": lambda reference: logits(build("mobilenet_v2", width=0.35, seed=1)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_gross_fault_is_wrong_even_at_bf16(reference, fault):
    outputs = FAULTS[fault](reference)
    for precision in ("fp32", "tf32", "fp16", "bf16"):
        assert compare(outputs, reference, precision, SEEDED)[2]
