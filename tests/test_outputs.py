"""Whether outputs are right: the tolerance of each number format, held against real rounding and real faults."""

from functools import cache

import numpy as np
import pytest
import torch
from torch.nn import functional

from mnv2bench.imagesets import Digits, Seeded
from mnv2bench.networks import ImageShape, build, digits_state
from mnv2bench.precisions import FP32, PRECISIONS
from mnv2bench.records import WeightsKind
from mnv2bench.workers.outputs import compare, distance

DIGITS, SEEDED = WeightsKind.DIGITS, WeightsKind.SEEDED
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


def test_classes_that_all_images_share_hide_no_distance_and_their_error_counts():
    """990 of 1000 classes: no image belongs to them, and in int8 all of their logits are rounded alike."""
    reference = np.full((2, 1, 1000), -3, np.float32)
    reference[:, 0, :10] = np.array([[4, -4] * 5, [-4, 4] * 5])
    rounded = reference.copy()
    rounded[..., 10:] += 0.2
    assert distance(rounded, reference) == 0.0
    assert compare(list(rounded), reference, "int8", DIGITS) == (pytest.approx(0.05, rel=1e-3), 2.0, "")
    moved = reference.copy()
    moved[..., :10] += 1.44
    assert distance(moved, reference) == pytest.approx(0.18)
    assert wrong_in("int8", moved, reference) == (
        "outputs are 0.18 as far from eager fp32 as its other images are: more than rounding to int8 does"
    )
    largest = rounded.copy()
    largest[..., 999] = 12
    assert "differ from eager fp32 by 3.8e+00 of the largest logit" in wrong_in("int8", largest, reference)


def test_one_image_of_twenty_may_be_nearer_to_another_image_and_no_more():
    reference = np.zeros((40, 1, 40), np.float32)
    reference[range(40), 0, range(40)] = 8
    outputs = reference.copy()
    outputs[1, 0, :2] = outputs[3, 0, 2:4] = (4.1, 3.9)
    assert wrong_in("int8", outputs, reference, WeightsKind.FILE) == ""
    outputs[5, 0, 4:6] = (4.1, 3.9)
    assert wrong_in("int8", outputs, reference, WeightsKind.FILE) == (
        "the outputs of 3 of 40 images are nearer to another image's reference than to their own: more than rounding "
        "to int8 does"
    )


def wrong_in(precision, outputs, reference, weights=DIGITS):
    return compare(list(outputs), reference, precision, weights).wrong


SHAPE = ImageShape(3, 96, 96)
TF32_DROPS = 13  # of float32's 23 bits of mantissa
BOTH = (DIGITS, SEEDED)
PICTURES = {DIGITS: Digits(), SEEDED: Seeded()}


@cache
def state(weights):
    if weights == DIGITS:
        return digits_state("mobilenet_v2", 0.35)
    return build("mobilenet_v2", width=0.35).state_dict()


def network(weights):
    net = build("mobilenet_v2", width=0.35, seed=None)
    net.load_state_dict(state(weights))
    return net


def logits(weights, net, number=torch.float32, seen=lambda image: image):
    """Of the two images of the reference, each a batch of one, as a worker reads them."""
    with torch.no_grad():
        batches = [torch.from_numpy(PICTURES[weights].batch(seed, 1, SHAPE)) for seed in (1, 2)]
        return [net(seen(batch).to(number)).float().numpy() for batch in batches]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Two threads on two cores that others use wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def references():
    return {weights: np.stack(logits(weights, network(weights))) for weights in BOTH}


def tf32(tensor):
    """Rounded to the nearest number of 10 bits of mantissa, ties to even, as tensor cores read float32."""
    bits = tensor.contiguous().view(torch.int32)
    odd = (bits >> TF32_DROPS) & 1
    return ((bits + (1 << TF32_DROPS - 1) - 1 + odd) & -(1 << TF32_DROPS)).view(torch.float32)


