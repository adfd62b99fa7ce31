"""What a program of torch.export computes as layers: multiply-adds, parameters and the paths of modules."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from mnv2bench import networks
from mnv2bench.artifacts.models.pt2_layers import layers
from mnv2bench.backends.shared.exported_network import ExportedNetwork
from mnv2bench.networks.counts import activations, count
from mnv2bench.networks.layer import IMAGE, blocks


def walked(net, *shape):
    return layers(torch.export.export(net.eval(), (torch.zeros(shape),)))


class Excited(nn.Module):
    """A convolution whose channels are weighed by what it gives: squeeze and excitation, as in MobileNetV3."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.squeeze = nn.Conv2d(8, 2, 1)
        self.excite = nn.Conv2d(2, 8, 1)

    def forward(self, x):
        x = functional.hardswish(self.norm(self.conv(x)))
        gate = self.excite(functional.relu(self.squeeze(functional.adaptive_avg_pool2d(x, 1))))
        return x * functional.hardsigmoid(gate)


def test_squeeze_and_excitation():
    net = walked(Excited(), 2, 3, 8, 8)
    assert [(layer.name, layer.type, layer.activation, layer.madds) for layer in net] == [
        ("conv", "conv", "hardswish", 8 * 27 * 16),
        ("adaptive_avg_pool2d", "pool", "", 0),
        ("squeeze", "conv", "relu", 16),
        ("excite", "conv", "hardsigmoid", 16),
        ("mul", "other", "", 0),
    ]
    assert net[0].modules == ("conv", "norm")
    assert net[1].inputs == ("conv",)
    assert net[4].inputs == ("conv", "excite")
    assert count(net).params == 8 * 27 + 16 + 18 + 24


class Attention(nn.Module):
    """A small vision transformer: patches with learned positions, an attention of 2 heads, and a classifier."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, 4)
        self.positions = nn.Parameter(torch.zeros(1, 4, 8))
        self.norm = nn.LayerNorm(8)
        self.qkv = nn.Linear(8, 24)
        self.project = nn.Linear(8, 8)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2) + self.positions
        q, k, v = self.qkv(self.norm(x)).reshape(len(x), 4, 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)
        x = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(len(x), 4, 8)
        return self.project(x).mean(1)


def test_an_attention_is_two_products_of_images_and_learned_positions_are_parameters():
    net = walked(Attention(), 1, 3, 8, 8)
    assert [(layer.operator, layer.madds, layer.params) for layer in net if layer.madds or layer.params] == [
        ("conv2d", 8 * 48 * 4, 8 * 48 + 8),
        ("add", 0, 32),
        ("layer_norm", 0, 16),
        ("linear", 4 * 8 * 24, 8 * 24 + 24),
        ("scaled_dot_product_attention", 2 * 4 * 4 * 4, 0),
        ("scaled_dot_product_attention", 2 * 4 * 4 * 4, 0),
        ("linear", 4 * 8 * 8, 72),
    ]
    assert count(net).params == sum(parameter.numel() for parameter in Attention().parameters())


def test_a_convolution_of_three_dimensions_and_a_recurrent_layer_are_refused():
    with pytest.raises(ValueError, match="a convolution of 3 dimensions, and only 1 and 2 are counted"):
        walked(nn.Conv3d(1, 1, 1), 1, 1, 2, 2, 2)

    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(8, 4)

        def forward(self, x):
            return self.lstm(x[0])[0]

    with (
        pytest.raises(ValueError, match="the multiply-adds of the operator lstm are not counted: lstm"),
        pytest.warns(UserWarning, match="assigned during export"),
    ):
        walked(Recurrent(), 1, 3, 8, 8)


@pytest.mark.parametrize(
    ("network", "width", "resolution"),
    [("mobilenet_v2", 0.35, 96), ("mobilenet_v1", 0.25, 128), ("shufflenet_v1", 0.5, 64)],
)
def test_our_own_programs_are_counted_as_their_families_are(network, width, resolution):
    declared = networks.layers(network, width, resolution)
    program = torch.export.export(
        networks.build(network, width, resolution), (torch.zeros(1, 3, resolution, resolution),)
    )
    again = torch.export.export(ExportedNetwork(program), (torch.zeros(1, 3, resolution, resolution),))
    for listed in (layers(program), layers(again, program)):
        assert count(listed) == count(declared)
        assert [live.live for live in activations(listed)] == [live.live for live in activations(declared)]
        for own, layer in zip(declared, listed, strict=True):
            assert (own.type, own.activation, own.norm, own.pads) == (
                layer.type,
                layer.activation,
                layer.norm,
                layer.pads,
            )
        paths = [layer.modules[1 if layer.dropout else 0] for layer in declared if layer.weights]
        assert [layer.name for layer in listed if layer.weights] == paths
        assert listed[0].inputs == (IMAGE,)
        assert len(blocks(listed)) == len(blocks(declared))
