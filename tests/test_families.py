"""The rivals' families: counts against independent ones and published tables, modules against other implementations."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from mnv2bench import networks
from mnv2bench.networks import build, count, images, layers
from mnv2bench.networks.families import mobilenet_v1
from mnv2bench.networks.folding import fold_norms
from mnv2bench.networks.shapes import ImageShape
from mnv2bench.report.paper import paper_table, rules

V1_MADDS = {
    (1.0, 224): 568_740_352,
    (1.0, 192): 418_121_728,
    (1.0, 160): 290_675_200,
    (1.0, 128): 186_400_768,
    (0.75, 224): 325_400_448,
    (0.75, 192): 239_273_472,
    (0.75, 160): 166_396_800,
    (0.75, 128): 106_770_432,
    (0.5, 224): 149_497_088,
    (0.5, 192): 109_970_432,
    (0.5, 160): 76_524_800,
    (0.5, 128): 49_160_192,
    (0.25, 224): 41_030_272,
    (0.25, 192): 30_212_608,
    (0.25, 160): 21_059_200,
    (0.25, 128): 13_570_048,
}


# MobileNetV1


@pytest.mark.parametrize(("size", "madds"), V1_MADDS.items())
def test_v1_has_the_multiply_adds_that_other_implementations_have(size, madds):
    assert count("mobilenet_v1", *size).madds == madds


@pytest.mark.parametrize(
    ("width", "params", "without_bn_of_1001", "as_published", "published_m"),
    [
        (1.0, 4_231_976, 4_211_113, 4_243_945, 4.24),
        (0.75, 2_585_560, 2_569_913, 2_594_537, 2.59),
        (0.5, 1_331_592, 1_321_161, 1_337_577, 1.34),
        (0.25, 470_072, 464_857, 473_065, 0.47),
    ],
)
def test_v1s_published_parameters_are_those_of_three_vectors_a_batch_norm(
    width, params, without_bn_of_1001, as_published, published_m
):
    of_1001 = count("mobilenet_v1", width, 224, 1001)
    counting = networks.network("mobilenet_v1").counting
    assert count("mobilenet_v1", width, 224).params == params
    assert of_1001.params_without_bn == without_bn_of_1001
    assert counting.params(of_1001) == as_published
    assert round(as_published / 1e6, 2) == published_m == networks.published("mobilenet_v1", width, 224).params_m


def test_ten_of_v1s_published_multiply_adds_are_ours_rounded_and_six_are_misprints():
    published = networks.network("mobilenet_v1").published()
    assert {size: (row.madds_m, row.top1) for size, row in published.items()}.keys() == V1_MADDS.keys()
    unequal = {size: row.madds_m for size, row in published.items() if row.madds_m != round(V1_MADDS[size] / 1e6)}
    assert unequal == {
        (0.75, 224): 317,
        (0.75, 192): 233,
        (0.75, 160): 162,
        (0.75, 128): 104,
        (0.5, 224): 150,
        (0.25, 192): 34,
    }
    assert unequal.keys() == mobilenet_v1.MISPRINTS


def test_the_grid_of_v1_says_which_published_numbers_are_misprints_and_that_they_are_rounded():
    grid = paper_table("mobilenet_v1")
    assert (list(grid["equal"]).count(True), list(grid["equal"]).count("misprint"), len(grid)) == (10, 6, 16)
    assert list(grid["madds_m"])[:4] == [569, 418, 291, 186]
    assert "rounded as the published ones are" in rules("mobilenet_v1")
    assert "cut off as the published ones are" in rules("mobilenet_v2")
    assert "isprint" not in rules("mobilenet_v2")


def test_v1_cuts_fractions_of_channels_off_and_narrows_its_last_layer_too():
    channels = [layer.out_channels for layer in layers("mobilenet_v1", 0.3, 224)]
    assert (channels[0], channels[-3]) == (9, 307)
    assert min(layer.out_channels for layer in layers("mobilenet_v1", 0.01, 224)) == 8


def test_v1_has_13_blocks_and_its_last_depthwise_convolution_has_stride_1():
    listed = layers("mobilenet_v1", 1.0, 224)
    assert [layer.name for layer in listed[:3]] == ["stem", "block1.depthwise", "block1.pointwise"]
    assert [layer.name for layer in listed[-4:]] == ["block13.depthwise", "block13.pointwise", "pool", "classifier"]
    strides = [layer.stride[0] for layer in listed if layer.type == "depthwise"]
    assert strides == [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1]


# ShuffleNet


@pytest.mark.parametrize(
    ("width", "madds", "params", "without_bn", "published"),
    [
        (0.5, 37_589_856, 718_324, 706_084, (38, 0.7, 57.3)),
        (1.0, 137_460_672, 1_865_728, 1_841_248, (138, 1.9, 67.8)),
        (1.5, 292_443_552, 3_442_168, 3_405_448, (292, 3.4, 71.6)),
        (2.0, 524_045_184, 5_450_776, 5_401_816, (524, 5.4, 74.1)),
    ],
)
def test_shufflenet_has_the_counts_of_other_implementations_and_of_its_authors_table(
    width, madds, params, without_bn, published
):
    counted, row = count("shufflenet_v1", width, 224), networks.published("shufflenet_v1", width, 224)
    assert (counted.madds, counted.params, counted.params_without_bn) == (madds, params, without_bn)
    assert (row.madds_m, row.params_m, row.top1) == published
    counting = networks.network("shufflenet_v1").counting
    assert round(counting.params(counted) / 1e6, 1) == row.params_m
    assert (counting.millions(madds) == row.madds_m) == (width != 1.0)  # 138 is printed for 137.46


def test_shufflenets_stem_does_not_scale_with_its_width():
    stems = {width: layers("shufflenet_v1", width, 224)[0].out_channels for width in (0.5, 1.0, 1.5, 2.0)}
    assert stems == {0.5: 12, 1.0: 24, 1.5: 24, 2.0: 48}


def test_shufflenet_is_refused_at_a_width_that_nobody_defined():
    with pytest.raises(ValueError, match=r"^shufflenet_v1 has no other widths than 0\.5, 1\.0, 1\.5, 2\.0: use one of"):
        count("shufflenet_v1", 0.75, 224)


class Reading:
    """A network as its paper draws it, in plain torch: it takes the tensors of a state dict in the order they stand."""

    def __init__(self, net, eps):
        self.tensors = [tensor.double() for name, tensor in net.state_dict().items() if "num_batches" not in name]
        self.eps = eps

    def take(self, number):
        taken, self.tensors = self.tensors[:number], self.tensors[number:]
        return taken

    def conv(self, values, stride=1, padding=0, groups=1):
        (weight,) = self.take(1)
        return functional.conv2d(values, weight, stride=stride, padding=padding, groups=groups)

    def norm(self, values):
        weight, bias, mean, variance = self.take(4)
        return functional.batch_norm(values, mean, variance, weight, bias, eps=self.eps)

    def classifier(self, values):
        return functional.linear(values.mean((2, 3)), *self.take(2))


class ShuffleNet(Reading):
    """Sections 3.1 to 3.3 of arXiv:1707.01083, with the paper's order in a concatenation."""

    def __call__(self, values):
        values = self.norm(self.conv(values, 2, 1)).relu()
        values = functional.max_pool2d(values, 3, 2, 1)
        for unit in range(16):
            values = self.unit(values, first=1 if unit == 0 else 3, halves=unit in (0, 4, 12))
        return self.classifier(values)

    def unit(self, source, first, halves):
        values = self.norm(self.conv(source, groups=first)).relu()
        batch, channels, height, width = values.shape
        values = values.view(batch, 3, channels // 3, height, width).transpose(1, 2).reshape(values.shape)
        values = self.norm(self.conv(values, 2 if halves else 1, 1, groups=channels))
        values = self.norm(self.conv(values, groups=3))
        if halves:
            return torch.cat([values, functional.avg_pool2d(source, 3, 2, 1)], 1).relu()
        return (source + values).relu()


@pytest.mark.slow
@pytest.mark.parametrize(("width", "resolution"), [(0.5, 224), (1.5, 97)])
def test_shufflenet_computes_what_a_plain_reading_of_its_paper_does(width, resolution):
    ours = build("shufflenet_v1", width)
    assert relative_difference(ours, ShuffleNet(ours, 1e-5), resolution) < 1e-12


# NASNet-A


def test_nasnet_has_the_counts_of_other_implementations_and_of_its_authors_table():
    counted, row = count("nasnet_a", 1.0, 224), networks.published("nasnet_a", 1.0, 224)
    assert (counted.madds, counted.params, counted.params_without_bn) == (563_638_816, 5_289_978, 5_253_240)
    assert count("nasnet_a", 1.0, 224, 1001).params_without_bn == 5_253_240 + 1057
    assert (row.madds_m, row.params_m, row.top1) == (564, 5.3, 74.0)
    (line,) = paper_table("nasnet_a").to_dict("records")
    assert (line["madds_m"], line["equal"], round(line["params_as_published"] / 1e6, 1)) == (564, True, 5.3)


def test_nasnets_cells_have_the_sides_and_channels_of_4_at_1056():
    outputs = {layer.block: (layer.out_channels, layer.out_size[0]) for layer in layers("nasnet_a", 1.0, 224)}
    assert (outputs["stem"], outputs["stem0"], outputs["stem1"]) == ((32, 111), (44, 56), (88, 28))
    assert [outputs[f"cell{index}"] for index in (0, 3, 4, 7, 8, 11)] == [
        (264, 28),
        (264, 28),
        (528, 14),
        (528, 14),
        (1056, 7),
        (1056, 7),
    ]
    assert (outputs["reduction0"], outputs["reduction1"]) == ((352, 14), (704, 7))


def test_layers_of_nasnet_share_roles_and_have_cells_as_blocks():
    listed = layers("nasnet_a", 1.0, 224)
    (depthwise,) = [layer for layer in listed if layer.name == "cell0.comb1_left_depthwise2"]
    assert (depthwise.block, depthwise.role, depthwise.kernel) == ("cell0", "depthwise", (5, 5))
    assert {layer.role for layer in listed} == {
        *("stem", "relu", "squeeze", "path", "depthwise", "pointwise", "average", "max", "add", "concat"),
        *("head", "pool", "classifier"),
    }


def test_nasnet_is_refused_at_another_width():
    with pytest.raises(ValueError, match=r"^nasnet_a has one width: leave --widths out$"):
        count("nasnet_a", 0.5, 224)


class NasNet(Reading):
    """The appendix of arXiv:1707.07012, with TensorFlow's SAME written out."""

    def __call__(self, values):
        outputs = [self.norm(self.conv(values, 2))]
        filters = [11, 22, *[44] * 4, 88, *[88] * 4, 176, *[176] * 4]
        halving = (0, 1, 6, 11)
        for index, channels in enumerate(filters):
            after_halving = index - 1 in halving
            outputs.append(self.cell(outputs, channels, halves=index in halving, after_halving=after_halving))
        return self.classifier(outputs[-1].relu())

    def cell(self, outputs, channels, halves, after_halving):
        if len(outputs) == 1:
            earlier = outputs[0]
        elif after_halving:
            rectified = outputs[-2].relu()
            shifted = functional.pad(rectified, (0, 1, 0, 1))[:, :, 1:, 1:]
            earlier = self.norm(torch.cat([self.conv(rectified, 2), self.conv(shifted, 2)], 1))
        else:
            earlier = self.norm(self.conv(outputs[-2].relu()))
        last = self.norm(self.conv(outputs[-1].relu()))
        assert last.shape[1] == channels
        if not halves:
            sums = [self.separable(last, 5) + self.separable(earlier, 3)]
            sums.append(self.separable(earlier, 5) + self.separable(earlier, 3))
            sums.append(self.average(last) + earlier)
            sums.append(2 * self.average(earlier))
            sums.append(self.separable(last, 3) + last)
            return torch.cat([earlier, *sums], 1)
        first = self.separable(last, 5, 2) + self.separable(earlier, 7, 2)
        second = self.largest(last) + self.separable(earlier, 7, 2)
        third = self.average(last, 2) + self.separable(earlier, 5, 2)
        fourth = self.average(first) + second
        fifth = self.separable(first, 3) + self.largest(last)
        return torch.cat([second, third, fourth, fifth], 1)

    def separable(self, values, kernel, stride=1):
        for step in (stride, 1):
            values = self.same(values.relu(), kernel, step, 0.0)
            values = self.norm(self.conv(self.conv(values, step, groups=values.shape[1])))
        return values

    def same(self, values, kernel, stride, fill):
        pads = []
        for side in (values.shape[3], values.shape[2]):
            total = max(0, (math.ceil(side / stride) - 1) * stride + kernel - side)
            pads += [total // 2, total - total // 2]
        return functional.pad(values, pads, value=fill)

    def largest(self, values):
        return functional.max_pool2d(self.same(values, 3, 2, -math.inf), 3, 2)

    def average(self, values, stride=1):
        sums, ones = (
            functional.avg_pool2d(self.same(numbers, 3, stride, 0.0), 3, stride)
            for numbers in (values, torch.ones_like(values))
        )
        return sums / ones


@pytest.mark.slow
@pytest.mark.parametrize("resolution", [160, 97])
def test_nasnet_computes_what_a_plain_reading_of_its_paper_does(resolution):
    ours = build("nasnet_a", 1.0, resolution)  # where an even side is padded depends on the resolution
    assert relative_difference(ours, NasNet(ours, 1e-3), resolution) < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("network", ["mobilenet_v1", "shufflenet_v1", "nasnet_a"])
def test_folding_every_batch_norm_changes_nothing(network):
    width = networks.network(network).widths[0]
    ours = build(network, width)
    folded = fold_norms(copy.deepcopy(ours), layers(network, width, 224))
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    assert relative_difference(ours, folded.double(), 97) < 1e-4  # batch norms were folded in float32


# the same weights in two implementations


def second_opinion(theirs, ours):
    """The other implementation with the weights of ours, whose tensors stand in the same order."""
    tensors = {name: tensor for name, tensor in ours.state_dict().items() if "num_batches" not in name}
    names = [name for name in theirs.state_dict() if "num_batches" not in name]
    assert len(names) == len(tensors)
    theirs.load_state_dict(dict(zip(names, tensors.values(), strict=True)), strict=False)
    return theirs.eval().double()


def relative_difference(ours, theirs, resolution):
    pictures = torch.from_numpy(images(3, 2, ImageShape(3, resolution, resolution))).to(torch.float64)
    with torch.inference_mode():
        first, second = ours.double()(pictures), theirs(pictures)
    return float((first - second).abs().max() / first.abs().max())


@pytest.mark.slow
@pytest.mark.parametrize(("width", "resolution"), [(1.0, 160), (0.25, 97)])
def test_v1_computes_what_transformers_network_does(width, resolution):
    from transformers import MobileNetV1Config, MobileNetV1ForImageClassification

    configuration = MobileNetV1Config(depth_multiplier=width, num_labels=1000, tf_padding=False, layer_norm_eps=1e-5)
    ours = build("mobilenet_v1", width)
    theirs = second_opinion(MobileNetV1ForImageClassification(configuration), ours)
    assert relative_difference(ours, with_logits(theirs), resolution) < 1e-12


def with_logits(net):
    """A network of transformers as one that gives its logits."""

    class Logits(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net

        def forward(self, pictures):
            return self.net(pictures).logits

    return Logits().eval()