class Rounding(torch.nn.Module):
    """A layer whose weights and inputs are rounded."""

    def __init__(self, layer, weight, inputs):
        super().__init__()
        self.layer, self.weight, self.inputs = layer, weight, inputs

    def forward(self, inputs):
        inputs = self.inputs(inputs)
        if isinstance(self.layer, torch.nn.Linear):
            return functional.linear(inputs, self.weight, self.layer.bias)
        return self.layer._conv_forward(inputs, self.weight, self.layer.bias)


def with_layers(net, rounding):
    for module in list(net.modules()):
        for name, layer in list(module.named_children()):
            if isinstance(layer, (torch.nn.Conv2d, torch.nn.Linear)):
                setattr(module, name, rounding(layer))
    return net


def in_tf32(net):
    return with_layers(net, lambda layer: Rounding(layer, tf32(layer.weight.data), tf32))


class Scale:
    """Rounds to 8 bits between the least and the largest number that it is first given; 0 stays 0."""

    step = None

    def __call__(self, inputs):
        if self.step is None:
            low, high = min(float(inputs.min()), 0.0), max(float(inputs.max()), 0.0)
            self.step = max(high - low, 1e-6) / 255
            self.zero = round(-low / self.step)
        return ((inputs / self.step + self.zero).round().clamp(0, 255) - self.zero) * self.step


def in_int8(weights, net, calibration=lambda images: images):
    """As runtimes do it: a scale for each channel of weights, one for each input of a layer, set on other images."""

    def rounded(layer):
        largest = layer.weight.data.flatten(1).abs().amax(1).clamp(min=1e-9)  # some channels of a trained network are 0
        scales = largest.reshape(-1, *[1] * (layer.weight.dim() - 1)) / 127
        return Rounding(layer, (layer.weight.data / scales).round() * scales, Scale())

    net = with_layers(net, rounded)
    with torch.no_grad():
        net(torch.from_numpy(calibration(PICTURES[weights].calibration(32, SHAPE))))
    return net


def test_ten_bits_of_mantissa_are_rounded_to_the_nearest():
    given = torch.tensor([1.0, 1 + 2**-11, 1 + 3 * 2**-11, 1 + 2**-10, -1 - 2**-12])
    assert tf32(given).tolist() == [1.0, 1.0, 1 + 2**-9, 1 + 2**-10, -1.0]


@pytest.fixture(scope="module")
def rounded():
    """The outputs of each number format; torch's depthwise convolutions in half of a float take their time."""
    return {
        weights: {
            "tf32": logits(weights, in_tf32(network(weights))),
            "fp16": logits(weights, network(weights).half(), torch.float16),
            "bf16": logits(weights, network(weights).bfloat16(), torch.bfloat16),
            "int8": logits(weights, in_int8(weights, network(weights))),
        }
        for weights in BOTH
    }


@pytest.mark.parametrize("weights", BOTH)
def test_rounding_to_a_number_format_is_right_in_that_format(references, rounded, weights):
    errors = {}
    for precision, outputs in rounded[weights].items():
        errors[precision], separation, wrong = compare(outputs, references[weights], precision, weights)
        assert (precision, wrong) == (precision, "")
        assert separation > 0.1
    assert 0.0003 < errors["tf32"] < 0.005
    assert 0.0003 < errors["fp16"] < 0.005
    assert 0.003 < errors["bf16"] < 0.05
    assert 0.003 < errors["int8"] < 0.1


@pytest.mark.parametrize("weights", BOTH)
@pytest.mark.parametrize("precision", ["tf32", "fp16", "bf16", "int8"])
def test_rounding_to_fewer_bits_is_wrong_in_a_row_that_says_fp32(references, rounded, precision, weights):
    """Of tf32 above all: it is what torch, onnxruntime and TensorRT each do unless they are told not to."""
    error, _, wrong = compare(rounded[weights][precision], references[weights], "fp32", weights)
    assert error > 3 * 1e-4
    assert wrong == f"outputs differ from eager fp32 by {error:.1e} of the largest logit"


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_bf16_and_int8_are_wrong_in_a_row_that_says_fp16(references, rounded, precision):
    """Of seeded weights alone: outputs of trained ones hardly change, and only the layers say what ran."""
    wrong = wrong_in("fp16", rounded[SEEDED][precision], references[SEEDED], SEEDED)
    assert wrong.endswith(": more than rounding to fp16 does")


def without_an_addition(net, which):
    """The network whose first or last addition passes on the block's own result, without the block's input."""
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


def without_a_convolution(net):
    [module for module in net.modules() if isinstance(module, torch.nn.Conv2d)][25].weight.data.zero_()
    return net


def with_channels_reversed(net):
    convolution = [module for module in net.modules() if isinstance(module, torch.nn.Conv2d)][25]
    convolution.weight.data = convolution.weight.data.flip(0)
    return net


def with_weights_of_another_seed(net):
    return build("mobilenet_v2", width=0.35, seed=1)


NETWORK_FAULTS = {
    "the first addition lost": lambda net: without_an_addition(net, 0),
    "the last addition lost": lambda net: without_an_addition(net, -1),
    "a convolution lost": without_a_convolution,
    "channels of a convolution reversed": with_channels_reversed,
    "weights of another seed": with_weights_of_another_seed,
}
IMAGE_FAULTS = {
    "red and blue swapped": lambda images: images.flip(1),
    "mirrored": lambda images: images.flip(3),
    "not normalised": lambda images: images * 0.3 + 0.5,
}
OUTPUT_FAULTS = {
    "the other image": lambda outputs: outputs[::-1],
    "one image for both": lambda outputs: [outputs[0], outputs[0]],
}
CALIBRATION_FAULTS = {
    "calibrated on zeros": lambda images: 0 * images,
    "calibrated on a tenth of noise": lambda images: (
        0.1 * np.random.default_rng(0).standard_normal(images.shape).astype(np.float32)
    ),
}


@pytest.mark.parametrize("weights", BOTH)
@pytest.mark.parametrize("fault", [*NETWORK_FAULTS, *IMAGE_FAULTS, *OUTPUT_FAULTS])
def test_a_gross_fault_is_wrong_in_every_precision(references, weights, fault):
    net = NETWORK_FAULTS.get(fault, lambda net: net)(network(weights))
    outputs = logits(weights, net, seen=IMAGE_FAULTS.get(fault, lambda images: images))
    outputs = OUTPUT_FAULTS.get(fault, lambda outputs: outputs)(outputs)
    for precision in ("fp32", "tf32", "fp16", "bf16", "int8"):
        assert wrong_in(precision, outputs, references[weights], weights), precision


@pytest.mark.parametrize("weights", BOTH)
@pytest.mark.parametrize("fault", CALIBRATION_FAULTS)
def test_scales_that_were_set_on_what_is_no_image_of_the_network_are_wrong(references, weights, fault):
    net = in_int8(weights, network(weights), CALIBRATION_FAULTS[fault])
    assert wrong_in("int8", logits(weights, net), references[weights], weights)


def test_no_limit_for_trained_weights_is_wider_than_one_for_seeded_or_unknown_ones():
    for precision in PRECISIONS:
        digits, seeded, file = (precision.limits(kind) for kind in (DIGITS, SEEDED, WeightsKind.FILE))
        assert digits.error <= seeded.error <= file.error == precision.largest_error
        assert (digits.distance or 0) <= (seeded.distance or 0) <= (file.distance or 0)
    assert FP32.limits(DIGITS) == FP32.limits(SEEDED) == FP32.limits(WeightsKind.FILE) == (1e-4, None)
    with pytest.raises(KeyError):
        FP32.limits("another kind")
